//! What one rule says of a location.

use std::collections::{BTreeMap, BTreeSet};

use super::list_key::PairingKey;
use crate::analysis::diff::scope::selector;
use crate::analysis::expanded;
use crate::analysis::paths::meets;
use crate::analysis::symbolic::{ChangeClass, Entries, Formula, Permits};
use crate::analysis::words::{equality, one_line, quoted, shown, written};
use crate::engine::{
    Cursor, Declaration, Entry, Path, Protection, ProtectionOrigin, Requesters, Rule, Step,
    escape_control,
};

/// Whether something may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MayChange {
    /// In no case.
    No,
    /// In some way, somewhere below, for somebody, in some state.
    Partly,
    /// In every way, for everybody, whatever the state.
    Yes,
}

pub(crate) struct Answer<'r> {
    pub(crate) rule: &'r Rule,
    pub(crate) may_change: MayChange,
    /// Conditions that must all hold for the rule to judge an update. Empty if it judges all
    /// updates of its resources.
    pub(crate) only_where: Vec<String>,
    /// Whether the API server writes it, so that entries say nothing.
    is_owned: bool,
    /// By what the rule protects all that was asked for.
    protected_by: Vec<&'r Protection>,
    /// Whether somebody is asked about who may change anything.
    pub(crate) is_exempt: bool,
    /// Whether one requester is asked about.
    pub(crate) is_narrowed: bool,
    /// Why that is so for other reasons than entries.
    pub(crate) notes: Vec<String>,
    /// What is permitted at all the locations meant.
    certain: Permits,
    /// What is permitted at some of them.
    possible: Permits,
    /// If it is that by which the elements of a list pair.
    list_key: Option<PairingKey>,
    /// What is protected among what was asked for, or below it.
    protected: Vec<&'r Protection>,
    pub(crate) entries: Vec<Related>,
    pub(crate) compared: Vec<String>,
    /// What is listed near it.
    pub(crate) nearby: Vec<String>,
}

pub(crate) struct Related {
    pub(crate) relation: Relation,
    pub(crate) entry: Entry,
}

/// Where an entry leads, seen from the location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Relation {
    /// To it, or above it.
    Covers,
    /// To some of the locations that were asked for.
    CoversSome,
    /// Below it.
    Below,
}

/// Changes, and in which cases they are permitted.
#[derive(serde::Serialize)]
pub(crate) struct Permitted {
    pub(crate) changes: Vec<&'static str>,
    pub(crate) cases: String,
}

pub(crate) struct Requester<'a> {
    pub(crate) user: &'a str,
    pub(crate) groups: Vec<String>,
}

/// In which cases a change at a location is permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cases {
    /// In none.
    Never,
    /// It depends on who asks, on the state of the object, or on which of the locations it is.
    Some,
    /// In all.
    All,
}

