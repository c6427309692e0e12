//! What a rule's entries permit at a location, told from the rule alone: the verdict's own steps,
//! over formulas instead of objects.

mod formula;

use crate::engine::{Entry, Step, Verb};

pub(crate) use formula::{At, Formula};

/// For each verb, where the entries at a location give it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LocalPermissions {
    verbs: [Formula; 5],
    /// Where an object here that one side lacks counts as empty.
    way: Formula,
}

impl LocalPermissions {
    /// Takes an entry in whose path ends here, at `depth` steps from the root.
    pub(crate) fn ends(&mut self, entry: &Entry, depth: usize) {
        let formula = Formula::of(entry, At::Depth(depth));
        for (slot, (verb, _)) in self.verbs.iter_mut().zip(Verb::ALL) {
            if entry.verbs.has(verb) {
                *slot = slot.or(&formula);
            }
        }
    }

    /// Takes an entry in whose path goes on from here.
    pub(crate) fn passes(&mut self, entry: &Entry, depth: usize) {
        let steps = entry.path.steps();
        let reached_by = depth.checked_sub(1).and_then(|last| steps.get(last));
        let (Some(Step::Name(_)), Some(next)) = (reached_by, steps.get(depth)) else { return };
        if next.is_member() {
            let rest = crate::engine::Path::of(steps.get(depth..).unwrap_or_default())
                .map(|path| path.to_string())
                .unwrap_or_default();
            self.way = self.way.or(&Formula::of(entry, At::Above(&rest)));
        }
    }

    fn verb(&self, verb: Verb) -> &Formula {
        let [set, modify, clear, add, remove] = &self.verbs;
        match verb {
            Verb::Set => set,
            Verb::Modify => modify,
            Verb::Clear => clear,
            Verb::AddItem => add,
            Verb::RemoveItem => remove,
        }
    }

    fn all(&self) -> Formula {
        self.verbs.iter().fold(Formula::always(), |all, verb| all.and(verb))
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
    own: LocalPermissions,
    /// For each object above, what comes of its appearing and vanishing together with everything
    /// between it and here.
    chains: Vec<Chain>,
}

/// Objects one in the other that only one side has, down to the parent of a location.
#[derive(Debug, Clone)]
struct Chain {
    /// Where each of them counts as empty.
    ways: Formula,
    /// Where one of them may appear with anything in it.
    set: Formula,
    /// Where one of them may vanish so.
    clear: Formula,
}

/// Where a location may appear or vanish together with objects around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Within {
    pub(crate) change: Change,
    pub(crate) formula: Formula,
    /// Where that is so because of what is around it.
    pub(crate) inherited: Formula,
    /// Whether it holds nothing but what is permitted below.
    pub(crate) is_way: bool,
}

impl Above {
    /// What is permitted where parents are on one side only, and the chains that go on from there.
    /// No `Modify` above counts then.
    fn within(&self, own: &LocalPermissions) -> (Vec<Within>, Vec<Chain>) {
        let mut found = Vec::new();
        let mut chains = Vec::new();
        for Chain { ways, set, clear } in &self.chains {
            let mut note =
                |change: Change, inherited: &Formula, single: &Formula, container: Formula| {
                    let guards = [single.clone(), container.clone(), container.or(&own.way)]
                        .map(|formula| inherited.or(&ways.and(&formula)));
                    let [_, whole, _] = &guards;
                    let whole = whole.clone();
                    let ways = [false, false, true];
                    found.extend(guards.into_iter().zip(ways).map(|(formula, is_way)| Within {
                        change,
                        formula,
                        inherited: inherited.clone(),
                        is_way,
                    }));
                    whole
                };
            let appears = self.own.verb(Verb::AddItem).or(own.verb(Verb::Set));
            let vanishes = self.own.verb(Verb::RemoveItem).or(own.verb(Verb::Clear));
            let set = note(Change::SetWithin, set, &appears, appears.or(own.verb(Verb::AddItem)));
            let clear = note(
                Change::ClearWithin,
                clear,
                &vanishes,
                vanishes.or(own.verb(Verb::RemoveItem)),
            );
            chains.push(Chain { ways: ways.and(&own.way), set, clear });
        }
        (found, chains)
    }
}

