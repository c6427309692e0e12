//! `fieldward rules diff`: what another version of a rule newly permits and refuses.

mod compare;
mod difference;
mod scope;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::Serialize;

use crate::cli::output::{self, Format, GOOD, styled};
use crate::cli::rule_sources;
use crate::engine::{Builtin, Rule, RuleSet, harmless};
pub use compare::TooMany;
pub(in crate::cli::rules) use compare::words;
pub use difference::{Difference, Permission};
pub(in crate::cli::rules) use scope::{one_line, selector};

/// The options of `fieldward rules diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code: 0 no difference, 1 differences, 2 rules that cannot be read or compared.\n\n\
    Rules are compared by what they decide, not by how they are written. Of several rules each is compared with the one of its name.")]
pub(super) struct Args {
    /// The rules before: a file, a folder, or the name of a built-in rule
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The rules after: a file, a folder, or the name of a built-in rule
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// How the differences are printed
    #[arg(short, long, value_enum, default_value_t, env = "FIELDWARD_OUTPUT")]
    output: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let reports = pairs(&load(&args.before)?, &load(&args.after)?)?;
    match args.output {
        Format::Text => output::print(&text(&reports))?,
        Format::Json => output::print_json(&reports.iter().map(Report::json).collect::<Vec<_>>())?,
    }
    Ok(ExitCode::from(u8::from(reports.iter().any(Report::differs))))
}

/// What `after` decides otherwise than `before`, in the order of the paths, then what concerns the whole rule.
///
/// # Errors
/// Rules with so many overlapping wildcards that they cannot be compared.
pub fn differences(before: &Rule, after: &Rule) -> Result<Vec<Difference>, TooMany> {
    let mut found = compare::compare(before, after)?;
    found.extend(scope::compare(before, after));
    Ok(found)
}

fn load(path: &PathBuf) -> anyhow::Result<RuleSet> {
    if path.exists() {
        return Ok(RuleSet::load(Builtin::Left, &rule_sources::read(std::slice::from_ref(path))?)?);
    }
    let builtin = RuleSet::load(Builtin::Included, &[])?;
    let name = path.display().to_string();
    match builtin.only(&name) {
        Some(rule) => Ok(rule),
        None => bail!(
            "expected a file, a folder or the name of a built-in rule, found `{}`; built in are: {}",
            harmless(&name),
            builtin.names().collect::<Vec<_>>().join(", ")
        ),
    }
}

/// A rule before and after, either of which may be missing.
struct Report {
    before: Option<String>,
    after: Option<String>,
    differences: Vec<Difference>,
}

fn pairs(before: &RuleSet, after: &RuleSet) -> anyhow::Result<Vec<Report>> {
    let names = |rules: &RuleSet| -> BTreeSet<String> {
        rules.rules().flat_map(|rule| rule.resources().iter().flat_map(|one| one.resources.clone())).collect()
    };
    // Another version may have another name, but not speak of something else.
    let single = before.len() == 1 && after.len() == 1 && !names(before).is_disjoint(&names(after));
    let partner = |of: &Rule, among: &RuleSet| -> Option<String> {
        let rule = if single { among.rules().next() } else { among.get(of.name().as_str()) };
        rule.map(|rule| rule.name().to_string())
    };
    let mut reports = Vec::new();
    for rule in before.rules() {
        let after = partner(rule, after).and_then(|name| after.get(&name));
        let found = after.map(|after| differences(rule, after)).transpose().with_context(|| format!("in rule `{}`", rule.name()))?;
        reports.push(Report {
            before: Some(rule.name().to_string()),
            after: after.map(|rule| rule.name().to_string()),
            differences: found.unwrap_or_default(),
        });
    }
    let added = after.rules().filter(|rule| partner(rule, before).is_none());
    reports.extend(added.map(|rule| Report { before: None, after: Some(rule.name().to_string()), differences: Vec::new() }));
    Ok(reports)
}

impl Report {
    fn differs(&self) -> bool {
        !self.differences.is_empty() || self.before.is_none() || self.after.is_none()
    }

    fn text(&self) -> String {
        let title = match (&self.before, &self.after) {
            (Some(before), Some(after)) if before == after => format!("rule {before}"),
            (Some(before), Some(after)) => format!("rule {before} → {after}"),
            (Some(before), None) => return format!("rule {before} is gone: it refuses nothing any more\n"),
            (None, Some(after)) => return format!("rule {after} is new: it refuses every change that it does not list\n"),
            (None, None) => return String::new(),
        };
        if self.differences.is_empty() {
            return format!("{title}: {}\n", styled(GOOD, "no difference"));
        }
        let mut text = format!("{title}\n");
        for (kind, heading) in HEADINGS {
            let lines: String = self.differences.iter().filter(|difference| difference.kind() == kind).map(Difference::line).collect();
            if !lines.is_empty() {
                text += &format!("{heading}\n{lines}");
            }
        }
        text
    }

    fn json(&self) -> Json<'_> {
        Json {
            before: self.before.as_deref(),
            after: self.after.as_deref(),
            differences: self.differences.iter().map(Difference::json).collect(),
        }
    }
}

/// The kinds of differences in the order of the report.
const HEADINGS: [(&str, &str); 5] = [
    ("newlyPermitted", "newly permitted"),
    ("newlyRefused", "newly refused"),
    ("dependsOtherwise", "permitted in other cases"),
    ("comparedDifferently", "compared differently"),
    ("scope", "scope"),
];

#[derive(Serialize)]
struct Json<'r> {
    /// Its name before; none: it is new.
    before: Option<&'r str>,
    /// Its name after; none: it is gone.
    after: Option<&'r str>,
    differences: Vec<difference::Json>,
}

fn text(reports: &[Report]) -> String {
    reports.iter().map(Report::text).collect::<Vec<_>>().join("\n")
}
