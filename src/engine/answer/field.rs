//! A location in dotted notation: `spec.tasks[name=worker].replicas`.

use super::escape::break_recreate_trigger;
use crate::engine::alignment::Segment;
use crate::engine::rule::{KeyValue, cut, cut_bytes, escape_control, is_bare};

/// How many bytes of a field are shown at most.
const LONGEST: usize = 1024;

/// Writes the segments as a field path; user-supplied keys are made harmless. `hides` tells which
/// keys of elements are secret.
pub(crate) fn render<'s>(segments: impl Iterator<Item = (Segment<'s>, bool)>) -> String {
    let mut text = String::new();
    for (segment, hides) in segments {
        match segment {
            Segment::Member(name) if name.len() <= LONGEST && is_bare(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Segment::Member(name) => text.push_str(&format!("[{}]", bracketed(name))),
            Segment::Index(index) => text.push_str(&format!("[{index}]")),
            Segment::Keyed { .. } => {
                for (index, (name, value)) in segment.members().into_iter().enumerate() {
                    let value = if hides { "(not shown)".to_owned() } else { key_value(&value) };
                    text.push_str(if index == 0 { "[" } else { "," });
                    text.push_str(&format!("{}={value}", bracketed(name)));
                }
                text.push(']');
            }
        }
        if text.len() > LONGEST {
            break;
        }
    }
    cut_bytes(&break_recreate_trigger(&text), LONGEST)
}

/// A key as it stands between brackets: quoted where it could be read as something else.
fn bracketed(key: &str) -> String {
    // Of a key of megabytes no more is looked at than is shown.
    let key = &cut(key, LONGEST);
    let plain = !key.is_empty()
        && !key.chars().any(|letter| {
            letter.is_whitespace()
                || letter.is_control()
                || matches!(letter, '[' | ']' | '\'' | '"' | '=' | ',')
        });
    if plain { escape_control(key) } else { quoted(key) }
}

fn quoted(key: &str) -> String {
    format!("'{}'", escape_control(&key.replace('\'', "''")))
}

/// A value of a key; a text is quoted, too, that could be read as a number or a boolean.
fn key_value(value: &KeyValue<'_>) -> String {
    match value {
        KeyValue::Text(text) if matches!(KeyValue::from_word(text), KeyValue::Text(_)) => {
            bracketed(text)
        }
        KeyValue::Text(text) => quoted(text),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, render};
    use crate::engine::alignment::Segment;
    use crate::engine::review::scan;
    use crate::engine::rule::ListKey;

    /// Members, each a name or a name with a default.
    fn list_key(members: &[(&str, Option<&str>)]) -> ListKey {
        let members = members.iter().map(|(name, default)| (*name, default.map(Into::into)));
        ListKey::declared_by_schema(members).unwrap()
    }

    #[test]
    fn a_path_that_is_cut_says_so() {
        for over in [0, 1] {
            let (long, short) = ("a".repeat(LONGEST - 1 + over), "b".to_owned());
            let shown = render(
                [(Segment::Member(&long), false), (Segment::Member(&short), false)].into_iter(),
            );
            assert!(shown.len() == LONGEST && shown.ends_with('…'), "{over}");
        }
        let exact = "a".repeat(LONGEST);
        assert_eq!(render([(Segment::Member(&exact), false)].into_iter()), exact);
    }

    #[test]
    fn every_segment_has_its_notation() {
        let member = Segment::Member;
        let elements = [
            (list_key(&[("name", None)]), r#"{"name": "mpiworker"}"#),
            (list_key(&[("k", None)]), r#"{"k": "a b"}"#),
            (list_key(&[("port", None), ("protocol", Some("TCP"))]), r#"{"port": 80}"#),
            (list_key(&[("a", None), ("b", None)]), r#"{"a": "80", "b": "x,y"}"#),
        ];
        let elements = elements.map(|(key, element)| (key, scan(element).unwrap()));
        let keyed = |index: usize| {
            let (key, element) = &elements[index];
            Segment::Keyed { key, element: element.root() }
        };
        let table = [
            (vec![member("spec"), member("queue")], "spec.queue"),
            (
                vec![
                    member("spec"),
                    member("tasks"),
                    keyed(0),
                    member("policies"),
                    Segment::Index(0),
                ],
                "spec.tasks[name=mpiworker].policies[0]",
            ),
            (
                vec![member("metadata"), member("labels"), member("app.kubernetes.io/name")],
                "metadata.labels[app.kubernetes.io/name]",
            ),
            (vec![member("data"), member("0")], "data[0]"),
            (vec![member("data"), member("")], "data['']"),
            (vec![member("data"), member("a].b[c")], "data['a].b[c']"),
            (vec![member("data"), member("it's")], "data['it''s']"),
            (vec![member("data"), member("a=b")], "data['a=b']"),
            (vec![member("data"), member("x\n\u{1b}[2J")], "data['x\\u000a\\u001b[2J']"),
            (
                vec![member("data"), member("is immutable field")],
                "data['is\\u0020immutable\\u0020field']",
            ),
            (vec![member("x"), keyed(1)], "x[k='a b']"),
            (vec![member("x"), keyed(2)], "x[port=80,protocol=TCP]"),
            (vec![member("x"), keyed(3)], "x[a='80',b='x,y']"),
        ];
        for (segments, expected) in table {
            assert_eq!(render(segments.into_iter().map(|segment| (segment, false))), expected);
        }
    }
}
