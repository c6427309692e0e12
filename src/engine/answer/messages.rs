//! Whole messages. They stay within what API server and clients carry: 4 KiB for a message and for
//! an annotation.

use super::change::{Change, Shown, window};
use super::escape::break_recreate_trigger;
use crate::engine::rule::{Entry, condition_text, cut, cut_bytes, escape_control, narrowed};
use crate::engine::verdict::ChangeKind;

/// Bytes of a message or of an annotation, at most.
const MOST_BYTES: usize = 4096;

/// Characters of a value in a message, at most.
const VALUE: usize = 120;

/// Characters of a warning, at most: past 4,096 in all the API server cuts each to this.
const WARNING: usize = 256;

/// What one rule contributes to a denial.
pub(crate) struct DenyingRule<'a> {
    pub(crate) rule: &'a str,
    pub(crate) mutable: std::sync::Arc<str>,
}

/// The message of a denial, complete without the causes, since kubectl prints nothing else.
pub(crate) fn denial(
    kind: &str,
    parts: &[DenyingRule<'_>],
    changes: &[&Change],
    total: usize,
) -> String {
    let names: Vec<&str> = parts.iter().map(|part| part.rule).collect();
    let noun = if parts.len() == 1 { "rule" } else { "rules" };
    let mut text = format!(
        "{} outside the fields of {} that may be updated ({noun} {}):",
        counted(total),
        with_article(kind),
        cut(&names.join(", "), 512)
    );
    let tail: String = parts
        .iter()
        .map(|part| {
            let label =
                if parts.len() == 1 { String::new() } else { format!(" (rule {})", part.rule) };
            format!("\nmay be updated{label}: {}", part.mutable)
        })
        .collect();
    let tail = cut_bytes(&tail, MOST_BYTES / 3);
    let room = MOST_BYTES - tail.len() - "\n  and 1234567 more".len();
    let mut shown = 0;
    for change in changes {
        let line = format!("\n  {}", line(change, kind));
        if text.len() + line.len() > room {
            break;
        }
        text.push_str(&line);
        shown += 1;
        let note = change.note.as_ref().map(|note| format!("\n    {note}"));
        text.extend(note.filter(|note| text.len() + note.len() <= room));
    }
    if shown < total {
        text.push_str(&format!("\n  and {} more", total - shown));
    }
    cut_bytes(&break_recreate_trigger(&(text + &tail)), MOST_BYTES)
}

/// One change on a line.
fn line(change: &Change, kind: &str) -> String {
    format!("{}: {}", cut(&change.field, 512), what_happened(change, kind))
}

/// One change without its field, for a cause.
pub(crate) fn cause_text(change: &Change, kind: &str) -> String {
    break_recreate_trigger(&what_happened(change, kind))
}

/// To whom entries grant a field; none if there is no such entry.
pub(crate) fn granted_text<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<String> {
    let mut grants: Vec<String> = Vec::new();
    for entry in entries {
        let Some(by) = &entry.by else { continue };
        let grant = escape_control(&by.to_string())
            + &narrowed(entry.verbs, entry.when.as_ref().map(condition_text));
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    (!grants.is_empty()).then(|| format!("may be updated by {}", grants.join(" or by ")))
}

/// What one rule that only warns contributes.
pub(crate) struct Warning<'a> {
    pub(crate) rule: &'a str,
    pub(crate) changes: Vec<&'a Change>,
    pub(crate) total: usize,
}

/// The warnings of all rules that only warn. Together they stay below the 4,096 characters past
/// which the API server cuts.
pub(crate) fn warnings(kind: &str, rules: &[Warning<'_>]) -> Vec<String> {
    let headline = |warning: &Warning<'_>| {
        let (count, kind) = (counted(warning.total), with_article(kind));
        format!(
            "{count} outside the fields of {kind} that may be updated (rule {}); this rule only \
             warns",
            warning.rule
        )
    };
    let mut texts = Vec::new();
    let mut room = MOST_BYTES - "and 1234567 more".len();
    let mut left_out = 0;
    for warning in rules {
        let note =
            |change: &Change| change.note.as_ref().map(|note| format!("{}: {note}", change.field));
        let lines = warning.changes.iter().map(|change| (line(change, kind), note(change)));
        let mut shown = 0;
        for (index, (text, note)) in
            std::iter::once((headline(warning), None)).chain(lines).enumerate()
        {
            let text = cut(&break_recreate_trigger(&text), WARNING);
            let Some(rest) = room.checked_sub(text.chars().count()) else { break };
            room = rest;
            texts.push(text);
            shown = index;
            if let Some(note) = note.map(|note| cut(&break_recreate_trigger(&note), WARNING))
                && let Some(rest) = room.checked_sub(note.chars().count())
            {
                room = rest;
                texts.push(note);
            }
        }
        left_out += warning.total - shown;
    }
    if left_out > 0 {
        texts.push(format!("and {left_out} more"));
    }
    texts
}

/// The violating paths as an audit annotation.
pub(crate) fn audit_fields(fields: &[String], total: usize) -> String {
    let mut text = String::new();
    let mut shown = 0;
    for field in fields {
        let separator = if shown == 0 { "" } else { ", " };
        if text.len() + separator.len() + field.len() > MOST_BYTES - 32 {
            break;
        }
        text.push_str(separator);
        text.push_str(field);
        shown += 1;
    }
    if shown < total {
        text.push_str(&format!("{}and {} more", if shown == 0 { "" } else { ", " }, total - shown));
    }
    text
}

fn what_happened(change: &Change, kind: &str) -> String {
    pieces(change, kind).into_iter().map(Piece::into_text).collect()
}

/// A part of a change in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Words around the values.
    Words(String),
    /// The value before.
    Old(String),
    /// The value after.
    New(String),
}

