//! Both objects walked together, in step with the rule's tree.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;

use super::intermediate;
use super::location::{Id, ROOT, Segment};
use super::objects::{Alignment, short};
use super::pairing::{self, KeyedPairs, Pairing};
use super::value::{self, SetMember};
use crate::engine::activation::{ActiveEntries, SentValues};
use crate::engine::review::Node;
use crate::engine::rule::{Cursor, DeclaredEquality, ListKey, Rule, Verbs};

/// How many violations, and how many permitted changes, a report lists at most.
pub(crate) const MAX_REPORTED: usize = 256;

/// How much of the two objects an alignment holds.
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

impl<'a> Alignment<'a> {
    /// Walks both objects in step with the rule; `active_entries` tells which entries are active.
    pub(crate) fn align(
        rule: &'a Rule,
        active_entries: &ActiveEntries<'_, 'a>,
        old: Node<'a>,
        new: Node<'a>,
        coverage: Coverage,
    ) -> Self {
        let root = Cursor::root(rule);
        let mut walk = Walk {
            coverage,
            rule,
            active_entries,
            alignment: Alignment::new((old, new)),
            permitted: 0,
        };
        let sent = SentValues { old: Some(old), new: Some(new) };
        let at = At { parent: ROOT, segment: Segment::Member(""), place: LocationContext::Judged };
        walk.visit(at, &root, (Some(old), Some(new)), sent);
        if walk.alignment.len() == 0 {
            // The root is there even if nothing differs.
            let id = walk.alignment.push(ROOT, at.segment, (None, None), sent, Pairing::Whole);
            walk.alignment.set_cursor(id, &root);
        }
        walk.alignment
    }
}

/// The values of both objects at a location; `None` where the value counts as absent.
type Sides<'a> = (Option<Node<'a>>, Option<Node<'a>>);

struct Walk<'a, 'w, 'g> {
    coverage: Coverage,
    rule: &'a Rule,
    active_entries: &'w ActiveEntries<'g, 'a>,
    alignment: Alignment<'a>,
    /// Locations that bare entries permit to differ.
    permitted: usize,
}

/// How the walk comes to a location.
#[derive(Clone, Copy)]
struct At<'a> {
    parent: Id,
    segment: Segment<'a>,
    place: LocationContext,
}

/// What is known of the locations above one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LocationContext {
    /// Both sides have them.
    Judged,
    /// A bare entry permits everything here and below. A report lists only some of these changes.
    Permitted,
    /// One side lacks one of them: whether it is reported as a whole depends on all of its parts.
    OneSided,
}

impl<'a> Walk<'a, '_, '_> {
    /// Numbers a location and everything below it that can change on its own.
    fn visit(&mut self, at: At<'a>, cursor: &Cursor<'a>, sides: Sides<'a>, sent: SentValues<'a>) {
        let is_brief = self.coverage == Coverage::Differing;
        if is_brief && sides.0 == sides.1 {
            return;
        }
        let place = match at.place {
            LocationContext::Judged if self.has_full_entry(cursor) && !self.is_guarded(cursor) => {
                LocationContext::Permitted
            }
            place => place,
        };
        // No report lists more than that.
        if place == LocationContext::Permitted && self.permitted >= MAX_REPORTED && is_brief {
            return;
        }
        let declared = cursor.declared();
        let (old, new) = (declared.normalise(cursor, sides.0), declared.normalise(cursor, sides.1));
        if old.is_none() && new.is_none() {
            return;
        }
        let is_intermediate =
            || intermediate::is_intermediate(cursor, self.active_entries, (old, new), sent);
        let (pairing, pairs) =
            Pairing::of(&declared, old, new, is_intermediate, |old, new| is_brief && old == new);
        if is_brief && pairing == Pairing::Whole && declared.alike(old, new) {
            return;
        }
        let id = self.alignment.push(at.parent, at.segment, (old, new), sent, pairing);
        let place = match place {
            LocationContext::Judged if old.is_none() || new.is_none() => LocationContext::OneSided,
            place => place,
        };
        let mut differs = pairing == Pairing::NewUnkeyed;
        match pairing {
            // An entry may permit this change as a whole, but never what is protected below.
            Pairing::Whole if self.leads_to_protected(cursor) => {
                self.members(id, place, cursor, (old, new), sent, Cursor::leads_to_protected);
                self.lists(id, place, cursor, &declared, (old, new));
            }
            Pairing::Whole | Pairing::NewUnkeyed => {}
            Pairing::Members => self.members(id, place, cursor, (old, new), sent, |_| true),
            Pairing::Position => self.positions(id, place, cursor, (old, new)),
            Pairing::Key => {
                let pairs = pairs.unwrap_or_default();
                if let Some(key) = declared.key {
                    differs = pairs.is_reordered && !key.ignores_order;
                    self.keyed(id, place, cursor, key, pairs);
                }
            }
            Pairing::SetMembers => self.membership(id, place, cursor, (old, new)),
        }
        if let Some(slot) = self.alignment.slot_mut(id) {
            slot.differs = differs;
        }
        let is_last = self.alignment.len() == id + 1;
        if is_brief && id != ROOT && is_last && !differs && declared.alike(old, new) {
            self.alignment.truncate(id);
            return;
        }
        self.alignment.set_cursor(id, cursor);
        if is_last && place == LocationContext::Permitted {
            self.permitted += 1;
        }
    }

