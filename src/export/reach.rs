//! What a rule says of a location, and of those below it: its paths, as far as they lead on from
//! there.

use std::collections::BTreeSet;

use crate::engine::{Equality, Meaning, OWNED, Path, Rule, Step};

/// What a path is written for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark<'r> {
    /// The mutable entry of that index.
    Entry(usize),
    /// A declared equality, by its place in the list.
    Equality(usize, &'r Equality),
    /// The API server's own: never a change.
    Owned,
    /// `metadata.finalizers`, which may shrink while the object is being deleted.
    Finalizers,
}

/// A path that leads to a location or through it.
#[derive(Debug, Clone, Copy)]
struct Thread<'r> {
    mark: Mark<'r>,
    rest: &'r [Step],
    /// Whether the last step went to a named member.
    named: bool,
}

/// All that leads to a location or through it.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach<'r> {
    threads: Vec<Thread<'r>>,
}

/// The equality declared of a location; of several declarations the first listed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Declared<'r> {
    pub(super) meaning: Option<Meaning>,
    pub(super) absent_as: Option<&'r serde_json::Value>,
    pub(super) key: Option<&'r str>,
}

/// Paths that every rule has.
pub(super) struct Common {
    owned: Vec<Path>,
    finalizers: Option<Path>,
}

impl Common {
    pub(super) fn new() -> Self {
        let path = |field: &str| Path::parse(&format!("metadata.{field}")).ok();
        Self { owned: OWNED.into_iter().filter_map(path).collect(), finalizers: path("finalizers") }
    }
}

impl<'r> Reach<'r> {
    /// Where every path starts.
    pub(super) fn root(
        rule: &'r Rule,
        entries: &[&'r crate::engine::Entry],
        common: &'r Common,
    ) -> Self {
        let thread =
            |mark: Mark<'r>, path: &'r Path| Thread { mark, rest: path.steps(), named: false };
        let entries = entries
            .iter()
            .enumerate()
            .map(|(index, entry)| thread(Mark::Entry(index), &entry.path));
        let equality = rule
            .equality()
            .iter()
            .enumerate()
            .map(|(order, equality)| thread(Mark::Equality(order, equality), &equality.path));
        let owned = common.owned.iter().map(|path| thread(Mark::Owned, path));
        let finalizers = common.finalizers.iter().map(|path| thread(Mark::Finalizers, path));
        Self { threads: entries.chain(equality).chain(owned).chain(finalizers).collect() }
    }

    fn step(&self, named: impl Fn(&Step) -> Option<bool>) -> Self {
        let step = |thread: &Thread<'r>| {
            let (first, rest) = thread.rest.split_first()?;
            named(first).map(|named| Thread { mark: thread.mark, rest, named })
        };
        Self { threads: self.threads.iter().filter_map(step).collect() }
    }

    /// What the member `name` reaches.
    pub(super) fn member(&self, name: &str) -> Self {
        self.step(|step| match step {
            Step::Name(own) => (own == name).then_some(true),
            Step::Prefix(prefix) => name.starts_with(prefix.as_str()).then_some(false),
            Step::AnyMember => Some(false),
            Step::AnyElement | Step::Keyed { .. } => None,
        })
    }

    /// What a member reaches that is not named, and of whose prefixes `prefix` is the longest
    /// listed.
    pub(super) fn other_member(&self, prefix: Option<&str>) -> Self {
        self.step(|step| match step {
            Step::Prefix(own) => {
                prefix.is_some_and(|prefix| prefix.starts_with(own.as_str())).then_some(false)
            }
            Step::AnyMember => Some(false),
            Step::Name(_) | Step::AnyElement | Step::Keyed { .. } => None,
        })
    }

    /// What an element reaches that is selected by no key.
    pub(super) fn element(&self) -> Self {
        self.step(|step| matches!(step, Step::AnyElement).then_some(false))
    }

    /// What the element reaches whose `key` is `value`.
    pub(super) fn keyed_element(&self, key: &str, value: &str) -> Self {
        self.step(|step| match step {
            Step::AnyElement => Some(false),
            Step::Keyed { key: own, value: selected } => {
                (own == key && selected == value).then_some(false)
            }
            _ => None,
        })
    }

    /// The same without the entries: only what is equal counts.
    pub(super) fn equality_only(&self) -> Self {
        let threads = self
            .threads
            .iter()
            .filter(|thread| matches!(thread.mark, Mark::Equality(..) | Mark::Owned));
        Self { threads: threads.copied().collect() }
    }

