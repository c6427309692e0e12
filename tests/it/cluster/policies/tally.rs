//! What was compared, and what came of it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::scene::Scene;
use crate::cluster::api::Answer;

/// What both make of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdicts {
    pub(super) webhook: bool,
    pub(super) policy: bool,
    /// What the policy says, if it denies.
    pub(super) says: String,
}

/// A class of disagreements, and how to tell.
struct Class {
    why: &'static str,
    holds: fn(&Value, &Value, &Verdicts) -> bool,
}

const CLASSES: [Class; 2] = [
    Class {
        why: "finalizers that repeat go one by one while the object is being deleted",
        holds: |old, new, verdicts| {
            let list = |object: &Value| {
                object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default()
            };
            let repeats =
                list(old).iter().enumerate().any(|(index, one)| list(old)[..index].contains(one));
            verdicts.webhook
                && old["metadata"]["deletionTimestamp"].is_string()
                && repeats
                && list(new).len() < list(old).len()
        },
    },
    Class {
        why: "a zero that Go clients leave out of a type of Kubernetes came or went",
        holds: |old, new, verdicts| verdicts.webhook && without_zeros(old, new).is_some(),
    },
];

/// The update without what it changes from one zero to another, and with nothing where it writes
/// null; none if there is nothing of the kind.
fn without_zeros(old: &Value, new: &Value) -> Option<Value> {
    let is_zero = |value: Option<&Value>| match value {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Bool(true)) => false,
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
    };
    let mut rest = new.clone();
    for operation in json_patch::diff(old, new).0 {
        let path = operation.path().as_str();
        let (before, after) = (old.pointer(path), new.pointer(path));
        // Null in the place of a value clears it.
        let left = match (before, after) {
            (before, after) if is_zero(before) && is_zero(after) => before,
            (Some(_), Some(Value::Null)) => None,
            _ => continue,
        };
        let (parent, name) = path.rsplit_once('/')?;
        let members = rest.pointer_mut(parent)?.as_object_mut()?;
        match left {
            Some(value) => members.insert(name.to_owned(), value.clone()),
            None => members.remove(name),
        };
    }
    (rest != *new).then_some(rest)
}

/// The outcome of all updates of a rule.
#[derive(Default)]
pub(super) struct Tally {
    name: String,
    /// Whether an error of evaluation may refuse an update.
    may_err: bool,
    pub(super) compared: usize,
    /// By the webhook.
    allowed: usize,
    agreed: usize,
    invalid: usize,
    undecided: usize,
    classes: BTreeMap<usize, usize>,
    unlisted: Vec<String>,
}

impl Tally {
    pub(super) fn new(scene: &Scene) -> Self {
        Self { name: scene.name.clone(), may_err: scene.is_conditional, ..Self::default() }
    }

    /// Returns the rest of an update in which the two disagree about a zero: about the rest they
    /// must agree.
    pub(super) fn add(&mut self, answer: &Answer, old: &Value, new: &Value) -> Option<Value> {
        let Some(verdicts) = verdicts(answer) else {
            self.invalid += 1;
            return None;
        };
        self.compared += 1;
        self.allowed += usize::from(verdicts.webhook);
        let undecided = verdicts.says.contains("resulted in error");
        self.undecided += usize::from(undecided);
        if undecided && !self.may_err {
            self.unlisted.push(described(&self.name, &verdicts, old, new));
            return None;
        }
        if verdicts.webhook == verdicts.policy {
            self.agreed += 1;
            return None;
        }
        match CLASSES.iter().position(|class| (class.holds)(old, new, &verdicts)) {
            Some(class) => *self.classes.entry(class).or_default() += 1,
            None => self.unlisted.push(described(&self.name, &verdicts, old, new)),
        }
        without_zeros(old, new)
    }

    /// Both verdicts were had often enough, and the two agree but for the classes.
    pub(super) fn assert_agreement(&self) {
        assert!(
            self.unlisted.is_empty(),
            "{} disagreements of no class:\n{}",
            self.unlisted.len(),
            self.unlisted[..self.unlisted.len().min(20)].join("\n")
        );
        let denied = self.compared - self.allowed;
        assert!(
            self.allowed * 5 >= self.compared && denied * 5 >= self.compared,
            "too few of one verdict: {self}"
        );
        assert!((self.compared - self.agreed) * 100 <= self.compared, "{self}");
    }

    pub(super) fn disagreements(&self) -> usize {
        self.unlisted.len()
    }
}

fn described(name: &str, verdicts: &Verdicts, old: &Value, new: &Value) -> String {
    let lines = json_patch::diff(old, new)
        .0
        .iter()
        .map(|operation| format!("\n    {operation}"))
        .collect::<String>();
    format!(
        "{name}: webhook {}, policy {} {}{lines}",
        verdicts.webhook, verdicts.policy, verdicts.says
    )
}

/// None where the API server's own validation refuses the update before it asks.
fn verdicts(answer: &Answer) -> Option<Verdicts> {
    let says = answer
        .warnings
        .iter()
        .find(|warning| warning.contains("Validation failed for ValidatingAdmissionPolicy"));
    let webhook = match answer.code {
        200..=299 => true,
        403 if answer.message().contains(".fieldward.io\" denied the request: ") => false,
        400 | 422 => return None,
        code => panic!("{code} {}", answer.body),
    };
    Some(Verdicts { webhook, policy: says.is_none(), says: says.cloned().unwrap_or_default() })
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {} updates, {} allowed and {} denied by the webhook, {} agreements, {} of no \
             class; {} were invalid in themselves, {} \
             could not be evaluated",
            self.name,
            self.compared,
            self.allowed,
            self.compared - self.allowed,
            self.agreed,
            self.unlisted.len(),
            self.invalid,
            self.undecided
        )?;
        for (index, count) in &self.classes {
            write!(formatter, "\n  {count}: {}", CLASSES[*index].why)?;
        }
        Ok(())
    }
}
