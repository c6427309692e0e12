//! How often each construct decides: the oracle is asked again without it, and says otherwise.

use super::case::Case;
use crate::oracle::rule::{Entry, Key, Location, Path, Reading, Rule, Step, Verb};
use crate::oracle::{OWNED, Part, violations_without};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Cases by verdict, and by what decided them.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub cases: usize,
    pub allowed: usize,
    pub decided: BTreeMap<&'static str, usize>,
}

impl Counts {
    pub(super) fn count(&mut self, case: &Case, violations: &[Location]) {
        self.cases += 1;
        self.allowed += usize::from(violations.is_empty());
        for (name, without) in constructs() {
            let decided = match without {
                Without::Part(part) => differs(violations, Some(part), &case.rule, case),
                Without::Rule(change) => {
                    let mut rule = case.rule.clone();
                    change(&mut rule);
                    rule != case.rule && differs(violations, None, &rule, case)
                }
                Without::Case(change) => {
                    let mut other = case.clone();
                    change(&mut other);
                    other != *case && differs(violations, None, &other.rule, &other)
                }
            };
            *self.decided.entry(name).or_default() += usize::from(decided);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.allowed += other.allowed;
        for (name, count) in &other.decided {
            *self.decided.entry(name).or_default() += count;
        }
    }

    /// The table, and what falls short of a quarter for each verdict and a hundredth for each
    /// construct.
    pub(super) fn report(&self) -> (String, Vec<String>) {
        let denied = self.cases - self.allowed;
        let mut lines = vec![format!("{:>9}  cases", self.cases)];
        let mut short = Vec::new();
        let mut line = |name: &str, count: usize, percent: usize| {
            let tenths = count * 1000 / self.cases.max(1);
            lines.push(format!("{count:>9}  {:>3}.{} %  {name}", tenths / 10, tenths % 10));
            if count * 100 < self.cases * percent {
                short.push(format!(
                    "{name}: {count} of {}, expected at least {percent} %",
                    self.cases
                ));
            }
        };
        line("allowed", self.allowed, 25);
        line("denied", denied, 25);
        for (name, count) in &self.decided {
            line(&format!("decided by {name}"), *count, 1);
        }
        (lines.join("\n"), short)
    }
}

fn differs(
    violations: &[Location],
    part: Option<Part>,
    rule: &Rule,
    Case { old, new, user, .. }: &Case,
) -> bool {
    violations_without(part, rule, old, new, user).is_empty() != violations.is_empty()
}

/// How a construct is left out: of the oracle, of the rule, or of the case.
enum Without {
    Part(Part),
    Rule(fn(&mut Rule)),
    Case(fn(&mut Case)),
}

fn constructs() -> [(&'static str, Without); 52] {
    use Without::{Case as In, Part as Of, Rule as From};
    [
        ("§3 owned fields", In(|case| both(case, rename_owned))),
        (
            "§3 finalizers while deleting",
            In(|case| {
                drop(metadata(&mut case.old).map(|metadata| metadata.remove("deletionTimestamp")));
            }),
        ),
        (
            "§3 garbage collector",
            In(|case| {
                case.user.name = case
                    .user
                    .name
                    .replace("generic-garbage-collector", "x")
                    .replace("kube-controller-manager", "x");
            }),
        ),
        (
            "§4 quoted key",
            From(|rule| drop_entries(rule, |step| matches!(step, Step::Name { quoted: true, .. }))),
        ),
        ("§4 .*", From(|rule| drop_entries(rule, |step| *step == Step::AnyMember))),
        ("§4 prefix", From(|rule| drop_entries(rule, |step| matches!(step, Step::Prefix(_))))),
        ("§4 [*]", From(|rule| drop_entries(rule, |step| *step == Step::AnyElement))),
        ("§4 [k=v]", From(|rule| drop_entries(rule, |step| matches!(step, Step::Keyed { .. })))),
        ("§5 bare entries", From(|rule| rule.mutable.retain(|entry| entry.allow.is_some()))),
        ("§5 Set", From(|rule| drop_verb(rule, Verb::Set))),
        ("§5 Modify", From(|rule| drop_verb(rule, Verb::Modify))),
        ("§5 Clear", From(|rule| drop_verb(rule, Verb::Clear))),
        ("§5 AddItem", From(|rule| drop_verb(rule, Verb::AddItem))),
        ("§5 RemoveItem", From(|rule| drop_verb(rule, Verb::RemoveItem))),
        (
            "§5 verbs narrowed",
            From(|rule| rule.mutable.iter_mut().for_each(|entry| entry.allow = None)),
        ),
        ("§5 verbs add up", Of(Part::AddingUp)),
        ("§5 absent container", Of(Part::AbsentContainer)),
        ("§5 entries below", From(drop_entries_below)),
        ("§5 protected", From(|rule| rule.protected.clear())),
        ("§5 by (grants to none)", From(|rule| rule.mutable.retain(|entry| entry.by.is_none()))),
        (
            "§5 by (withheld from others)",
            From(|rule| rule.mutable.iter_mut().for_each(|entry| entry.by = None)),
        ),
        ("§5 by users", From(|rule| whos(rule).for_each(|who| who.users.clear()))),
        ("§5 by groups", From(|rule| whos(rule).for_each(|who| who.groups.clear()))),
        ("§5 by service accounts", From(|rule| whos(rule).for_each(|who| who.accounts.clear()))),
        (
            "§5 when (withheld)",
            From(|rule| rule.mutable.iter_mut().for_each(|entry| entry.when = None)),
        ),
        (
            "§5 when (granted by state or request)",
            From(|rule| rule.mutable.retain(|entry| !whens(entry, |text| !text.contains("alue")))),
        ),
        (
            "§5 when (granted by value)",
            From(|rule| rule.mutable.retain(|entry| !whens(entry, |text| text.contains("alue")))),
        ),
        ("§5 when on the way", Of(Part::ConditionsOnTheWay)),
        ("§5 on the way", Of(Part::OnTheWay)),
        ("§5 only named objects", Of(Part::OnlyNamedObjects)),
        ("§6 numbers by value", Of(Part::NumbersByValue)),
        (
            "§6 null is a value",
            In(|case| both(case, |value| without_members(value, &Value::is_null))),
        ),
        (
            "§6 {} is a value",
            In(|case| {
                both(case, |value| {
                    without_members(value, &|value| value.as_object().is_some_and(Map::is_empty));
                });
            }),
        ),
        (
            "§6 [] is a value",
            In(|case| {
                both(case, |value| {
                    without_members(value, &|value| value.as_array().is_some_and(Vec::is_empty));
                });
            }),
        ),
        ("§6 a list is no map", In(|case| maps_to_lists(&mut case.old, &mut case.new))),
        (
            "§6 Quantity",
            From(|rule| rule.equality.retain(|entry| entry.reading != Reading::Quantity)),
        ),
        (
            "§6 Duration",
            From(|rule| rule.equality.retain(|entry| entry.reading != Reading::Duration)),
        ),
        ("§6 Set", From(|rule| rule.equality.retain(|entry| entry.reading != Reading::Set))),
        (
            "§6 key",
            From(|rule| rule.equality.retain(|entry| !matches!(entry.reading, Reading::Key(_)))),
        ),
        (
            "§6 absentAs",
            From(|rule| {
                rule.equality.retain(|entry| !matches!(entry.reading, Reading::AbsentAs(_)));
            }),
        ),
        ("§6 absentAs from the leaves up", Of(Part::LeavesUp)),
        ("§6 order in a keyed list", Of(Part::KeyedOrder)),
        (
            "§6 key of several members",
            From(|rule| keys(rule).for_each(|key| key.members.truncate(1))),
        ),
        ("§6 default of a key", From(drop_defaults)),
        ("§6 keys that are integers", In(|case| both(case, integers_to_floats))),
        ("§6 order: ignore", From(|rule| keys(rule).for_each(|key| key.any_order = false))),
        ("§6 old list cannot be keyed", Of(Part::OldUnkeyable)),
        ("§6 new list cannot be keyed", Of(Part::NewUnkeyable)),
        ("§6 first listed wins", From(|rule| rule.equality.reverse())),
        ("labels of the selector", From(|rule| rule.selector.clear())),
        ("exempt", From(|rule| rule.exempt = crate::oracle::rule::Who::default())),
        ("default deny", In(grant_all)),
    ]
}

fn metadata(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object.get_mut("metadata")?.as_object_mut()
}

fn both(case: &mut Case, change: impl Fn(&mut Value)) {
    change(&mut case.old);
    change(&mut case.new);
}

fn rename_owned(object: &mut Value) {
    let Some(metadata) = metadata(object) else { return };
    for field in OWNED {
        if let Some(value) = metadata.remove(field).filter(|_| field != "deletionTimestamp") {
            metadata.insert(format!("not-{field}"), value);
        }
    }
}

fn drop_entries(rule: &mut Rule, has: fn(&Step) -> bool) {
    rule.mutable.retain(|entry| !entry.path.0.iter().any(has));
}

fn keys(rule: &mut Rule) -> impl Iterator<Item = &mut Key> {
    rule.equality.iter_mut().filter_map(|entry| match &mut entry.reading {
        Reading::Key(key) => Some(key),
        _ => None,
    })
}

fn drop_defaults(rule: &mut Rule) {
    keys(rule).flat_map(|key| &mut key.members).for_each(|(_, default)| *default = None);
}

/// Makes keys that are integers no keys.
fn integers_to_floats(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for key in ["name", "id"] {
                if let Some(value) = members.get_mut(key).filter(|value| value.is_i64()) {
                    *value = json!(value.as_f64().unwrap() + 0.5);
                }
            }
            members.values_mut().for_each(integers_to_floats);
        }
        Value::Array(elements) => elements.iter_mut().for_each(integers_to_floats),
        _ => {}
    }
}

