//! What the parts of a rule must be to each other, and the entries that every rule has.

use super::parser::DocumentParser;
use super::parser::{Placed, PlacedEquality};
use super::tree;
use crate::engine::rule::cursor::Cursor;
use crate::engine::rule::definition::{Entry, EntryOrigin};
use crate::engine::rule::equality::CompareAs;
use crate::engine::rule::list_key::{KeyMember, KeyValue};
use crate::engine::rule::mark::Mark;
use crate::engine::rule::path::{Path, Step, steps_pair};
use crate::engine::rule::requesters::Requesters;
use crate::engine::rule::tree::Tree;
use crate::engine::rule::verbs::Verbs;

/// Refuses paths and equalities that contradict each other.
pub(crate) fn together<'a>(
    parser: &mut DocumentParser<'_>,
    others: impl Iterator<Item = &'a Placed>,
    equality: &'a [PlacedEquality],
) {
    let declared: Vec<&Placed> = equality.iter().map(|entry| &entry.placed).collect();
    let all: Vec<&Placed> = others.chain(declared.iter().copied()).collect();
    for entry in equality {
        absent_as_selects_members(parser, entry);
    }
    for set in equality.iter().filter(|entry| entry.compare_as == Some(CompareAs::Set)) {
        set_elements_are_whole(parser, set, &all, &declared);
        key_and_set_exclude_each_other(parser, set, equality);
    }
    for list in equality.iter().filter(|entry| entry.key.is_some()) {
        keys_compare_exactly(parser, list, equality);
    }
    let declared = tree::tree(&[], equality, &[]);
    for placed in &all {
        elements_are_selected_by_the_key(parser, placed, &declared);
    }
}

/// What Kubernetes' own controllers write to orphan dependents and to delete in the foreground.
pub(crate) fn lifecycle_entries() -> impl Iterator<Item = Entry> {
    let controllers = Requesters {
        users: vec![
            "system:serviceaccount:kube-system:generic-garbage-collector".to_owned(),
            "system:kube-controller-manager".to_owned(),
        ],
        ..Requesters::default()
    };
    ["metadata.finalizers", "metadata.ownerReferences"].into_iter().filter_map(move |text| {
        let path = Path::parse(text).ok()?;
        let by = Some(controllers.clone());
        Some(Entry {
            path,
            verbs: Verbs::ALL,
            by,
            when: None,
            is_absent: false,
            line: None,
            origin: EntryOrigin::Lifecycle,
        })
    })
}

fn absent_as_selects_members(parser: &mut DocumentParser<'_>, entry: &PlacedEquality) {
    let last_is_member = entry.placed.path.steps().last().is_some_and(Step::is_member);
    if entry.absent_as.is_some() && !last_is_member {
        parser.refuse(
            entry.placed.at,
            format!(
                "expected a field for `absentAs`, found the list element `{}`: an element \
                     cannot be left out",
                entry.placed.path
            ),
        );
    }
}

fn set_elements_are_whole(
    parser: &mut DocumentParser<'_>,
    set: &PlacedEquality,
    all: &[&Placed],
    declared: &[&Placed],
) {
    let mut element = set.placed.path.steps().to_vec();
    element.push(Step::AnyElement);
    let reaches = |placed: &Placed| {
        placed
            .path
            .steps()
            .get(..element.len())
            .is_some_and(|start| steps_pair(start, &element, Step::meets))
    };
    for placed in
        all.iter().filter(|placed| placed.path.steps().len() > element.len() && reaches(placed))
    {
        parser.refuse(
            placed.at,
            format!(
                "`{}` goes into the elements of `{}`, which is a set: expected `{}[*]` or a path \
                 above it",
                placed.path, set.placed.path, set.placed.path
            ),
        );
    }
    for placed in declared
        .iter()
        .filter(|placed| placed.path.steps().len() == element.len() && reaches(placed))
    {
        parser.refuse(
            placed.at,
            format!(
                "`{}` is an element of the set `{}`: expected no equality here, elements compare \
                 exactly",
                placed.path, set.placed.path
            ),
        );
    }
}

fn key_and_set_exclude_each_other(
    parser: &mut DocumentParser<'_>,
    set: &PlacedEquality,
    equality: &[PlacedEquality],
) {
    for list in equality.iter().filter(|list| {
        list.key.is_some()
            && steps_pair(list.placed.path.steps(), set.placed.path.steps(), Step::meets)
    }) {
        parser.refuse(
            list.placed.at,
            format!(
                "expected `key` or `as: Set` for one list, found both (`{}` and `{}`)",
                list.placed.path, set.placed.path
            ),
        );
    }
}

fn keys_compare_exactly(
    parser: &mut DocumentParser<'_>,
    list: &PlacedEquality,
    equality: &[PlacedEquality],
) {
    // Values of other kinds are no keys, so they say nothing of them.
    let respells = |entry: &&PlacedEquality| {
        entry.compare_as.is_some()
            || entry.absent_as.as_ref().is_some_and(|value| KeyValue::from_value(value).is_some())
    };
    let members = list.key.iter().flat_map(|key| key.members());
    let is_respelled = |entry: &PlacedEquality, member: &KeyMember| {
        // A member that is left out may well equal its default.
        let is_default = entry.compare_as.is_none()
            && member.default.is_some()
            && entry.absent_as.as_ref().and_then(KeyValue::from_value) == member.default;
        let member = [Step::AnyElement, Step::Name(member.name.clone())];
        let steps = [list.placed.path.steps(), &member].concat();
        !is_default && steps_pair(entry.placed.path.steps(), &steps, Step::meets)
    };
    for entry in equality
        .iter()
        .filter(respells)
        .filter(|entry| members.clone().any(|member| is_respelled(entry, member)))
    {
        parser.refuse(
            entry.placed.at,
            format!(
                "`{}` is in the key of the list `{}`: expected no equality here, keys compare exactly",
                entry.placed.path, list.placed.path
            ),
        );
    }
}

fn elements_are_selected_by_the_key(
    parser: &mut DocumentParser<'_>,
    placed: &Placed,
    declared: &Tree<Mark>,
) {
    let steps = placed.path.steps();
    let mut cursor = Cursor::at_root_of(declared);
    for step in steps {
        let found = cursor.declared().key;
        cursor = cursor.step_for_all(step);
        let Step::Keyed(selector) = step else { continue };
        if !found.is_some_and(|key| key.fits(selector)) {
            let names: Vec<&str> = selector.members().map(|(name, _)| name).collect();
            let key = match names.as_slice() {
                [one] => (*one).to_owned(),
                several => format!("[{}]", several.join(", ")),
            };
            let found = found.map_or("no key".to_owned(), |other| format!("the key `{other}`"));
            parser.refuse(
                placed.at,
                format!(
                    "`{}` selects an element by `{}`: expected an `equality` entry with `key: \
                     {key}` for that list, found {found}",
                    placed.path,
                    names.join("` and `")
                ),
            );
        }
    }
}
