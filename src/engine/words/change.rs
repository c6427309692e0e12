//! A change as it is reported: field, what happened, old and new value, shortened, secrets left out.

use serde_json::{Map, Value};

use super::escape::{cut, defused, harmless};
use super::field;
use super::message::{Piece, pieces};
use crate::engine::canonical::{Location, Pairing, Segment, Sheet};
use crate::engine::pattern::{Reached, Tree};
use crate::engine::rules::{Mark, Rule};
use crate::engine::verdict::{ChangeKind, Finding, Standing};

/// One change to an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where, in dotted notation.
    pub field: String,
    /// What happened.
    pub kind: ChangeKind,
    /// Whether it is a violation.
    pub violates: bool,
    /// The value before, if there was one.
    pub old: Option<Shown>,
    /// The value after, if there is one.
    pub new: Option<Shown>,
    /// Whether the field is usually filled by a default on creation.
    pub(crate) defaulted: bool,
    /// What changes of several rules are ordered by.
    pub(crate) order: Vec<OrderKey>,
}

impl Change {
    /// What happened, in the words of a denial; `kind` is what the object is.
    pub fn pieces(&self, kind: &str) -> Vec<Piece> {
        pieces(self, kind)
    }
}

/// A segment of a path, as far as an order needs it: members before elements, indexes as numbers.
pub(crate) type OrderKey = (usize, String);

/// A value as it may be shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// Shortened to about a kilobyte; what is left out is told by `…`.
    Value(Value),
    /// Of a Secret or below a path under `sensitive`.
    Hidden,
}

impl Shown {
    /// The value as JSON text of at most `most` characters.
    pub fn text(&self, most: usize) -> String {
        match self {
            Self::Value(value) => defused(&cut(&harmless(&value.to_string()), most)),
            Self::Hidden => HIDDEN.to_owned(),
        }
    }
}

/// What stands for a value that is not shown.
pub(crate) const HIDDEN: &str = "(not shown)";

/// How much of a value is kept.
const LONGEST: usize = 1024;

/// The annotation in which client-side apply keeps the whole object, secrets included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Which values are secret whatever the rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// Those below the rule's `sensitive` paths.
    AsDeclared,
    /// All: the object is a Secret.
    Everything,
}

/// Writes a finding down.
pub(crate) fn describe(rule: &Rule, secrecy: Secrecy, sheet: &Sheet<'_>, finding: Finding) -> Option<Change> {
    let location = sheet.get(finding.at)?;
    let mut trail = Trail { rule, reached: Tree::<Mark>::root(), hidden: secrecy == Secrecy::Everything };
    let mut chain: Vec<&Location<'_>> = sheet.ancestry(finding.at).collect();
    chain.reverse();
    let segments: Vec<_> = chain.iter().map(|location| (&location.segment, trail.step(location))).collect();
    let field = field::render(segments.iter().map(|(segment, hides)| (*segment, *hides)));
    let (old, new) = match finding.kind {
        ChangeKind::Reorder => {
            trail.hidden |= trail.hides_keys(location);
            (order(location, location.old), order(location, location.new))
        }
        _ => trail.values(location),
    };
    let hide = |value: Option<Value>| value.map(|value| if trail.hidden { Shown::Hidden } else { Shown::Value(value) });
    let defaulted = finding.kind == ChangeKind::Clear && rule.tree.marks(&location.reached).any(|mark| matches!(mark, Mark::Defaulted));
    Some(Change {
        field,
        kind: finding.kind,
        violates: finding.standing == Standing::Violation,
        old: hide(old),
        new: hide(new),
        defaulted,
        order: order_keys(&segments),
    })
}