/// What a rule says of the five changes that its entries can permit, at a location whose parents
/// both objects have.
pub fn cases(rule: &Rule, steps: &[Step]) -> [(&'static str, Cases); 5] {
    let answer = Answer::new(rule, steps, None);
    let of = |change: ChangeClass| match (
        answer.formula(change, Certainty::Certain),
        answer.formula(change, Certainty::Possible),
    ) {
        (certain, _) if certain.is_always() && answer.protected.is_empty() => Cases::All,
        (_, possible) if possible.is_never() => Cases::Never,
        _ => Cases::Some,
    };
    ChangeClass::VERBS.map(|change| (change.as_str(), of(change)))
}

/// Whether a rule lets a location change, with everything below it.
pub fn may_change(rule: &Rule, steps: &[Step]) -> MayChange {
    Answer::new(rule, steps, None).may_change
}

#[derive(Clone, Copy)]
enum Certainty {
    Certain,
    Possible,
}

impl<'r> Answer<'r> {
    pub(crate) fn new(rule: &'r Rule, steps: &[Step], requester: Option<&Requester<'_>>) -> Self {
        let is_theirs = |by: &Requesters| {
            requester.is_none_or(|requester| by.contains(requester.user, &requester.groups))
        };
        let entries = match requester {
            None => Entries::all(rule),
            Some(_) => Entries::new(rule, is_theirs),
        };
        let trace = Trace::new(rule, steps);
        let protected_by = trace.covering.iter().flat_map(Cursor::protected);
        let protected_by: Vec<&Protection> =
            protected_by.filter_map(|index| rule.protected().get(index)).collect();
        let is_protected = !protected_by.is_empty();
        let is_owned = trace.covering.iter().any(Cursor::is_owned);
        let entries = if is_protected { entries.of_every_rule() } else { entries };
        let list_key = PairingKey::find(rule, &entries, steps);
        let protected = if is_protected || steps.is_empty() {
            Vec::new()
        } else {
            // Another key is another element, with all that is in it.
            let below = if list_key.is_some() { steps.len() - 2 } else { steps.len() };
            trace.protected(rule, below)
        };
        let is_partly_protected = trace.meeting.last().is_some_and(Cursor::is_protected);
        let certain = if is_partly_protected { &entries.of_every_rule() } else { &entries };
        let mut certain = Permits::of(rule, certain, steps, Cursor::step_for_all);
        if let Some(list_key) = &list_key {
            certain = list_key.certain();
        }
        let (mut related, mut for_others) = (Vec::new(), Vec::new());
        for (index, relation) in trace.related() {
            let Some(entry) = rule.entries.get(index) else { continue };
            match entries.get(index) {
                // What every rule has says nothing of the object as a whole.
                Some(_) if entry.is_documented() || !steps.is_empty() => {
                    related.push(Related { relation, entry: entry.clone() });
                }
                None if entry.is_documented() && !is_protected => {
                    for_others.push(for_others_text(entry));
                }
                _ => {}
            }
        }
        related.sort_by_key(|related| related.relation);
        let mut answer = Self {
            rule,
            may_change: MayChange::No,
            only_where: only_where(rule),
            is_owned,
            protected_by,
            is_exempt: requester
                .is_some_and(|requester| rule.exempt().contains(requester.user, &requester.groups)),
            is_narrowed: requester.is_some(),
            notes: for_others,
            certain,
            possible: Permits::of(rule, &entries, steps, Cursor::step_for_some),
            list_key,
            protected,
            entries: related,
            compared: trace.compared(rule, steps),
            nearby: Vec::new(),
        };
        answer.may_change = answer.judged(&trace, steps);
        answer.note(steps, requester);
        if answer.may_change == MayChange::No && !is_protected {
            answer.nearby = nearby(rule, steps);
        }
        answer
    }

    fn judged(&self, trace: &Trace<'_>, steps: &[Step]) -> MayChange {
        let is_below = self.entries.iter().any(|related| related.relation == Relation::Below);
        let is_certain =
            |change: &ChangeClass| self.formula(*change, Certainty::Certain).is_always();
        let is_keyed = || trace.meeting.last().is_some_and(Cursor::leads_to_keyed_list);
        let is_whole =
            self.protected.is_empty() && (is_certain(&ChangeClass::Replace) || !is_keyed());
        let is_swapped = self.list_key.as_ref().is_some_and(|list_key| !list_key.swap.is_never());
        if !steps.is_empty() && is_whole && ChangeClass::VERBS.iter().all(is_certain) {
            MayChange::Yes
        } else if is_below
            || is_swapped
            || ChangeClass::ALL.iter().any(|change| !self.possible.get(*change).is_never())
        {
            MayChange::Partly
        } else {
            MayChange::No
        }
    }

    fn note(&mut self, steps: &[Step], requester: Option<&Requester<'_>>) {
        if self.is_owned {
            self.may_change = MayChange::Yes;
            self.notes.push("the API server writes it: never taken for a change".to_owned());
        }
        let is_label =
            |protection: &&Protection| protection.origin == ProtectionOrigin::ObjectSelector;
        if self.protected_by.iter().any(is_label) {
            self.notes.push(
                "protected, since the objectSelector names this label: an update could \
                             else leave the rule"
                    .to_owned(),
            );
        }
        let listed = paths(&self.protected_by, ProtectionOrigin::Listed);
        if !listed.is_empty() {
            let listed = quoted(&listed, ", ");
            self.notes.push(format!("protected by {listed}: no entry of `mutable` applies there"));
        }
        let labels: Vec<&str> = self
            .protected
            .iter()
            .filter(|protection| is_label(protection))
            .filter_map(|protection| protection.path.last_name())
            .collect();
        if !labels.is_empty() {
            let labels = quoted(&labels, ", ");
            self.notes.push(format!(
                "protected labels, since the objectSelector names them: {labels}; an \
                               update could else leave the rule"
            ));
        }
        let listed = paths(&self.protected, ProtectionOrigin::Listed);
        if !listed.is_empty() {
            let listed = quoted(&listed, ", ");
            self.notes.push(format!("protected: {listed}"));
        }
        if let Some(list_key) = &self.list_key {
            self.notes.push(list_key.note());
        }
        let finalizers = ["metadata", "finalizers"].map(|name| Step::Name(name.to_owned()));
        if meets(steps, &finalizers) && !steps.is_empty() {
            self.may_change = self.may_change.max(MayChange::Partly);
            self.notes.push(
                "while the object is being deleted, anybody may take finalizers away".to_owned(),
            );
        }
        let hidden = |path: &Path| path.steps().len() <= steps.len() && meets(path.steps(), steps);
        if self.rule.sensitive().iter().any(hidden) {
            self.notes.push("sensitive: its values are never shown".to_owned());
        }
        let exempt = self.rule.exempt();
        if self.is_exempt {
            self.may_change = MayChange::Yes;
            self.notes.push(
                "this requester is exempt and may change anything, which is recorded".to_owned(),
            );
        } else if requester.is_none() && *exempt != Requesters::default() {
            self.notes.push(format!("exempt, so they may change anything: {}", who(exempt)));
        }
    }

    fn formula(&self, change: ChangeClass, bound: Certainty) -> &Formula {
        let permits = match (bound, &self.list_key) {
            (Certainty::Possible, Some(list_key)) if change == ChangeClass::Modify => {
                return &list_key.modify;
            }
            (Certainty::Possible, _) => &self.possible,
            (Certainty::Certain, _) => &self.certain,
        };
        permits.get(change)
    }

    /// Changes that are permitted in the same cases, and these cases; in the order of the
    /// documentation.
    pub(crate) fn permitted(&self) -> Vec<Permitted> {
        let mut found: Vec<Permitted> = Vec::new();
        let mut add = |change: ChangeClass, instead: &[ChangeClass]| {
            let (certain, possible) = (
                self.formula(change, Certainty::Certain),
                self.formula(change, Certainty::Possible),
            );
            let is_said = instead.iter().any(|other| {
                self.formula(*other, Certainty::Certain) == certain
                    && self.formula(*other, Certainty::Possible) == possible
            });
            if possible.is_never() || is_said || self.is_owned {
                return;
            }
            let mut cases = match (&self.list_key, certain == possible, certain.is_never()) {
                (_, true, _) => certain.to_string(),
                (Some(list_key), ..) if list_key.is_exact => list_key.cases(
                    change,
                    if change == ChangeClass::Modify {
                        self.possible.get(change)
                    } else {
                        possible
                    },
                ),
                (_, _, true) => format!("{possible}; only some of these locations"),
                (_, _, false) => format!("{certain}; at some of these locations {possible}"),
            };
            if !self.protected.is_empty() && !certain.is_never() {
                let is_label = |protection: &&Protection| {
                    protection.origin == ProtectionOrigin::ObjectSelector
                };
                cases += if self.protected.iter().all(is_label) {
                    "; but not of the protected labels"
                } else {
                    "; but not of what is protected"
                };
            }
            match found.iter_mut().find(|other| other.cases == cases) {
                Some(same) => same.changes.push(change.as_str()),
                None => found.push(Permitted { changes: vec![change.as_str()], cases }),
            }
        };
        for change in ChangeClass::VERBS {
            add(change, &[]);
        }
        add(ChangeClass::SetContainer, &[ChangeClass::Set]);
        add(ChangeClass::ClearContainer, &[ChangeClass::Clear]);
        add(ChangeClass::Appear, &[ChangeClass::SetContainer]);
        add(ChangeClass::Vanish, &[ChangeClass::ClearContainer]);
        found
    }

    pub(crate) fn is_protected(&self) -> bool {
        !self.protected_by.is_empty()
    }

    pub(crate) fn is_owned(&self) -> bool {
        self.is_owned
    }

    /// Those of the five that are permitted to nobody. `AddItem` lets a list appear and
    /// `RemoveItem` lets it vanish, so then only scalars may not.
    pub(crate) fn refused(&self) -> Vec<&'static str> {
        let never = |change| self.formula(change, Certainty::Possible).is_never();
        let name = |change: ChangeClass| match change {
            ChangeClass::Set if !never(ChangeClass::SetContainer) => "Set as a scalar",
            ChangeClass::Clear if !never(ChangeClass::ClearContainer) => "Clear of a scalar",
            other => other.as_str(),
        };
        let refused = ChangeClass::VERBS.into_iter().filter(|change| never(*change));
        if self.is_owned { Vec::new() } else { refused.map(name).collect() }
    }
}

