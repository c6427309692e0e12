//! What `explain` says of a location is what happens to an update that changes exactly that
//! location.

use super::case::Case;
use super::dice::Dice;
use super::keys::selector;
use super::wild::{self, Token};
use super::{Run, admission, world};
use crate::oracle::equality::{name, names};
use crate::oracle::notation;
use crate::oracle::rule::{At, Key, Location, Reading, Rule, Who};
use fieldward::analysis::explain::{Cases, MayChange, cases, may_change};
use fieldward::engine::{Builtin, RuleFile, RuleSet, Step, admit};
use libtest_mimic::Failed;
use proptest::strategy::{NewTree, Strategy};
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A case whose update changes one location in one way, aimed at by the rule or not.
#[derive(Debug)]
struct Edits;

#[derive(Debug, Clone)]
struct Edit {
    case: Case,
    at: Location,
    verb: &'static str,
}

impl Strategy for Edits {
    type Tree = Still<Edit>;
    type Value = Edit;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        loop {
            let mut case = super::case::Cases.new_tree(runner)?.current_case();
            case.rule.exempt = Who::default();
            let mut dice = Dice(runner.rng());
            let new = if dice.percent(50) { case.new.clone() } else { case.old.clone() };
            case.old = new;
            if let Some(metadata) = case.old["metadata"].as_object_mut() {
                metadata.remove("deletionTimestamp");
            }
            if let Some(edit) = edit(&mut dice, case) {
                return Ok(Still(edit));
            }
        }
    }
}

/// A value that is not made smaller.
#[derive(Debug)]
pub(super) struct Still<T>(pub(super) T);

impl<T: Clone + std::fmt::Debug> proptest::strategy::ValueTree for Still<T> {
    type Value = T;

    fn current(&self) -> T {
        self.0.clone()
    }

    fn simplify(&mut self) -> bool {
        false
    }

    fn complicate(&mut self) -> bool {
        false
    }
}

fn edit(dice: &mut Dice, case: Case) -> Option<Edit> {
    let mut places = vec![(Vec::new(), Location::new())];
    locations(&case.rule, &case.old, &mut Vec::new(), &mut Location::new(), &mut places);
    let (target, mut at) = dice.pick(&places).clone();
    let mut new = case.old.clone();
    let value = wild::find_mut(&mut new, &target)?;
    let verb = match value {
        Value::Object(members) => {
            let name = world::name(dice);
            if members.contains_key(&name) {
                return None;
            }
            members.insert(name.clone(), json!("new"));
            at.push(At::Key(name));
            "Set"
        }
        Value::Array(elements) => {
            let verb = if dice.percent(50) { "AddItem" } else { "RemoveItem" };
            if verb == "AddItem" {
                elements.push(json!({"name": "fresh", "id": "fresh"}));
            } else {
                drop(elements.pop()?);
            }
            verb
        }
        _ if dice.percent(40) => {
            let (last, above) = target.split_last()?;
            let (Some(Value::Object(members)), Token::Key(key)) =
                (wild::find_mut(&mut new, above), last)
            else {
                return None;
            };
            members.remove(key);
            "Clear"
        }
        scalar => {
            *scalar = json!("changed");
            "Modify"
        }
    };
    Some(Edit { case: Case { new, ..case }, at, verb })
}

/// Every place of an object below the root, and its name under the rule; what is in a set has none.
fn locations(
    rule: &Rule,
    value: &Value,
    target: &mut Vec<Token>,
    at: &mut Location,
    found: &mut Vec<(Vec<Token>, Location)>,
) {
    let here = value.is_array().then(|| at_of(rule, target, value));
    let mut child = |token: Token, step: At, value: &Value| {
        target.push(token);
        at.push(step);
        found.push((target.clone(), at.clone()));
        locations(rule, value, target, at, found);
        at.pop();
        target.pop();
    };
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(key, value)| child(Token::Key(key.clone()), At::Key(key.clone()), value)),
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                match &here {
                    None | Some(List::Set) => {}
                    Some(List::Position) => child(Token::Index(index), At::Index(index), element),
                    Some(List::Keyed(key)) => {
                        let key = name(element, key).expect("a list that pairs by key");
                        child(Token::Index(index), At::Named(key), element);
                    }
                }
            }
        }
        _ => {}
    }
}

enum List {
    Set,
    Position,
    Keyed(Key),
}

/// How a list is compared, told from the tokens alone: names of keyed lists above are not looked
/// at, which errs on the side of keys.
fn at_of(rule: &Rule, target: &[Token], list: &Value) -> List {
    let reaches = |path: &crate::oracle::rule::Path| {
        path.0.len() == target.len()
            && path.0.iter().zip(target).all(|(step, token)| match token {
                Token::Key(key) => step.goes_to(&At::Key(key.clone())),
                Token::Index(_) => !step.is_member(),
            })
    };
    for equality in rule.equality.iter().filter(|equality| reaches(&equality.path)) {
        match &equality.reading {
            Reading::Set => return List::Set,
            Reading::Key(key) => {
                let is_keyed = names(list.as_array().unwrap(), key).is_some();
                return if is_keyed { List::Keyed(key.clone()) } else { List::Position };
            }
            _ => {}
        }
    }
    List::Position
}

