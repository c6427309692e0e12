//! The oracle: semantics §1 written down directly, over both objects at once, so that the engine
//! has something to be compared with.
//!
//! It shares nothing with the engine: no diff, no canonical form, no matcher. Each question is put
//! to the list of entries, whose paths are compared step by step with the location at hand. Slow
//! and plain on purpose: it is to be read beside the specification.

pub(crate) mod condition;
pub(crate) mod duration;
pub(crate) mod equality;
pub(crate) mod notation;
pub(crate) mod quantity;
pub(crate) mod read;
pub(crate) mod render;
pub(crate) mod rule;
pub(crate) mod sentences;

use condition::{Asked, Sides};
use rule::{At, Entry, Location, Path, Rule, Step, User, VERBS, Verb, Who};
use serde_json::{Map, Value};

/// A sentence of the specification that can be left out, to count in how many cases it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// §5: "Setting or clearing a field may create or remove the objects above it".
    OnTheWay,
    /// §5: "Only an *object* reached by a named member, whose next path step is a member step".
    OnlyNamedObjects,
    /// §5: a condition about the value leads to an object only where it holds at a location below
    /// it.
    ConditionsOnTheWay,
    /// §5: "Verbs of all entries that reach the same location add up".
    AddingUp,
    /// §5: "An absent container counts as an empty one for its items too".
    AbsentContainer,
    /// §6: "numbers by value".
    NumbersByValue,
    /// §6: "the relative order of the elements that stay is part of the value".
    KeyedOrder,
    /// §6: "If the old list cannot be keyed it compares by position".
    OldUnkeyable,
    /// §6: "If only the new one cannot, the list counts as replaced".
    NewUnkeyable,
    /// §6: "from the leaves up".
    LeavesUp,
}

/// The violations of an update, sorted; none of them says that it is allowed.
pub(crate) fn violations(rule: &Rule, old: &Value, new: &Value, user: &User) -> Vec<Location> {
    violations_without(None, rule, old, new, user)
}

/// The same with a part of the specification left out.
pub(crate) fn violations_without(
    without: Option<Part>,
    rule: &Rule,
    old: &Value,
    new: &Value,
    user: &User,
) -> Vec<Location> {
    if rule.exempt.includes(user) {
        return Vec::new();
    }
    let active = |entry: &&Entry| entry.by.as_ref().is_none_or(|by| by.includes(user));
    let entries: Vec<Entry> =
        rule.mutable.iter().chain(&granted_by_lifecycle()).filter(active).cloned().collect();
    let deletion = &old["metadata"]["deletionTimestamp"];
    let oracle = Oracle {
        rule,
        entries,
        old,
        new,
        user,
        asked: Asked::default(),
        deleting: !deletion.is_null(),
        without,
    };
    let (old, new) = (without_owned(old), without_owned(new));
    let mut found = oracle.judge(&Vec::new(), Some(&old), Some(&new));
    let mut protected = oracle.protected(&Vec::new(), Some(&old), Some(&new));
    // What is reported already is not reported again, nor what is in it. Two members of a set may
    // stand at the same index, one on each side; if a set is protected, all of its members are.
    let is_member = |at: &Location| matches!(at.last(), Some(At::Member(_)));
    protected.violations.retain(|at| {
        let mut all = found.violations.iter();
        !all.any(|other| at.starts_with(other) && !(at == other && is_member(at)))
    });
    found.violations.retain(|at| !protected.violations.iter().any(|other| at.starts_with(other)));
    protected.reordered.retain(|at| !found.reordered.contains(at));
    let mut violations =
        [found.violations, found.reordered, protected.violations, protected.reordered].concat();
    violations.sort();
    violations
}

/// One rule, asked about one update by one requester.
struct Oracle<'a> {
    rule: &'a Rule,
    /// The entries that are there for this requester.
    entries: Vec<Entry>,
    /// Both objects as they were sent, and by whom, which conditions see.
    old: &'a Value,
    new: &'a Value,
    user: &'a User,
    asked: Asked,
    /// Whether the old object carries a deletionTimestamp.
    deleting: bool,
    without: Option<Part>,
}

