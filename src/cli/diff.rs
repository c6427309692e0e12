//! `fieldward diff`: what another version of a rule newly permits and refuses.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;

use crate::analysis::diff::difference::{Container, Direction};
use crate::analysis::diff::{Comparison, Difference, Permission, comparisons};
use crate::analysis::symbolic::ChangeClass;
use crate::analysis::words::shown;
use crate::cli::args::{Format, OutputArgs};
use crate::cli::output::{self, BAD, DOUBTFUL, GOOD, styled};
use crate::cli::rule_sources;
use crate::engine::{Builtin, Path, RuleSet, Step, escape_control};
use crate::server::files::{Accepted, FileReader, is_stdin};

const AFTER_HELP: &str = "\
Exit code: 0 no difference, 1 differences, 2 rules that cannot be read or compared.

Rules are compared by what they decide, not by how they are written. Of several rules, each is \
compared with the one of the same name.

Examples:
  fieldward diff volcano-job next.yaml
  fieldward diff --output json before/ after/";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The rules before: a file, a folder, the name of a built-in rule, or `-` for standard input
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The rules after: a file, a folder, the name of a built-in rule, or `-` for standard input
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let found = comparisons(&load(&args.before)?, &load(&args.after)?)?;
    let reports: Vec<DiffReport> = found.into_iter().map(DiffReport).collect();
    match args.output.format {
        Format::Text => {
            output::print(&reports.iter().map(DiffReport::text).collect::<Vec<_>>().join("\n"))?;
        }
        Format::Json => {
            output::print_json(&reports.iter().map(DiffReport::json).collect::<Vec<_>>())?;
        }
    }
    Ok(ExitCode::from(u8::from(reports.iter().any(DiffReport::differs))))
}

fn load(path: &PathBuf) -> anyhow::Result<RuleSet> {
    if is_stdin(path) || path.exists() {
        let reader = FileReader::new(Accepted::Pipes);
        let documents = rule_sources::read(std::slice::from_ref(path), &reader)?;
        return Ok(RuleSet::load(Builtin::Excluded, &documents)?);
    }
    let builtin = RuleSet::load(Builtin::Included, &[])?;
    let name = path.display().to_string();
    match builtin.only(&name) {
        Some(rule) => Ok(rule),
        None => bail!(
            "expected a file, a folder or the name of a built-in rule, found `{}`; built in are: \
             {}",
            escape_control(&name),
            builtin.names().collect::<Vec<_>>().join(", ")
        ),
    }
}

struct DiffReport(Comparison);

impl DiffReport {
    fn differs(&self) -> bool {
        !self.0.differences.is_empty() || self.0.before.is_none() || self.0.after.is_none()
    }

    fn text(&self) -> String {
        let title = match (&self.0.before, &self.0.after) {
            (Some(before), Some(after)) if before == after => format!("rule {before}"),
            (Some(before), Some(after)) => format!("rule {before} → {after}"),
            (Some(before), None) => {
                return format!("rule {before} is gone: it refuses nothing any more\n");
            }
            (None, Some(after)) => {
                return format!(
                    "rule {after} is new: it refuses every change that it does not list\n"
                );
            }
            (None, None) => return String::new(),
        };
        if self.0.differences.is_empty() {
            return format!("{title}: {}\n", styled(GOOD, "no difference"));
        }
        let mut text = format!("{title}\n");
        for (kind, heading) in HEADINGS {
            let lines: String = self
                .0
                .differences
                .iter()
                .filter(|difference| difference.kind() == kind)
                .map(line)
                .collect();
            if !lines.is_empty() {
                text += &format!("{heading}\n{lines}");
            }
        }
        text
    }

    fn json(&self) -> DiffJson<'_> {
        DiffJson {
            before: self.0.before.as_deref(),
            after: self.0.after.as_deref(),
            differences: self.0.differences.iter().map(JsonDifference::new).collect(),
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
struct DiffJson<'r> {
    /// Its name before; `None` if it is new.
    before: Option<&'r str>,
    /// Its name after; `None` if it is gone.
    after: Option<&'r str>,
    differences: Vec<JsonDifference>,
}

/// One line, without its heading.
fn line(difference: &Difference) -> String {
    match difference {
        Difference::Permission(permission) => permission_line(permission),
        Difference::Compared { path, others, before, after } => {
            format!(
                "  {} {}: {after} (was: {before})\n",
                styled(DOUBTFUL, "~"),
                place(path, *others)
            )
        }
        Difference::Scope { what, before, after } => {
            format!("  {} {what}: {after} (was: {before})\n", styled(DOUBTFUL, "~"))
        }
    }
}

fn permission_line(permission: &Permission) -> String {
    let changes = changes(&permission.changes);
    let mark = match permission.direction {
        Direction::Gained => styled(GOOD, "+"),
        Direction::Lost => styled(BAD, "-"),
        Direction::Other => styled(DOUBTFUL, "~"),
    };
    let who =
        match (permission.direction, permission.before.is_never(), permission.after.is_never()) {
            (Direction::Gained, true, _) if permission.after.is_always() => String::new(),
            (Direction::Lost, _, true) if permission.before.is_always() => String::new(),
            (Direction::Other, ..) => {
                format!("; may now depend on: {} (was: {})", permission.after, permission.before)
            }
            _ => format!("; now: {} (was: {})", permission.after, permission.before),
        };
    let except: Vec<String> = permission.except.iter().map(shown).collect();
    let except = match permission.direction {
        _ if except.is_empty() => String::new(),
        Direction::Gained => format!("; was listed before: {}", except.join(", ")),
        _ => format!("; still listed: {}", except.join(", ")),
    };
    let unless = permission
        .unless
        .map(|container| format!("; but not if it is a {}", container.as_str()))
        .unwrap_or_default();
    format!(
        "  {mark} {}: {changes}{who}{except}{unless}\n",
        place(&permission.path, permission.others)
    )
}

fn place(path: &[Step], others: bool) -> String {
    let text = Path::from_steps(path).as_ref().map(shown).unwrap_or_default();
    if others { format!("{text} (those not named)") } else { text }
}

fn changes(changes: &[ChangeClass]) -> String {
    if ChangeClass::VERBS.iter().all(|verb| changes.contains(verb)) {
        return "every change".to_owned();
    }
    changes.iter().map(|change| change.as_str()).collect::<Vec<_>>().join(", ")
}

#[derive(Default, Serialize)]
struct JsonDifference {
    difference: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Only for those that are not named beside it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    others: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<&'static str>,
    before: String,
    after: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    except: Vec<String>,
    /// `list` or `map`: if the location is one, nothing differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    unless: Option<&'static str>,
}

impl JsonDifference {
    fn new(difference: &Difference) -> Self {
        let shown = |path: &[Step]| Path::from_steps(path).map(|path| path.to_string());
        let own = Self { difference: difference.kind(), ..Self::default() };
        match difference {
            Difference::Permission(permission) => Self {
                path: shown(&permission.path),
                others: permission.others,
                changes: permission.changes.iter().map(|change| change.as_str()).collect(),
                before: permission.before.to_string(),
                after: permission.after.to_string(),
                except: permission.except.iter().map(ToString::to_string).collect(),
                unless: permission.unless.map(Container::as_str),
                ..own
            },
            Difference::Compared { path, others, before, after } => Self {
                path: shown(path),
                others: *others,
                before: before.clone(),
                after: after.clone(),
                ..own
            },
            Difference::Scope { what, before, after } => {
                Self { what: Some(what), before: before.clone(), after: after.clone(), ..own }
            }
        }
    }
}