    /// Whether an entry permits every change here and below, whatever the objects are.
    fn has_full_entry(&self, cursor: &Cursor<'_>) -> bool {
        cursor.entries().any(|index| {
            let entry = self.rule.entries.get(index);
            entry.is_some_and(|entry| entry.verbs == Verbs::ALL)
                && self.active_entries.is_unconditional(index)
        })
    }

    /// Whether something here, above or below is protected from every entry.
    fn is_guarded(&self, cursor: &Cursor<'_>) -> bool {
        cursor.is_protected() || self.leads_to_protected(cursor)
    }

    fn leads_to_protected(&self, cursor: &Cursor<'_>) -> bool {
        !self.rule.protected.is_empty() && cursor.leads_to_protected()
    }

    /// Visits the elements of a list that has no list to be compared with.
    fn lists(
        &mut self,
        id: Id,
        place: LocationContext,
        cursor: &Cursor<'a>,
        declared: &DeclaredEquality<'a>,
        sides: Sides<'a>,
    ) {
        let list = |side: Option<Node<'a>>| side.filter(|side| side.is_list());
        let sides = (list(sides.0), list(sides.1));
        if declared.is_set() {
            return self.membership(id, place, cursor, sides);
        }
        // At most one side is a list, so no two elements are the same node.
        let pairs =
            |key: &'a ListKey| Some((key, pairing::pair_by_key(key, sides, |_, _| false).ok()?));
        match declared.key.and_then(pairs) {
            Some((key, pairs)) => self.keyed(id, place, cursor, key, pairs),
            None => self.positions(id, place, cursor, sides),
        }
    }

