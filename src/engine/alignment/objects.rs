//! Both objects walked together, in step with the rule's tree.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::location::{Id, Location, ROOT, Segment};
use super::pairing::{self, Pairing};
use super::{intermediate, value};
use crate::engine::activation::{ActiveEntries, Sent};
use crate::engine::rule::{Cursor, Rule};

/// How much of the two objects the forms hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// Only what is not alike in both. `json_patch::diff` is silent on the rest, so leaving it out
    /// of both forms changes no operation, and a review of thousands of equal fields takes the
    /// memory of the few that differ.
    Differing,
    /// Everything: the reference that the other is tested against.
    #[cfg(test)]
    Everything,
}

/// Both canonical forms, and the locations that they number (parents before children, siblings in
/// the order of reports).
#[derive(Debug)]
pub(crate) struct Alignment<'a> {
    pub(crate) locations: Vec<Location<'a>>,
    pub(crate) old: Value,
    pub(crate) new: Value,
}

impl<'a> Alignment<'a> {
    /// Walks both objects in step with the rule; `active_entries` tells which entries are active.
    pub(crate) fn new(
        rule: &'a Rule,
        active_entries: &ActiveEntries<'_, 'a>,
        old: &'a Value,
        new: &'a Value,
        coverage: Coverage,
    ) -> Self {
        let mut walk = Walk {
            coverage,
            active_entries,
            locations: Vec::new(),
            old: Vec::new(),
            new: Vec::new(),
        };
        walk.visit(
            ROOT,
            Segment::Member(""),
            &Cursor::root(rule),
            (Some(old), Some(new)),
            Sent { old: Some(old), new: Some(new) },
        );
        Self { locations: walk.locations, old: form(walk.old), new: form(walk.new) }
    }

    /// The location of that number.
    pub(crate) fn get(&self, id: Id) -> Option<&Location<'a>> {
        self.locations.get(id)
    }

    /// The segments from the root to a location, nearest last.
    pub(crate) fn segments(&self, id: Id) -> Vec<&Segment<'a>> {
        let mut segments: Vec<_> = self.ancestry(id).map(|location| &location.segment).collect();
        segments.reverse();
        segments
    }

    /// The location and those above it without the root, nearest first.
    pub(crate) fn ancestry(&self, id: Id) -> impl Iterator<Item = &Location<'a>> {
        let step = |id: &Id| self.get(*id).map(|location| location.parent);
        std::iter::successors(Some(id), step)
            .take_while(|id| *id != ROOT)
            .filter_map(|id| self.get(id))
    }
}

fn form(members: Vec<(Id, Value)>) -> Value {
    Value::Object(
        members.into_iter().map(|(id, value)| (id.to_string(), value)).collect::<Map<_, _>>(),
    )
}

/// An element of the old list and of the new one, with their positions.
type Pair<'a> = (Option<(usize, &'a Value)>, Option<(usize, &'a Value)>);

/// What both objects have at a location, none where it counts as left out.
type Sides<'a> = (Option<&'a Value>, Option<&'a Value>);

#[derive(Clone, Copy)]
enum Side {
    Old,
    New,
}

struct Walk<'a, 'w, 'g> {
    coverage: Coverage,
    active_entries: &'w ActiveEntries<'g, 'a>,
    locations: Vec<Location<'a>>,
    old: Vec<(Id, Value)>,
    new: Vec<(Id, Value)>,
}

impl<'a> Walk<'a, '_, '_> {
    /// Numbers a location and everything below it that can change on its own.
    fn visit(
        &mut self,
        parent: Id,
        segment: Segment<'a>,
        cursor: &Cursor<'a>,
        (old, new): Sides<'a>,
        sent: Sent<'a>,
    ) {
        let declared = cursor.declared();
        let (old, new) = (declared.normalise(cursor, old), declared.normalise(cursor, new));
        if old.is_none() && new.is_none() {
            return;
        }
        let pairing = Pairing::of(&declared, old, new, || {
            intermediate::is_intermediate(cursor, self.active_entries, (old, new), sent)
        });
        if self.coverage == Coverage::Differing
            && pairing == Pairing::Whole
            && declared.alike(old, new)
        {
            return;
        }
        let id = self.locations.len();
        let marks = (self.old.len(), self.new.len());
        self.locations.push(Location {
            parent,
            segment,
            cursor: cursor.clone(),
            old,
            new,
            sent,
            pairing: pairing.clone(),
        });
        self.old.extend(old.map(|value| (id, declared.shown(value))));
        self.new.extend(new.map(|value| (id, declared.shown(value))));
        match pairing {
            // An entry may permit this change as a whole, but never what is protected below.
            Pairing::Whole if cursor.leads_to_protected() => {
                self.members(id, cursor, (old, new), sent, Cursor::leads_to_protected);
            }
            Pairing::Whole => {}
            Pairing::Replaced => {
                self.remark(marks.1, Value::Array(vec![Value::Bool(true)]), Side::New);
            }
            Pairing::Members => self.members(id, cursor, (old, new), sent, |_| true),
            Pairing::Position => self.positions(id, cursor, old, new),
            Pairing::Key(key) => self.keyed(id, cursor, &key, (old, new), marks),
            Pairing::Membership => self.membership(id, cursor, old, new),
        }
        if self.coverage == Coverage::Differing && id != ROOT && self.is_alike(id, marks) {
            self.locations.truncate(id);
            self.old.truncate(marks.0);
            self.new.truncate(marks.1);
        }
    }