/// What is permitted at a location that both parents have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Permits {
    /// To appear, other than as a list or map.
    pub(crate) set: Formula,
    /// To get another value; of a list or map, its items to.
    pub(crate) modify: Formula,
    /// To vanish, other than as a list or map.
    pub(crate) clear: Formula,
    /// Of a list or map: an item to appear.
    pub(crate) add: Formula,
    /// Of a list or map: an item to vanish.
    pub(crate) remove: Formula,
    /// To appear as a list or map with anything in it.
    pub(crate) set_container: Formula,
    /// To vanish as one.
    pub(crate) clear_container: Formula,
    /// To appear as an object that holds nothing but what is permitted below.
    pub(crate) appear: Formula,
    /// To vanish as one.
    pub(crate) vanish: Formula,
    /// Of a keyed list: to become one whose keys repeat.
    pub(crate) replace: Formula,
    /// The same for what appears and vanishes together with objects around it, from each of these
    /// on.
    pub(crate) within: Vec<Within>,
}

impl Permits {
    /// What the entries permit at a location whose parents both objects have.
    pub(crate) fn of(entries: &[Entry], steps: &[Step], covers: fn(&Step, &Step) -> bool) -> Self {
        let mut above = Above::default();
        let mut permits = Self::default();
        for depth in 1..=steps.len() {
            let mut own = LocalPermissions::default();
            for entry in entries {
                let path = entry.path.steps();
                let leads_here = path.len() >= depth
                    && steps.iter().take(depth).zip(path).all(|(at, own)| covers(at, own));
                match path.len() == depth {
                    true if leads_here => own.ends(entry, depth),
                    false if leads_here => own.passes(entry, depth),
                    _ => {}
                }
            }
            (permits, above) = Self::at(&above, own);
        }
        permits
    }

    /// What is permitted at a location, and what it hands down.
    pub(crate) fn at(above: &Above, own: LocalPermissions) -> (Self, Above) {
        let all = own.all();
        let whole = above.whole.or(&all);
        let granted = above.granted.or(&all).or(above.own.verb(Verb::Modify));
        let set = above.granted.or(above.own.verb(Verb::AddItem)).or(own.verb(Verb::Set));
        let clear = above.granted.or(above.own.verb(Verb::RemoveItem)).or(own.verb(Verb::Clear));
        let set_container = set.or(own.verb(Verb::AddItem));
        let clear_container = clear.or(own.verb(Verb::RemoveItem));
        let (within, mut chains) = above.within(&own);
        chains.push(Chain {
            ways: own.way.clone(),
            set: set_container.clone(),
            clear: clear_container.clone(),
        });
        let permits = Self {
            within,
            modify: granted.or(own.verb(Verb::Modify)),
            add: granted.or(own.verb(Verb::AddItem)),
            remove: granted.or(own.verb(Verb::RemoveItem)),
            appear: set_container.or(&own.way),
            vanish: clear_container.or(&own.way),
            replace: whole.clone(),
            set,
            clear,
            set_container,
            clear_container,
        };
        (permits, Above { granted, whole, own, chains })
    }

    /// Each with what it is called.
    pub(crate) fn named(&self) -> [(Change, &Formula); 10] {
        [
            (Change::Set, &self.set),
            (Change::Modify, &self.modify),
            (Change::Clear, &self.clear),
            (Change::AddItem, &self.add),
            (Change::RemoveItem, &self.remove),
            (Change::SetContainer, &self.set_container),
            (Change::ClearContainer, &self.clear_container),
            (Change::Appear, &self.appear),
            (Change::Vanish, &self.vanish),
            (Change::Replace, &self.replace),
        ]
    }
}

/// What can happen at a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    Set,
    Modify,
    Clear,
    AddItem,
    RemoveItem,
    SetContainer,
    ClearContainer,
    Appear,
    Vanish,
    Replace,
    SetWithin,
    ClearWithin,
}

impl Change {
    /// The five that rules name.
    pub(crate) const VERBS: [Self; 5] =
        [Self::Set, Self::Modify, Self::Clear, Self::AddItem, Self::RemoveItem];

    /// Its name in reports.
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