impl Piece {
    fn into_text(self) -> String {
        match self {
            Self::Words(text) | Self::Old(text) | Self::New(text) => text,
        }
    }
}

impl Change {
    /// What happened, in the words of a denial; `kind` is what the object is.
    pub(crate) fn pieces(&self, kind: &str) -> Vec<Piece> {
        pieces(self, kind)
    }
}

/// One change in words, values apart, so that they can be told apart where it is shown.
fn pieces(change: &Change, kind: &str) -> Vec<Piece> {
    let shown =
        |value: &Option<Shown>| value.as_ref().map(|value| value.text(VALUE)).unwrap_or_default();
    let (old, new) = match (&change.old, &change.new) {
        (Some(Shown::Hidden), _) | (_, Some(Shown::Hidden)) => {
            return vec![Piece::Words(hidden(change))];
        }
        (
            Some(Shown::Value(serde_json::Value::String(old))),
            Some(Shown::Value(serde_json::Value::String(new))),
        ) => {
            let (old, new) = window(old, new, VALUE - 2);
            let text =
                |value: String| Shown::Value(serde_json::Value::String(value)).text(VALUE * 7);
            (text(old), text(new))
        }
        (old, new) => (shown(old), shown(new)),
    };
    let words = |text: &str| Piece::Words(text.to_owned());
    let (old, new) = (Piece::Old(old), Piece::New(new));
    match change.kind {
        ChangeKind::Set => vec![words("set to "), new],
        ChangeKind::Modify => vec![old, words(" → "), new],
        ChangeKind::Clear if change.defaulted => {
            let guess =
                format!(", probably set by a default when the {} was created", kind.to_lowercase());
            vec![words("cleared; was "), old, Piece::Words(guess)]
        }
        ChangeKind::Clear => vec![words("cleared; was "), old],
        ChangeKind::AddItem => vec![words("added "), new],
        ChangeKind::RemoveItem => vec![words("removed; was "), old],
        ChangeKind::Reorder => vec![words("reordered from "), old, words(" to "), new],
    }
}

fn hidden(change: &Change) -> String {
    let verb = match change.kind {
        ChangeKind::Set => "set",
        ChangeKind::Modify => "changed",
        ChangeKind::Clear => "cleared",
        ChangeKind::AddItem => "added",
        ChangeKind::RemoveItem => "removed",
        ChangeKind::Reorder => "reordered",
    };
    format!("{verb} (value not shown)")
}

fn counted(count: usize) -> String {
    if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }
}

