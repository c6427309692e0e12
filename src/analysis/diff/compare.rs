//! Two rules side by side: every class of locations that either tells apart is visited once, and
//! what both permit there is compared.
//!
//! A rule names members and elements, prefixes of members, and all of them; so the members of an
//! object fall into few classes: each one named, each prefix (but those named), all others. What
//! the rules say of one location of a class they say of all.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::difference::{Container, Difference, Direction, Permission};
use crate::analysis::symbolic::{Above, ChangeClass, Entries, Formula, LocalFormulas, Permits};
use crate::analysis::words::equality;
use crate::engine::{Cursor, DeclaredEquality, Equal, Path, Rule, Step, TypeName};

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
pub(crate) fn compare(before: &Rule, after: &Rule) -> Result<Vec<Difference>, TooMany> {
    let root = [before, after].map(|rule| LocationClass::at(Cursor::root(rule)));
    let sides = [before, after].map(|rule| {
        let entries = Entries::all(rule);
        RuleSide { rule, lifecycle: entries.of_every_rule(), entries }
    });
    let mut walk = ClassWalk { sides, path: Vec::new(), classes: 0 };
    walk.below(&root).map(|below| below.differences)
}

struct RuleSide<'r> {
    rule: &'r Rule,
    entries: Entries,
    /// Those that permit a change of what is protected too.
    lifecycle: Entries,
}

/// A class of locations, as one of the rules has it.
struct LocationClass<'r> {
    cursor: Cursor<'r>,
    permits: Permits,
    /// What it hands down.
    above: Above,
}

impl<'r> LocationClass<'r> {
    fn at(cursor: Cursor<'r>) -> Self {
        Self { cursor, permits: Permits::default(), above: Above::default() }
    }
}