/// What came out at a location and below it.
#[derive(Default)]
struct Findings {
    violations: Vec<Location>,
    /// Keyed lists whose order may not change.
    reordered: Vec<Location>,
    /// Whether there is a change that is permitted.
    permitted: bool,
}

impl Findings {
    fn whole(at: &Location) -> Self {
        Self { violations: vec![at.clone()], ..Self::default() }
    }
}

impl Oracle<'_> {
    fn has(&self, part: Part) -> bool {
        self.without != Some(part)
    }

    /// §1, and of §7 where a violation is reported. Both sides are given as seen by §6.
    fn judge(&self, at: &Location, old: Option<&Value>, new: Option<&Value>) -> Findings {
        if self.equal(at, old, new) {
            return Findings::default();
        }
        if self.permits(at, old, new) {
            let violations = self.replaced_lists(at, old, new);
            return Findings { violations, permitted: true, ..Findings::default() };
        }
        let Some(children) = self.children(at, old, new) else {
            return Findings::whole(at);
        };
        let mut found = Findings::default();
        if !children.order_kept {
            if self.verbs_at(at, (old, new)).contains(&Verb::Modify) {
                found.permitted = true;
            } else {
                found.reordered.push(at.clone());
            }
        }
        for (at, old, new) in children.each {
            let below = self.judge(&at, old, new);
            found.violations.extend(below.violations);
            found.reordered.extend(below.reordered);
            found.permitted |= below.permitted;
        }
        let on_the_way = old.is_none() || new.is_none();
        if on_the_way && found.violations.is_empty() {
            found.permitted = true;
        }
        if on_the_way && !found.permitted {
            return Findings::whole(at);
        }
        found
    }

    /// §5: whether the entries at this location, or at the container that it is an item of, permit
    /// this difference, and §3.
    fn permits(&self, at: &[At], old: Option<&Value>, new: Option<&Value>) -> bool {
        let own = self.verbs_at(at, (old, new));
        // A container that has items to compare is no member of a Set list, so it is found by its
        // name.
        let above = at
            .split_last()
            .map_or(Vec::new(), |(_, container)| self.verbs_at(container, (None, None)));
        if VERBS.iter().all(|verb| own.contains(verb)) {
            return true;
        }
        if self.finalizers_go(at, (old, new)) {
            return true;
        }
        let container = |value: &Value| value.is_object() || value.is_array();
        match (old, new) {
            (None, None) => false,
            (None, Some(new)) => {
                own.contains(&Verb::Set)
                    || above.contains(&Verb::AddItem)
                    || (container(new)
                        && own.contains(&Verb::AddItem)
                        && self.has(Part::AbsentContainer))
            }
            (Some(old), None) => {
                own.contains(&Verb::Clear)
                    || above.contains(&Verb::RemoveItem)
                    || (container(old)
                        && own.contains(&Verb::RemoveItem)
                        && self.has(Part::AbsentContainer))
            }
            (Some(old), Some(new)) => {
                let same_kind =
                    (old.is_object() && new.is_object()) || (old.is_array() && new.is_array());
                above.contains(&Verb::Modify) || (!same_kind && own.contains(&Verb::Modify))
            }
        }
    }

    /// §3: whether finalizers go while the object is being deleted.
    fn finalizers_go(&self, at: &[At], (old, new): Sides) -> bool {
        self.deleting
            && at == [At::Key("metadata".into()), At::Key("finalizers".into())]
            && drops_items(old, new)
    }

    /// §6: the lists at or below a permitted location that count as replaced, which only a bare
    /// entry at or above them permits.
    fn replaced_lists(
        &self,
        at: &Location,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Vec<Location> {
        let own = self.verbs_at(at, (old, new));
        let is_bare = VERBS.iter().all(|verb| own.contains(verb));
        let (Some(one), Some(two)) = (old, new) else { return Vec::new() };
        let same_kind = (one.is_object() && two.is_object()) || (one.is_array() && two.is_array());
        if is_bare || !same_kind || self.equal(at, old, new) {
            return Vec::new();
        }
        match self.children(at, old, new) {
            None => vec![at.clone()],
            Some(children) => children
                .each
                .iter()
                .flat_map(|(at, old, new)| self.replaced_lists(at, *old, *new))
                .collect(),
        }
    }

    /// §5: the verbs of all entries that reach the location.
    fn verbs_at(&self, at: &[At], sides: Sides) -> Vec<Verb> {
        let reaching = self.entries.iter().enumerate().filter(|(_, entry)| entry.path.reaches(at));
        let reaching = reaching
            .filter(|(number, _)| self.is_there(*number, at, sides))
            .map(|(_, entry)| entry);
        let counted = if self.has(Part::AddingUp) { usize::MAX } else { 1 };
        reaching.take(counted).flat_map(Entry::verbs).copied().collect()
    }

    /// §5: whether an object here, which one side has, counts as empty where it is absent.
    fn on_the_way(&self, at: &[At], sides: Sides) -> bool {
        let named = |path: &Path| {
            matches!(path.0[at.len() - 1], Step::Name { .. }) && path.0[at.len()].is_member()
        };
        let passing = |entry: &Entry| {
            entry.path.passes(at) && (named(&entry.path) || !self.has(Part::OnlyNamedObjects))
        };
        let mut passing = self.entries.iter().enumerate().filter(|(_, entry)| passing(entry));
        self.has(Part::OnTheWay)
            && passing.any(|(number, _)| self.is_there_below(number, at, sides))
    }

    /// §5: what differs of what is protected. There nothing is permitted but by §3, whatever the
    /// entries say; above, each child is asked, of what only one side has too.
    fn protected(&self, at: &Location, old: Option<&Value>, new: Option<&Value>) -> Findings {
        let leads = self.rule.protections().filter_map(|path| path.protects(at)).max();
        let mut found = Findings::default();
        let lifecycle = granted_by_lifecycle();
        let is_granted = |entry: &&Entry| lifecycle.contains(entry) && entry.path.reaches(at);
        if leads.is_none()
            || self.equal(at, old, new)
            || self.finalizers_go(at, (old, new))
            || self.entries.iter().any(|entry| is_granted(&entry))
        {
            return found;
        }
        if leads == Some(true) {
            let entries = self.entries.iter().filter(|entry| lifecycle.contains(entry));
            let judge = Oracle {
                entries: entries.cloned().collect(),
                asked: Asked::default(),
                without: Some(Part::OnTheWay),
                ..*self
            };
            return judge.judge(at, old, new);
        }
        if let (Some(one), Some(two)) = (old, new)
            && one.is_array() != two.is_array()
        {
            let (gone, come) = (self.protected(at, old, None), self.protected(at, None, new));
            found.violations = [gone.violations, come.violations].concat();
            return found;
        }
        let Some(children) = self.pairs(at, old, new) else { return Findings::whole(at) };
        for (at, old, new) in children.each {
            let below = self.protected(&at, old, new);
            found.violations.extend(below.violations);
            found.reordered.extend(below.reordered);
        }
        found
    }
}

