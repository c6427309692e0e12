//! Two rules side by side: every class of locations that either tells apart is visited once, and
//! what both permit there is compared.
//!
//! A rule names members and elements, prefixes of members, and all of them; so the members of an
//! object fall into few classes: each one named, each prefix (but those named), all others. What
//! the rules say of one location of a class they say of all.

use std::collections::BTreeSet;

use super::difference::{Container, Difference, Direction, Permission};
use crate::analysis::symbolic::{Above, Change, Formula, LocalPermissions, Permits};
use crate::engine::{Declaration, Entry, Equal, OWNED, Path, Rule, Step};

/// More classes than any rule written by hand has.
const MOST_CLASSES: usize = 100_000;

/// The two rules tell too many classes of locations apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected rules with at most {MOST_CLASSES} different kinds of locations, found more; use \
     fewer wildcards"
)]
pub struct TooMany;

/// What the entries and equalities of `after` permit and refuse otherwise than those of `before`.
///
/// # Errors
/// Rules with so many overlapping wildcards that they cannot be compared.
pub(crate) fn compare(before: &Rule, after: &Rule) -> Result<Vec<Difference>, TooMany> {
    let sides = [before, after].map(Side::of);
    let every = |side: &Side<'_>| (0..side.items.len()).collect::<Vec<_>>();
    let root = Class {
        active: [every(&sides[0]), every(&sides[1])],
        above: Default::default(),
        protected: [false; 2],
    };
    let mut walk = Walk { sides, path: Vec::new(), classes: 0 };
    walk.below(&root).map(|below| below.differences)
}

/// Everything that a rule says of locations.
struct Side<'r> {
    items: Vec<Item<'r>>,
}

struct Item<'r> {
    steps: Vec<Step>,
    says: Says<'r>,
}

enum Says<'r> {
    Entry(&'r Entry),
    Declared(Declaration),
    /// A label that the objectSelector names.
    Protected,
}

impl<'r> Side<'r> {
    fn of(rule: &'r Rule) -> Self {
        let entries = rule
            .entries()
            .chain(rule.lifecycle_entries())
            .map(|entry| (entry.path.steps().to_vec(), Says::Entry(entry)));
        let declared =
            rule.declarations().map(|entry| (entry.path.steps().to_vec(), Says::Declared(entry)));
        let label = |label: &str| {
            ["metadata", "labels", label].map(|name| Step::Name(name.to_owned())).to_vec()
        };
        let labels = rule.protected_labels().map(|name| (label(name), Says::Protected));
        let items = entries.chain(declared).chain(labels);
        Self {
            items: items
                .map(|(steps, says)| Item {
                    steps: steps.into_iter().map(one_form).collect(),
                    says,
                })
                .collect(),
        }
    }

    fn items<'s>(&'s self, active: &'s [usize]) -> impl Iterator<Item = (usize, &'s Item<'r>)> {
        active.iter().filter_map(|index| Some((*index, self.items.get(*index)?)))
    }
}

/// `['*']` and `.*` select the same.
fn one_form(step: Step) -> Step {
    match step {
        Step::Prefix(prefix) if prefix.is_empty() => Step::AnyMember,
        step => step,
    }
}

/// A class of locations: what speaks of it on each side, and what it inherits.
struct Class {
    active: [Vec<usize>; 2],
    above: [Above; 2],
    /// Below a label that no update may change.
    protected: [bool; 2],
}

/// What differs at a class of locations and below, and what both sides permit of its items.
struct Found {
    differences: Vec<Difference>,
    items: Vec<(Step, [Reach; 2])>,
}

struct Walk<'r> {
    sides: [Side<'r>; 2],
    path: Vec<Step>,
    classes: usize,
}