fn order_keys(segments: &[(&Segment<'_>, bool)]) -> Vec<OrderKey> {
    let key = |(segment, hides): &(&Segment<'_>, bool)| match segment {
        Segment::Keyed { .. } if *hides => (0, String::new()),
        Segment::Member(name) => (0, cut(name, 128)),
        Segment::Index(index) => (index + 1, String::new()),
        Segment::Keyed { value, .. } => (0, cut(value, 128)),
    };
    segments.iter().take(64).map(key).collect()
}

/// The way from the root to a location, with what it has met.
struct Trail<'r> {
    rule: &'r Rule,
    reached: Reached,
    hidden: bool,
}

impl Trail<'_> {
    /// Goes one step down; tells whether the key of the element, if it is one, is secret.
    fn step(&mut self, location: &Location<'_>) -> bool {
        let tree = &self.rule.tree;
        self.reached = match &location.segment {
            Segment::Member(name) => tree.member(&self.reached, name),
            Segment::Index(_) | Segment::Keyed { .. } => {
                let mut reached = tree.element_like(&self.reached, |key| key_of(location.old, key));
                reached.extend(tree.element_like(&self.reached, |key| key_of(location.new, key)));
                reached.sort_unstable();
                reached.dedup();
                reached
            }
        };
        let copies_secrets = matches!(location.segment, Segment::Member(LAST_APPLIED)) && !self.rule.sensitive.is_empty();
        self.hidden |= copies_secrets || is_sensitive(self.rule, &self.reached);
        match &location.segment {
            Segment::Keyed { key, .. } => self.hidden || is_sensitive(self.rule, &tree.member(&self.reached, key)),
            _ => false,
        }
    }

    /// Whether a key of the list's elements is secret.
    fn hides_keys(&self, location: &Location<'_>) -> bool {
        let Pairing::Key(key) = &location.pairing else { return false };
        let tree = &self.rule.tree;
        let elements = location.old.and_then(Value::as_array).into_iter().flatten();
        elements
            .map(|element| tree.element_like(&self.reached, |key| key_of(Some(element), key)))
            .any(|reached| is_sensitive(self.rule, &reached) || is_sensitive(self.rule, &tree.member(&reached, key)))
    }

    fn values(&self, location: &Location<'_>) -> (Option<Value>, Option<Value>) {
        if let (Some(Value::String(old)), Some(Value::String(new))) = (location.old, location.new) {
            let (old, new) = window(old, new, LONGEST);
            return (Some(Value::String(old)), Some(Value::String(new)));
        }
        let clip = |value: Option<&Value>| value.map(|value| Clip { rule: self.rule, left: LONGEST }.value(value, &self.reached, 0));
        (clip(location.old), clip(location.new))
    }
}

fn key_of(element: Option<&Value>, key: &str) -> Option<String> {
    element?.get(key)?.as_str().map(str::to_owned)
}

fn is_sensitive(rule: &Rule, reached: &[u32]) -> bool {
    rule.tree.marks(reached).any(|mark| matches!(mark, Mark::Sensitive))
}

/// The keys of a list, in its order.
fn order(location: &Location<'_>, list: Option<&Value>) -> Option<Value> {
    let Pairing::Key(key) = &location.pairing else { return None };
    let keys = list?.as_array()?.iter().filter_map(|element| element.get(&**key).and_then(Value::as_str));
    Some(Value::Array(keys.take(64).map(|key| Value::String(cut(key, 64))).collect()))
}

/// Both strings around the first place where they differ, each at most `most` characters.
pub(crate) fn window(old: &str, new: &str, most: usize) -> (String, String) {
    if old.chars().nth(most).is_none() && new.chars().nth(most).is_none() {
        return (old.to_owned(), new.to_owned());
    }
    let same = old.chars().zip(new.chars()).take_while(|(one, two)| one == two).count();
    let skip = same.saturating_sub(most / 4);
    let part = |text: &str| {
        let rest: String = text.chars().skip(skip).take(most + 1).collect();
        let rest = cut(&rest, most - 1);
        if skip > 0 { format!("…{rest}") } else { rest }
    };
    (part(old), part(new))
}

/// Copies a value until the budget is used up; sensitive parts are left out.
struct Clip<'r> {
    rule: &'r Rule,
    left: usize,
}

impl Clip<'_> {
    const DEEPEST: usize = 16;

    fn value(&mut self, value: &Value, reached: &[u32], depth: usize) -> Value {
        if is_sensitive(self.rule, reached) && depth > 0 {
            return Value::String(HIDDEN.to_owned());
        }
        if self.left == 0 || (depth == Self::DEEPEST && (value.is_object() || value.is_array())) {
            return Value::String("…".to_owned());
        }
        self.left = self.left.saturating_sub(2);
        match value {
            Value::String(text) => {
                let text = cut(text, self.left.max(1));
                self.left = self.left.saturating_sub(text.chars().count());
                Value::String(text)
            }
            Value::Array(elements) => Value::Array(self.elements(elements, reached, depth)),
            Value::Object(members) => Value::Object(self.members(members, reached, depth)),
            scalar => scalar.clone(),
        }
    }

    fn elements(&mut self, elements: &[Value], reached: &[u32], depth: usize) -> Vec<Value> {
        let mut kept = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            if self.left == 0 {
                kept.push(Value::String(format!("… {} more", elements.len() - index)));
                break;
            }
            let below = self.rule.tree.element_like(reached, |key| key_of(Some(element), key));
            kept.push(self.value(element, &below, depth + 1));
        }
        kept
    }

    fn members(&mut self, members: &Map<String, Value>, reached: &[u32], depth: usize) -> Map<String, Value> {
        let mut kept = Map::new();
        for (index, (key, member)) in members.iter().enumerate() {
            if self.left == 0 {
                kept.insert("…".to_owned(), Value::String(format!("{} more", members.len() - index)));
                break;
            }
            let name = cut(key, self.left.max(1));
            self.left = self.left.saturating_sub(name.chars().count() + 2);
            let copies_secrets = key == LAST_APPLIED && !self.rule.sensitive.is_empty();
            let below = self.rule.tree.member(reached, key);
            let shown = if copies_secrets { Value::String(HIDDEN.to_owned()) } else { self.value(member, &below, depth + 1) };
            kept.insert(name, shown);
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
