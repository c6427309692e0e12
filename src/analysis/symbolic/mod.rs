//! What a rule's entries permit at a location, told from the rule alone: the verdict's own steps,
//! over formulas instead of objects.

mod formula;

use std::collections::BTreeMap;

use crate::engine::{
    Algebra, Cursor, Entry, LocalPermissions, Path, Permissions, Requesters, Rule, Step, Verb,
};

use formula::NEVER;
pub(crate) use formula::{AskedAt, Formula};

/// The entries of a rule, by index; none in the place of one that is not considered.
pub(crate) struct Entries(Vec<Option<Entry>>);

impl Entries {
    pub(crate) fn all(rule: &Rule) -> Self {
        Self(rule.entries.iter().cloned().map(Some).collect())
    }

    /// Those of one requester, as that requester has them: without `by`.
    pub(crate) fn new(rule: &Rule, is_requester: impl Fn(&Requesters) -> bool) -> Self {
        let own = |entry: &Entry| match &entry.by {
            Some(by) if !is_requester(by) => None,
            _ => Some(Entry { by: None, ..entry.clone() }),
        };
        Self(rule.entries.iter().map(own).collect())
    }

    /// Those that every rule has, which permit a change of what is protected too.
    pub(crate) fn of_every_rule(&self) -> Self {
        let own = self.0.iter().cloned();
        Self(own.map(|entry| entry.filter(|entry| !entry.is_documented())).collect())
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Entry> {
        self.0.get(index)?.as_ref()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct LocalFormulas {
    permissions: LocalPermissions<Formula>,
    /// Where an object here that one side lacks counts as empty.
    intermediate: Formula,
}

impl LocalFormulas {
    /// At a location that is `depth` steps from the root.
    pub(crate) fn at(cursor: &Cursor<'_>, depth: usize, entries: &Entries) -> Self {
        let ending = cursor.entries().filter_map(|index| entries.get(index));
        let mut intermediate = Formula::never();
        for (index, steps) in cursor.entries_below() {
            let Some(entry) = entries.get(index) else { continue };
            let rest = Path::from_steps(entry.path.steps().get(steps..).unwrap_or_default());
            let rest = rest.map(|path| path.to_string()).unwrap_or_default();
            intermediate = intermediate.or(&Formula::from_entry(entry, AskedAt::Above(&rest)));
        }
        let active =
            |entry: &Entry| (entry.verbs, Formula::from_entry(entry, AskedAt::Depth(depth)));
        Self { permissions: LocalPermissions::from_entries(ending.map(active)), intermediate }
    }
}

impl Default for LocalFormulas {
    fn default() -> Self {
        Self { permissions: LocalPermissions::none(), intermediate: Formula::never() }
    }
}

/// What the locations above hand down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Above {
    /// Where every change of what both objects have is permitted, but of a keyed list whose new
    /// keys repeat.
    pub(crate) granted: Formula,
    /// Where that is permitted too.
    pub(crate) whole: Formula,
    own: LocalFormulas,
    /// For each object above, what comes of its appearing and vanishing together with everything
    /// between it and here.
    chains: Vec<OneSidedChain>,
}

/// Objects one in the other that only one side has, down to the parent of a location.
#[derive(Debug, Clone)]
struct OneSidedChain {
    /// Where each of them is intermediate to an active entry.
    intermediate: Formula,
    /// Where one of them may appear with anything in it.
    set: Formula,
    /// Where one of them may vanish so.
    clear: Formula,
}

/// Where a location may appear or vanish together with objects around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Within {
    pub(crate) change: ChangeClass,
    pub(crate) formula: Formula,
    /// Where that is so because of what is around it.
    pub(crate) inherited: Formula,
    /// Whether it is an intermediate object: it holds nothing but what is permitted below.
    pub(crate) is_intermediate: bool,
}

impl Above {
    /// What is permitted where parents are on one side only, and the chains that go on from there.
    /// No `Modify` above counts then.
    fn within(
        &self,
        own: &LocalFormulas,
        may: &Permissions<Formula>,
    ) -> (Vec<Within>, Vec<OneSidedChain>) {
        let mut found = Vec::new();
        let mut chains = Vec::new();
        for chain in &self.chains {
            let mut note = |change, inherited: &Formula, any: &Formula, container: &Formula| {
                let any = any.or(&may.every);
                let whole = any.or(container);
                let guard = |here: &Formula| inherited.or(&chain.intermediate.and(here));
                for (here, is_intermediate) in
                    [(&any, false), (&whole, false), (&whole.or(&own.intermediate), true)]
                {
                    let (formula, inherited) = (guard(here), inherited.clone());
                    found.push(Within { change, formula, inherited, is_intermediate });
                }
                guard(&whole)
            };
            let set = note(ChangeClass::SetWithin, &chain.set, &may.set, &may.set_container);
            let clear =
                note(ChangeClass::ClearWithin, &chain.clear, &may.clear, &may.clear_container);
            let intermediate = chain.intermediate.and(&own.intermediate);
            chains.push(OneSidedChain { intermediate, set, clear });
        }
        (found, chains)
    }
}

/// In which cases each change of a location is permitted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Permits {
    by_change: BTreeMap<ChangeClass, Formula>,
    /// The same for a location that appears or vanishes together with objects above it: one element
    /// for each object from which on that may be.
    pub(crate) within: Vec<Within>,
}

