//! What the API server says of a webhook that it rejects, in one sentence about the rule. Pure values.

use kube::core::Status;
use kube::core::response::StatusCause;
use serde_json::Value;

use crate::engine::{cut_bytes, harmless};

/// Bytes of the sentence at most.
const SENTENCE: usize = 300;

/// Bytes of the rejected value in the sentence at most.
const VALUE: usize = 60;

/// Where a webhook that is tried alone stands in its configuration.
const ALONE: &str = "webhooks[0].";

/// What the rule has no part in.
const NOT_OF_THE_RULE: [&str; 1] = ["clientConfig"];

/// The positions of the webhooks that an error names.
pub fn named_webhooks(status: &Status) -> Vec<usize> {
    let position = |cause: &StatusCause| cause.field.strip_prefix("webhooks[")?.split_once(']')?.0.parse().ok();
    let mut positions: Vec<usize> = causes(status).iter().filter_map(position).collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// Why the API server rejects a webhook that was tried alone; none if the error says nothing of the rule.
pub fn sentence(status: &Status) -> Option<String> {
    if !matches!(status.code, 400 | 422) {
        return None;
    }
    let of_rule: Vec<&StatusCause> = causes(status).iter().filter(|cause| is_of_rule(cause)).collect();
    let Some(first) = of_rule.first() else {
        // What cannot even be read names no field.
        return causes(status).is_empty().then(|| short(&status.message));
    };
    let text = format!("{}: {}", in_rule(&first.field), detail(&first.message));
    Some(match of_rule.len() - 1 {
        0 => short(&text),
        more => format!("{}, and {more} more", short(&text)),
    })
}

fn causes(status: &Status) -> &[StatusCause] {
    status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default()
}

fn is_of_rule(cause: &StatusCause) -> bool {
    let field = cause.field.strip_prefix(ALONE).unwrap_or_default();
    !field.is_empty() && !NOT_OF_THE_RULE.iter().any(|other| field.starts_with(other))
}

/// The field of the rule that a field of its webhook comes from.
fn in_rule(field: &str) -> String {
    let field = field.strip_prefix(ALONE).unwrap_or(field);
    match field.strip_prefix("rules[") {
        Some(rest) => format!("spec.matchConstraints.resourceRules[{rest}"),
        None if field.ends_with("Selector") || field.contains("Selector.") => format!("spec.matchConstraints.{field}"),
        None => format!("spec.{field}"),
    }
}

/// What is wrong first, then the value: `KIND: "VALUE": DETAIL` becomes `DETAIL, found "VALUE"`.
fn detail(message: &str) -> String {
    let quoted = ["Invalid value: ", "Duplicate value: ", "Unsupported value: "];
    let Some(rest) = quoted.iter().find_map(|kind| message.strip_prefix(kind)) else { return first_line(message) };
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let value = match values.next() {
        Some(Ok(Value::String(text))) => text,
        Some(Ok(other)) => other.to_string(),
        Some(Err(_)) | None => return first_line(message),
    };
    match rest.get(values.byte_offset()..).and_then(|rest| rest.strip_prefix(": ")) {
        Some(detail) => format!("{}, found `{}`", first_line(detail), cut_bytes(&value, VALUE)),
        None => first_line(message),
    }
}

/// The message without what follows it: the CEL compiler draws the place, other checks add examples and a regular expression.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.split(" (e.g. ").next().unwrap_or_default().replacen("ERROR: <input>:", "", 1)
}

fn short(text: &str) -> String {
    cut_bytes(&harmless(text.trim()), SENTENCE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(causes: &[(&str, &str)]) -> Status {
        let causes: Vec<_> =
            causes.iter().map(|(field, message)| json!({"reason": "FieldValueInvalid", "field": field, "message": message})).collect();
        serde_json::from_value(json!({"code": 422, "message": "the whole", "details": {"causes": causes}})).expect("a status")
    }

    #[test]
    fn a_rejection_is_a_sentence_about_the_rule() {
        let table = [
            (
                "webhooks[0].matchConditions[0].expression",
                "Invalid value: \"o.x == \\\"a\\\"\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'o'\n | o.x == \n | ^",
                "spec.matchConditions[0].expression: compilation failed: 1:1: undeclared reference to 'o', found `o.x == \"a\"`",
            ),
            (
                "webhooks[0].rules[0].resources[1]",
                "Invalid value: \"daemonsets/\": must not be empty",
                "spec.matchConstraints.resourceRules[0].resources[1]: must not be empty, found `daemonsets/`",
            ),
            (
                "webhooks[0].objectSelector.matchLabels",
                "Invalid value: \"a b\": name part must consist of alphanumeric characters (e.g. 'MyName', regex used for validation is '[a]')",
                "spec.matchConstraints.objectSelector.matchLabels: name part must consist of alphanumeric characters, found `a b`",
            ),
            (
                "webhooks[0].rules[0].apiGroups",
                "Invalid value: [\"*\",\"apps\"]: if '*' is present, must not specify other groups",
                "spec.matchConstraints.resourceRules[0].apiGroups: if '*' is present, must not specify other groups, found `[\"*\",\"apps\"]`",
            ),
            ("webhooks[0].matchConditions[0].name", "Required value", "spec.matchConditions[0].name: Required value"),
        ];
        for (field, message, expected) in table {
            assert_eq!(sentence(&status(&[(field, message)])).as_deref(), Some(expected));
        }
        let long = sentence(&status(&[("webhooks[0].matchConditions[0].expression", &"é".repeat(3_000))])).unwrap_or_default();
        assert!(long.len() < 350, "{long}");
        let two = status(&[("webhooks[0].a", "x"), ("webhooks[0].b", "y")]);
        assert_eq!(sentence(&two).as_deref(), Some("spec.a: x, and 1 more"));
    }

    #[test]
    fn what_is_not_of_the_rule_says_nothing_of_it() {
        assert_eq!(sentence(&status(&[("webhooks[0].clientConfig.caBundle", "Invalid value")])), None);
        for code in [401, 403, 409, 500, 504] {
            assert_eq!(sentence(&Status { code, message: "no".to_owned(), ..Status::default() }), None);
        }
        assert_eq!(sentence(&Status { code: 400, message: "unreadable".to_owned(), ..Status::default() }).as_deref(), Some("unreadable"));
    }

    #[test]
    fn webhooks_are_named_by_their_position() {
        let found =
            status(&[("webhooks[12].rules[0]", "x"), ("webhooks[3].rules[1]", "x"), ("webhooks[3].name", "x"), ("metadata.name", "x")]);
        assert_eq!(named_webhooks(&found), [3, 12]);
    }
}
