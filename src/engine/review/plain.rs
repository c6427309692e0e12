//! The reference that the index is tested against: a review read by `serde_json`.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::envelope::STACK_PER_LEVEL;
use super::scanner::scan;
use super::unjudgeable::DEEPEST;

/// Levels of the review itself around an object.
const AROUND: usize = 2;

/// The review as `serde_json` reads and prints it, with sorted names, without repeated ones and in
/// its own spelling of strings and numbers. None if it cannot read or print the review.
pub(crate) fn printed(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    // `IgnoredAny` reads any depth without recursion.
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    // If the index refuses a valid text by mistake, this still reads it, and the test fails.
    let levels = scan(text).map_or(DEEPEST + AROUND, |document| document.root().levels());
    if levels > DEEPEST + AROUND {
        return None;
    }
    stacker::grow((levels + 1) * STACK_PER_LEVEL, || {
        let mut reader = serde_json::Deserializer::from_str(text);
        reader.disable_recursion_limit();
        let review = Value::deserialize(&mut reader).ok().filter(Value::is_object)?;
        serde_json::to_vec(&review).ok()
    })
}
