//! The entries of a rule as CEL: for whom, when and at which locations each is active.

use k8s_openapi::api::admissionregistration::v1::Variable;

use super::expression::Expr;
use crate::engine::{Entry, Requesters, Step, Verbs};

pub(super) struct CelEntries {
    entries: Vec<CelEntry>,
    /// What several entries share. The API server evaluates a variable at most once.
    pub(super) variables: Vec<Variable>,
}

struct CelEntry {
    steps: Vec<Step>,
    verbs: Verbs,
    by: Expr,
    when: When,
}

enum When {
    /// The same at all locations.
    Once(Expr),
    /// About the value at the location.
    ByValue(String),
}

/// What both objects have at a location, as CEL: `null` where there is nothing.
#[derive(Debug, Clone)]
pub(super) struct SentExprs {
    pub(super) old: String,
    pub(super) new: String,
}

impl SentExprs {
    pub(super) fn new(old: impl Into<String>, new: impl Into<String>) -> Self {
        Self { old: old.into(), new: new.into() }
    }
}

impl CelEntries {
    pub(super) const fn none() -> Self {
        Self { entries: Vec::new(), variables: Vec::new() }
    }

    pub(super) fn is_none(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn new(entries: &[Entry]) -> Self {
        let (mut requesters, mut conditions) = (Shared::new("by"), Shared::new("when"));
        let entry = |entry: &Entry| CelEntry {
            steps: entry.path.steps().to_vec(),
            verbs: entry.verbs,
            by: entry.by.as_ref().map_or(Expr::True, |by| requesters.variable(by_requester(by))),
            when: match &entry.when {
                None => When::Once(Expr::True),
                Some(when) if when.depends_on_the_value() => {
                    When::ByValue(when.text().trim().to_owned())
                }
                Some(when) => When::Once(conditions.variable(when.text().trim().to_owned())),
            },
        };
        let entries = entries.iter().map(entry).collect();
        requesters.variables.append(&mut conditions.variables);
        Self { entries, variables: requesters.variables }
    }

    /// The same by index, but only those that every rule has are ever active.
    pub(super) fn of_every_rule(entries: &[Entry]) -> Self {
        let mut all = Self::new(entries);
        for (entry, own) in entries.iter().zip(&mut all.entries) {
            if entry.is_documented() {
                own.by = Expr::False;
            }
        }
        all
    }

    pub(super) fn steps(&self, entry: usize) -> &[Step] {
        self.entries.get(entry).map(|entry| entry.steps.as_slice()).unwrap_or_default()
    }

    pub(super) fn verbs(&self, entry: usize) -> Verbs {
        self.entries.get(entry).map(|entry| entry.verbs).unwrap_or_default()
    }

    /// Whether the entry is active at a location.
    pub(super) fn at(&self, entry: usize, sent: &SentExprs) -> Expr {
        let Some(entry) = self.entries.get(entry) else { return Expr::False };
        let when = match &entry.when {
            When::Once(when) => when.clone(),
            When::ByValue(text) => {
                // A comment goes to the end of its line, and would take the bracket with it.
                let end = if text.contains("//") { "\n" } else { "" };
                let holds = Expr::exists(
                    format!("[dyn({})]", sent.new),
                    "value",
                    Expr::text(format!("({text}{end})")),
                );
                Expr::exists(format!("[dyn({})]", sent.old), "oldValue", holds)
            }
        };
        Expr::and([entry.by.clone(), when])
    }

    /// Whether it depends on the location whether the entry is active.
    pub(super) fn is_by_value(&self, entry: usize) -> bool {
        self.entries.get(entry).is_some_and(|entry| matches!(entry.when, When::ByValue(_)))
    }
}

/// Variables of a policy, one for each text.
struct Shared {
    name: &'static str,
    variables: Vec<Variable>,
}

impl Shared {
    fn new(name: &'static str) -> Self {
        Self { name, variables: Vec::new() }
    }

    fn variable(&mut self, expression: String) -> Expr {
        let known = self
            .variables
            .iter()
            .find(|variable| variable.expression == expression)
            .map(|variable| variable.name.clone());
        let name = known.unwrap_or_else(|| {
            let name = format!("{}_{}", self.name, self.variables.len() + 1);
            self.variables.push(Variable { name: name.clone(), expression });
            name
        });
        Expr::text(format!("variables.{name}"))
    }
}

/// Whether the request comes from one of them.
pub(super) fn by_requester(requesters: &Requesters) -> String {
    let users: Vec<String> = requesters.user_names().collect();
    let mut parts = Vec::new();
    if !users.is_empty() {
        parts.push(Expr::text(format!("request.userInfo.username in {}", texts(&users))));
    }
    if !requesters.groups.is_empty() {
        let is_member = Expr::exists(
            "request.userInfo.groups",
            "group",
            Expr::text(format!("group in {}", texts(&requesters.groups))),
        );
        parts.push(Expr::and([Expr::text("has(request.userInfo.groups)"), is_member]));
    }
    Expr::or(parts).print()
}

/// A text as CEL.
pub(super) fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A list of texts as CEL.
pub(super) fn texts(list: &[impl AsRef<str>]) -> String {
    format!("[{}]", list.iter().map(|entry| text(entry.as_ref())).collect::<Vec<_>>().join(", "))
}
