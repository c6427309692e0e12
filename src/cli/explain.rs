//! `fieldward explain`: whether something may change, by which entry, for whom, when.

use std::process::ExitCode;

use anyhow::anyhow;
use serde::Serialize;

use crate::analysis::explain::answer::{self, Answer, MayChange, Permitted, Related, Relation};
use crate::analysis::explain::in_schema::InSchema;
use crate::analysis::explain::kind::{self, Meant};
use crate::analysis::explain::location::AskedLocation;
use crate::analysis::words::{one_line, shown};
use crate::cli::args::{Format, KindArgs, OutputArgs, RequesterArgs, RuleArgs};
use crate::cli::kinds;
use crate::cli::output::{self, ASIDE, BAD, DOUBTFUL, GOOD, styled};
use crate::engine::{Effect, Verbs, escape_control};

const AFTER_HELP: &str = "\
Exit code: 0 it may change, at least in part or under some of the rules that apply, 1 it may \
not, 2 no such rule or no path.

Examples:
  fieldward explain job 'spec.tasks[*].replicas' --user alice --group staff
  fieldward explain --rules widget.yaml --crd widget-crd.yaml gadget spec.size";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// A kind as kubectl names it (`job`, `jobs`, `jobs.v1alpha1.batch.volcano.sh`; with --crd or
    /// --live also its short names), or the name of a rule if no kind has that name
    kind: String,
    /// A path as in a rule (`spec.tasks[*].replicas`), a field as a denial names it, or a JSON
    /// pointer; without one, the whole kind
    path: Option<String>,
    #[command(flatten)]
    requester: RequesterArgs,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    kinds: KindArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rules = args.rules.load()?;
    let catalogue = kinds::catalogue(&args.kinds, &rules.rules().collect::<Vec<_>>())?;
    let Meant { rules, resources, targets } = kind::find(&rules, &catalogue, &args.kind)?;
    let parsed = |text: &String| {
        AskedLocation::parse(text)
            .map_err(|error| anyhow!("in path `{}`: {error}", escape_control(text)))
    };
    let location = args.path.as_ref().map(parsed).transpose()?;
    let requester = args.requester.requester();
    let steps = |rule| location.as_ref().map(|location| location.steps(rule)).unwrap_or_default();
    let in_schema = rules
        .first()
        .filter(|_| args.path.is_some())
        .and_then(|rule| InSchema::find(&targets, &steps(rule)));
    let answers = rules.into_iter().map(|rule| Answer::new(rule, &steps(rule), requester.as_ref()));
    let report = ExplainReport {
        path: args.path.as_deref(),
        resources,
        in_schema,
        answers: answers.collect(),
    };
    match args.output.format {
        Format::Text => output::print(&report.text())?,
        Format::Json => output::print_json(&report.json())?,
    }
    Ok(ExitCode::from(u8::from(report.verdict() == Verdict::Same(MayChange::No))))
}

struct ExplainReport<'a> {
    path: Option<&'a str>,
    resources: Vec<String>,
    in_schema: Option<InSchema>,
    answers: Vec<Answer<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The same for every update.
    Same(MayChange),
    /// They say different things, and not all of them apply to every update.
    ByRule,
}

impl ExplainReport<'_> {
    /// All rules that refuse must allow, of those that apply.
    fn verdict(&self) -> Verdict {
        let refusing =
            || self.answers.iter().filter(|answer| answer.rule.actions().effect == Effect::Deny);
        let said = |answers: &mut dyn Iterator<Item = &Answer<'_>>| {
            answers.map(|answer| answer.may_change).min()
        };
        let worst = said(&mut refusing()).unwrap_or(MayChange::Yes);
        let always = said(&mut refusing().filter(|answer| answer.only_where.is_empty()));
        let is_told = always == Some(worst) || refusing().all(|answer| answer.may_change == worst);
        if is_told { Verdict::Same(worst) } else { Verdict::ByRule }
    }

    fn text(&self) -> String {
        let words = |may_change| match may_change {
            MayChange::Yes => styled(GOOD.bold(), "may change"),
            MayChange::Partly => styled(DOUBTFUL.bold(), "may change in part"),
            MayChange::No => styled(BAD.bold(), "may not change"),
        };
        let what =
            self.path.map(|path| format!("{} of ", escape_control(path))).unwrap_or_default();
        let verdict = match self.verdict() {
            Verdict::Same(may_change) => words(may_change),
            Verdict::ByRule => styled(DOUBTFUL.bold(), "depends on which of the rules apply"),
        };
        let mut text = format!("{what}{}: {verdict}\n", escape_control(&self.resources.join(", ")));
        match &self.in_schema {
            Some(InSchema::Type(shown)) => text += &format!("type: {shown}\n"),
            Some(InSchema::Missing(why)) => {
                text += &format!("{}: {why}\n", styled(BAD, "not in the schema"));
            }
            None => {}
        }
        if self.answers.len() > 1 {
            let is_conditional = self.answers.iter().any(|answer| !answer.only_where.is_empty());
            let all =
                if is_conditional { "all of them that apply to an update" } else { "all of them" };
            text += &styled(ASIDE, &format!("several rules cover it; {all} must allow"));
            text.push('\n');
        }
        for answer in &self.answers {
            text += &answer_text(
                answer,
                self.path.is_some(),
                (self.answers.len() > 1).then(|| words(answer.may_change)),
            );
        }
        text
    }

    fn json(&self) -> ExplainJson<'_> {
        ExplainJson {
            path: self.path,
            resources: &self.resources,
            schema: self.in_schema.as_ref(),
            may_change: match self.verdict() {
                Verdict::Same(may_change) => may_change,
                Verdict::ByRule => MayChange::Partly,
            },
            rules: self.answers.iter().map(JsonAnswer::new).collect(),
        }
    }
}

