//! Two rules side by side: every class of locations that either tells apart is visited once, and
//! what both permit there is compared.
//!
//! A rule names members and elements, prefixes of members, and all of them; so the members of an
//! object fall into few classes: each one named, each prefix (but those named), all others. What
//! the rules say of one location of a class they say of all.

use std::collections::BTreeSet;

use super::difference::{Container, Difference, Direction, Permission};
use crate::analysis::symbolic::{Above, ChangeClass, Entries, Formula, Own, Permits};
use crate::engine::{Cursor, Declared, Equal, Path, Rule, Step, TypeName};

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
    let root = Class { cursors: [before, after].map(Cursor::root), above: Default::default() };
    let sides = [before, after].map(|rule| Side { rule, entries: Entries::all(rule) });
    let mut walk = Walk { sides, path: Vec::new(), classes: 0 };
    walk.below(&root).map(|below| below.differences)
}

struct Side<'r> {
    rule: &'r Rule,
    entries: Entries,
}

/// A class of locations: what each rule says there, and what it inherits.
struct Class<'r> {
    cursors: [Cursor<'r>; 2],
    above: [Above; 2],
}

struct Below {
    differences: Vec<Difference>,
    items: Vec<(Step, [Summary; 2])>,
}

struct Walk<'r> {
    sides: [Side<'r>; 2],
    path: Vec<Step>,
    classes: usize,
}

impl<'r> Walk<'r> {
    /// The differences at all classes right below one, and further down.
    fn below(&mut self, class: &Class<'r>) -> Result<Below, TooMany> {
        let depth = self.path.len();
        let mut items = Vec::new();
        let mut found: Vec<(Step, Vec<Difference>)> = Vec::new();
        for step in classes_below(class) {
            self.classes += 1;
            if self.classes > MOST_CLASSES {
                return Err(TooMany);
            }
            let cursors = class.cursors.each_ref().map(|cursor| cursor.covering(&step));
            self.path.push(step.clone());
            let (differences, summary) = self.at(cursors, class)?;
            self.path.pop();
            found.push((step.clone(), differences));
            items.push((step, summary));
        }
        Ok(Below { differences: merged(&found, depth), items })
    }