struct ClassesBelow<'r> {
    differences: Vec<Difference>,
    items: Vec<(Step, [LocationClass<'r>; 2])>,
}

struct ClassWalk<'r> {
    sides: [RuleSide<'r>; 2],
    path: Vec<Step>,
    classes: usize,
}

impl<'r> ClassWalk<'r> {
    /// The differences at all classes right below one, and further down.
    fn below(&mut self, parent: &[LocationClass<'r>; 2]) -> Result<ClassesBelow<'r>, TooMany> {
        let depth = self.path.len();
        let mut items = Vec::new();
        let mut found: Vec<(Step, Vec<Difference>)> = Vec::new();
        for step in classes_below(parent) {
            self.classes += 1;
            if self.classes > MOST_CLASSES {
                return Err(TooMany);
            }
            self.path.push(step.clone());
            let mut class = parent
                .each_ref()
                .map(|parent| LocationClass::at(parent.cursor.step_for_all(&step)));
            let differences = self.at(&mut class, parent)?;
            self.path.pop();
            found.push((step.clone(), differences));
            items.push((step, class));
        }
        Ok(ClassesBelow { differences: merged(&found, depth), items })
    }

    fn at(
        &mut self,
        class: &mut [LocationClass<'r>; 2],
        parent: &[LocationClass<'r>; 2],
    ) -> Result<Vec<Difference>, TooMany> {
        if class.iter().any(|side| side.cursor.is_owned()) {
            return Ok(Vec::new());
        }
        for ((own, side), parent) in class.iter_mut().zip(&self.sides).zip(parent) {
            let is_protected = own.cursor.is_protected();
            let entries = if is_protected { &side.lifecycle } else { &side.entries };
            let local = LocalFormulas::at(&own.cursor, self.path.len(), entries);
            let inherits = is_protected == parent.cursor.is_protected();
            let above = if inherits { &parent.above } else { &Above::default() };
            (own.permits, own.above) = Permits::at(above, local);
        }
        let protected = class.each_ref().map(|side| side.cursor.is_protected());
        let mut differences: Vec<Difference> = Vec::new();
        // Below what may become anything it does not matter how values compare, but for what is
        // left out, and so vanishes from above.
        let is_free = parent.iter().all(|side| side.above.whole.is_always())
            && protected == [false; 2]
            && !self.may_be_left_out();
        let declared = class.each_ref().map(|side| side.cursor.declared_by_lines());
        let types = class.each_ref().map(|side| side.cursor.declared_type());
        if (declared[0] != declared[1] || types[0] != types[1]) && !is_free {
            differences.push(Difference::Compared {
                path: self.path.clone(),
                others: false,
                before: comparison(types[0], &declared[0]),
                after: comparison(types[1], &declared[1]),
            });
        }
        let below = self.below(class)?;
        // What one of the two protects inherits nothing there.
        let inherits = protected[0] == protected[1]
            || parent.each_ref().map(|side| side.cursor.is_protected()) == protected;
        differences.extend(self.permissions(class, inherits.then_some(parent), &below));
        differences.extend(below.differences);
        Ok(differences)
    }

    fn may_be_left_out(&self) -> bool {
        self.sides.iter().any(|side| {
            let mut at = Cursor::root(side.rule);
            self.path.iter().any(|step| {
                at = at.step_for_some(step);
                at.declared().may_be_left_out()
            })
        })
    }

    fn permissions(
        &self,
        class: &[LocationClass<'r>; 2],
        parent: Option<&[LocationClass<'r>; 2]>,
        below: &ClassesBelow<'r>,
    ) -> Vec<Difference> {
        let is_keyed = class.iter().any(|side| side.cursor.declared().key.is_some());
        let handed_down = parent.and_then(|[before, after]| {
            Direction::between(&before.above.granted, &after.above.granted)
        });
        let mut found: Vec<Permission> = Vec::new();
        let [before, after] = class.each_ref().map(|side| &side.permits);
        for change in ChangeClass::ALL {
            let (before, after) = (before.get(change), after.get(change));
            let Some(direction) = Direction::between(before, after) else { continue };
            let wider = parent.and_then(|parent| {
                direction.wider(parent.each_ref()).zip(direction.wider([before, after]))
            });
            let is_inherited = wider.is_some_and(|(parent, own)| match change {
                ChangeClass::Replace => {
                    handed_down == Some(direction) && *own == parent.above.whole
                }
                _ => *own == parent.above.granted,
            });
            let unless = below.unless(change, direction, is_keyed, class);
            let is_said = |other: &Permission| {
                other.before == *before && other.after == *after && other.unless.is_none()
            };
            let follows = match change {
                ChangeClass::SetContainer | ChangeClass::ClearContainer => {
                    found.iter().any(is_said)
                }
                ChangeClass::Appear | ChangeClass::Vanish => {
                    found.iter().any(is_said) || below.differ(direction)
                }
                ChangeClass::Replace => !is_keyed || found.iter().any(is_said),
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
                    except: self.narrower(direction),
                    unless,
                    ..Permission::new(&self.path, change, direction, [before, after])
                }),
            }
        }
        for (before, after) in before.within.iter().zip(&after.within) {
            let formulas = [&before.formula, &after.formula];
            let Some(direction) = Direction::between(formulas[0], formulas[1]) else { continue };
            let is_inherited = direction
                .wider([before, after])
                .is_some_and(|within| within.formula == within.inherited);
            let is_said = |other: &Permission| {
                other.direction == direction || other.direction == Direction::Other
            };
            let follows = before.is_intermediate && below.differ(direction);
            if !is_inherited && !follows && !found.iter().any(is_said) {
                found.push(Permission::new(&self.path, before.change, direction, formulas));
            }
        }
        found.into_iter().map(Difference::Permission).collect()
    }

    /// The entries below on the side that permits less here: there nothing changes.
    fn narrower(&self, direction: Direction) -> Vec<Path> {
        let Some([side, _]) = direction.ascending(self.sides.each_ref()) else {
            return Vec::new();
        };
        if Cursor::of_all(side.rule, &self.path).is_protected() {
            return Vec::new();
        }
        let here = Cursor::of_some(side.rule, &self.path);
        let ends: BTreeSet<usize> = here.entries().collect();
        let below = here.entries_here_or_below().into_iter().filter(|index| !ends.contains(index));
        let entries = below.filter_map(|index| side.rule.entries.get(index));
        let mut paths: Vec<Path> = Vec::new();
        for entry in entries.filter(|entry| entry.is_documented()) {
            if !paths.contains(&entry.path) {
                paths.push(entry.path.clone());
            }
        }
        paths
    }
}

impl ClassesBelow<'_> {
    /// Whether a permission further down differs in this direction, or depends otherwise.
    fn differ(&self, direction: Direction) -> bool {
        let mut directions = self.differences.iter().filter_map(Difference::direction);
        directions.any(|other| other == direction || other == Direction::Other)
    }

    /// What the location is where its items say of a change what it no longer, or not yet, says
    /// itself.
    fn unless(
        &self,
        change: ChangeClass,
        direction: Direction,
        is_keyed: bool,
        class: &[LocationClass<'_>; 2],
    ) -> Option<Container> {
        let [narrow, wide] = direction.ascending(class.each_ref().map(|side| &side.permits))?;
        let parts = |side: &LocationClass<'_>| match change {
            ChangeClass::AddItem | ChangeClass::SetContainer => {
                [ChangeClass::Set, ChangeClass::SetContainer]
                    .map(|change| side.permits.get(change).clone())
            }
            ChangeClass::RemoveItem | ChangeClass::ClearContainer => {
                [ChangeClass::Clear, ChangeClass::ClearContainer]
                    .map(|change| side.permits.get(change).clone())
            }
            _ => [side.above.granted.clone(), Formula::default()],
        };
        let is_covered = |class: &[LocationClass<'_>; 2]| {
            direction.ascending(class.each_ref().map(parts)).is_some_and(|[narrow, wide]| {
                narrow.iter().zip(&wide).all(|(narrow, wide)| narrow.covers(wide))
            })
        };
        let is_said = |all: &Step, holds: fn(&Step) -> bool| {
            let mut those = self.items.iter().filter(|(step, _)| holds(step));
            self.items.iter().any(|(step, _)| step == all)
                && those.all(|(_, class)| is_covered(class))
        };
        match change {
            ChangeClass::AddItem | ChangeClass::RemoveItem | ChangeClass::Modify
                if is_said(&Step::AnyMember, Step::is_member) =>
            {
                Some(Container::Map)
            }
            // As an intermediate object, with what its members say for themselves.
            ChangeClass::SetContainer
                if !narrow.get(ChangeClass::AddItem).is_never()
                    || !narrow.get(ChangeClass::Appear).covers(wide.get(change)) =>
            {
                None
            }
            ChangeClass::ClearContainer
                if !narrow.get(ChangeClass::RemoveItem).is_never()
                    || !narrow.get(ChangeClass::Vanish).covers(wide.get(change)) =>
            {
                None
            }
            ChangeClass::SetContainer | ChangeClass::ClearContainer => {
                is_said(&Step::AnyMember, Step::is_member).then_some(Container::Map)
            }
            // The order of a keyed list is its own.
            ChangeClass::Modify if is_keyed => None,
            ChangeClass::AddItem | ChangeClass::RemoveItem | ChangeClass::Modify
                if is_said(&Step::AnyElement, |step| !step.is_member()) =>
            {
                Some(Container::List)
            }
            _ => None,
        }
    }
}

/// The steps that stand for the classes of children that either rule tells apart, the widest last.
fn classes_below(class: &[LocationClass<'_>; 2]) -> Vec<Step> {
    let steps: BTreeSet<Step> = class.iter().flat_map(|side| side.cursor.all_steps()).collect();
    let mut steps: Vec<Step> = steps.into_iter().collect();
    steps.sort_by_key(|step| matches!(step, Step::AnyMember | Step::AnyElement));
    steps
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

fn comparison(type_name: Option<TypeName>, declared: &DeclaredEquality<'_>) -> String {
    let key = declared.key.map(|key| Equal::Key(Arc::new(key.clone())));
    let absent = declared.absent_as.map(|value| Equal::AbsentAs(value.clone()));
    let all = [type_name.map(Equal::Type), key, declared.compare_as.map(Equal::from), absent];
    let parts: Vec<String> = all.iter().flatten().map(equality).collect();
    if parts.is_empty() { "exactly".to_owned() } else { parts.join(", ") }
}

impl Direction {
    /// None if nothing differs.
    fn between(before: &Formula, after: &Formula) -> Option<Self> {
        match (before.covers(after), after.covers(before)) {
            (true, true) => None,
            (false, true) => Some(Self::Gained),
            (true, false) => Some(Self::Lost),
            (false, false) => Some(Self::Other),
        }
    }

    /// The side that permits less, then the one that permits more; none if neither does.
    fn ascending<T>(self, [before, after]: [T; 2]) -> Option<[T; 2]> {
        match self {
            Self::Gained => Some([before, after]),
            Self::Lost => Some([after, before]),
            Self::Other => None,
        }
    }

    fn wider<T>(self, sides: [T; 2]) -> Option<T> {
        self.ascending(sides).map(|[_, wider]| wider)
    }
}
