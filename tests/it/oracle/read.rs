//! Reads a rule for the oracle from the `spec` of a rule document, for cases written by hand.
//! Panics on what it does not know.

use super::rule::{Entry, Equality, Key, KeyTexts, Naming, Path, Reading, Rule, Step, Verb, Who};
use serde_json::{Value, json};

/// A rule from `mutable`, `protected`, `equality`, `matchConstraints.objectSelector` and `exempt`.
pub(crate) fn rule(spec: &Value) -> Rule {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let selector = &spec["matchConstraints"]["objectSelector"];
    let match_labels = selector["matchLabels"].as_object().cloned().unwrap_or_default();
    let by_value = match_labels.into_iter().map(|(key, _)| (key, Naming::MatchLabels));
    let by_expression = list(&selector["matchExpressions"]).into_iter();
    let by_expression = by_expression.map(|term| (text(&term["key"]), Naming::MatchExpressions));
    Rule {
        mutable: list(&spec["mutable"]).iter().map(entry).collect(),
        protected: texts(&spec["protected"]).iter().map(|text| path(text)).collect(),
        equality: list(&spec["equality"]).iter().map(equality).collect(),
        selector: by_value.chain(by_expression).collect(),
        exempt: who(&spec["exempt"]),
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().map(|list| list.iter().map(text).collect()).unwrap_or_default()
}

fn entry(value: &Value) -> Entry {
    if let Some(bare) = value.as_str() {
        return Entry::bare(path(bare));
    }
    let verb = |name: String| match name.as_str() {
        "Set" => Verb::Set,
        "Modify" => Verb::Modify,
        "Clear" => Verb::Clear,
        "AddItem" => Verb::AddItem,
        "RemoveItem" => Verb::RemoveItem,
        other => panic!("no verb: {other}"),
    };
    Entry {
        path: path(&text(&value["path"])),
        allow: value.get("allow").map(|allow| texts(allow).into_iter().map(verb).collect()),
        by: value.get("by").map(who),
        when: value.get("when").map(text),
    }
}

fn who(value: &Value) -> Who {
    Who {
        users: texts(&value["users"]),
        groups: texts(&value["groups"]),
        accounts: texts(&value["serviceAccounts"]),
    }
}

fn equality(value: &Value) -> Equality {
    let reading = match (value["as"].as_str(), value.get("key"), value.get("absentAs")) {
        (Some("Quantity"), ..) => Reading::Quantity,
        (Some("Duration"), ..) => Reading::Duration,
        (Some("Set"), ..) => Reading::Set,
        (_, Some(key), _) => Reading::Key(Key {
            members: key.as_array().unwrap_or(&vec![key.clone()]).iter().map(member).collect(),
            any_order: value["order"] == "ignore",
        }),
        (.., Some(absent)) => Reading::AbsentAs(absent.clone()),
        _ => panic!("no reading: {value}"),
    };
    Equality { path: path(&text(&value["path"])), reading }
}

fn member(value: &Value) -> (String, Option<Value>) {
    match value.as_str() {
        Some(name) => (name.to_owned(), None),
        None => (text(&value["name"]), value.get("default").cloned()),
    }
}

/// A path (§4).
pub(crate) fn path(text: &str) -> Path {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let first = if steps.is_empty() { "*" } else { ".*" };
        if let Some(after) = rest.strip_prefix(first) {
            (steps, rest) = (with(steps, Step::AnyMember), after);
        } else if let Some(after) = rest.strip_prefix("[*]") {
            (steps, rest) = (with(steps, Step::AnyElement), after);
        } else if let Some(after) = rest.strip_prefix("['") {
            let (text, after) = quoted(after);
            let step = match (text.strip_suffix("**"), text.strip_suffix('*')) {
                (Some(name), _) => Step::Name { name: format!("{name}*"), quoted: true },
                (None, Some(prefix)) => Step::Prefix(prefix.to_owned()),
                (None, None) => Step::Name { name: text, quoted: true },
            };
            (steps, rest) = (with(steps, step), after.strip_prefix(']').expect("]"));
        } else if let Some(after) = rest.strip_prefix('[') {
            let (key, quoted, after) = keyed(after);
            (steps, rest) = (with(steps, Step::Keyed { key, quoted }), after);
        } else {
            let after = rest.strip_prefix('.').unwrap_or(rest);
            let (name, after) = after.split_at(after.find(['.', '[']).unwrap_or(after.len()));
            (steps, rest) =
                (with(steps, Step::Name { name: name.to_owned(), quoted: false }), after);
        }
    }
    Path(steps)
}

/// The members of a key up to the closing bracket, and what comes after it.
fn keyed(text: &str) -> (KeyTexts, bool, &str) {
    let (name, after) = text.split_once('=').expect("=");
    let (value, is_quoted, after) = if let Some(after) = after.strip_prefix('\'') {
        let (value, after) = quoted(after);
        // A literal trailing asterisk is doubled here too.
        let value = value.strip_suffix("**").map_or(value.clone(), |start| format!("{start}*"));
        (json!(value).to_string(), true, after)
    } else {
        let (word, after) = after.split_at(after.find([',', ']']).expect("]"));
        let is_json = ["true", "false"].contains(&word) || word.parse::<i128>().is_ok();
        (if is_json { word.to_owned() } else { json!(word).to_string() }, false, after)
    };
    let mut key = KeyTexts::from([(name.to_owned(), value)]);
    match after.strip_prefix(',') {
        Some(after) => {
            let (others, others_quoted, after) = keyed(after);
            key.extend(others);
            (key, is_quoted || others_quoted, after)
        }
        None => (key, is_quoted, after.strip_prefix(']').expect("]")),
    }
}

fn with(mut steps: Vec<Step>, step: Step) -> Vec<Step> {
    steps.push(step);
    steps
}

/// The text up to the closing quote, and what comes after it.
fn quoted(text: &str) -> (String, &str) {
    let (head, after) = text.split_once('\'').expect("a closing quote");
    match after.strip_prefix('\'') {
        Some(more) => {
            let (tail, after) = quoted(more);
            (format!("{head}'{tail}"), after)
        }
        None => (head.to_owned(), after),
    }
}
