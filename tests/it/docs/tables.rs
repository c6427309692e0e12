//! What the pages list is what there is: options, metrics, the denial on top of README.

use std::collections::BTreeSet;

use libtest_mimic::Trial;

use super::commands;
use super::page::{Page, pages};
use crate::corpus::root;
use crate::support::server::{Server, fieldward, post};
use crate::support::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("docs::the_denial_on_top_of_readme_is_a_recorded_one", || {
            denial();
            Ok(())
        }),
        trial("docs::every_option_that_a_page_names_exists", options),
        trial("docs::the_metrics_that_the_page_names_are_those_served", metrics),
    ]
}

fn denial() {
    let output = fieldward()
        .args(["check", "-o", "json", "tests/cases/volcano-job/vj-mixed.json"])
        .current_dir(root())
        .output()
        .unwrap();
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let blocks = Page::read("README.md").blocks();
    let shown = &blocks.iter().find(|block| block.is("console,cluster")).unwrap().text;
    for violation in verdict["violations"].as_array().unwrap() {
        let line = format!(
            "  {}: {} → {}\n",
            violation["field"].as_str().unwrap(),
            violation["old"],
            violation["new"]
        );
        assert!(shown.contains(&line), "{line}");
    }
}

async fn options() {
    let known = commands::all();
    let of_other_programs = [
        "--release",
        "--profile",
        "--locked",
        "--force",
        "--bench",
        "--path",
        "--test",
        "--lib",
        "--nocapture",
        "--server-side",
        "--write",
        "--shard",
        "--skip",
        "--sanitizer",
        "--ignore-filename-regex",
        "--target",
        "--push",
        "--load",
        "--create-namespace",
        "--set",
        "--namespace",
        "--days",
        "--key",
        "--replicas",
        "--dry-run",
        "--type",
        "--reset-then-reuse-values",
        "--sign",
    ];
    for page in pages() {
        let words = page.text.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '-'));
        for option in words.filter(|word| {
            word.starts_with("--") && word.trim_start_matches('-').starts_with(char::is_alphabetic)
        }) {
            assert!(
                known.contains(option) || of_other_programs.contains(&option),
                "{}: {option}",
                page.name
            );
        }
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
    let types: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let page = Page::read("docs/metrics.md").text;
    let table = page.split("\n## Every replica\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let named: BTreeSet<&str> =
        table.split('`').filter(|word| word.starts_with("fieldward_")).collect();
    let own: BTreeSet<&str> =
        types.into_iter().filter(|name| name.starts_with("fieldward_")).collect();
    assert_eq!(named, own);
}
