//! The locations of both objects that differ, and the two canonical forms of each.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::location::{Id, Location, ROOT, Segment};
use super::pairing::Pairing;
use crate::engine::activation::SentValues;
use crate::engine::review::Node;
use crate::engine::rule::{Cursor, CursorId};

/// The locations of the two objects that differ, numbered: parents before children, siblings in
/// the order of reports.
///
/// A location takes 56 bytes, so that the memory of a review in which everything changes stays a
/// small multiple of its size.
#[derive(Debug)]
pub(crate) struct Alignment<'a> {
    slots: Vec<Slot<'a>>,
    cursors: Cursors<'a>,
    /// The two objects.
    root: (Node<'a>, Node<'a>),
}

/// What is kept of a location.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot<'a> {
    parent: u32,
    cursor: u32,
    old: Option<Number>,
    new: Option<Number>,
    sent_old: Option<Number>,
    sent_new: Option<Number>,
    step: SlotSegment<'a>,
    pairing: Pairing,
    /// Whether it differs as a whole although both sides are containers of one kind.
    pub(super) differs: bool,
}

/// A node's number, plus one.
type Number = std::num::NonZeroU32;

/// A segment; the list tells the key, and the values that were sent are the element.
#[derive(Debug, Clone, Copy)]
enum SlotSegment<'a> {
    Member(&'a str),
    Index(u32),
    Keyed,
}

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
        let number = |node: Option<Node<'a>>| node.and_then(|node| Number::new(node.number() + 1));
        let step = match segment {
            Segment::Member(name) => SlotSegment::Member(name),
            Segment::Index(index) => SlotSegment::Index(short(index)),
            Segment::Keyed { .. } => SlotSegment::Keyed,
        };
        self.slots.push(Slot {
            parent: short(parent),
            cursor: 0,
            old: number(old),
            new: number(new),
            sent_old: number(sent.old),
            sent_new: number(sent.new),
            step,
            pairing,
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

    pub(super) fn slot_mut(&mut self, id: Id) -> Option<&mut Slot<'a>> {
        self.slots.get_mut(id)
    }

    /// Drops a location and all that follow.
    pub(super) fn truncate(&mut self, id: Id) {
        self.slots.truncate(id);
    }

    /// The location of that number.
    pub(crate) fn get(&self, id: Id) -> Option<Location<'_, 'a>> {
        let slot = self.slots.get(id)?;
        let node = |number: Option<Number>| Some(self.root.0.sibling(number?.get() - 1));
        let parent = slot.parent as usize;
        let cursor = |number: u32| self.cursors.all.get(number as usize);
        let segment = match slot.step {
            SlotSegment::Member(name) => Segment::Member(name),
            SlotSegment::Index(index) => Segment::Index(index as usize),
            SlotSegment::Keyed => {
                let list = self.slots.get(parent).and_then(|list| cursor(list.cursor))?;
                let element = node(slot.sent_old).or_else(|| node(slot.sent_new))?;
                Segment::Keyed { key: list.declared().key?, element }
            }
        };
        Some(Location {
            parent,
            segment,
            cursor: cursor(slot.cursor)?,
            old: node(slot.old),
            new: node(slot.new),
            sent: SentValues { old: node(slot.sent_old), new: node(slot.sent_new) },
            pairing: slot.pairing,
        })
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
        let mut segments: Vec<_> = self.ancestry(id).map(|location| location.segment).collect();
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

impl Slot<'_> {
    /// Whether both sides have containers of one kind that can differ only in what is in them.
    fn is_alike(&self) -> bool {
        let is_whole = matches!(self.pairing, Pairing::Whole | Pairing::NewUnkeyed);
        !is_whole && !self.differs && self.old.is_some() && self.new.is_some()
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
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