    /// Visits the members of an object that `is_meant` accepts.
    fn members(
        &mut self,
        parent: Id,
        place: LocationContext,
        cursor: &Cursor<'a>,
        sides: Sides<'a>,
        sent: SentValues<'a>,
        is_meant: fn(&Cursor<'a>) -> bool,
    ) {
        let members = |node: Option<Node<'a>>| node.map(Node::members).unwrap_or_default();
        let (mut old, mut new) = (members(sides.0).peekable(), members(sides.1).peekable());
        // A value that counts as absent is still among the values that were sent.
        let left_out = |side: Option<Node<'a>>, sent| if side.is_none() { sent } else { None };
        let mut sent_old = members(left_out(sides.0, sent.old)).peekable();
        let mut sent_new = members(left_out(sides.1, sent.new)).peekable();
        let is_brief = self.coverage == Coverage::Differing;
        // All four are sorted by name.
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((one, _)), Some((two, _))) => one.cmp(two),
            };
            let one = if order.is_le() { old.next() } else { None };
            let two = if order.is_ge() { new.next() } else { None };
            let Some((name, _)) = one.or(two) else { break };
            let (one, two) = (one.map(|(_, node)| node), two.map(|(_, node)| node));
            if is_brief && identity(one) == identity(two) {
                continue;
            }
            let sent = SentValues {
                old: one.or_else(|| named(&mut sent_old, name)),
                new: two.or_else(|| named(&mut sent_new, name)),
            };
            let below = cursor.member(name);
            if is_meant(&below) {
                let at = At { parent, segment: Segment::Member(name), place };
                self.visit(at, &below, (one, two), sent);
            }
        }
    }

    fn positions(
        &mut self,
        parent: Id,
        place: LocationContext,
        cursor: &Cursor<'a>,
        sides: Sides<'a>,
    ) {
        let below = cursor.element();
        let elements = |side: Option<Node<'a>>| side.map(Node::elements).into_iter().flatten();
        let (mut olds, mut news) = (elements(sides.0), elements(sides.1));
        let is_brief = self.coverage == Coverage::Differing;
        for index in 0.. {
            let (old, new) = (olds.next(), news.next());
            if old.is_none() && new.is_none() {
                break;
            }
            if is_brief && identity(old) == identity(new) {
                continue;
            }
            let at = At { parent, segment: Segment::Index(index), place };
            self.visit(at, &below, (old, new), SentValues { old, new });
        }
    }

    /// Visits the elements of keyed lists.
    fn keyed(
        &mut self,
        parent: Id,
        place: LocationContext,
        cursor: &Cursor<'a>,
        key: &'a ListKey,
        pairs: KeyedPairs<'a>,
    ) {
        for (values, old, new) in pairs.pairs {
            let Some(element) = old.or(new) else { continue };
            let at = At { parent, segment: Segment::Keyed { key, element }, place };
            let below = cursor.keyed_element(key, values.as_slice());
            self.visit(at, &below, (old, new), SentValues { old, new });
        }
    }

    fn membership(
        &mut self,
        parent: Id,
        place: LocationContext,
        cursor: &Cursor<'a>,
        sides: Sides<'a>,
    ) {
        let below = cursor.element();
        // Keeps the first of equal elements, by the number of its entry, which is smaller than a
        // node.
        let mut pairs: BTreeMap<SetMember<'a>, SetPair> = BTreeMap::new();
        for (side, list) in [sides.0, sides.1].into_iter().enumerate() {
            for (index, element) in list.map(Node::elements).into_iter().flatten().enumerate() {
                let pair = pairs.entry(value::member_of_set(&below, element)).or_default();
                if let Some(slot) = pair.get_mut(side) {
                    slot.get_or_insert((short(index), element.entry()));
                }
            }
        }
        // A member is named by its index in the list where it stands, the old one first.
        let mut pairs: Vec<SetPair> = pairs.into_values().collect();
        let index = |element: (u32, u32)| element.0;
        pairs.sort_unstable_by_key(|[old, new]| (old.or(*new).map(index), old.is_none()));
        for pair in pairs {
            let [old, new] = pair.map(|element| {
                element.and_then(|(_, entry)| Some(sides.0.or(sides.1)?.at_entry(entry)))
            });
            let Some(index) = pair[0].or(pair[1]).map(index) else { continue };
            let at = At { parent, segment: Segment::Index(index as usize), place };
            self.visit(at, &below, (old, new), SentValues { old, new });
        }
    }
}

/// The index and the entry's number of an element of the old list, and of one of the new list.
type SetPair = [Option<(u32, u32)>; 2];

/// A cheap identity of a value: the text of a scalar, the number of a container. Equal identities
/// mean equal values.
fn identity(side: Option<Node<'_>>) -> (Option<&str>, Option<u32>) {
    let scalar = side.filter(|node| !node.is_container());
    let container = side.filter(|node| node.is_container());
    (scalar.map(Node::text), container.map(Node::number))
}

/// The member of that name, of members sorted by name; later names only are asked for next.
fn named<'a>(
    members: &mut Peekable<impl Iterator<Item = (&'a str, Node<'a>)>>,
    name: &str,
) -> Option<Node<'a>> {
    while members.next_if(|(known, _)| *known < name).is_some() {}
    members.peek().filter(|(known, _)| *known == name).map(|(_, node)| *node)
}