/// §3: what the garbage collector and the controller manager may change.
fn granted_by_lifecycle() -> Vec<Entry> {
    let users = [
        "system:serviceaccount:kube-system:generic-garbage-collector",
        "system:kube-controller-manager",
    ];
    let by = Who { users: users.map(str::to_owned).to_vec(), ..Who::default() };
    let name = |name: &str| Step::Name { name: name.to_owned(), quoted: false };
    let entry = |field| Entry {
        path: Path(vec![name("metadata"), name(field)]),
        allow: None,
        when: None,
        by: Some(by.clone()),
    };
    vec![entry("finalizers"), entry("ownerReferences")]
}

/// §3: whether the new list is absent, or got from the old one by dropping items.
fn drops_items(old: Option<&Value>, new: Option<&Value>) -> bool {
    let Some(new) = new else { return true };
    let (Some(Value::Array(old)), Value::Array(new)) = (old, new) else { return false };
    let mut left = old.iter();
    new.iter().all(|item| left.any(|candidate| equality::exact(candidate, item)))
}

/// §3: the fields of metadata that the API server owns.
pub(crate) const OWNED: [&str; 8] = [
    "resourceVersion",
    "generation",
    "managedFields",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "uid",
];

/// §3: the object without what the API server owns.
fn without_owned(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let metadata: &mut Map<String, Value> = metadata;
        metadata.retain(|key, _| !OWNED.contains(&key.as_str()));
    }
    object
}
