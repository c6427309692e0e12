//! Two objects without what they have in common.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use super::spans::{Node, SpannedText};
use crate::engine::rule::{Cursor, Rule};

/// What stands for an element by position that both lists have to the letter.
const ALIKE: Value = Value::Bool(true);

/// Builds what is needed of two objects.
pub(crate) struct Compact<'o, 't> {
    pub(crate) spans: &'o SpannedText<'t>,
}

/// Where the walk is, for all rules.
struct At<'r> {
    cursors: Vec<Cursor<'r>>,
    /// Steps from the object's root.
    depth: usize,
    /// Whether this is an element of a list, which may be selected by what it holds.
    of_element: bool,
}

/// The member of `metadata` that tells whether an object is being deleted.
const DELETION: &str = "deletionTimestamp";

/// The same value of the old and of the new object.
type Both<T> = (T, T);

/// What each object has at a location, if it has anything there.
type Sides<'t> = Both<Option<Node<'t>>>;

impl<'t> Compact<'_, 't> {
    pub(crate) fn of(&self, old: Node<'t>, new: Node<'t>, rules: &[&Rule]) -> Option<Both<Value>> {
        if !old.is_object() || !new.is_object() {
            return None;
        }
        let cursors = rules.iter().map(|rule| Cursor::root(rule)).collect();
        self.container((old, new), &At { cursors, depth: 0, of_element: false })
    }

    /// Two containers that are not equal to the letter.
    fn container(&self, both: Both<Node<'t>>, at: &At<'_>) -> Option<Both<Value>> {
        if at.cursors.iter().any(is_whole) {
            return whole(both);
        }
        if both.0.is_object() && both.1.is_object() {
            return self.objects(both, at);
        }
        if !both.0.is_list() || !both.1.is_list() {
            return whole(both);
        }
        let mut keys = at.cursors.iter().map(|cursor| cursor.declared().key);
        let key = keys.next().flatten();
        if keys.any(|other| other != key) {
            return whole(both);
        }
        match key {
            Some(key) => self.keyed(both, at, key),
            None => self.positions(both, at),
        }
    }

    fn objects(&self, both: Both<Node<'t>>, at: &At<'_>) -> Option<Both<Value>> {
        let Some(pairs) = self.members(both) else { return whole(both) };
        let (mut old, mut new) = (Map::new(), Map::new());
        for (name, sides) in pairs {
            let (one, two) = match sides {
                (Some(one), Some(two)) if one.text == two.text && !at.keeps(name, one) => continue,
                (Some(one), Some(two)) => {
                    let Some(value) = self.member((one, two), at, name)? else { continue };
                    (Some(value.0), Some(value.1))
                }
                (one, two) => (alone(one)?, alone(two)?),
            };
            old.extend(one.map(|value| (name.to_owned(), value)));
            new.extend(two.map(|value| (name.to_owned(), value)));
        }
        Some((Value::Object(old), Value::Object(new)))
    }

    /// The members of two objects by name; none if a name is escaped or repeated.
    fn members(&self, (old, new): Both<Node<'t>>) -> Option<Vec<(&'t str, Sides<'t>)>> {
        let (old, new): (Vec<_>, Vec<_>) =
            (self.spans.members(old).collect(), self.spans.members(new).collect());
        if old.iter().chain(&new).any(|(name, _)| name.contains('\\')) {
            return None;
        }
        if old.iter().zip(&new).all(|((one, _), (two, _))| one == two)
            && old.len() == new.len()
            && old.is_sorted_by(|one, two| one.0 < two.0)
        {
            return Some(
                old.into_iter()
                    .zip(new)
                    .map(|((name, old), (_, new))| (name, (Some(old), Some(new))))
                    .collect(),
            );
        }
        let mut pairs: BTreeMap<&str, Sides<'t>> = BTreeMap::new();
        for (name, node) in old {
            if pairs.insert(name, (Some(node), None)).is_some() {
                return None;
            }
        }
        for (name, node) in new {
            if pairs.entry(name).or_default().1.replace(node).is_some() {
                return None;
            }
        }
        Some(pairs.into_iter().collect())
    }

    /// A member that both objects have, if it is needed.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether the text is left to the plain path"
    )]
    fn member(&self, both: Both<Node<'t>>, at: &At<'_>, name: &str) -> Option<Option<Both<Value>>> {
        if !both.0.is_container() || !both.1.is_container() {
            return whole(both).map(Some);
        }
        let below = at.below(|cursor| cursor.member(name));
        // What the API server owns is never a change.
        if below.cursors.iter().all(Cursor::is_owned) && name != DELETION {
            return Some(None);
        }
        self.container(both, &below).map(Some)
    }

    /// Two lists whose elements pair by position.
    fn positions(&self, both: Both<Node<'t>>, at: &At<'_>) -> Option<Both<Value>> {
        let below = at.element(Cursor::element);
        let (mut olds, mut news) = (self.spans.elements(both.0), self.spans.elements(both.1));
        let (mut old, mut new) = (Vec::new(), Vec::new());
        loop {
            let (one, two) = match (olds.next(), news.next()) {
                (Some(one), Some(two)) => {
                    let value = self.element((one, two), &below)?;
                    (Some(value.0), Some(value.1))
                }
                (None, None) => break,
                (one, two) => (alone(one)?, alone(two)?),
            };
            old.extend(one);
            new.extend(two);
        }
        Some((Value::Array(old), Value::Array(new)))
    }

    /// Two lists whose elements pair by a member.
    fn keyed(&self, both: Both<Node<'t>>, at: &At<'_>, key: &str) -> Option<Both<Value>> {
        let (olds, news): (Vec<_>, Vec<_>) =
            (self.spans.elements(both.0).collect(), self.spans.elements(both.1).collect());
        let old_names: Option<Vec<&str>> =
            olds.iter().map(|element| self.key_of(*element, key)).collect();
        let Some(old_names) = old_names else { return whole(both) };
        // What is equal to the letter has the same key.
        let name =
            |(index, element): (usize, &Node<'t>)| match (olds.get(index), old_names.get(index)) {
                (Some(old), Some(name)) if old.text == element.text => Some(*name),
                _ => self.key_of(*element, key),
            };
        let new_names: Option<Vec<&str>> = news.iter().enumerate().map(name).collect();
        let Some(new_names) = new_names else { return whole(both) };
        let Some(pairs) = in_order(&old_names, &new_names) else { return whole(both) };
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for pair in pairs {
            match pair {
                (Some(one), Some(two)) => {
                    let ((Some(one), Some(two)), Some(name)) =
                        ((olds.get(one), news.get(two)), old_names.get(one))
                    else {
                        return None;
                    };
                    if one.text != two.text {
                        let below = at.element(|cursor| cursor.keyed_element(key, name));
                        let (one, two) = self.element((*one, *two), &below)?;
                        old.push(one);
                        new.push(two);
                    }
                }
                (one, two) => {
                    old.extend(alone(one.and_then(|index| olds.get(index)).copied())?);
                    new.extend(alone(two.and_then(|index| news.get(index)).copied())?);
                }
            }
        }
        Some((Value::Array(old), Value::Array(new)))
    }

    /// Elements that pair. None of them ever counts as left out: no `absentAs` path ends at one.
    fn element(&self, both: Both<Node<'t>>, at: &At<'_>) -> Option<Both<Value>> {
        if !both.0.is_container() || !both.1.is_container() {
            whole(both)
        } else if both.0.text == both.1.text {
            Some((ALIKE, ALIKE))
        } else {
            self.container(both, at)
        }
    }

    /// The key of an element, if it is a string that is written as it is.
    fn key_of(&self, element: Node<'t>, key: &str) -> Option<&'t str> {
        let mut found = None;
        for (name, node) in self.spans.members(element) {
            if name.contains('\\') {
                return None;
            }
            if name == key {
                found = Some(node.text);
            }
        }
        let name = found?.strip_prefix('"')?.strip_suffix('"')?;
        (!name.contains('\\')).then_some(name)
    }
}

