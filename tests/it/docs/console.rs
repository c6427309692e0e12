//! The blocks of a page, in their order and in one folder, as a reader tries them.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use fieldward::engine::{Builtin, RuleFile, RuleSet};

use super::page::{Block, Page};
use crate::corpus::root;
use crate::golden;

/// docs/lints.md is generated, and tests of the lints try its examples.
const TRIED_ELSEWHERE: &str = "docs/lints.md";

pub(crate) fn check(page: &Page) {
    if page.name == TRIED_ELSEWHERE {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["deploy", "tests"] {
        symlink(root().join(name), folder.path().join(name)).unwrap();
    }
    let mut renewed = page.text.clone();
    let mut shown = Vec::new();
    for block in page.blocks() {
        match block.language.as_str() {
            "console" => {
                let range = block.at..block.at + block.text.len();
                shown.push((range, run(&block, folder.path())));
            }
            "yaml" => {
                load(page, &block);
                if page.name == "README.md" {
                    let file = folder.path().join("rule.yaml");
                    fs::write(&file, &block.text).unwrap();
                    lint(page, &file, folder.path());
                }
            }
            "yaml,excerpt" => drop(documents(&block)),
            "sh" | "sh,cluster" => read(page, &block),
            "console,cluster" | "text" | "json" | "rust" => {}
            language => {
                let file = |how: &str| Some(folder.path().join(language.strip_prefix(how)?));
                if let Some(file) = file("yaml,append=") {
                    let whole = fs::read_to_string(&file).unwrap() + &block.text;
                    fs::write(&file, whole).unwrap();
                } else if let Some(file) = file("yaml,file=") {
                    fs::write(&file, &block.text).unwrap();
                    if block.text.contains("kind: UpdateRule\n") {
                        load(page, &block);
                        lint(page, &file, folder.path());
                    } else {
                        documents(&block);
                    }
                } else {
                    panic!("{}: no block may be `{language}`; see docs/mod.rs", page.name);
                }
            }
        }
    }
    let mut differences = String::new();
    // From the end, so that the places of the blocks before stay right.
    for (range, found) in shown.into_iter().rev() {
        let expected = &page.text[range.clone()];
        if !matches(expected, &found) {
            write!(differences, "expected:\n{expected}\nfound:\n{found}\n").unwrap();
            renewed.replace_range(range, &found);
        }
    }
    if !golden::is_renewing() {
        assert!(differences.is_empty(), "{}\n{differences}", page.name);
    } else if renewed != page.text {
        golden::renew(&page.path(), &renewed);
    }
}

/// The commands of the block, each with what it printed.
fn run(block: &Block, folder: &Path) -> String {
    let mut printed = String::new();
    let mut code = 0;
    for command in block.text.lines().filter_map(|line| line.strip_prefix("$ ")) {
        writeln!(printed, "$ {command}").unwrap();
        let output = shell(&format!("(exit {code})\n{command}"), folder);
        code = output.status.code().unwrap();
        printed += &String::from_utf8(output.stdout).unwrap();
        printed += &String::from_utf8(output.stderr).unwrap();
    }
    assert!(block.text.starts_with("$ "), "a block begins with a command: {}", block.text);
    printed
}

fn shell(script: &str, folder: &Path) -> std::process::Output {
    let program = Path::new(env!("CARGO_BIN_EXE_fieldward")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(folder);
    command.env_clear().env("PATH", path).env("HOME", folder).env("LC_ALL", "C.UTF-8");
    command.output().unwrap()
}

/// What needs a cluster says so.
fn read(page: &Page, block: &Block) {
    let asks = ["kubectl ", "helm "].iter().any(|program| {
        block.text.lines().any(|line| {
            line.trim_start().starts_with(program) || line.contains(&format!("| {program}"))
        })
    });
    assert!(!asks || block.is("sh,cluster"), "{}: not `sh,cluster`: {}", page.name, block.text);
    let read = Command::new("bash").args(["-n", "-c", &block.text]).output().unwrap();
    assert!(read.status.success(), "{}: {read:?}", page.name);
}

fn load(page: &Page, block: &Block) {
    let document = RuleFile { origin: page.name.clone(), text: block.text.clone() };
    RuleSet::load(Builtin::Excluded, &[document])
        .unwrap_or_else(|errors| panic!("{}: {errors}\n{}", page.name, block.text));
}

/// A rule that people copy has no findings.
fn lint(page: &Page, rule: &Path, folder: &Path) {
    let output = shell(&format!("fieldward lint {}", rule.display()), folder);
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}: {found}", page.name);
}

fn documents(block: &Block) -> Vec<serde_json::Value> {
    serde_saphyr::from_multiple(&block.text)
        .unwrap_or_else(|error| panic!("{error}\n{}", block.text))
}

/// Whether the output is the expected one, in which `...` stands for any lines and `[..]` for any
/// text in a line.
fn matches(expected: &str, found: &str) -> bool {
    let expected: Vec<&str> = expected.lines().collect();
    let found: Vec<&str> = found.lines().collect();
    lines_match(&expected, &found)
}

fn lines_match(expected: &[&str], found: &[&str]) -> bool {
    match (expected, found) {
        ([], []) => true,
        (["...", rest @ ..], _) => {
            (0..=found.len()).any(|skipped| lines_match(rest, &found[skipped..]))
        }
        ([first, expected @ ..], [line, found @ ..]) => {
            line_matches(first, line) && lines_match(expected, found)
        }
        _ => false,
    }
}

fn line_matches(expected: &str, found: &str) -> bool {
    match expected.split_once("[..]") {
        None => expected == found,
        Some((before, after)) => found.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| line_matches(after, &rest[at..]))
        }),
    }
}

pub(crate) fn finds_what_differs() {
    for (expected, found) in [
        ("$ a\nb\n", "$ a\nb\n"),
        ("$ a\n...\nd\n", "$ a\nb\nc\nd\n"),
        ("$ a\n...\n", "$ a\n"),
        ("took [..] ms\n", "took 13 ms\n"),
    ] {
        assert!(matches(expected, found), "{expected:?} {found:?}");
    }
    for (expected, found) in [
        ("$ a\nb\n", "$ a\nc\n"),
        ("$ a\nb\n", "$ a\n"),
        ("$ a\n", "$ a\nb\n"),
        ("$ a\n...\nd\n", "$ a\nb\nc\n"),
        ("took [..] ms\n", "took 13 s\n"),
    ] {
        assert!(!matches(expected, found), "{expected:?} {found:?}");
    }
}
