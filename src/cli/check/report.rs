//! A verdict as people and as programs read it.

use serde::Serialize;
use serde_json::Value;

use crate::cli::output::{ASIDE, BAD, DOUBTFUL, GOOD, styled};
use crate::engine::{
    Change, ConditionFailure, Decision, Judgement, Piece, Reply, RuleSet, Shown, escape_control,
};

pub(super) struct CheckReport {
    file: Option<String>,
    /// The reply, or why the review could not be read.
    answer: Result<Box<Reply>, String>,
    /// Where each rule that matched says that its list is documented.
    sources: Vec<String>,
}

impl CheckReport {
    /// `file` is named where there are several.
    pub(super) fn new(
        file: Option<String>,
        rules: &RuleSet,
        answer: Result<Box<Reply>, String>,
    ) -> Self {
        let outcomes = answer.iter().flat_map(|reply| reply.rules());
        let mut sources: Vec<String> = outcomes
            .filter_map(|outcome| rules.get(outcome.rule.as_str())?.source().map(escape_control))
            .collect();
        sources.dedup();
        Self { file, answer, sources }
    }

    /// 0 allowed, 1 denied, 2 could not be judged.
    pub(super) fn exit_code(&self) -> u8 {
        match &self.answer {
            Ok(reply) if reply.error_code().is_none() => u8::from(reply.allowed() != Some(true)),
            _ => 2,
        }
    }

    /// Why the review could not be read, if that is so.
    pub(super) fn unread(&self) -> Option<&str> {
        self.answer.as_ref().err().map(String::as_str)
    }

    pub(super) fn text(&self) -> String {
        let Ok(reply) = &self.answer else { return String::new() };
        let file = self.file.as_ref().map(|file| format!("{file}: ")).unwrap_or_default();
        let body = match reply.judgement() {
            Some(judgement) => self.judged(reply, judgement),
            None if reply.error_code().is_some() => {
                format!(
                    "{}{}\n  {}\n{}",
                    styled(DOUBTFUL.bold(), "not judged"),
                    about(reply),
                    indented(reply.message()),
                    hint(reply)
                )
            }
            None => format!(
                "{}{}: no rule covers this operation\n",
                styled(GOOD.bold(), "allowed"),
                about(reply)
            ),
        };
        file + &body
    }

    fn judged(&self, reply: &Reply, judgement: &Judgement) -> String {
        let kind = reply.subject.as_ref().map(|subject| subject.kind.clone()).unwrap_or_default();
        let mut text = format!(
            "{}{}{}: {}\n",
            verdict(reply),
            about(reply),
            by_rules(reply),
            counted(judgement)
        );
        for change in &judgement.changes {
            text += &line(change, &kind);
        }
        let listed = judgement.changes.iter().filter(|change| change.violates).count();
        if listed < judgement.violations {
            text += &format!("  {} and {} more\n", styled(BAD, "✗"), judgement.violations - listed);
        }
        for failure in &reply.condition_failures {
            let times = if failure.times == 1 {
                String::new()
            } else {
                format!(" ({} times)", failure.times)
            };
            let line = format!(
                "the condition of {} granted nothing: {}{times} (rule {})",
                failure.path, failure.reason, failure.rule
            );
            text += &format!("{}\n", styled(DOUBTFUL, &line));
        }
        for (rule, mutable) in &judgement.mutable {
            let rule = if judgement.mutable.len() == 1 {
                String::new()
            } else {
                format!(" (rule {rule})")
            };
            text += &format!("{}\n", styled(ASIDE, &format!("may be updated{rule}: {mutable}")));
        }
        for source in &self.sources {
            text += &format!("{}\n", styled(ASIDE, &format!("documented at: {source}")));
        }
        text
    }

    pub(super) fn json(&self) -> CheckJson<'_> {
        match &self.answer {
            Err(error) => CheckJson { error: Some(error.clone()), ..CheckJson::default() },
            Ok(reply) => {
                let changes: &[Change] =
                    reply.judgement().map_or(&[], |judgement| &judgement.changes);
                CheckJson {
                    allowed: reply.allowed() == Some(true),
                    rule: names(reply, ","),
                    violations: changes
                        .iter()
                        .filter(|change| change.violates)
                        .map(JsonChange::new)
                        .collect(),
                    changes: changes
                        .iter()
                        .map(|change| JudgedChange {
                            change: JsonChange::new(change),
                            violates: change.violates,
                        })
                        .collect(),
                    condition_errors: &reply.condition_failures,
                    error: reply.error_code().map(|_| reply.message().to_owned()),
                }
            }
        }
    }
}

