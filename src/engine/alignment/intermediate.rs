//! Intermediate objects: those above the fields of an active entry, which count as empty when
//! absent.

use serde_json::Value;

use crate::engine::activation::{Activation, ActiveEntries, Sent};
use crate::engine::rule::{Declared, Mark, Reached, Tree};

/// Whether an object that one side has is intermediate to an active entry.
///
/// An entry whose condition is about the value is active only at single locations, so it counts
/// only if it is active at one below this object that one of the objects has; above nothing but an
/// empty object there is none.
pub(crate) fn is_intermediate<'a>(
    tree: &Tree<Mark>,
    active_entries: &ActiveEntries<'_, 'a>,
    reached: &[u32],
    (old, new): (Option<&'a Value>, Option<&'a Value>),
    sent: Sent<'a>,
) -> bool {
    tree.entries_below(reached).any(|entry| match active_entries.activation(entry) {
        Activation::Everywhere => true,
        Activation::Nowhere => false,
        Activation::ByValue => {
            let below = Below {
                tree,
                active_entries,
                entry,
                side: if old.is_some() { Side::Old } else { Side::New },
            };
            old.or(new).is_some_and(|value| below.is_there(reached, value, sent))
        }
    })
}

#[derive(Clone, Copy)]
enum Side {
    Old,
    New,
}

struct Below<'w, 'g, 'a> {
    tree: &'w Tree<Mark>,
    active_entries: &'w ActiveEntries<'g, 'a>,
    entry: usize,
    /// The one that has the object.
    side: Side,
}

impl<'a> Below<'_, '_, 'a> {
    /// Whether the entry is active at a location below `value`. A path has few steps, so this
    /// recursion is as shallow as the rule.
    fn is_there(&self, reached: &[u32], value: &'a Value, sent: Sent<'a>) -> bool {
        match value {
            Value::Object(members) => members.iter().any(|(key, member)| {
                let other = |value: Option<&'a Value>| value.and_then(|value| value.get(key));
                let sent = match self.side {
                    Side::Old => Sent { old: Some(member), new: other(sent.new) },
                    Side::New => Sent { old: other(sent.old), new: Some(member) },
                };
                self.is_at(&self.tree.member(reached, key), member, sent)
            }),
            // What is below a list that appears or vanishes opens nothing: an entry at the list or
            // above it would have to permit the list.
            _ => false,
        }
    }

    fn is_at(&self, reached: &Reached, value: &'a Value, sent: Sent<'a>) -> bool {
        if reached.is_empty()
            || Declared::of(self.tree, reached).normalise(self.tree, reached, Some(value)).is_none()
        {
            return false;
        }
        let ends = self
            .tree
            .marks(reached)
            .any(|mark| matches!(mark, Mark::Entry(entry) if *entry == self.entry));
        (ends && self.active_entries.at(self.entry, sent)) || self.is_there(reached, value, sent)
    }
}
