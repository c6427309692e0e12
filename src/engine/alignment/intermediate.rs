//! Intermediate objects: those above the fields of an active entry, which count as empty when
//! absent.

use crate::engine::activation::{Activation, ActiveEntries, SentValues};
use crate::engine::review::Node;
use crate::engine::rule::Cursor;

/// Whether an object that one side has is intermediate to an active entry.
///
/// An entry whose condition is about the value is active only at single locations, so it counts
/// only if it is active at one below this object that one of the objects has; above nothing but an
/// empty object there is none.
pub(crate) fn is_intermediate<'a>(
    cursor: &Cursor<'_>,
    active_entries: &ActiveEntries<'_, 'a>,
    (old, new): (Option<Node<'a>>, Option<Node<'a>>),
    sent: SentValues<'a>,
) -> bool {
    cursor.entries_below().any(|(entry, _)| match active_entries.activation(entry) {
        Activation::Everywhere => true,
        Activation::Nowhere => false,
        Activation::ByValue => {
            let below = Below {
                active_entries,
                entry,
                side: if old.is_some() { Side::Old } else { Side::New },
            };
            old.or(new).is_some_and(|value| below.is_there(cursor, value, sent))
        }
    })
}

#[derive(Clone, Copy)]
enum Side {
    Old,
    New,
}

struct Below<'w, 'g, 'a> {
    active_entries: &'w ActiveEntries<'g, 'a>,
    entry: usize,
    /// The one that has the object.
    side: Side,
}

impl<'a> Below<'_, '_, 'a> {
    /// Whether the entry is active at a location below `value`. A path has few steps, so this
    /// recursion is as shallow as the rule.
    fn is_there(&self, cursor: &Cursor<'_>, value: Node<'a>, sent: SentValues<'a>) -> bool {
        // What is below a list that appears or vanishes opens nothing: an entry at the list or
        // above it would have to permit the list.
        let other = match self.side {
            Side::Old => sent.new,
            Side::New => sent.old,
        };
        let mut others = other.map(Node::members).into_iter().flatten().peekable();
        value.members().any(|(name, member)| {
            // Both go by name.
            while others.next_if(|(known, _)| *known < name).is_some() {}
            let other = others.peek().filter(|(known, _)| *known == name).map(|(_, node)| *node);
            let sent = match self.side {
                Side::Old => SentValues { old: Some(member), new: other },
                Side::New => SentValues { old: other, new: Some(member) },
            };
            self.is_at(&cursor.member(name), member, sent)
        })
    }

    fn is_at(&self, cursor: &Cursor<'_>, value: Node<'a>, sent: SentValues<'a>) -> bool {
        if cursor.is_beyond_all_paths()
            || cursor.declared().normalise(cursor, Some(value)).is_none()
        {
            return false;
        }
        let ends = cursor.entries().any(|entry| entry == self.entry);
        (ends && self.active_entries.at(self.entry, sent)) || self.is_there(cursor, value, sent)
    }
}
