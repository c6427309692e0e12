//! A change as it is reported: field, what happened, old and new value, shortened, secrets left
//! out.

use serde_json::{Map, Value};

use super::escape::break_recreate_trigger;
use super::field;
use super::secrets::{Secrets, Visibility};
use crate::engine::alignment::{Alignment, Id, Location, Pairing, Segment};
use crate::engine::review::{Node, NodeKind};
use crate::engine::rule::{ElementKey, KeyValue, ListKey, Path, Rule, Step, cut, escape_control};
use crate::engine::verdict::{ChangeKind, ChangeVerdict, Finding};

#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where, in dotted notation.
    pub field: String,
    /// What happened.
    pub kind: ChangeKind,
    /// Whether it is a violation.
    pub(crate) violates: bool,
    /// The value before, if there was one.
    pub(crate) old: Option<Shown>,
    /// The value after, if there is one.
    pub(crate) new: Option<Shown>,
    /// Whether the field is usually filled by a default on creation.
    pub(crate) defaulted: bool,
    /// Whose value it touches and how to keep it. Of the changes that touch values of one owner,
    /// the first says so.
    pub(crate) note: Option<String>,
}

/// A value as it may be shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    /// Shortened to about a kilobyte; `…` marks what is left out.
    Value(Value),
    /// Of a Secret or below a path under `sensitive`.
    Hidden,
}

impl Shown {
    /// The value as JSON text of at most `most` characters.
    pub(crate) fn text(&self, most: usize) -> String {
        match self {
            Self::Value(value) => {
                break_recreate_trigger(&cut(&escape_control(&value.to_string()), most))
            }
            Self::Hidden => HIDDEN.to_owned(),
        }
    }
}

/// What stands for a value that is not shown.
pub(crate) const HIDDEN: &str = "(not shown)";

/// How much of a value is kept.
const LONGEST: usize = 1024;

/// Writes a finding down.
pub(crate) fn describe(
    rule: &Rule,
    secrets: &Secrets,
    alignment: &Alignment<'_>,
    finding: Finding,
    note: Option<String>,
) -> Option<Change> {
    let location = alignment.get(finding.at())?;
    let (field, place) = locate(secrets, alignment, finding.at());
    let (old, new) = match finding.kind {
        ChangeKind::Reorder => order(secrets, &place, &location),
        _ => values(secrets, &place, &location),
    };
    let defaulted = finding.kind == ChangeKind::Clear
        && rule.defaulted.iter().any(|path| selects(path, alignment, finding.at()));
    Some(Change {
        field,
        kind: finding.kind,
        violates: finding.verdict == ChangeVerdict::Violation,
        old,
        new,
        defaulted,
        note,
    })
}

/// Whether a path of the rule selects a location.
fn selects(path: &Path, alignment: &Alignment<'_>, at: Id) -> bool {
    let segments = alignment.segments(at);
    let is_within = |(segment, step): (&Segment<'_>, &Step)| match segment {
        Segment::Member(name) => Step::Name((*name).to_owned()).within(step),
        Segment::Index(_) => *step == Step::AnyElement,
        Segment::Keyed { .. } => {
            segment.selector().is_some_and(|own| Step::Keyed(own).within(step))
        }
    };
    segments.len() == path.steps().len() && segments.iter().zip(path.steps()).all(is_within)
}

/// A location in dotted notation.
pub(crate) fn field_of(secrets: &Secrets, alignment: &Alignment<'_>, at: Id) -> String {
    locate(secrets, alignment, at).0
}

fn locate(secrets: &Secrets, alignment: &Alignment<'_>, at: Id) -> (String, Visibility) {
    let mut chain: Vec<Location<'_, '_>> = alignment.ancestry(at).collect();
    chain.reverse();
    let mut place = secrets.root();
    let mut segments = Vec::with_capacity(chain.len());
    for step in chain {
        place = seen_from(secrets, &place, &step);
        let segment = step.segment();
        segments.push((segment, hides_key(secrets, &place, segment)));
    }
    (field::render(segments.into_iter()), place)
}

fn seen_from(secrets: &Secrets, from: &Visibility, to: &Location<'_, '_>) -> Visibility {
    match &to.segment() {
        Segment::Member(name) => secrets.member(from, name),
        Segment::Index(_) | Segment::Keyed { .. } => secrets.element(from, to.old, to.new),
    }
}

/// Whether the key in an element's segment is secret.
fn hides_key(secrets: &Secrets, element: &Visibility, segment: Segment<'_>) -> bool {
    match segment {
        Segment::Keyed { key, .. } => hides_any(secrets, element, key),
        _ => false,
    }
}

/// Whether a member of the key is secret.
fn hides_any(secrets: &Secrets, element: &Visibility, key: &ListKey) -> bool {
    key.names().any(|name| secrets.member(element, name).is_hidden())
}

