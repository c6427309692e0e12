//! Every error that a rule document can have, in the words in which it is said: a table as data.

use fieldward::engine::{Builtin, RuleFile, RuleSet};
use libtest_mimic::Trial;
use serde::Deserialize;

use crate::corpus::root;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    document: String,
    errors: Vec<String>,
}

pub(crate) fn trials() -> Vec<Trial> {
    let table = std::fs::read_to_string(root().join("tests/golden/rule-errors.yaml")).unwrap();
    let rows: Vec<Row> = serde_saphyr::from_str(&table).unwrap();
    assert!(rows.len() > 60, "only {} rows were found", rows.len());
    let trial = |row: Row| {
        Trial::test(format!("rule_errors::{}", row.name.replace(' ', "_")), move || {
            let document = RuleFile { origin: "rule.yaml".to_owned(), text: row.document };
            let errors = RuleSet::load(Builtin::Included, &[document]).unwrap_err();
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(lines, row.errors);
            assert_eq!(errors.to_string(), row.errors.join("\n"));
            Ok(())
        })
    };
    rows.into_iter().map(trial).collect()
}
