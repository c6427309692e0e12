//! What was measured as text: the same tables for the terminal and for docs/performance.md.

use std::path::Path;

use anyhow::Context;

use crate::h2load::Protocol;
use crate::measure::{AT_ONCE, Compared};

const BEGIN: &str = "<!-- costs: begin, written by benches/load -->\n";
const END: &str = "<!-- costs: end -->\n";

/// One kind of review over one protocol.
pub(crate) struct Row {
    pub(crate) size: &'static str,
    /// Of the review.
    pub(crate) bytes: u32,
    pub(crate) protocol: Protocol,
    pub(crate) verdict: &'static str,
    pub(crate) compared: Compared,
}

/// How much memory reviews of one size take, [`AT_ONCE`] of them at once.
pub(crate) struct Memory {
    pub(crate) size: &'static str,
    /// Of the review.
    pub(crate) bytes: u32,
    /// In KiB.
    pub(crate) peak: u32,
    /// In KiB.
    pub(crate) peak_of_noop: u32,
}

/// What is measured once.
pub(crate) struct Facts {
    pub(crate) rounds: u32,
    /// Whether there were too few requests to tell.
    pub(crate) quick: bool,
    /// Seconds until it is ready.
    pub(crate) ready: f64,
    /// The same, with [`crate::MANY`] rules.
    pub(crate) ready_with_many: f64,
    /// Processor time with so many rules, to that with one.
    pub(crate) many_rules: f64,
    /// In KiB.
    pub(crate) idle: u32,
    /// In KiB.
    pub(crate) idle_of_noop: u32,
    /// In KiB.
    pub(crate) idle_with_many: u32,
    /// In bytes.
    pub(crate) binary: u32,
}

pub(crate) fn text(rows: &[Row], memory: &[Memory], facts: &Facts) -> String {
    let rules = crate::MANY;
    let costs = table(&COSTS, &rows.iter().map(costs).collect::<Vec<_>>());
    let peaks = table(&PEAKS, &memory.iter().map(peaks).collect::<Vec<_>>());
    let (idle, idle_of_noop, idle_with_many) =
        (mebibytes(facts.idle), mebibytes(facts.idle_of_noop), mebibytes(facts.idle_with_many));
    let (ready, ready_with_many) = (figure(facts.ready * 1e3), figure(facts.ready_with_many * 1e3));
    let (binary, many_rules) = (figure(f64::from(facts.binary) / 1e6), facts.many_rules);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let name = processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let warning = if facts.quick {
        "\n\nA quick run with few requests: these figures show the form only."
    } else {
        ""
    };
    format!(
        "{costs}\n{peaks}\n\
        - resident before the first review: {idle} MiB (no-op: {idle_of_noop} MiB; with {rules} \
        rules: {idle_with_many} MiB)\n\
        - from the start until ready: {ready} ms (with {rules} rules: {ready_with_many} ms)\n\
        - CPU of a review of 5KB with {rules} rules, to that with one rule: {many_rules:.2}\n\
        - the binary: {binary} MB\n\
        \n\
        Medians of {} rounds, on {processors} processors ({name}).{warning}\n",
        facts.rounds
    )
}

/// Puts the text between the two marks of the page.
pub(crate) fn write(page: &Path, text: &str) -> anyhow::Result<()> {
    let whole = std::fs::read_to_string(page)?;
    let (before, rest) =
        whole.split_once(BEGIN).with_context(|| format!("the page has no `{}`", BEGIN.trim()))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("the page has no `{}` after that", END.trim()))?;
    Ok(std::fs::write(page, format!("{before}{BEGIN}{text}{END}{after}"))?)
}

const COSTS: [&str; 11] = [
    "review",
    "bytes",
    "over",
    "verdict",
    "CPU µs",
    "no-op µs",
    "ratio",
    "reviews/s",
    "ratio",
    "p50, p99, p99.9 ms",
    "ratio of p99",
];

fn costs(row: &Row) -> Vec<String> {
    let compared = &row.compared;
    let times = compared.times.map(|time| time.map_or("–".to_owned(), |time| figure(time / 1e3)));
    vec![
        row.size.to_owned(),
        row.bytes.to_string(),
        row.protocol.to_string(),
        row.verdict.to_owned(),
        figure(compared.processor),
        figure(compared.processor_of_other),
        format!("{:.2}", compared.processor_ratio),
        figure(compared.per_second),
        format!("{:.2}", compared.per_second_ratio),
        times.join(", "),
        compared.p99_ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
    ]
}

const PEAKS: [&str; 5] =
    ["review", "in flight, MiB", "resident at most, MiB", "ratio", "no-op, MiB"];

fn peaks(memory: &Memory) -> Vec<String> {
    let in_flight = f64::from(memory.bytes) * f64::from(AT_ONCE) / 1024.0;
    // Of less than a MiB in flight the ratio says how large the program is.
    let ratio = (in_flight >= 1024.0).then(|| format!("{:.1}", f64::from(memory.peak) / in_flight));
    vec![
        memory.size.to_owned(),
        figure(in_flight / 1024.0),
        mebibytes(memory.peak),
        ratio.unwrap_or("–".to_owned()),
        mebibytes(memory.peak_of_noop),
    ]
}

/// As Markdown, with columns of one width so that it can be read on a terminal too.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|&name| name.to_owned()).collect();
    let width = |column: usize| {
        std::iter::once(&head)
            .chain(rows)
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{}{rows}", line(&head), line(&rule))
}

fn mebibytes(kibibytes: u32) -> String {
    figure(f64::from(kibibytes) / 1024.0)
}

/// With two or more digits, and no more than are of use.
fn figure(number: f64) -> String {
    match number {
        _ if number >= 10.0 => format!("{number:.0}"),
        _ if number >= 1.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// What the processor calls itself (`proc_cpuinfo(5)`).
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}
