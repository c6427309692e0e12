//! Writes the oracle's rule as an UpdateRule document for the engine.

use super::notation;
use super::rule::{Entry, Equality, Naming, Reading, Rule, Verb, Who};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// A YAML document; one line for each entry, as flow mappings in JSON's form.
pub(crate) fn document(rule: &Rule) -> String {
    named_document("generated", rule)
}

pub(crate) fn named_document(name: &str, rule: &Rule) -> String {
    let mut text = format!(
        "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: {name}}}\n"
    );
    text += "\
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [example.com], apiVersions: [v1], resources: [things], kinds: \
    [Thing]}]
";
    if let Some(selector) = selector(rule) {
        writeln!(text, "    objectSelector: {selector}").unwrap();
    }
    section(&mut text, "mutable", rule.mutable.iter().map(entry));
    if !rule.protected.is_empty() {
        section(&mut text, "protected", rule.protected.iter().map(|at| notation::path(at).into()));
    }
    section(&mut text, "equality", rule.equality.iter().map(equality));
    if !rule.exempt.is_empty() {
        writeln!(text, "  exempt: {}", who(&rule.exempt)).unwrap();
    }
    text
}

fn section(text: &mut String, name: &str, entries: impl Iterator<Item = Value>) {
    let lines: String = entries.map(|entry| format!("  - {entry}\n")).collect();
    if lines.is_empty() {
        writeln!(text, "  {name}: []").unwrap();
    } else {
        write!(text, "  {name}:\n{lines}").unwrap();
    }
}

fn selector(rule: &Rule) -> Option<Value> {
    let named = |naming| {
        rule.selector.iter().filter(move |(_, how)| *how == naming).map(|(label, _)| label)
    };
    let labels: Map<String, Value> =
        named(Naming::MatchLabels).map(|label| (label.clone(), json!("on"))).collect();
    let expressions: Vec<Value> = named(Naming::MatchExpressions)
        .map(|label| json!({"key": label, "operator": "Exists"}))
        .collect();
    let mut selector = Map::new();
    if !labels.is_empty() {
        selector.insert("matchLabels".into(), labels.into());
    }
    if !expressions.is_empty() {
        selector.insert("matchExpressions".into(), expressions.into());
    }
    (!selector.is_empty()).then(|| selector.into())
}

fn entry(entry: &Entry) -> Value {
    let path = notation::path(&entry.path);
    if entry.allow.is_none() && entry.by.is_none() && entry.when.is_none() {
        return path.into();
    }
    let mut long = Map::new();
    long.insert("path".into(), path.into());
    if let Some(allow) = &entry.allow {
        let word = |verb: &Verb| match verb {
            Verb::Set => "Set",
            Verb::Modify => "Modify",
            Verb::Clear => "Clear",
            Verb::AddItem => "AddItem",
            Verb::RemoveItem => "RemoveItem",
        };
        long.insert("allow".into(), allow.iter().map(word).collect());
    }
    if let Some(by) = &entry.by {
        long.insert("by".into(), who(by));
    }
    if let Some(when) = &entry.when {
        long.insert("when".into(), when.as_str().into());
    }
    long.into()
}

fn who(who: &Who) -> Value {
    let lists =
        [("users", &who.users), ("groups", &who.groups), ("serviceAccounts", &who.accounts)];
    let given = lists.into_iter().filter(|(_, list)| !list.is_empty());
    given.map(|(name, list)| (name.to_owned(), json!(list))).collect::<Map<_, _>>().into()
}

fn equality(equality: &Equality) -> Value {
    let path = notation::path(&equality.path);
    match &equality.reading {
        Reading::Quantity => json!({"path": path, "as": "Quantity"}),
        Reading::Duration => json!({"path": path, "as": "Duration"}),
        Reading::Set => json!({"path": path, "as": "Set"}),
        Reading::AbsentAs(value) => json!({"path": path, "absentAs": value}),
        Reading::Key(key) => {
            let member = |(name, default): &(String, Option<Value>)| match default {
                Some(default) => json!({"name": name, "default": default}),
                None => json!(name),
            };
            let members: Vec<Value> = key.members.iter().map(member).collect();
            let mut declared = json!({"path": path, "key": members});
            if let [one @ Value::String(_)] = members.as_slice() {
                declared["key"] = one.clone();
            }
            if key.any_order {
                declared["order"] = json!("ignore");
            }
            declared
        }
    }
}
