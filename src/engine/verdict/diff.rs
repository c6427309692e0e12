//! The locations that differ, according to `json_patch::diff`.

use json_patch::PatchOperation;
use serde_json::Value;

use crate::engine::review::StrayOperation;

/// The numbers of the locations that differ between two canonical forms, each once, ascending.
///
/// # Errors
/// An operation at an address that is no location. No canonical form has such an address; if one
/// ever does, the review is refused, so that no change passes unseen.
pub(crate) fn changed(old: &Value, new: &Value) -> Result<Vec<usize>, StrayOperation> {
    let json_patch::Patch(operations) = json_patch::diff(old, new);
    let mut changed = operations.iter().map(location).collect::<Result<Vec<_>, _>>()?;
    changed.sort_unstable();
    changed.dedup();
    Ok(changed)
}

/// The location of an operation. A canonical form may be a list, which differs below its own
/// address, so only the first token names the location.
fn location(operation: &PatchOperation) -> Result<usize, StrayOperation> {
    let token = operation.path().first().ok_or(StrayOperation)?;
    token.decoded().parse().map_err(|_| StrayOperation)
}

#[cfg(test)]
mod tests {
    use super::changed;
    use crate::engine::review::StrayOperation;
    use serde_json::json;

    #[test]
    fn every_operation_names_its_location() {
        let old = json!({"0": {}, "1": ["0,1"], "2": 1, "3": "x", "4": []});
        let new = json!({"0": {}, "1": ["1,0"], "2": null, "4": [true], "10": []});
        assert_eq!(changed(&old, &new), Ok(vec![1, 2, 3, 4, 10]));
        assert_eq!(changed(&old, &old), Ok(vec![]));
    }

    #[test]
    fn an_address_that_is_no_location_is_an_error() {
        assert_eq!(changed(&json!({}), &json!({"x": 1})), Err(StrayOperation));
        assert_eq!(changed(&json!({}), &json!([])), Err(StrayOperation));
    }
}
