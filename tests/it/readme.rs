//! What README shows is what happens: its rules load, and its commands print what stands below them.

use std::path::Path;
use std::process::Command;

use fieldward::engine::{Builtin, Document, RuleSet};
use libtest_mimic::Trial;

use crate::support::fieldward;

pub(crate) fn trials() -> Vec<Trial> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
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
        let output = fieldward().args(["check", "-o", "json", "tests/cases/volcano-job/vj-mixed.json"]).current_dir(root()).output().unwrap();
        let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let shown = blocks(&readme, "console").into_iter().next().unwrap();
        for violation in verdict["violations"].as_array().unwrap() {
            let line = format!("  {}: {} → {}\n", violation["field"].as_str().unwrap(), violation["old"], violation["new"]);
            assert!(shown.contains(&line), "{line}");
        }
        Ok(())
    }));
    trials.push(Trial::test("readme::every_option_and_metric_that_it_names_exists", || {
        let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
        let help = String::from_utf8(Command::new(env!("CARGO_BIN_EXE_fieldward")).args(["serve", "--help"]).output().unwrap().stdout).unwrap();
        let manifests = String::from_utf8(Command::new(env!("CARGO_BIN_EXE_fieldward")).args(["manifests", "--help"]).output().unwrap().stdout).unwrap();
        let check = String::from_utf8(Command::new(env!("CARGO_BIN_EXE_fieldward")).args(["check", "--help"]).output().unwrap().stdout).unwrap();
        let foreign = ["--release", "--locked", "--force", "--bench"];
        for option in readme.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '-')).filter(|word| word.starts_with("--") && word.len() > 2) {
            let known = [&help, &manifests, &check].iter().any(|help| help.contains(option));
            assert!(known || foreign.contains(&option), "{option}");
        }
        Ok(())
    }));
    trials
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The fenced blocks of that language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}