/// The keys of a list, in the old order and in the new.
fn order(
    secrets: &Secrets,
    list: &Visibility,
    location: &Location<'_, '_>,
) -> (Option<Shown>, Option<Shown>) {
    let (Pairing::Key, Some(key)) = (location.pairing, location.cursor.declared().key) else {
        return (None, None);
    };
    // An element of one side may be absent from the other.
    let is_secret = hides_any(secrets, &secrets.any_element(list), key);
    let side = |value: Option<Node<'_>>| {
        let list = value.filter(|list| list.is_list())?;
        if is_secret {
            return Some(Shown::Hidden);
        }
        let keys = list.elements().filter_map(|element| Segment::Keyed { key, element }.key());
        let shown = |(key, values): (&ListKey, ElementKey<'_>)| match values.as_slice() {
            [value] => shown_key_value(value),
            values => {
                let names = key.names().map(str::to_owned);
                Value::Object(names.zip(values.iter().map(shown_key_value)).collect())
            }
        };
        Some(Shown::Value(Value::Array(keys.take(64).map(shown).collect())))
    };
    (side(location.old), side(location.new))
}

fn shown_key_value(value: &KeyValue<'_>) -> Value {
    match value {
        KeyValue::Text(text) => Value::String(cut(text, 64)),
        other => other.to_value(),
    }
}

fn values(
    secrets: &Secrets,
    place: &Visibility,
    location: &Location<'_, '_>,
) -> (Option<Shown>, Option<Shown>) {
    if place.is_hidden() {
        return (location.old.map(|_| Shown::Hidden), location.new.map(|_| Shown::Hidden));
    }
    let texts = [location.old, location.new].map(|side| side.and_then(Node::as_str));
    if let [Some(old), Some(new)] = texts {
        let (old, new) = window(old, new, LONGEST);
        return (Some(Shown::Value(Value::String(old))), Some(Shown::Value(Value::String(new))));
    }
    let clip = |value: Option<Node<'_>>| {
        value.map(|value| Shown::Value(Clip { secrets, left: LONGEST }.value(value, place, 0)))
    };
    (clip(location.old), clip(location.new))
}

/// Both strings around the first place where they differ, each at most `most` characters.
pub(crate) fn window(old: &str, new: &str, most: usize) -> (String, String) {
    if old.chars().nth(most).is_none() && new.chars().nth(most).is_none() {
        return (old.to_owned(), new.to_owned());
    }
    let same = old.chars().zip(new.chars()).take_while(|(one, two)| one == two).count();
    let skip = same.saturating_sub(most / 4);
    let part = |text: &str| {
        let rest: String = text.chars().skip(skip).take(most).collect();
        let rest = cut(&rest, most - 1);
        if skip > 0 { format!("…{rest}") } else { rest }
    };
    (part(old), part(new))
}

/// Copies a value until the budget is used up; secrets are left out.
struct Clip<'r> {
    secrets: &'r Secrets,
    left: usize,
}

impl Clip<'_> {
    const DEEPEST: usize = 16;

    fn value(&mut self, value: Node<'_>, place: &Visibility, depth: usize) -> Value {
        if place.is_hidden() {
            return Value::String(HIDDEN.to_owned());
        }
        if self.left == 0 || (depth == Self::DEEPEST && value.is_container()) {
            return Value::String("…".to_owned());
        }
        self.left = self.left.saturating_sub(2);
        match value.kind() {
            NodeKind::String => {
                let text = cut(value.as_str().unwrap_or_default(), self.left.max(1));
                self.left = self.left.saturating_sub(text.chars().count());
                Value::String(text)
            }
            NodeKind::List => Value::Array(self.elements(value, place, depth)),
            NodeKind::Object => Value::Object(self.members(value, place, depth)),
            _ => value.to_value(),
        }
    }

    fn elements(&mut self, list: Node<'_>, place: &Visibility, depth: usize) -> Vec<Value> {
        let mut kept = Vec::new();
        let mut elements = list.elements();
        while let Some(element) = elements.next() {
            if self.left == 0 {
                kept.push(Value::String(format!("… {} more", 1 + elements.count())));
                break;
            }
            // No element of the other side belongs to it.
            kept.push(self.value(element, &self.secrets.any_element(place), depth + 1));
        }
        kept
    }

    fn members(
        &mut self,
        object: Node<'_>,
        place: &Visibility,
        depth: usize,
    ) -> Map<String, Value> {
        let mut kept = Map::new();
        let mut members = object.members();
        while let Some((key, member)) = members.next() {
            if self.left == 0 {
                kept.insert("…".to_owned(), Value::String(format!("{} more", 1 + members.count())));
                break;
            }
            let name = cut(key, self.left.max(1));
            self.left = self.left.saturating_sub(name.chars().count()).saturating_sub(2);
            kept.insert(name, self.value(member, &self.secrets.member(place, key), depth + 1));
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::window;

    #[test]
    fn long_strings_are_shown_where_they_differ() {
        let long = |end: &str| format!("{}{end}", "a".repeat(100));
        let (old, new) = window(&long("old tail"), &long("new tail"), 20);
        assert_eq!((old.as_str(), new.as_str()), ("…aaaaaold tail", "…aaaaanew tail"));
        let (old, new) = window("short", &"b".repeat(50), 20);
        assert_eq!((old.as_str(), new.as_str()), ("short", "bbbbbbbbbbbbbbbbbb…"));
        assert_eq!(window("a", "b", 20), ("a".to_owned(), "b".to_owned()));
    }
}