    fn at(
        &mut self,
        cursors: [Cursor<'r>; 2],
        parent: &Class<'r>,
    ) -> Result<(Vec<Difference>, [Summary; 2]), TooMany> {
        if cursors.iter().any(Cursor::is_owned) {
            return Ok(Default::default());
        }
        let depth = self.path.len();
        let mut permits: [Permits; 2] = Default::default();
        let mut above: [Above; 2] = Default::default();
        let own = cursors.iter().zip(&self.sides).zip(&parent.above);
        let results = permits.iter_mut().zip(above.iter_mut());
        for (((cursor, side), inherited), (permits, above)) in own.zip(results) {
            if !cursor.is_protected() {
                let own = Own::at(cursor, depth, &side.entries);
                (*permits, *above) = Permits::at(inherited, own);
            }
        }
        let declared = cursors.each_ref().map(Cursor::declared_by_lines);
        let types = cursors.each_ref().map(Cursor::declared_type);
        let mut differences: Vec<Difference> = Vec::new();
        // Below what may become anything it does not matter how values compare, but for what is
        // left out, and so vanishes from above.
        let is_free = |above: &Above| above.whole.is_always();
        let protected = cursors.each_ref().map(Cursor::is_protected);
        let is_free =
            parent.above.iter().all(is_free) && protected == [false; 2] && !self.may_be_left_out();
        if (declared[0] != declared[1] || types[0] != types[1]) && !is_free {
            let [before, after] = [(&types[0], &declared[0]), (&types[1], &declared[1])]
                .map(|(type_name, declared)| comparison(*type_name, declared));
            differences.push(Difference::Compared {
                path: self.path.clone(),
                others: false,
                before,
                after,
            });
        }
        let is_keyed = cursors.iter().any(|cursor| cursor.declared().key.is_some());
        let summary = [0, 1].map(|side: usize| Summary {
            permits: permits.get(side).cloned().unwrap_or_default(),
            granted: above.get(side).map(|above| above.granted.clone()).unwrap_or_default(),
        });
        let below = self.below(&Class { cursors, above })?;
        // A label that one of the two protects inherits nothing there.
        let inherits = protected[0] == protected[1]
            || parent.cursors.each_ref().map(Cursor::is_protected) == protected;
        differences.extend(self.permissions(
            &permits,
            inherits.then_some(&parent.above),
            is_keyed,
            &below,
        ));
        differences.extend(below.differences);
        Ok((differences, summary))
    }

    fn may_be_left_out(&self) -> bool {
        self.sides.iter().any(|side| {
            let mut at = Cursor::root(side.rule);
            self.path.iter().any(|step| {
                at = at.meeting(step);
                at.declared().may_be_left_out()
            })
        })
    }

    fn permissions(
        &self,
        permits: &[Permits; 2],
        above: Option<&[Above; 2]>,
        is_keyed: bool,
        below: &Below,
    ) -> Vec<Difference> {
        let handed_down =
            above.and_then(|[before, after]| Direction::of(&before.granted, &after.granted));
        let mut found: Vec<Permission> = Vec::new();
        let [before, after] = permits;
        for ((change, before), (_, after)) in before.named().into_iter().zip(after.named()) {
            let Some(direction) = Direction::of(before, after) else { continue };
            let is_inherited = match (change, direction) {
                (ChangeClass::Replace, Direction::Gained) => {
                    handed_down == Some(direction)
                        && above.is_some_and(|[_, above]| *after == above.whole)
                }
                (ChangeClass::Replace, Direction::Lost) => {
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
                ChangeClass::SetContainer | ChangeClass::ClearContainer => {
                    found.iter().any(is_said)
                }
                ChangeClass::Appear | ChangeClass::Vanish => {
                    let same = |other: &Difference| {
                        other
                            .direction()
                            .is_some_and(|other| other == direction || other == Direction::Other)
                    };
                    found.iter().any(is_said) || below.differences.iter().any(same)
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
                    path: self.path.clone(),
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
            let follows = before.is_intermediate
                && below
                    .differences
                    .iter()
                    .any(|other| matches!(other, Difference::Permission(other) if is_said(other)));
            if is_inherited || follows || found.iter().any(is_said) {
                continue;
            }
            let (path, change) = (self.path.clone(), before.change);
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
        let here = self.path.iter().fold(Cursor::root(side.rule), |at, step| at.meeting(step));
        let ends: BTreeSet<usize> = here.entries().collect();
        let below = here.entries_here_or_below().into_iter().filter(|index| !ends.contains(index));
        let entries = below.filter_map(|index| side.rule.entries.get(index));
        let entries = entries.filter(|entry| entry.is_documented()).map(|entry| entry.path.clone());
        let mut paths: Vec<Path> = Vec::new();
        for path in entries {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }
}

#[derive(Default)]
struct Summary {
    permits: Permits,
    /// What it hands down.
    granted: Formula,
}

impl Below {
    /// What the location is where its items say of a change what it no longer, or not yet, says
    /// itself.
    fn unless(
        &self,
        change: ChangeClass,
        direction: Direction,
        is_keyed: bool,
        permits: &[Permits; 2],
    ) -> Option<Container> {
        let [before, after] = permits;
        let (wide, narrow) =
            if direction == Direction::Gained { (before, after) } else { (after, before) };
        let parts = |summary: &Summary| match change {
            ChangeClass::AddItem | ChangeClass::SetContainer => {
                vec![summary.permits.set.clone(), summary.permits.set_container.clone()]
            }
            ChangeClass::RemoveItem | ChangeClass::ClearContainer => {
                vec![summary.permits.clear.clone(), summary.permits.clear_container.clone()]
            }
            _ => vec![summary.granted.clone()],
        };
        let is_covered = |[before, after]: &[Summary; 2]| {
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
                    .all(|(_, summary)| is_covered(summary))
        };
        match change {
            _ if direction == Direction::Other => None,
            ChangeClass::AddItem | ChangeClass::RemoveItem | ChangeClass::Modify
                if is_said(&Step::AnyMember, Step::is_member) =>
            {
                Some(Container::Map)
            }
            // As an intermediate object, with what its members say for themselves.
            ChangeClass::SetContainer
                if !wide.add.is_never() || !wide.appear.covers(&narrow.set_container) =>
            {
                None
            }
            ChangeClass::ClearContainer
                if !wide.remove.is_never() || !wide.vanish.covers(&narrow.clear_container) =>
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
fn classes_below(class: &Class<'_>) -> Vec<Step> {
    let steps: BTreeSet<Step> = class.cursors.iter().flat_map(Cursor::all_steps).collect();
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

fn comparison(type_name: Option<TypeName>, declared: &Declared<'_>) -> String {
    let key = declared.key.map(|key| Equal::Key(key.name.to_owned()));
    let absent = declared.absent_as.map(|value| Equal::AbsentAs(value.clone()));
    let all = [type_name.map(Equal::Type), key, declared.meaning.map(Equal::from), absent];
    let parts: Vec<String> = all.iter().flatten().map(words).collect();
    if parts.is_empty() { "exactly".to_owned() } else { parts.join(", ") }
}

pub(crate) fn words(equal: &Equal) -> String {
    match equal {
        Equal::Quantity => "as Quantity".to_owned(),
        Equal::Duration => "as Duration".to_owned(),
        Equal::Set => "as Set".to_owned(),
        Equal::Time => "as a time".to_owned(),
        Equal::Float32 => "as a 32-bit float".to_owned(),
        Equal::Type(name) => format!("as {name}"),
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