impl Permits {
    /// What the entries permit at a location whose parents both objects have. `step` says whether
    /// that is of all the locations that the steps select, or of some of them.
    pub(crate) fn of<'r>(
        rule: &'r Rule,
        entries: &Entries,
        steps: &[Step],
        step: fn(&Cursor<'r>, &Step) -> Cursor<'r>,
    ) -> Self {
        let (mut cursor, mut above) = (Cursor::root(rule), Above::default());
        let mut permits = Self::default();
        for (index, at) in steps.iter().enumerate() {
            cursor = step(&cursor, at);
            (permits, above) = Self::at(&above, LocalFormulas::at(&cursor, index + 1, entries));
        }
        permits
    }

    /// What is permitted at a location, and what it hands down.
    pub(crate) fn at(above: &Above, own: LocalFormulas) -> (Self, Above) {
        let may = Permissions::new(&own.permissions, &above.own.permissions);
        let inherited = above.granted.or(&may.every);
        let granted = inherited.or(&may.modify_item);
        let whole = above.whole.or(&may.every);
        let (set, clear) = (inherited.or(&may.set), inherited.or(&may.clear));
        let set_container = set.or(&may.set_container);
        let clear_container = clear.or(&may.clear_container);
        let (within, mut chains) = above.within(&own, &may);
        chains.push(OneSidedChain {
            intermediate: own.intermediate.clone(),
            set: set_container.clone(),
            clear: clear_container.clone(),
        });
        let by_change = BTreeMap::from([
            (ChangeClass::Set, set),
            (ChangeClass::Modify, granted.or(&may.modify)),
            (ChangeClass::Clear, clear),
            (ChangeClass::AddItem, granted.or(own.permissions.narrowed(Verb::AddItem))),
            (ChangeClass::RemoveItem, granted.or(own.permissions.narrowed(Verb::RemoveItem))),
            (ChangeClass::Appear, set_container.or(&own.intermediate)),
            (ChangeClass::Vanish, clear_container.or(&own.intermediate)),
            (ChangeClass::SetContainer, set_container),
            (ChangeClass::ClearContainer, clear_container),
            (ChangeClass::Replace, whole.clone()),
        ]);
        (Self { by_change, within }, Above { granted, whole, own, chains })
    }

    /// Every change in the same cases.
    pub(crate) fn all(cases: &Formula) -> Self {
        let by_change = ChangeClass::ALL.map(|change| (change, cases.clone()));
        Self { by_change: by_change.into(), within: Vec::new() }
    }

    pub(crate) fn get(&self, change: ChangeClass) -> &Formula {
        self.by_change.get(&change).unwrap_or(&NEVER)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChangeClass {
    /// To appear, other than as a list or map.
    Set,
    /// To get another value; of a list or map, its items to.
    Modify,
    /// To vanish, other than as a list or map.
    Clear,
    /// Of a list or map: an item to appear.
    AddItem,
    /// Of a list or map: an item to vanish.
    RemoveItem,
    /// To appear as a list or map with anything in it.
    SetContainer,
    /// To vanish as one.
    ClearContainer,
    /// To appear as an object that holds nothing but what is permitted below.
    Appear,
    /// To vanish as one.
    Vanish,
    /// Of a keyed list: to become one whose keys repeat.
    Replace,
    SetWithin,
    ClearWithin,
}

impl ChangeClass {
    /// The five that rules name.
    pub(crate) const VERBS: [Self; 5] =
        [Self::Set, Self::Modify, Self::Clear, Self::AddItem, Self::RemoveItem];

    /// Those of a location whose parents both objects have.
    pub(crate) const ALL: [Self; 10] = [
        Self::Set,
        Self::Modify,
        Self::Clear,
        Self::AddItem,
        Self::RemoveItem,
        Self::SetContainer,
        Self::ClearContainer,
        Self::Appear,
        Self::Vanish,
        Self::Replace,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Set => "Set",
            Self::Modify => "Modify",
            Self::Clear => "Clear",
            Self::AddItem => "AddItem",
            Self::RemoveItem => "RemoveItem",
            Self::SetContainer => "Set as a list or map",
            Self::ClearContainer => "Clear of a list or map",
            Self::Appear => "appear with what is permitted below",
            Self::Vanish => "vanish with what is permitted below",
            Self::SetWithin => "Set together with the object around it",
            Self::ClearWithin => "Clear together with the object around it",
            Self::Replace => "Modify to a list whose keys repeat",
        }
    }
}
