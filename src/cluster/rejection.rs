//! What the API server says of a webhook that it rejects, in one sentence about the rule. Pure
//! values.

use std::collections::BTreeMap;

use kube::core::Status;
use kube::core::response::StatusCause;
use serde_json::Value;

use super::api_error::short;
use crate::engine::cut_bytes;

/// Bytes of the rejected value in the sentence at most.
const MAX_VALUE_CHARS: usize = 60;

/// What the rule has no part in.
const NOT_OF_THE_RULE: [&str; 1] = ["clientConfig"];

/// Whether an error is about the content of a request. A proxy or another admission plugin may be
/// its source, too.
pub(crate) fn is_about_content(status: &Status) -> bool {
    matches!(status.code, 400 | 422)
}

/// Why the API server rejects webhooks of a configuration, by their position. Only a cause in a
/// field of a rule is a verdict on that rule.
pub(crate) fn errors_by_webhook(status: &Status) -> BTreeMap<usize, String> {
    let mut of_rules: BTreeMap<usize, Vec<(&str, &str)>> = BTreeMap::new();
    if is_about_content(status) {
        for cause in causes(status) {
            if let Some((position, field)) = of_rule(&cause.field) {
                of_rules.entry(position).or_default().push((field, &cause.message));
            }
        }
    }
    of_rules
        .into_iter()
        .filter_map(|(position, causes)| Some((position, sentence(&causes)?)))
        .collect()
}

fn sentence(causes: &[(&str, &str)]) -> Option<String> {
    let ((field, message), more) = causes.split_first()?;
    let text = short(&format!("{}: {}", in_rule(field), detail(message)));
    Some(if more.is_empty() { text } else { format!("{text}, and {} more", more.len()) })
}

fn causes(status: &Status) -> &[StatusCause] {
    status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default()
}

/// The position of the webhook and its field, if the field comes from the rule.
fn of_rule(field: &str) -> Option<(usize, &str)> {
    let (position, field) = field.strip_prefix("webhooks[")?.split_once("].")?;
    let is_of_rule = !NOT_OF_THE_RULE.iter().any(|other| field.starts_with(other));
    Some((position.parse().ok()?, field)).filter(|_| is_of_rule)
}

/// The field of the rule that a field of its webhook comes from.
fn in_rule(field: &str) -> String {
    match field.strip_prefix("rules[") {
        Some(rest) => format!("spec.matchConstraints.resourceRules[{rest}"),
        None if field.ends_with("Selector") || field.contains("Selector.") => {
            format!("spec.matchConstraints.{field}")
        }
        None => format!("spec.{field}"),
    }
}

/// What is wrong first, then the value: `KIND: "MAX_VALUE_CHARS": DETAIL` becomes `DETAIL, found "MAX_VALUE_CHARS"`.
fn detail(message: &str) -> String {
    let quoted = ["Invalid value: ", "Duplicate value: ", "Unsupported value: "];
    let Some(rest) = quoted.iter().find_map(|kind| message.strip_prefix(kind)) else {
        return first_line(message);
    };
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let value = match values.next() {
        Some(Ok(Value::String(text))) => text,
        Some(Ok(other)) => other.to_string(),
        Some(Err(_)) | None => return first_line(message),
    };
    match rest.get(values.byte_offset()..).and_then(|rest| rest.strip_prefix(": ")) {
        Some(detail) => {
            format!("{}, found `{}`", first_line(detail), cut_bytes(&value, MAX_VALUE_CHARS))
        }
        None => first_line(message),
    }
}