    /// Whether both forms hold the same at a location that both objects have, and nothing is left
    /// below it.
    fn is_alike(&self, id: Id, marks: (usize, usize)) -> bool {
        let mark = |members: &[(Id, Value)], at: usize| {
            members.get(at).filter(|(holder, _)| *holder == id).map(|(_, mark)| mark.clone())
        };
        self.locations.len() == id + 1 && mark(&self.old, marks.0) == mark(&self.new, marks.1)
    }

    /// Numbers those of an object's members that `is_meant` accepts.
    fn members(
        &mut self,
        id: Id,
        cursor: &Cursor<'a>,
        sides: Sides<'a>,
        sent: Sent<'a>,
        is_meant: fn(&Cursor<'a>) -> bool,
    ) {
        let side = |value: Option<&'a Value>| {
            value.and_then(Value::as_object).into_iter().flatten().peekable()
        };
        let (mut old, mut new) = (side(sides.0), side(sides.1));
        // Both sides are sorted by key already.
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((one, _)), Some((two, _))) => one.cmp(two),
            };
            let one = if order.is_le() { old.next() } else { None };
            let two = if order.is_ge() { new.next() } else { None };
            let Some((key, _)) = one.or(two) else { break };
            let below = cursor.member(key);
            if !is_meant(&below) {
                continue;
            }
            let (one, two) = (one.map(|(_, value)| value), two.map(|(_, value)| value));
            // What counts as left out was sent all the same.
            let was_sent = |seen: Option<&'a Value>,
                            side: Option<&'a Value>,
                            above: Option<&'a Value>| match side {
                Some(_) => seen,
                None => above.and_then(|above| above.get(key)),
            };
            let sent = Sent {
                old: was_sent(one, sides.0, sent.old),
                new: was_sent(two, sides.1, sent.new),
            };
            self.visit(id, Segment::Member(key), &below, (one, two), sent);
        }
    }

    fn positions(
        &mut self,
        id: Id,
        cursor: &Cursor<'a>,
        old: Option<&'a Value>,
        new: Option<&'a Value>,
    ) {
        let (old, new) = (elements(old), elements(new));
        for index in 0..old.len().max(new.len()) {
            let (old, new) = (old.get(index), new.get(index));
            self.visit(id, Segment::Index(index), &cursor.element(), (old, new), Sent { old, new });
        }
    }

    fn keyed(
        &mut self,
        id: Id,
        cursor: &Cursor<'a>,
        key: &Arc<str>,
        sides: (Option<&'a Value>, Option<&'a Value>),
        marks: (usize, usize),
    ) {
        let mut pairs: BTreeMap<&'a str, Pair<'a>> = BTreeMap::new();
        for (index, element) in elements(sides.0).iter().enumerate() {
            pairs.entry(pairing::key_of(element, key).unwrap_or_default()).or_default().0 =
                Some((index, element));
        }
        for (index, element) in elements(sides.1).iter().enumerate() {
            pairs.entry(pairing::key_of(element, key).unwrap_or_default()).or_default().1 =
                Some((index, element));
        }
        // The order of the elements that stay, told by their place among the keys.
        let mut staying: Vec<(usize, usize, usize)> = pairs
            .values()
            .enumerate()
            .filter_map(|(rank, (old, new))| Some(((*old)?.0, (*new)?.0, rank)))
            .collect();
        staying.sort_unstable();
        self.remark(marks.0, order_mark(&staying), Side::Old);
        staying.sort_unstable_by_key(|(_, new, _)| *new);
        self.remark(marks.1, order_mark(&staying), Side::New);
        for (value, (old, new)) in pairs {
            let below = cursor.keyed_element(key, value);
            let (old, new) = (old.map(|(_, element)| element), new.map(|(_, element)| element));
            self.visit(
                id,
                Segment::Keyed { value, key: Arc::clone(key) },
                &below,
                (old, new),
                Sent { old, new },
            );
        }
    }

    fn membership(
        &mut self,
        id: Id,
        cursor: &Cursor<'a>,
        old: Option<&'a Value>,
        new: Option<&'a Value>,
    ) {
        let mut pairs: BTreeMap<String, Pair<'a>> = BTreeMap::new();
        for (index, element) in elements(old).iter().enumerate() {
            pairs.entry(value::exact_text(element)).or_default().0.get_or_insert((index, element));
        }
        for (index, element) in elements(new).iter().enumerate() {
            pairs.entry(value::exact_text(element)).or_default().1.get_or_insert((index, element));
        }
        // A member is named by its index in the list where it stands, the old one first.
        let mut pairs: Vec<_> =
            pairs.into_values().filter_map(|(old, new)| Some((old.or(new)?.0, old, new))).collect();
        pairs.sort_by_key(|(index, old, _)| (*index, old.is_none()));
        for (index, old, new) in pairs {
            let (old, new) = (old.map(|(_, element)| element), new.map(|(_, element)| element));
            self.visit(id, Segment::Index(index), &cursor.element(), (old, new), Sent { old, new });
        }
    }

    fn remark(&mut self, at: usize, mark: Value, side: Side) {
        let members = match side {
            Side::Old => &mut self.old,
            Side::New => &mut self.new,
        };
        if let Some((_, slot)) = members.get_mut(at) {
            *slot = mark;
        }
    }
}

fn elements(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn order_mark(staying: &[(usize, usize, usize)]) -> Value {
    let ranks: Vec<String> = staying.iter().map(|(_, _, rank)| rank.to_string()).collect();
    Value::Array(vec![Value::String(ranks.join(","))])
}