fn paths(protected: &[&Protection], origin: ProtectionOrigin) -> Vec<String> {
    let of_origin = protected.iter().filter(|protection| protection.origin == origin);
    of_origin.map(|protection| protection.path.to_string()).collect()
}

fn for_others_text(entry: &Entry) -> String {
    let by = entry.by.as_ref().map(who).unwrap_or_default();
    format!("for others: {} for {by}", shown(&entry.path))
}

/// What the rule says of the locations that were asked for, and of those above, from the root down.
struct Trace<'r> {
    /// Of all of them.
    covering: Vec<Cursor<'r>>,
    /// Of some of them.
    meeting: Vec<Cursor<'r>>,
}

impl<'r> Trace<'r> {
    fn new(rule: &'r Rule, steps: &[Step]) -> Self {
        let walk = |step: fn(&Cursor<'r>, &Step) -> Cursor<'r>| {
            let mut cursors = vec![Cursor::root(rule)];
            for at in steps {
                cursors.extend(cursors.last().map(|cursor| step(cursor, at)));
            }
            cursors
        };
        Self { covering: walk(Cursor::step_for_all), meeting: walk(Cursor::step_for_some) }
    }

    /// The entries that have to do with the locations, by index.
    fn related(&self) -> BTreeMap<usize, Relation> {
        let below = self.meeting.last().map(Cursor::entries_here_or_below).unwrap_or_default();
        let ends = |cursors: &[Cursor<'r>], relation: Relation| -> Vec<(usize, Relation)> {
            let entries = cursors.iter().flat_map(|cursor| cursor.entries().collect::<Vec<_>>());
            entries.map(|index| (index, relation)).collect()
        };
        // The last one that is taken in counts.
        let all = below.into_iter().map(|index| (index, Relation::Below));
        all.chain(ends(&self.meeting, Relation::CoversSome))
            .chain(ends(&self.covering, Relation::Covers))
            .collect()
    }

    /// What is protected at some of the locations or above, or below those after so many steps.
    fn protected(&self, rule: &'r Rule, steps: usize) -> Vec<&'r Protection> {
        let above = self.meeting.iter().flat_map(Cursor::protected);
        let below = self.meeting.get(steps).map(Cursor::protected_here_or_below);
        let all: BTreeSet<usize> = above.chain(below.unwrap_or_default()).collect();
        all.into_iter().filter_map(|index| rule.protected().get(index)).collect()
    }

    /// What a type that is declared above says of the location.
    fn by_type(&self, steps: &[Step]) -> Option<String> {
        let here = self.meeting.last()?;
        let typed = here.typed().filter(|_| here.declared_type().is_none())?;
        let compared = expanded::compared(typed).join(", ");
        (!compared.is_empty()).then(|| format!("{}: {compared} by its type", written(steps)))
    }

    /// The equality declared here and above; for the whole object everywhere.
    fn compared(&self, rule: &Rule, steps: &[Step]) -> Vec<String> {
        let orders: BTreeSet<usize> = match self.meeting.as_slice() {
            [_] => (0..rule.equality().len()).collect(),
            cursors => cursors.iter().flat_map(Cursor::equalities).collect(),
        };
        let declared = orders.into_iter().filter_map(|order| rule.equality().get(order));
        declared
            .flat_map(Declaration::all_of)
            .map(|declared| format!("{}: {}", shown(&declared.path), equality(&declared.equal)))
            .chain(self.by_type(steps))
            .collect()
    }
}

/// The entries whose paths have most steps in common with the location; all if none has any.
fn nearby(rule: &Rule, steps: &[Step]) -> Vec<String> {
    let common = |entry: &&Entry| {
        entry.path.steps().iter().zip(steps).take_while(|(own, at)| own.meets(at)).count()
    };
    let most = rule.present_entries().map(|entry| common(&entry)).max().unwrap_or_default();
    let mut paths: Vec<String> = Vec::new();
    for entry in rule.present_entries().filter(|entry| common(entry) == most) {
        let path = shown(&entry.path);
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// What the rule's registration asks for besides the resource.
fn only_where(rule: &Rule) -> Vec<String> {
    let namespace = selector(rule.namespace_selector())
        .into_iter()
        .map(|label| format!("the namespace has {label}"));
    let object = selector(rule.object_selector()).into_iter().collect::<Vec<_>>().join(", ");
    let object = (!object.is_empty()).then(|| format!("the object has, before or after, {object}"));
    let conditions = rule.match_conditions().iter().map(|condition| {
        format!("`{}` ({})", one_line(&condition.expression), escape_control(&condition.name))
    });
    namespace.chain(object).chain(conditions).collect()
}

pub(crate) fn who(by: &Requesters) -> String {
    escape_control(&by.to_string())
}