/// `a Job`, `an MXJob`, `an Ingress`.
fn with_article(kind: &str) -> String {
    let mut letters = kind.chars();
    let (first, second) = (letters.next().unwrap_or('x'), letters.next().unwrap_or('x'));
    let spelled_out = first.is_ascii_uppercase() && second.is_ascii_uppercase();
    let vowel = if spelled_out {
        "AEFHILMNORSX".contains(first)
    } else {
        "AEIO".contains(first.to_ascii_uppercase()) || kind.starts_with("Up")
    };
    format!("{} {}", if vowel { "an" } else { "a" }, cut(kind, 253))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Change, Piece, Shown};
    use super::{
        DenyingRule, MOST_BYTES, VALUE, Warning, audit_fields, denial, warnings, with_article,
    };
    use crate::engine::verdict::ChangeKind;

    fn change(field: &str) -> Change {
        let value = |value: u8| Some(Shown::Value(json!(value)));
        Change {
            field: field.to_owned(),
            kind: ChangeKind::Modify,
            violates: true,
            old: value(1),
            new: value(2),
            defaulted: false,
            note: None,
        }
    }

    #[test]
    fn of_many_changes_as_many_are_named_as_leave_room_for_the_list() {
        let changes: Vec<Change> =
            (0..1_000).map(|number| change(&format!("spec.field-{number:04}"))).collect();
        let changes: Vec<&Change> = changes.iter().collect();
        let list = (0..60)
            .map(|number| format!("spec.mutable-{number:02}"))
            .collect::<Vec<_>>()
            .join(", ");
        let text = denial(
            "Job",
            &[DenyingRule { rule: "r", mutable: list.as_str().into() }],
            &changes,
            1_000,
        );
        let named = text.lines().filter(|line| line.contains(" → ")).count();
        assert!(text.len() <= MOST_BYTES && text.len() > MOST_BYTES - 60, "{}", text.len());
        assert!(
            text.ends_with(&format!("\n  and {} more\nmay be updated: {list}", 1_000 - named)),
            "{text}"
        );
    }

    #[test]
    fn the_room_for_changes_is_used_to_the_last_byte() {
        // The first field grows by a byte at a time, so that one of the texts fills the room
        // exactly.
        let length = |first: usize| {
            let changes = [change(&"f".repeat(first)), change("g")];
            let changes: Vec<&Change> =
                changes.iter().take(1).chain(changes.iter().skip(1).cycle().take(1_000)).collect();
            let text = denial(
                "Job",
                &[DenyingRule { rule: "r", mutable: "spec.a".into() }],
                &changes,
                1_234_567,
            );
            text.find("\n  and ").expect("not all have room")
        };
        let room = MOST_BYTES - "\nmay be updated: spec.a".len() - "\n  and 1234567 more".len();
        assert_eq!((1..40).map(length).max(), Some(room));
    }

    #[test]
    fn the_annotation_names_fields_as_long_as_all_of_one_fits() {
        let most = MOST_BYTES - 32;
        let table = [
            (vec![most], 1),
            (vec![most + 1], 0),
            (vec![1, most - 3], 2),
            (vec![1, most - 2], 1),
            (vec![2, most - 4, 1], 2),
        ];
        for (lengths, shown) in table {
            let fields: Vec<String> = lengths.iter().map(|length| "f".repeat(*length)).collect();
            let text = audit_fields(&fields, fields.len());
            assert_eq!(
                text.split(", ").filter(|field| field.starts_with('f')).count(),
                shown,
                "{lengths:?}"
            );
            assert_eq!(text.ends_with(" more"), shown < fields.len(), "{lengths:?}");
        }
    }

    #[test]
    fn warnings_leave_room_to_say_how_many_more_there_are() {
        // Each line is a warning of 100 characters but for the headline, which grows by one at a
        // time.
        let change = change(&"f".repeat(100 - ": 1 → 2".chars().count()));
        let characters = |name: usize| {
            let warning =
                Warning { rule: &"r".repeat(name), changes: vec![&change; 100], total: 1_234_567 };
            let texts = warnings("Job", &[warning]);
            assert_eq!(texts.last(), Some(&format!("and {} more", 1_234_567 - (texts.len() - 2))));
            texts.iter().rev().skip(1).map(|text| text.chars().count()).sum::<usize>()
        };
        assert_eq!((1..=100).map(characters).max(), Some(MOST_BYTES - "and 1234567 more".len()));
    }

    #[test]
    fn a_string_of_escapes_is_shown_as_far_as_any_other() {
        let text = json!("\u{1}".repeat(VALUE - 2));
        let set = Change {
            kind: ChangeKind::Modify,
            old: Some(Shown::Value(json!("a"))),
            new: Some(Shown::Value(text.clone())),
            ..change("spec.a")
        };
        let [_, _, Piece::New(new)] = &set.pieces("Job")[..] else { panic!("{set:?}") };
        assert_eq!(*new, text.to_string());
    }

    #[test]
    fn a_change_is_told_in_pieces() {
        let piece = |piece: &Piece| match piece {
            Piece::Words(text) | Piece::Old(text) | Piece::New(text) => text.clone(),
        };
        assert_eq!(change("spec.a").pieces("Job").iter().map(piece).collect::<String>(), "1 → 2");
    }

    #[test]
    fn kinds_get_their_article() {
        let table = [
            ("Job", "a Job"),
            ("MXJob", "an MXJob"),
            ("TFJob", "a TFJob"),
            ("Ingress", "an Ingress"),
            ("PyTorchJob", "a PyTorchJob"),
            ("HPA", "an HPA"),
            ("", "a "),
            ("UpdateRule", "an UpdateRule"),
            ("User", "a User"),
        ];
        for (kind, expected) in table {
            assert_eq!(with_article(kind), expected);
        }
    }
}
