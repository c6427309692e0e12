//! values.yaml, what is said of it, and what its schema refuses.

use std::fs;

use libtest_mimic::Trial;
use serde::Deserialize;
use serde_json::Value;

use super::programs::{CHART, Tool};
use super::trial;
use crate::corpus::root;
use crate::golden;
use crate::support::go::Lacking;

pub(crate) fn trials() -> Vec<Trial> {
    let plain = |name: &str, test: fn()| {
        Trial::test(format!("chart::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("wrong_values_are_refused", wrong_values_are_refused),
        plain("readme_describes_each_value", readme_describes_each_value),
        plain("the_schema_knows_each_value_and_no_other", the_schema_knows_each_value_and_no_other),
    ]
}

/// A line of values.yaml.
struct Described {
    path: String,
    default: String,
    words: String,
}

/// The values, each with the comment above it; one without a comment fails the trial.
fn described() -> Vec<Described> {
    let text = fs::read_to_string(root().join(CHART).join("values.yaml")).unwrap();
    let (mut values, mut comment) = (Vec::new(), Vec::new());
    let mut sections: Vec<(usize, &str)> = Vec::new();
    for line in text.lines() {
        let line_start = line.trim_start();
        let indent = line.len() - line_start.len();
        if let Some(words) = line_start.strip_prefix("# ") {
            comment.push(words);
            continue;
        }
        let words = std::mem::take(&mut comment).join(" ");
        let Some((key, default)) = line_start.split_once(':') else { continue };
        sections.retain(|(other, _)| *other < indent);
        let path =
            sections.iter().map(|(_, section)| *section).chain([key]).collect::<Vec<_>>().join(".");
        let default = default.trim().to_owned();
        if default.is_empty() {
            sections.push((indent, key));
            continue;
        }
        assert!(!words.is_empty(), "values.yaml does not say what `{path}` is");
        values.push(Described { path, default, words });
    }
    assert!(values.len() > 40, "{}", values.len());
    values
}

fn readme_describes_each_value() {
    const BEGIN: &str = "<!-- values: begin, made of values.yaml -->\n";
    const END: &str = "<!-- values: end -->\n";
    let file = root().join(CHART).join("README.md");
    let readme = fs::read_to_string(&file).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let rows: String = described()
        .iter()
        .map(|value| {
            format!(
                "| `{}` | `{}` | {} |\n",
                value.path,
                value.default,
                value.words.replace('|', "\\|")
            )
        })
        .collect();
    golden::compare(
        &file,
        &format!(
            "{before}{BEGIN}| value | default | meaning |\n| --- | --- | --- |\n{rows}{END}{after}"
        ),
    );
}

fn the_schema_knows_each_value_and_no_other() {
    let text = fs::read_to_string(root().join(CHART).join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let mut known = Vec::new();
    let paths: Vec<String> = described().into_iter().map(|value| value.path).collect();
    collect(&schema, "", &paths, &mut known);
    known.sort();
    let mut paths = paths;
    paths.sort();
    assert_eq!(known, paths);
}

/// The values of a section of the schema, which must refuse all others.
fn collect(section: &Value, prefix: &str, paths: &[String], known: &mut Vec<String>) {
    assert_eq!(section["additionalProperties"], false, "`{prefix}` takes anything");
    for (key, schema) in section["properties"]
        .as_object()
        .unwrap_or_else(|| panic!("`{prefix}` is no section of values.yaml"))
    {
        let path = format!("{prefix}{key}");
        // Helm's own.
        if path == "global" {
            continue;
        }
        if paths.contains(&path) || !schema["properties"].is_object() {
            known.push(path);
        } else {
            collect(schema, &format!("{path}."), paths, known);
        }
    }
}

/// Values that are wrong, and where helm must say so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrong {
    values: Value,
    at: String,
}

fn wrong_values_are_refused() -> Result<(), Lacking> {
    let helm = Tool::helm()?;
    let text = fs::read_to_string(root().join("tests/chart/wrong.yaml")).unwrap();
    let table: Vec<Wrong> = serde_saphyr::from_str(&text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.json");
    for Wrong { values, at } in table {
        fs::write(&file, values.to_string()).unwrap();
        let printed = helm.run(&["template", "guard", CHART, "--values", file.to_str().unwrap()]);
        assert!(!printed.is_success && printed.out.is_empty(), "{values} is taken");
        assert!(
            printed.err.contains("schema") && printed.err.contains(&format!("at '{at}'")),
            "{values}: {}",
            printed.err
        );
    }
    Ok(())
}
