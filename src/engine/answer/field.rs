//! A location in dotted notation: `spec.tasks[name=worker].replicas`.

use super::escape::break_recreate_trigger;
use crate::engine::alignment::Segment;
use crate::engine::rule::is_bare;
use crate::engine::rule::{cut, cut_bytes, escape_control};

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
            Segment::Keyed { key, .. } if hides => {
                text.push_str(&format!("[{}=(not shown)]", bracketed(key)));
            }
            Segment::Keyed { value, key } => {
                text.push_str(&format!("[{}={}]", bracketed(key), bracketed(value)));
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
                || matches!(letter, '[' | ']' | '\'' | '"' | '=')
        });
    if plain {
        escape_control(key)
    } else {
        format!("'{}'", escape_control(&key.replace('\'', "''")))
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, render};
    use crate::engine::alignment::Segment;

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
        let table = [
            (vec![member("spec"), member("queue")], "spec.queue"),
            (
                vec![
                    member("spec"),
                    member("tasks"),
                    Segment::Keyed { value: "mpiworker", key: "name" },
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
            (vec![member("x"), Segment::Keyed { value: "a b", key: "k" }], "x[k='a b']"),
        ];
        for (segments, expected) in table {
            assert_eq!(render(segments.into_iter().map(|segment| (segment, false))), expected);
        }
    }
}