/// The message without what follows it: the CEL compiler draws the place, other checks add examples
/// and a regular expression.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.split(" (e.g. ").next().unwrap_or_default().replacen("ERROR: <input>:", "", 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(causes: &[(&str, &str)]) -> Status {
        let causes: Vec<_> = causes
            .iter()
            .map(|(field, message)| {
                json!({"reason": "FieldValueInvalid",
                "field": field, "message": message})
            })
            .collect();
        serde_json::from_value(
            json!({"code": 422, "message": "the whole", "details": {"causes": causes}}),
        )
        .expect("a status")
    }

    fn alone(causes: &[(&str, &str)]) -> Option<String> {
        errors_by_webhook(&status(causes)).remove(&0)
    }

    #[test]
    fn a_rejection_is_a_sentence_about_the_rule() {
        let table = [
            (
                "webhooks[0].matchConditions[0].expression",
                "Invalid value: \"o.x == \\\"a\\\"\": compilation failed: ERROR: <input>:1:1: \
                 undeclared reference to 'o'\n | o.x == \n | ^",
                "spec.matchConditions[0].expression: compilation failed: 1:1: undeclared reference \
                 to 'o', found `o.x == \"a\"`",
            ),
            (
                "webhooks[0].rules[0].resources[1]",
                "Invalid value: \"daemonsets/\": must not be empty",
                "spec.matchConstraints.resourceRules[0].resources[1]: must not be empty, found \
                 `daemonsets/`",
            ),
            (
                "webhooks[0].objectSelector.matchLabels",
                "Invalid value: \"a b\": name part must consist of alphanumeric characters (e.g. \
                 'MyName', regex used for validation is '[a]')",
                "spec.matchConstraints.objectSelector.matchLabels: name part must consist of \
                 alphanumeric characters, found `a b`",
            ),
            (
                "webhooks[0].rules[0].apiGroups",
                "Invalid value: [\"*\",\"apps\"]: if '*' is present, must not specify other groups",
                "spec.matchConstraints.resourceRules[0].apiGroups: if '*' is present, must not \
                 specify other groups, found `[\"*\",\"apps\"]`",
            ),
            (
                "webhooks[0].matchConditions[0].name",
                "Required value",
                "spec.matchConditions[0].name: Required value",
            ),
        ];
        for (field, message, expected) in table {
            assert_eq!(alone(&[(field, message)]).as_deref(), Some(expected));
        }
        let long = alone(&[("webhooks[0].matchConditions[0].expression", &"é".repeat(3_000))])
            .unwrap_or_default();
        assert!(long.len() < 350, "{long}");
        assert_eq!(
            alone(&[("webhooks[0].a", "x"), ("webhooks[0].b", "y")]).as_deref(),
            Some("spec.a: x, and 1 more")
        );
    }

    #[test]
    fn an_error_without_a_cause_in_a_rule_is_no_verdict_on_it() {
        for field in [
            "webhooks[0].clientConfig.caBundle",
            "webhooks[0]",
            "webhooks[x].rules",
            "metadata.name",
            "",
        ] {
            assert_eq!(
                errors_by_webhook(&status(&[(field, "Invalid value")])),
                BTreeMap::new(),
                "{field}"
            );
        }
        for code in [400, 401, 403, 409, 422, 500, 504] {
            assert_eq!(
                errors_by_webhook(&Status {
                    code,
                    message: "unreadable".to_owned(),
                    ..Status::default()
                }),
                BTreeMap::new(),
                "{code}"
            );
        }
        for code in [403, 500] {
            assert_eq!(
                errors_by_webhook(&Status { code, ..status(&[("webhooks[0].rules[0]", "x")]) }),
                BTreeMap::new(),
                "{code}"
            );
        }
    }

    #[test]
    fn each_webhook_that_is_named_has_its_own_verdict() {
        let found = status(&[
            ("webhooks[12].a", "x"),
            ("webhooks[3].b", "y"),
            ("webhooks[3].name", "z"),
            ("metadata.name", "x"),
        ]);
        let expected = [(3, "spec.b: y, and 1 more"), (12, "spec.a: x")]
            .map(|(position, text)| (position, text.to_owned()));
        assert_eq!(errors_by_webhook(&found), BTreeMap::from(expected));
    }
}