impl<'r> At<'r> {
    fn below(&self, step: impl Fn(&Cursor<'r>) -> Cursor<'r>) -> Self {
        let cursors = self.cursors.iter().map(step).collect();
        Self { cursors, depth: self.depth + 1, of_element: false }
    }

    fn element(&self, step: impl Fn(&Cursor<'r>) -> Cursor<'r>) -> Self {
        Self { of_element: true, ..self.below(step) }
    }

    /// Whether a member is needed although both objects have it to the letter.
    fn keeps(&self, name: &str, node: Node<'_>) -> bool {
        (self.of_element && !node.is_container()) || (self.depth == 1 && name == DELETION)
    }
}

/// Whether a value here is judged by more than its parts.
fn is_whole(cursor: &Cursor<'_>) -> bool {
    let declared = cursor.declared();
    declared.may_be_left_out() || declared.is_set() || cursor.is_finalizers()
}

/// The elements of two lists by name, in an order that is that of both; none if there is none, or
/// if a name is repeated.
fn in_order(old: &[&str], new: &[&str]) -> Option<Vec<Both<Option<usize>>>> {
    if old == new {
        let mut seen = HashSet::with_capacity(old.len());
        return old
            .iter()
            .all(|name| seen.insert(name))
            .then(|| (0..old.len()).map(|index| (Some(index), Some(index))).collect());
    }
    let numbered: HashMap<&str, usize> =
        new.iter().enumerate().map(|(index, name)| (*name, index)).collect();
    if numbered.len() < new.len() || old.iter().collect::<HashSet<_>>().len() < old.len() {
        return None;
    }
    let mut pairs = Vec::with_capacity(old.len().max(new.len()));
    let mut next = 0;
    for (index, name) in old.iter().enumerate() {
        let Some(found) = numbered.get(name).copied() else {
            pairs.push((Some(index), None));
            continue;
        };
        // What comes before it and has no pair yet must be new.
        pairs.extend((next..found).map(|new| (None, Some(new))));
        if found < next {
            return None;
        }
        pairs.push((Some(index), Some(found)));
        next = found + 1;
    }
    pairs.extend((next..new.len()).map(|new| (None, Some(new))));
    let paired = pairs.iter().filter(|pair| matches!(pair, (None, Some(_))));
    let staying: HashSet<&str> = old.iter().copied().collect();
    let mut paired = paired.filter_map(|(_, index)| new.get((*index)?));
    paired.all(|name| !staying.contains(name)).then_some(pairs)
}

fn whole((one, two): Both<Node<'_>>) -> Option<Both<Value>> {
    let old = value(one)?;
    let new = if one.text == two.text { old.clone() } else { value(two)? };
    Some((old, new))
}

/// What one side only has, if it has.
#[expect(
    clippy::option_option,
    reason = "the outer one says whether the text is left to the plain path"
)]
fn alone(node: Option<Node<'_>>) -> Option<Option<Value>> {
    node.map_or(Some(None), |node| value(node).map(Some))
}

/// The value itself. What the scanner took is no more than this takes.
fn value(node: Node<'_>) -> Option<Value> {
    serde_json::from_str(node.text).ok()
}