pub(super) fn explanations_are_true(run: Run) -> Result<(), Failed> {
    let counts: Mutex<BTreeMap<(&str, String), usize>> = Mutex::default();
    run.each(&Edits, |edit| {
        let Edit { case, at, verb } = &edit;
        let set = admission::load(&case.rule).map_err(TestCaseError::fail)?;
        let rule = set.get("generated").unwrap();
        let steps: Vec<Step> = at.iter().map(step).collect();
        let said = cases(rule, &steps).into_iter().find(|(name, _)| name == verb).unwrap().1;
        let reply =
            admit(&set, admission::review(&case.old, &case.new, &case.user).to_string().as_bytes());
        let changes = &reply.judgement().unwrap().changes;
        let child = matches!(*verb, "AddItem" | "RemoveItem");
        let list = key_of(at);
        if let Some(list) = list {
            // Another key is another element: all that is reported is of the list.
            let field = notation::field(list);
            if changes.is_empty() || changes.iter().any(|change| !change.field.starts_with(&field))
            {
                return Ok(());
            }
        } else {
            // What an equality or the API server makes no change of, and lists that changed
            // otherwise than was meant, say nothing here.
            let [change] = changes.as_slice() else { return Ok(()) };
            let field = notation::field(at);
            if change.kind.as_str() != *verb
                || (child && !change.field.starts_with(&field))
                || (!child && change.field != field)
            {
                return Ok(());
            }
        }
        let count = |what: &'static str, said: String| {
            *counts.lock().unwrap().entry((what, said)).or_default() += 1;
        };
        count(if list.is_some() { "key" } else { verb }, format!("{said:?}"));
        let allowed = reply.allowed() == Some(true);
        // An element may also be permitted by an entry at itself.
        let fits = match said {
            Cases::All => allowed,
            Cases::Never => !allowed || child,
            Cases::Some => true,
        };
        if !fits {
            return Err(TestCaseError::fail(format!(
                "explained as {said:?}, but allowed: {allowed}"
            )));
        }
        for wide in wider(&steps, list.is_some()) {
            // A list that cannot be paired any more changes itself, not only its elements.
            let is_replaced =
                |list: &[At]| changes.iter().any(|change| change.field == notation::field(list));
            if wide.len() + 1 == steps.len() && list.is_some_and(is_replaced) {
                continue;
            }
            let said = may_change(rule, &wide);
            count("wider", format!("{said:?}"));
            if said != MayChange::Partly && (said == MayChange::Yes) != allowed {
                return Err(TestCaseError::fail(format!(
                    "{wide:?} explained as {said:?}, but allowed: {allowed}"
                )));
            }
        }
        Ok(())
    })?;
    let counts = counts.into_inner().unwrap();
    println!("{counts:?}");
    for verb in ["Set", "Modify", "Clear", "AddItem", "RemoveItem", "key"] {
        for said in ["All", "Some", "Never"] {
            let count = counts.get(&(verb, said.to_owned())).copied().unwrap_or_default();
            assert!(
                count > 0 || run.cases < super::ENOUGH / 4,
                "{verb} was never explained as {said}"
            );
        }
    }
    Ok(())
}

/// The list, if a location is the key of an element of a keyed list.
fn key_of(at: &[At]) -> Option<&[At]> {
    match at {
        [list @ .., At::Named(key), At::Key(name)] if key.contains_key(name) => Some(list),
        _ => None,
    }
}

/// Paths that have a location in what they cover: itself and all above it, as they are and with a
/// wildcard at the end. A key is not within the element of that name alone, since another element
/// takes its place.
fn wider(steps: &[Step], is_key: bool) -> Vec<Vec<Step>> {
    let mut found = Vec::new();
    for length in 1..=steps.len() {
        let Some((last, above)) = steps[..length].split_last() else { continue };
        let is_element = is_key && length + 1 == steps.len();
        let with = |step: Step| above.iter().cloned().chain([step]).collect::<Vec<_>>();
        match last {
            Step::Name(name) => {
                found.push(with(Step::AnyMember));
                found.push(with(Step::Prefix(name.chars().take(1).collect())));
            }
            _ => found.push(with(Step::AnyElement)),
        }
        if !is_element {
            found.push(with(last.clone()));
        }
    }
    found
}

fn step(at: &At) -> Step {
    match at {
        At::Key(key) => Step::Name(key.clone()),
        At::Named(key) => Step::Keyed(selector(key)),
        At::Index(_) | At::Member(_) => Step::AnyElement,
    }
}

/// A rule document's only rule.
pub(super) fn load(text: &str) -> Result<RuleSet, TestCaseError> {
    let document = RuleFile { origin: "generated.yaml".into(), text: text.to_owned() };
    RuleSet::load(Builtin::Excluded, &[document])
        .map_err(|errors| TestCaseError::fail(format!("{errors}\n{text}")))
}
