//! The tree of a rule, with all that the rule says of locations as marks.

use std::sync::Arc;

use super::parser::PlacedEquality;
use crate::engine::rule::definition::{Entry, Protection};
use crate::engine::rule::mark::Mark;
use crate::engine::rule::owned::OWNED;
use crate::engine::rule::path::Step;
use crate::engine::rule::tree::Tree;

/// The tree of a rule's entries, equalities and protected paths, and of what holds for every rule.
pub(crate) fn tree(
    entries: &[Entry],
    equality: &[PlacedEquality],
    protected: &[Protection],
) -> Tree<Mark> {
    let mut tree = Tree::default();
    for (index, entry) in entries.iter().enumerate() {
        tree.mark(entry.path.steps(), Mark::Entry(index));
        tree.add_entry_below(entry.path.steps(), index);
    }
    for (order, equality) in equality.iter().enumerate() {
        let steps = equality.placed.path.steps();
        if let Some(compare_as) = equality.compare_as {
            tree.mark(steps, Mark::As { order, compare_as });
        }
        if let Some(name) = equality.type_name {
            tree.mark(steps, Mark::Type { order, name });
        }
        if let Some(value) = &equality.absent_as {
            tree.mark(steps, Mark::AbsentAs { order, value: Arc::new(value.clone()) });
        }
        if let Some(key) = &equality.key {
            tree.mark(steps, Mark::Key { order, key: Arc::clone(key) });
        }
    }
    for (index, protection) in protected.iter().enumerate() {
        tree.mark_with_unkeyed(protection.path.steps(), Mark::Protected(index));
    }
    let metadata = |field: &str| [Step::Name("metadata".to_owned()), Step::Name(field.to_owned())];
    for field in OWNED {
        tree.mark(&metadata(field), Mark::Owned);
    }
    tree.mark(&metadata("finalizers"), Mark::Finalizers);
    tree
}
