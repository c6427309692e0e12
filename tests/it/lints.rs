//! docs/lints.md is what `lint --explain` prints of every lint.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::corpus::root;
use crate::golden;
use crate::support::server::fieldward;

/// The kinds that the examples are about.
const KINDS: &str = "src/analysis/lint/example-crd.yaml";

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("lints::the_page_is_what_explain_prints", || {
        golden::compare(&root().join("docs/lints.md"), &page());
        Ok(())
    })]
}

fn page() -> String {
    let lints: Value = serde_json::from_str(&explain(&["-o", "json"])).unwrap();
    let lints = lints.as_array().unwrap();
    let text = |lint: &Value, key: &str| lint[key].as_str().unwrap().to_owned();
    let names: Vec<String> = lints.iter().map(|lint| text(lint, "name")).collect();
    let listed: Vec<String> = explain(&[]).lines().map(str::to_owned).collect();
    assert_eq!(names, listed);
    let rows = lints.iter().map(|lint| {
        let name = text(lint, "name");
        let (severity, input) = (text(lint, "severity"), text(lint, "input"));
        format!("| [{name}](#{name}) | {severity} | {input} |\n")
    });
    let documented = names.iter().map(|name| {
        // One level deeper than alone.
        let text: String = explain(&[name]).lines().map(deeper).collect();
        format!("\n{text}")
    });
    let (rows, documented) = (rows.collect::<String>(), documented.collect::<String>());
    let kinds = std::fs::read_to_string(root().join(KINDS)).unwrap();
    let intro = include_str!("lints.md");
    intro.replace("TABLE\n", &rows).replace("KINDS\n", &kinds) + &documented
}

fn explain(arguments: &[&str]) -> String {
    let output = fieldward().args(["lint", "--explain"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn deeper(line: &str) -> String {
    let heading = if line.starts_with('#') { "#" } else { "" };
    format!("{heading}{line}\n")
}
