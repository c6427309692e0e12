//! The locations of both objects that differ, and the two canonical forms of each.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::location::{Id, Location, ROOT, Segment, StepFromParent};
use super::pairing::Pairing;
use crate::engine::activation::SentValues;
use crate::engine::review::Node;
use crate::engine::rule::{Cursor, CursorId};

/// The locations of the two objects that differ, numbered: parents before children, siblings in
/// the order of reports.
///
/// A location takes 28 bytes, so that the memory of a review in which everything changes stays a
/// small multiple of its size.
#[derive(Debug)]
pub(crate) struct Alignment<'a> {
    slots: Vec<Slot>,
    cursors: Cursors<'a>,
    /// The two objects.
    root: (Node<'a>, Node<'a>),
}

/// What is kept of a location.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    parent: u32,
    cursor: u32,
    sent_old: Option<EntryNumber>,
    sent_new: Option<EntryNumber>,
    step: StepFromParent,
    pairing: Pairing,
    /// Whether the value is absent, or was sent and counts as absent.
    is_old_absent: bool,
    is_new_absent: bool,
    /// Whether it differs as a whole although both sides are containers of one kind.
    pub(super) differs: bool,
}

/// The number of a node's entry, plus one.
type EntryNumber = std::num::NonZeroU32;

/// The cursors of locations, each once.
#[derive(Debug)]
struct Cursors<'a> {
    all: Vec<Cursor<'a>>,
    known: HashMap<CursorId, u32>,
}

impl<'a> Alignment<'a> {
    pub(super) fn new(root: (Node<'a>, Node<'a>)) -> Self {
        let cursors = Cursors { all: Vec::new(), known: HashMap::with_capacity(16) };
        Self { slots: Vec::with_capacity(32), cursors, root }
    }

    /// How many locations there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds a location; [`Self::set_cursor`] says later what the rule says of it.
    pub(super) fn push(
        &mut self,
        parent: Id,
        segment: Segment<'a>,
        (old, new): (Option<Node<'a>>, Option<Node<'a>>),
        sent: SentValues<'a>,
        pairing: Pairing,
    ) -> Id {
        let entry =
            |node: Option<Node<'a>>| node.and_then(|node| EntryNumber::new(node.entry() + 1));
        let step = match segment {
            Segment::Member(_) => StepFromParent::Member,
            Segment::Index(index) => StepFromParent::Index(short(index)),
            Segment::Keyed { .. } => StepFromParent::Keyed,
        };
        self.slots.push(Slot {
            parent: short(parent),
            cursor: 0,
            sent_old: entry(sent.old),
            sent_new: entry(sent.new),
            step,
            pairing,
            is_old_absent: old.is_none(),
            is_new_absent: new.is_none(),
            differs: false,
        });
        self.slots.len() - 1
    }

    /// Keeps what the rule says of a location.
    pub(super) fn set_cursor(&mut self, id: Id, cursor: &Cursor<'a>) {
        let cursor = self.cursors.number(cursor);
        if let Some(slot) = self.slots.get_mut(id) {
            slot.cursor = cursor;
        }
    }

    pub(super) fn slot_mut(&mut self, id: Id) -> Option<&mut Slot> {
        self.slots.get_mut(id)
    }

    /// Drops a location and all that follow.
    pub(super) fn truncate(&mut self, id: Id) {
        self.slots.truncate(id);
    }

    /// The location of that number.
    pub(crate) fn get(&self, id: Id) -> Option<Location<'_, 'a>> {
        let slot = self.slots.get(id)?;
        let node = |entry: Option<EntryNumber>| Some(self.root.0.at_entry(entry?.get() - 1));
        let sent = SentValues { old: node(slot.sent_old), new: node(slot.sent_new) };
        let parent = slot.parent as usize;
        let cursor = |number: u32| self.cursors.all.get(number as usize);
        Some(Location {
            parent,
            step: slot.step,
            parent_cursor: cursor(self.slots.get(parent)?.cursor)?,
            cursor: cursor(slot.cursor)?,
            old: sent.old.filter(|_| !slot.is_old_absent),
            new: sent.new.filter(|_| !slot.is_new_absent),
            sent,
            pairing: slot.pairing,
        })
    }

    /// The lists that pair by position or count as replaced.
    pub(crate) fn lists_without_key(&self) -> impl Iterator<Item = Id> {
        let is_one = |slot: &Slot| matches!(slot.pairing, Pairing::Position | Pairing::NewUnkeyed);
        self.slots.iter().enumerate().filter(move |(_, slot)| is_one(slot)).map(|(id, _)| id)
    }

    /// The number of the location above.
    pub(crate) fn parent(&self, id: Id) -> Id {
        self.slots.get(id).map_or(ROOT, |slot| slot.parent as usize)
    }

    /// The canonical forms of some locations: two flat objects that map each location's number to
    /// what stands there. Containers that are alike apart from what is in them are left out of
    /// both.
    pub(crate) fn canonical_forms(&self, ids: Range<Id>) -> (Value, Value) {
        let (mut olds, mut news) = (Map::new(), Map::new());
        for id in ids {
            let Some(slot) = self.slots.get(id).filter(|slot| !slot.is_alike()) else { continue };
            let Some(location) = self.get(id) else { continue };
            let declared = location.cursor.declared();
            if let Some(old) = location.old {
                olds.insert(id.to_string(), declared.canonical(old));
            }
            if let Some(new) = location.new {
                let form = if slot.differs {
                    Value::Array(vec![Value::Bool(true)])
                } else {
                    declared.canonical(new)
                };
                news.insert(id.to_string(), form);
            }
        }
        (Value::Object(olds), Value::Object(news))
    }

    /// The segments from the root to a location, nearest last.
    pub(crate) fn segments(&self, id: Id) -> Vec<Segment<'a>> {
        let mut segments: Vec<_> = self.ancestry(id).map(|location| location.segment()).collect();
        segments.reverse();
        segments
    }

    /// The location and those above it without the root, nearest first.
    pub(crate) fn ancestry(&self, id: Id) -> impl Iterator<Item = Location<'_, 'a>> {
        let step = |id: &Id| self.slots.get(*id).map(|slot| slot.parent as usize);
        std::iter::successors(Some(id), step)
            .take_while(|id| *id != ROOT)
            .filter_map(|id| self.get(id))
    }
}

impl Slot {
    /// Whether both sides have containers of one kind that can differ only in what is in them.
    fn is_alike(&self) -> bool {
        let is_whole = matches!(self.pairing, Pairing::Whole | Pairing::NewUnkeyed);
        !is_whole && !self.differs && !self.is_old_absent && !self.is_new_absent
    }
}

impl<'a> Cursors<'a> {
    fn number(&mut self, cursor: &Cursor<'a>) -> u32 {
        let all = &mut self.all;
        *self.known.entry(cursor.identity()).or_insert_with(|| {
            all.push(cursor.clone());
            short(all.len() - 1)
        })
    }
}

/// Two texts of at most 2 GiB have fewer than `u32::MAX` locations.
pub(super) fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