fn drop_verb(rule: &mut Rule, verb: Verb) {
    for allow in rule.mutable.iter_mut().filter_map(|entry| entry.allow.as_mut()) {
        allow.retain(|other| *other != verb);
    }
}

fn whens(entry: &Entry, is: fn(&str) -> bool) -> bool {
    entry.when.as_deref().is_some_and(is)
}

fn whos(rule: &mut Rule) -> impl Iterator<Item = &mut crate::oracle::rule::Who> {
    rule.mutable.iter_mut().filter_map(|entry| entry.by.as_mut())
}

/// Leaves out entries whose path goes through a location that another entry with fewer verbs may
/// reach.
fn drop_entries_below(rule: &mut Rule) {
    let narrowed: Vec<Path> = rule
        .mutable
        .iter()
        .filter(|entry| entry.allow.is_some())
        .map(|entry| entry.path.clone())
        .collect();
    let below = |path: &Path| {
        narrowed.iter().any(|above| {
            above.0.len() < path.0.len() && super::loads::meet(&above.0, &path.0[..above.0.len()])
        })
    };
    rule.mutable.retain(|entry| !below(&entry.path));
}

fn without_members(value: &mut Value, out: &dyn Fn(&Value) -> bool) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !out(member));
            members.values_mut().for_each(|member| without_members(member, out));
        }
        Value::Array(list) => list.iter_mut().for_each(|element| without_members(element, out)),
        _ => {}
    }
}

/// Takes an object whose keys are the indexes of a list for that list, where the other side is a
/// list.
fn maps_to_lists(old: &mut Value, new: &mut Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, old) in old {
                new.get_mut(key).into_iter().for_each(|new| maps_to_lists(old, new));
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            old.iter_mut().zip(new).for_each(|(old, new)| maps_to_lists(old, new));
        }
        (map @ Value::Object(_), Value::Array(_)) | (Value::Array(_), map @ Value::Object(_)) => {
            let members = map.as_object().cloned().unwrap_or_default();
            if (0..members.len()).all(|index| members.contains_key(&index.to_string())) {
                *map =
                    (0..members.len()).map(|index| members[&index.to_string()].clone()).collect();
            }
        }
        _ => {}
    }
}

/// Lets everything change.
fn grant_all(case: &mut Case) {
    case.rule = Rule { exempt: case.rule.exempt.clone(), ..Rule::default() };
    case.rule.exempt.users.push(case.user.name.clone());
}