#[derive(Default, Serialize)]
pub(super) struct CheckJson<'r> {
    allowed: bool,
    rule: String,
    violations: Vec<JsonChange>,
    changes: Vec<JudgedChange>,
    /// Conditions that could not be decided.
    #[serde(rename = "conditionErrors", skip_serializing_if = "<[_]>::is_empty")]
    condition_errors: &'r [ConditionFailure],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct JsonChange {
    field: String,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Value>,
}

#[derive(Serialize)]
struct JudgedChange {
    #[serde(flatten)]
    change: JsonChange,
    violates: bool,
}

impl JsonChange {
    fn new(change: &Change) -> Self {
        let value = |shown: &Option<Shown>| {
            shown.as_ref().map(|shown| match shown {
                Shown::Value(value) => value.clone(),
                Shown::Hidden => Value::String(shown.text(usize::MAX)),
            })
        };
        Self {
            field: change.field.clone(),
            change: change.kind.as_str(),
            old: value(&change.old),
            new: value(&change.new),
        }
    }
}

fn verdict(reply: &Reply) -> String {
    match reply.rules().iter().map(|outcome| outcome.decision).max() {
        _ if reply.allowed() != Some(true) => styled(BAD.bold(), "denied"),
        Some(Decision::Warn) => styled(DOUBTFUL.bold(), "allowed (with a warning)"),
        Some(Decision::Audit) => styled(DOUBTFUL.bold(), "allowed (recorded)"),
        Some(Decision::Exempt) => styled(DOUBTFUL.bold(), "allowed (exempt)"),
        _ => styled(GOOD.bold(), "allowed"),
    }
}

/// `: Job namespace/name by user`, as far as the review tells.
fn about(reply: &Reply) -> String {
    let Some(subject) = reply.subject.as_ref() else { return String::new() };
    let namespace = if subject.namespace.is_empty() {
        String::new()
    } else {
        format!("{}/", subject.namespace)
    };
    let user =
        if subject.user.is_empty() { String::new() } else { format!(" by {}", subject.user) };
    let name = format!("{namespace}{}", subject.name);
    let words: Vec<&str> =
        [subject.kind.as_str(), &name].into_iter().filter(|word| !word.is_empty()).collect();
    if words.is_empty() { user } else { format!(": {}{user}", words.join(" ")) }
}

fn names(reply: &Reply, separator: &str) -> String {
    reply.rules().iter().map(|outcome| outcome.rule.as_str()).collect::<Vec<_>>().join(separator)
}

fn by_rules(reply: &Reply) -> String {
    let noun = if reply.rules().len() == 1 { "rule" } else { "rules" };
    format!(" ({noun} {})", names(reply, ", "))
}

fn counted(judgement: &Judgement) -> String {
    let permitted = judgement.changes.iter().filter(|change| !change.violates).count();
    match (permitted + judgement.violations, judgement.violations) {
        (0, _) => "nothing changes".to_owned(),
        (1, 0) => "1 change, permitted".to_owned(),
        (all, 0) => format!("{all} changes, all permitted"),
        (1, 1) => "1 change, not permitted".to_owned(),
        (all, violations) => format!("{violations} of {all} changes not permitted"),
    }
}

fn line(change: &Change, kind: &str) -> String {
    let (mark, field) = if change.violates {
        (styled(BAD, "✗"), styled(BAD.bold(), &change.field))
    } else {
        (styled(GOOD, "✓"), change.field.clone())
    };
    let words: String = change
        .pieces(kind)
        .iter()
        .map(|piece| match piece {
            Piece::Words(text) => text.clone(),
            Piece::Old(text) => styled(BAD, text),
            Piece::New(text) => styled(GOOD, text),
        })
        .collect();
    let note = change.note.as_ref().map(|note| styled(ASIDE, &format!("      {note}")) + "\n");
    format!("  {mark} {field}: {words}\n{}", note.unwrap_or_default())
}

/// What to do with what is no review at all.
fn hint(reply: &Reply) -> &'static str {
    if reply.subject.is_none() {
        "  give a recorded AdmissionReview, or two manifests by --old FILE --new FILE\n"
    } else {
        ""
    }
}

/// A reply's message has lines of its own only where the engine set them.
fn indented(message: &str) -> String {
    message.lines().collect::<Vec<_>>().join("\n  ")
}
