//! What README shows is what happens: its rules load, and its commands print what stands below them.

use std::collections::BTreeSet;
use std::path::Path;

use fieldward::engine::{Builtin, Document, RuleSet};
use libtest_mimic::Trial;

use crate::support::server::{Server, fieldward, post};
use crate::support::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let readme = readme();
    let mut trials = Vec::new();
    for (index, rule) in blocks(&readme, "yaml").into_iter().enumerate() {
        trials.push(Trial::test(format!("readme::rule_{index}"), move || {
            let document = Document { origin: "README.md".to_owned(), text: rule };
            RuleSet::load(Builtin::Left, &[document]).map(drop).map_err(|errors| errors.to_string().into())
        }));
    }
    for session in blocks(&readme, "console") {
        let Some((command, printed)) = session.strip_prefix("$ fieldward ").and_then(|session| session.split_once('\n')) else { continue };
        let (command, printed) = (command.to_owned(), printed.to_owned());
        trials.push(Trial::test(format!("readme::fieldward_{}", command.replace([' ', '/'], "_")), move || {
            let output = fieldward().args(command.split(' ')).current_dir(root()).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), printed);
            Ok(())
        }));
    }
    trials.push(Trial::test("readme::the_denial_on_top_is_a_recorded_one", move || {
        let output =
            fieldward().args(["check", "-o", "json", "tests/cases/volcano-job/vj-mixed.json"]).current_dir(root()).output().unwrap();
        let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let shown = blocks(&readme, "console").into_iter().next().unwrap();
        for violation in verdict["violations"].as_array().unwrap() {
            let line = format!("  {}: {} → {}\n", violation["field"].as_str().unwrap(), violation["old"], violation["new"]);
            assert!(shown.contains(&line), "{line}");
        }
        Ok(())
    }));
    trials.push(trial("readme::every_option_that_it_names_exists", options));
    trials.push(trial("readme::the_metrics_that_it_names_are_those_served", metrics));
    trials
}

async fn options() {
    let help = |command: &str| String::from_utf8(fieldward().args([command, "--help"]).output().unwrap().stdout).unwrap();
    let export = fieldward().args(["rules", "export", "--help"]).output().unwrap();
    let known = ["serve", "manifests", "check"].map(help).concat() + &String::from_utf8(export.stdout).unwrap();
    let of_other_programs = ["--release", "--locked", "--force", "--bench", "--path", "--test", "--nocapture"];
    let readme = readme();
    let words = readme.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '-'));
    for option in words.filter(|word| word.starts_with("--") && word.contains(char::is_alphabetic)) {
        assert!(known.contains(option) || of_other_programs.contains(&option), "{option}");
    }
}

async fn metrics() {
    let server = Server::start(&[]);
    let client = server.client();
    let review = std::fs::read(root().join("tests/cases/volcano-job/vj-mixed.json")).unwrap();
    let case: serde_json::Value = serde_json::from_slice(&review).unwrap();
    post(&client, &server.url("/validate"), case["review"].to_string()).await;
    post(&client, &server.url("/validate"), "{").await;
    let (_, text) = server.ops("/metrics").await.unwrap();
    let types: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let readme = readme();
    let table = readme.split("## Metrics").nth(1).unwrap().split("\n## ").next().unwrap();
    let named: BTreeSet<&str> = table.split('`').filter(|word| word.starts_with("fieldward_")).collect();
    let own: BTreeSet<&str> = types.into_iter().filter(|name| name.starts_with("fieldward_")).collect();
    assert_eq!(named, own);
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The fenced blocks of that language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}
