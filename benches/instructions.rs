//! How many instructions the engine spends on fixed reviews, compared with
//! `benches/instructions.txt`.
//!
//! `.ci/static bench --bench instructions` fails if a case takes more, or fewer, than the baseline
//! says, beyond [`TOLERANCE`]; `-- --write` renews the baseline; `-- --repeat N` measures N times
//! and shows how far the counts lie apart. Instructions are counted by callgrind, of [`measured`]
//! alone, so neither the machine's load nor its clock matters. The compiler and the C library do:
//! the baseline is that of the static build, which the image has too.

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail, ensure};
use fieldward::engine::{Decision, RuleSet, admit};

use support::{Change, LARGE, MEDIUM, SMALL, Size, TINY};

/// By how much of the baseline a count may differ from it.
const TOLERANCE: f64 = 0.03;

const CHANGES: [(&str, Change); 6] = [
    ("keyed-moved", Change::Moved),
    ("leaf-allowed", Change::LeafAllowed),
    ("leaf-denied", Change::LeafDenied),
    ("many-allowed", Change::ManyAllowed),
    ("many-denied", Change::ManyDenied),
    ("unchanged", Change::Nothing),
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["run", case] => run(case).map(|()| ExitCode::SUCCESS),
        [] => compare(1),
        ["--repeat", times] => compare(times.parse().context("expected a number after --repeat")?),
        ["--write"] => write().map(|()| ExitCode::SUCCESS),
        other => bail!("expected nothing, --write or --repeat N, found `{}`", other.join(" ")),
    }
}

fn cases() -> impl Iterator<Item = (String, Size, Change)> {
    let sizes = [SMALL, MEDIUM, LARGE].into_iter();
    sizes.flat_map(|size| CHANGES.map(|(name, change)| (format!("{name}-{size}"), size, change)))
}

/// Judges a case once, and a small one before it: what happens once in a process is not what is
/// counted.
fn run(case: &str) -> anyhow::Result<()> {
    let (_, size, change) = cases()
        .find(|(name, ..)| name == case)
        .with_context(|| format!("no case is called `{case}`"))?;
    let rules = support::rules(100)?;
    admit(&rules, support::review(TINY, change).as_bytes());
    let decision = measured(&rules, support::review(size, change).as_bytes());
    ensure!(
        decision == Some(change.verdict()),
        "expected {:?}, found {decision:?}",
        change.verdict()
    );
    Ok(())
}

/// What is counted; callgrind knows it by its name.
#[inline(never)]
fn measured(rules: &RuleSet, review: &[u8]) -> Option<Decision> {
    let reply = black_box(admit(black_box(rules), black_box(review)));
    reply.rules().first().map(|outcome| outcome.decision)
}

fn compare(times: u32) -> anyhow::Result<ExitCode> {
    let baseline = Baseline::read()?;
    let mut wrong = Vec::new();
    println!(
        "{:<20}  {:>13}  {:>13}  {:>8}  {:>8}",
        "case", "baseline", "instructions", "change", "spread"
    );
    for (case, ..) in cases() {
        let counts = (0..times.max(1)).map(|_| count(&case)).collect::<anyhow::Result<Vec<_>>>()?;
        let (least, most) = (
            counts.iter().min().copied().unwrap_or_default(),
            counts.iter().max().copied().unwrap_or_default(),
        );
        let Some(expected) = baseline.counts.get(&case).copied() else {
            wrong.push(format!("{case} is not in the baseline"));
            continue;
        };
        let change = ratio(most, expected) - 1.0;
        let spread = ratio(most, least) - 1.0;
        println!(
            "{case:<20}  {expected:>13}  {most:>13}  {:>+7.2}%  {:>7.3}%",
            change * 100.0,
            spread * 100.0
        );
        if change.abs() > TOLERANCE {
            let direction = if change > 0.0 { "more" } else { "fewer" };
            wrong.push(format!(
                "{case} takes {:.1}% {direction} instructions than the baseline says",
                change.abs() * 100.0
            ));
        }
    }
    wrong.extend(
        baseline
            .counts
            .keys()
            .filter(|case| !cases().any(|(name, ..)| name == **case))
            .map(|case| format!("{case} is no case")),
    );
    if wrong.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\n{}", wrong.join("\n"));
    let made_by = made_by()?;
    if baseline.made_by != made_by {
        println!("the baseline was made by {}, this is {made_by}", baseline.made_by);
    }
    println!("if it is meant to be so: .ci/static bench --bench instructions -- --write");
    Ok(ExitCode::FAILURE)
}

fn write() -> anyhow::Result<()> {
    let mut counts = BTreeMap::new();
    for (case, ..) in cases() {
        counts.insert(case.clone(), count(&case)?);
    }
    let baseline = Baseline { made_by: made_by()?, counts };
    print!("{}", baseline.text());
    Ok(std::fs::write(Baseline::path(), baseline.text())?)
}

/// Instructions of [`measured`] in a process of its own.
fn count(case: &str) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    let counted = folder.path().join("counted");
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--quiet",
            "--collect-atstart=no",
            "--toggle-collect=*instructions::measured*",
        ])
        .arg(format!("--callgrind-out-file={}", counted.display()))
        .arg(std::env::current_exe()?)
        .args(["run", case])
        .output()
        .context("valgrind is missing; install the package valgrind")?;
    ensure!(output.status.success(), "{case} failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(counted)?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .context("callgrind wrote no total")?;
    let total = total.trim().parse()?;
    ensure!(total > 0, "nothing was counted; callgrind did not find the function by its name");
    Ok(total)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// What the counts depend on.
fn made_by() -> anyhow::Result<String> {
    let compiler = Command::new("rustc").arg("--version").output().context("rustc is missing")?;
    Ok(format!(
        "{} on {}",
        String::from_utf8_lossy(&compiler.stdout).trim(),
        std::env::consts::ARCH
    ))
}

struct Baseline {
    made_by: String,
    counts: BTreeMap<String, u64>,
}

impl Baseline {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt")
    }

    fn read() -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(Self::path())
            .context("no baseline; .ci/static bench --bench instructions -- --write makes one")?;
        let mut lines = text.lines();
        let made_by = lines
            .next()
            .and_then(|line| line.strip_prefix("# "))
            .context("expected `# compiler` as the first line")?;
        let entry = |line: &str| {
            let (case, count) = line
                .split_once(' ')
                .with_context(|| format!("expected a case and its instructions, found `{line}`"))?;
            anyhow::Ok((case.to_owned(), count.trim().parse()?))
        };
        Ok(Self {
            made_by: made_by.to_owned(),
            counts: lines.map(entry).collect::<anyhow::Result<_>>()?,
        })
    }

    fn text(&self) -> String {
        let mut text = format!("# {}\n", self.made_by);
        for (case, count) in &self.counts {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{case} {count}");
        }
        text
    }
}
