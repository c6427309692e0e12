//! How values compare below a location whose type the rule declares.

use serde_json::json;

use super::expect;

const POD: &str = "mutable: []\nequality: [{path: s, as: PodTemplateSpec}]";

#[test]
fn null_behind_a_pointer_is_left_out_whatever_decodes_the_value() {
    let managed = |fields| json!({"s": {"metadata": {"managedFields": [fields]}}});
    let (left_out, null) = (managed(json!({})), managed(json!({"fieldsV1": null})));
    expect(POD, left_out.clone(), null, &[]);
    expect(
        POD,
        left_out,
        managed(json!({"fieldsV1": {}})),
        &["s.metadata.managedFields[0].fieldsV1 Set"],
    );
}

#[test]
fn null_in_a_set_is_the_zero_of_its_type() {
    let rule = "mutable: []\nequality: [{path: s, as: batch/v1.JobSpec}]";
    let codes = |values| json!({"s": {"podFailurePolicy": {"rules": [{"onExitCodes": {"values": values}}]}}});
    expect(rule, codes(json!([1, null])), codes(json!([0, 1])), &[]);
    expect(
        rule,
        codes(json!([1, null])),
        codes(json!([1, 2])),
        &[
            "s.podFailurePolicy.rules[0].onExitCodes.values[1] RemoveItem",
            "s.podFailurePolicy.rules[0].onExitCodes.values[1] AddItem",
        ],
    );
    let finalizers = "mutable: []\nequality: [{path: s.metadata.finalizers, absentAs: ['', a]}, \
                      {path: s, as: PodTemplateSpec}]";
    let filled = json!({"s": {"metadata": {"finalizers": ["a", null]}}});
    expect(finalizers, filled, json!({"s": {}}), &[]);
}