fn answer_text(answer: &Answer<'_>, is_path: bool, own: Option<String>) -> String {
    let rule = answer.rule;
    let own = own.map(|own| format!(": {own}")).unwrap_or_default();
    let mut text = format!(
        "rule {} ({}){own}{}\n",
        rule.name(),
        escape_control(rule.origin()),
        consequence(rule.actions().effect)
    );
    text.extend(answer.only_where.iter().map(|cases| format!("  only where {cases}\n")));
    // Of somebody exempt entries say nothing.
    if answer.is_exempt {
        text.extend(answer.notes.iter().map(|note| format!("  {note}\n")));
        return text;
    }
    if is_path {
        for Permitted { changes, cases } in answer.permitted() {
            let cases = if answer.is_narrowed && cases == "everybody" {
                "this requester".to_owned()
            } else {
                cases
            };
            let changes =
                if changes.len() == 5 { "every change".to_owned() } else { changes.join(", ") };
            text += &format!("  {} {changes}: {cases}\n", styled(GOOD, "✓"));
        }
        let refused = answer.refused();
        if !refused.is_empty() {
            let refused = if refused.len() == 5 {
                "any change of the value itself".to_owned()
            } else {
                refused.join(", ")
            };
            text += &format!("  {} {refused}\n", styled(BAD, "✗"));
        }
    }
    for related in &answer.entries {
        text += &format!("  {}\n", related_text(related, rule.origin()));
    }
    if answer.entries.is_empty() && !answer.is_owned() && !answer.is_protected() {
        text += if answer.is_narrowed {
            "  no entry leads there for this requester\n"
        } else {
            "  no entry leads there\n"
        };
    }
    text.extend(answer.compared.iter().map(|compared| format!("  compared: {compared}\n")));
    text.extend(answer.notes.iter().map(|note| format!("  {note}\n")));
    if !answer.nearby.is_empty() {
        text += &format!(
            "  {}\n",
            styled(ASIDE, &format!("listed nearby: {}", answer.nearby.join(", ")))
        );
    }
    if let Some(source) = rule.source() {
        text += &format!(
            "  {}\n",
            styled(ASIDE, &format!("documented at: {}", escape_control(source)))
        );
    }
    text
}

fn consequence(effect: Effect) -> &'static str {
    match effect {
        Effect::Deny => "",
        Effect::Warn => "; it only warns, so everything goes through",
        Effect::Nothing => "; it only records, so everything goes through",
    }
}

fn related_text(related: &Related, origin: &str) -> String {
    let entry = &related.entry;
    let relation = match related.relation {
        Relation::Covers => "by",
        Relation::CoversSome => "some of it by",
        Relation::Below => "below it",
    };
    let place = entry.line.map_or_else(
        || "every rule".to_owned(),
        |line| format!("{}:{line}", escape_control(origin)),
    );
    let verbs =
        (entry.verbs != Verbs::ALL).then(|| entry.verbs.names().collect::<Vec<_>>().join(", "));
    let by = entry.by.as_ref().map(|by| format!("for {}", answer::who(by)));
    let when = entry.when.as_ref().map(|when| format!("when {}", one_line(when.text())));
    let absent = entry
        .is_absent
        .then(|| "documented, but the kind has no such field (fieldward.io/absent)".to_owned());
    let parts: Vec<String> = verbs.into_iter().chain(by).chain(when).chain(absent).collect();
    let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join("; ")) };
    format!("{relation} {} ({place}){parts}", shown(&entry.path))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplainJson<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'r str>,
    resources: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'r InSchema>,
    may_change: MayChange,
    rules: Vec<JsonAnswer<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonAnswer<'r> {
    rule: &'r str,
    origin: &'r str,
    may_change: MayChange,
    /// What follows from a change that is not permitted.
    effect: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    only_where: &'r [String],
    permitted: Vec<Permitted>,
    refused: Vec<&'static str>,
    entries: Vec<JsonEntry>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    compared: &'r [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'r [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    nearby: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'r str>,
}

#[derive(Serialize)]
struct JsonEntry {
    path: String,
    relation: Relation,
    allow: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<String>,
    /// Whether the kind lacks the field.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    absent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
}

impl<'r> JsonAnswer<'r> {
    fn new(answer: &'r Answer<'_>) -> Self {
        let entry = |related: &Related| JsonEntry {
            path: related.entry.path.to_string(),
            relation: related.relation,
            allow: related.entry.verbs.names().collect(),
            by: related.entry.by.as_ref().map(answer::who),
            when: related.entry.when.as_ref().map(|when| when.text().to_owned()),
            absent: related.entry.is_absent,
            line: related.entry.line,
        };
        Self {
            rule: answer.rule.name().as_str(),
            origin: answer.rule.origin(),
            may_change: answer.may_change,
            effect: match answer.rule.actions().effect {
                Effect::Deny => "Deny",
                Effect::Warn => "Warn",
                Effect::Nothing => "Audit",
            },
            only_where: &answer.only_where,
            permitted: answer.permitted(),
            refused: answer.refused(),
            entries: answer.entries.iter().map(entry).collect(),
            compared: &answer.compared,
            notes: &answer.notes,
            nearby: &answer.nearby,
            source: answer.rule.source(),
        }
    }
}