impl Walk<'_> {
    /// The differences at all classes right below one, and further down.
    fn below(&mut self, class: &Class) -> Result<Found, TooMany> {
        let depth = self.path.len();
        let mut items = Vec::new();
        let mut found: Vec<(Step, Vec<Difference>)> = Vec::new();
        for step in self.classes_below(class) {
            self.classes += 1;
            if self.classes > MOST_CLASSES {
                return Err(TooMany);
            }
            let going = |side: &Side<'_>, active: &[usize]| -> Vec<usize> {
                let goes =
                    |item: &Item<'_>| item.steps.get(depth).is_some_and(|own| step.within(own));
                side.items(active).filter(|(_, item)| goes(item)).map(|(index, _)| index).collect()
            };
            let active =
                [going(&self.sides[0], &class.active[0]), going(&self.sides[1], &class.active[1])];
            self.path.push(step.clone());
            let (differences, reach) = self.at(active, class)?;
            self.path.pop();
            found.push((step.clone(), differences));
            items.push((step, reach));
        }
        Ok(Found { differences: merged(&found, depth), items })
    }

    /// The steps that stand for the classes of children that either rule tells apart, the widest
    /// last.
    fn classes_below(&self, class: &Class) -> Vec<Step> {
        let depth = self.path.len();
        let sides = self.sides.iter().zip(&class.active);
        let steps: BTreeSet<Step> = sides
            .flat_map(|(side, active)| side.items(active))
            .filter_map(|(_, item)| item.steps.get(depth).cloned())
            .collect();
        let mut steps: Vec<Step> = steps.into_iter().collect();
        steps.sort_by_key(|step| matches!(step, Step::AnyMember | Step::AnyElement));
        steps
    }

    fn at(
        &mut self,
        active: [Vec<usize>; 2],
        parent: &Class,
    ) -> Result<(Vec<Difference>, [Reach; 2]), TooMany> {
        if is_owned(&self.path) {
            return Ok(Default::default());
        }
        let depth = self.path.len();
        let mut protected = parent.protected;
        let mut permits: [Permits; 2] = Default::default();
        let mut above: [Above; 2] = Default::default();
        let mut declared: [Declared; 2] = Default::default();
        for ((side, active), (protected, (permits, (above, (declared, inherited))))) in
            self.sides.iter().zip(&active).zip(
                protected.iter_mut().zip(
                    permits
                        .iter_mut()
                        .zip(above.iter_mut().zip(declared.iter_mut().zip(&parent.above))),
                ),
            )
        {
            let mut own = LocalPermissions::default();
            for (_, item) in side.items(active) {
                match (&item.says, item.steps.len() == depth) {
                    (Says::Entry(entry), true) => own.ends(entry, depth),
                    (Says::Entry(entry), false) => own.passes(entry, depth),
                    (Says::Declared(entry), true) => declared.take(&entry.equal),
                    (Says::Protected, true) => *protected = true,
                    (Says::Declared(_) | Says::Protected, false) => {}
                }
            }
            if !*protected {
                (*permits, *above) = Permits::at(inherited, own);
            }
        }
        let mut differences: Vec<Difference> = Vec::new();
        // Below what may become anything it does not matter how values compare, but for what is
        // left out, and so vanishes from above.
        let is_free = |above: &Above| above.whole.is_always();
        let is_free =
            parent.above.iter().all(is_free) && protected == [false; 2] && !self.may_be_left_out();
        if declared[0] != declared[1] && !is_free {
            let [before, after] = [&declared[0], &declared[1]].map(ToString::to_string);
            differences.push(Difference::Compared {
                path: self.path(),
                others: false,
                before,
                after,
            });
        }
        let is_keyed = declared.iter().any(|declared| declared.key.is_some());
        let reach = [0, 1].map(|side: usize| Reach {
            permits: permits.get(side).cloned().unwrap_or_default(),
            granted: above.get(side).map(|above| above.granted.clone()).unwrap_or_default(),
        });
        let below = self.below(&Class { active, above, protected })?;
        // A label that one of the two protects inherits nothing there.
        let inherits = protected[0] == protected[1] || parent.protected == protected;
        differences.extend(self.permissions(
            &permits,
            inherits.then_some(&parent.above),
            is_keyed,
            &below,
        ));
        differences.extend(below.differences);
        Ok((differences, reach))
    }

    /// Whether something that leads here or ends above is left out for some value.
    fn may_be_left_out(&self) -> bool {
        let items = self.sides.iter().flat_map(|side| &side.items);
        items
            .filter(|item| {
                matches!(&item.says, Says::Declared(entry) if matches!(entry.equal,
                Equal::AbsentAs(_)))
            })
            .any(|item| {
                item.steps.len() <= self.path.len()
                    && item.steps.iter().zip(&self.path).all(|(own, at)| own.meets(at))
            })
    }

    fn permissions(
        &self,
        permits: &[Permits; 2],
        above: Option<&[Above; 2]>,
        is_keyed: bool,
        below: &Found,
    ) -> Vec<Difference> {
        let handed_down =
            above.and_then(|[before, after]| Direction::of(&before.granted, &after.granted));
        let mut found: Vec<Permission> = Vec::new();
        let [before, after] = permits;
        for ((change, before), (_, after)) in before.named().into_iter().zip(after.named()) {
            let Some(direction) = Direction::of(before, after) else { continue };
            let is_inherited = match (change, direction) {
                (Change::Replace, Direction::Gained) => {
                    handed_down == Some(direction)
                        && above.is_some_and(|[_, above]| *after == above.whole)
                }
                (Change::Replace, Direction::Lost) => {
                    handed_down == Some(direction)
                        && above.is_some_and(|[above, _]| *before == above.whole)
                }
                (_, Direction::Gained) => above.is_some_and(|[_, above]| *after == above.granted),
                (_, Direction::Lost) => above.is_some_and(|[above, _]| *before == above.granted),
                (_, Direction::Other) => false,
            };
            let unless = below.unless(change, direction, is_keyed, permits);
            let is_said = |other: &Permission| {
                other.before == *before && other.after == *after && other.unless.is_none()
            };
            let follows = match change {
                Change::SetContainer | Change::ClearContainer => found.iter().any(is_said),
                Change::Appear | Change::Vanish => {
                    let same = |other: &Difference| {
                        other
                            .direction()
                            .is_some_and(|other| other == direction || other == Direction::Other)
                    };
                    found.iter().any(is_said) || below.differences.iter().any(same)
                }
                Change::Replace => !is_keyed || found.iter().any(is_said),
                _ => false,
            };
            if is_inherited || follows {
                continue;
            }
            let is_alike = |other: &Permission| {
                other.before == *before && other.after == *after && other.unless == unless
            };
            match found.iter_mut().find(|other| is_alike(other)) {
                Some(other) => other.changes.push(change),
                None => found.push(Permission {
                    path: self.path(),
                    others: false,
                    changes: vec![change],
                    direction,
                    before: before.clone(),
                    after: after.clone(),
                    except: self.narrower(direction),
                    unless,
                }),
            }
        }
        for (before, after) in before.within.iter().zip(&after.within) {
            let Some(direction) = Direction::of(&before.formula, &after.formula) else { continue };
            let is_inherited = match direction {
                Direction::Gained => after.formula == after.inherited,
                Direction::Lost => before.formula == before.inherited,
                Direction::Other => false,
            };
            let is_said = |other: &Permission| {
                other.direction == direction || other.direction == Direction::Other
            };
            let follows = before.is_way
                && below
                    .differences
                    .iter()
                    .any(|other| matches!(other, Difference::Permission(other) if is_said(other)));
            if is_inherited || follows || found.iter().any(is_said) {
                continue;
            }
            let (path, change) = (self.path(), before.change);
            let (before, after) = (before.formula.clone(), after.formula.clone());
            found.push(Permission {
                path,
                others: false,
                changes: vec![change],
                direction,
                before,
                after,
                except: Vec::new(),
                unless: None,
            });
        }
        found.into_iter().map(Difference::Permission).collect()
    }

    /// The entries below on the side that permits less here: there nothing changes.
    fn narrower(&self, direction: Direction) -> Vec<Path> {
        let side = match direction {
            Direction::Gained => &self.sides[0],
            Direction::Lost => &self.sides[1],
            Direction::Other => return Vec::new(),
        };
        let meets = |steps: &[Step]| {
            steps.len() > self.path.len()
                && steps.iter().zip(&self.path).all(|(own, at)| own.meets(at))
        };
        let entries = side.items.iter().filter_map(|item| match item.says {
            Says::Entry(entry) if entry.line.is_some() && meets(&item.steps) => {
                Some(entry.path.clone())
            }
            _ => None,
        });
        let mut paths: Vec<Path> = Vec::new();
        for path in entries {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    fn path(&self) -> Vec<Step> {
        self.path.clone()
    }
}

/// What one side permits at a location.
#[derive(Default)]
struct Reach {
    permits: Permits,
    /// What it hands down.
    granted: Formula,
}

impl Found {
    /// What the location is where its items say of a change what it no longer, or not yet, says
    /// itself.
    fn unless(
        &self,
        change: Change,
        direction: Direction,
        is_keyed: bool,
        permits: &[Permits; 2],
    ) -> Option<Container> {
        let [before, after] = permits;
        let (wide, narrow) =
            if direction == Direction::Gained { (before, after) } else { (after, before) };
        let parts = |reach: &Reach| match change {
            Change::AddItem | Change::SetContainer => {
                vec![reach.permits.set.clone(), reach.permits.set_container.clone()]
            }
            Change::RemoveItem | Change::ClearContainer => {
                vec![reach.permits.clear.clone(), reach.permits.clear_container.clone()]
            }
            _ => vec![reach.granted.clone()],
        };
        let is_covered = |[before, after]: &[Reach; 2]| {
            let (wide, narrow) =
                if direction == Direction::Gained { (before, after) } else { (after, before) };
            parts(wide).iter().zip(&parts(narrow)).all(|(wide, narrow)| wide.covers(narrow))
        };
        let is_said = |all: &Step, holds: fn(&Step) -> bool| {
            self.items.iter().any(|(step, _)| step == all)
                && self
                    .items
                    .iter()
                    .filter(|(step, _)| holds(step))
                    .all(|(_, reach)| is_covered(reach))
        };
        match change {
            _ if direction == Direction::Other => None,
            Change::AddItem | Change::RemoveItem | Change::Modify
                if is_said(&Step::AnyMember, Step::is_member) =>
            {
                Some(Container::Map)
            }
            // As an object on the way, with what its members say for themselves.
            Change::SetContainer
                if !wide.add.is_never() || !wide.appear.covers(&narrow.set_container) =>
            {
                None
            }
            Change::ClearContainer
                if !wide.remove.is_never() || !wide.vanish.covers(&narrow.clear_container) =>
            {
                None
            }
            Change::SetContainer | Change::ClearContainer => {
                is_said(&Step::AnyMember, Step::is_member).then_some(Container::Map)
            }
            // The order of a keyed list is its own.
            Change::Modify if is_keyed => None,
            Change::AddItem | Change::RemoveItem | Change::Modify
                if is_said(&Step::AnyElement, |step| !step.is_member()) =>
            {
                Some(Container::List)
            }
            _ => None,
        }
    }
}

/// What differs alike for a named child and for all others is said once, of all.
fn merged(found: &[(Step, Vec<Difference>)], depth: usize) -> Vec<Difference> {
    let wide: Vec<(Step, Vec<Difference>)> =
        found.iter().filter(|(step, _)| is_wide(step)).cloned().collect();
    let mut all = Vec::new();
    let mut apart: Vec<&Step> = Vec::new();
    for (step, differences) in found {
        let wider = wide.iter().find(|(wide, _)| wide != step && step.within(wide));
        let alike = |(wide, others): &(Step, Vec<Difference>)| {
            let moved: Vec<Difference> =
                differences.iter().map(|difference| difference.moved(depth, wide)).collect();
            moved == *others
        };
        if wider.is_some_and(alike) {
            continue;
        }
        if is_wide(step) && apart.iter().any(|other| other.within(step)) {
            all.extend(differences.iter().cloned().map(Difference::of_others));
        } else {
            all.extend(differences.iter().cloned());
        }
        apart.push(step);
    }
    all
}

fn is_wide(step: &Step) -> bool {
    matches!(step, Step::AnyMember | Step::AnyElement)
}

fn is_owned(path: &[Step]) -> bool {
    matches!(path, [Step::Name(metadata), Step::Name(field)] if metadata == "metadata"
        && OWNED.contains(&field.as_str()))
}

/// The equality declared of a class; of several declarations the first listed.
#[derive(Default, PartialEq)]
struct Declared {
    meaning: Option<Equal>,
    absent_as: Option<Equal>,
    key: Option<Equal>,
}

impl Declared {
    fn take(&mut self, equal: &Equal) {
        let slot = match equal {
            Equal::Quantity | Equal::Duration | Equal::Set => &mut self.meaning,
            Equal::AbsentAs(_) => &mut self.absent_as,
            Equal::Key(_) => &mut self.key,
        };
        slot.get_or_insert_with(|| equal.clone());
    }
}

impl std::fmt::Display for Declared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> =
            [&self.key, &self.meaning, &self.absent_as].into_iter().flatten().map(words).collect();
        out.write_str(&if parts.is_empty() { "exactly".to_owned() } else { parts.join(", ") })
    }
}

/// An equality in words.
pub(crate) fn words(equal: &Equal) -> String {
    match equal {
        Equal::Quantity => "as Quantity".to_owned(),
        Equal::Duration => "as Duration".to_owned(),
        Equal::Set => "as Set".to_owned(),
        Equal::AbsentAs(value) => crate::engine::escape_control(&format!("left out = {value}")),
        Equal::Key(key) => crate::engine::escape_control(&format!("elements paired by `{key}`")),
    }
}

impl Direction {
    /// None if nothing differs.
    fn of(before: &Formula, after: &Formula) -> Option<Self> {
        match (before.covers(after), after.covers(before)) {
            (true, true) => None,
            (false, true) => Some(Self::Gained),
            (true, false) => Some(Self::Lost),
            (false, false) => Some(Self::Other),
        }
    }
}