    /// Whether no entry permits anything here or below.
    pub(super) fn is_ungranted(&self) -> bool {
        self.threads.iter().all(|thread| matches!(thread.mark, Mark::Equality(..) | Mark::Owned))
    }

    /// The members that paths name.
    pub(super) fn names(&self) -> BTreeSet<&'r str> {
        self.firsts()
            .filter_map(|step| if let Step::Name(name) = step { Some(name.as_str()) } else { None })
            .collect()
    }

    /// The prefixes of members that paths select, the longest first.
    pub(super) fn prefixes(&self) -> Vec<&'r str> {
        let prefixes: BTreeSet<&str> = self
            .firsts()
            .filter_map(
                |step| if let Step::Prefix(prefix) = step { Some(prefix.as_str()) } else { None },
            )
            .collect();
        let mut prefixes: Vec<&str> = prefixes.into_iter().collect();
        prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        prefixes
    }

    /// The values of `key` that paths select elements by.
    pub(super) fn selected(&self, key: &str) -> BTreeSet<&'r str> {
        let selected = self.firsts().filter_map(|step| match step {
            Step::Keyed { key: own, value } if own == key => Some(value.as_str()),
            _ => None,
        });
        selected.collect()
    }

    fn firsts(&self) -> impl Iterator<Item = &'r Step> {
        self.threads.iter().filter_map(|thread| thread.rest.first())
    }

    /// Whether a path leads on to members.
    pub(super) fn goes_into_members(&self) -> bool {
        self.firsts().any(Step::is_member)
    }

    /// Whether a path leads on to elements.
    pub(super) fn goes_into_elements(&self) -> bool {
        self.firsts().any(|step| !step.is_member())
    }

    /// The marks at the location itself.
    pub(super) fn here(&self) -> impl Iterator<Item = Mark<'r>> {
        self.threads.iter().filter(|thread| thread.rest.is_empty()).map(|thread| thread.mark)
    }

    /// The entries at the location itself.
    pub(super) fn entries(&self) -> impl Iterator<Item = usize> {
        self.here()
            .filter_map(|mark| if let Mark::Entry(index) = mark { Some(index) } else { None })
    }

    /// The entries on whose way the location is, each with its further steps.
    pub(super) fn entries_below(&self) -> impl Iterator<Item = (usize, &'r [Step])> {
        self.threads.iter().filter_map(|thread| match thread.mark {
            Mark::Entry(index)
                if thread.named && thread.rest.first().is_some_and(Step::is_member) =>
            {
                Some((index, thread.rest))
            }
            _ => None,
        })
    }

    /// Whether there is a keyed list here or below.
    pub(super) fn has_keyed_list(&self) -> bool {
        self.threads
            .iter()
            .any(|thread| matches!(thread.mark, Mark::Equality(_, Equality { key: Some(_), .. })))
    }

    pub(super) fn declared(&self) -> Declared<'r> {
        let mut declared = Declared::default();
        let (mut meaning, mut absent, mut key) = (usize::MAX, usize::MAX, usize::MAX);
        let first =
            |best: &mut usize, order: usize| std::mem::replace(best, order.min(*best)) > order;
        for mark in self.here() {
            let Mark::Equality(order, equality) = mark else { continue };
            if equality.meaning.is_some() && first(&mut meaning, order) {
                declared.meaning = equality.meaning;
            }
            if equality.absent_as.is_some() && first(&mut absent, order) {
                declared.absent_as = equality.absent_as.as_ref();
            }
            if equality.key.is_some() && first(&mut key, order) {
                declared.key = equality.key.as_deref();
            }
        }
        declared
    }

    pub(super) fn is_owned(&self) -> bool {
        self.here().any(|mark| matches!(mark, Mark::Owned))
    }

    pub(super) fn is_finalizers(&self) -> bool {
        self.here().any(|mark| matches!(mark, Mark::Finalizers))
    }

    /// Whether messages may name what changed below the location instead of the location: nothing
    /// but paths that go on leads here, all by names.
    pub(super) fn is_named_ancestor(&self) -> bool {
        !self.threads.is_empty()
            && self
                .threads
                .iter()
                .all(|thread| thread.named && thread.rest.first().is_some_and(Step::is_member))
    }
}
