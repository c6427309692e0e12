//! All that a rule says of locations, as one tree.

use std::sync::Arc;

use super::definition::Entry;
use super::mark::Mark;
use super::parser::PlacedEquality;
use super::path::{Path, Step};
use super::selector::LabelSelector;
use super::tree::Tree;

/// The tree of a rule's entries, equalities and protected paths, and of what holds for every rule.
pub(crate) fn tree(
    entries: &[Entry],
    equality: &[PlacedEquality],
    protected: &[Path],
) -> Tree<Mark> {
    let mut tree = Tree::default();
    for (index, entry) in entries.iter().enumerate() {
        tree.mark(entry.path.steps(), Mark::Entry(index));
        tree.add_entry_below(entry.path.steps(), index);
    }
    for (order, equality) in equality.iter().enumerate() {
        let steps = equality.placed.path.steps();
        if let Some(meaning) = equality.meaning {
            tree.mark(steps, Mark::As { order, meaning });
        }
        if let Some(name) = equality.type_name {
            tree.mark(steps, Mark::Type { order, name });
        }
        if let Some(value) = &equality.absent_as {
            tree.mark(steps, Mark::AbsentAs { order, value: Arc::new(value.clone()) });
        }
        if let Some(key) = &equality.key {
            tree.mark(steps, Mark::Key { order, key: Arc::from(key.as_str()) });
        }
    }
    for (index, path) in protected.iter().enumerate() {
        tree.mark(path.steps(), Mark::Protected(index));
    }
    let metadata = |field: &str| [Step::Name("metadata".to_owned()), Step::Name(field.to_owned())];
    for field in OWNED {
        tree.mark(&metadata(field), Mark::Owned);
    }
    tree.mark(&metadata("finalizers"), Mark::Finalizers);
    tree
}

/// The labels that an object selector names: who could change one could take the object out of the
/// rule by relabelling it.
pub(crate) fn selected_labels(selector: &LabelSelector) -> Vec<Path> {
    let keys = selector.match_labels.iter().map(|(key, _)| key);
    let keys = keys.chain(selector.match_expressions.iter().map(|expression| &expression.key));
    let mut paths: Vec<Path> = Vec::new();
    for key in keys {
        let steps = ["metadata", "labels", key].map(|name| Step::Name(name.to_owned()));
        paths.extend(Path::of(&steps).filter(|path| !paths.contains(path)));
    }
    paths
}

/// The fields of `metadata` that the API server itself writes: never a change.
pub const OWNED: [&str; 8] = [
    "resourceVersion",
    "generation",
    "managedFields",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "uid",
];

/// Whether a path leads to such a field, or below one.
pub(crate) fn is_owned(steps: &[Step]) -> bool {
    matches!(steps, [Step::Name(metadata), Step::Name(field), ..]
        if metadata == "metadata" && OWNED.contains(&field.as_str()))
}
