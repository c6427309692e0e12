//! Names that no group, version or resource can have.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::engine::escape_control;

pub(super) const LINT: Lint = Lint {
    name: "invalid-resource-name",
    severity: Severity::Error,
    input: Input::Rule,
    what: "Finds groups, versions and resources whose names no API can have.",
    why: "The API server accepts the registration, but never matches an object with it. So the \
          rule protects nothing, and nothing else reports that.",
    example: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com/v1], apiVersions: [v1], resources: [Gadgets]}
",
    fix: "Write group, version and resource as `kubectl api-resources` prints them: resources are \
          plural and in lower case.",
    fixed: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let mut found = Vec::new();
    for (at, resource) in context.resources() {
        let mut invalid = |what: &str, key: &str, names: &[String], is_valid: fn(&str) -> bool| {
            let invalid = names.iter().enumerate().filter(|(_, name)| !is_valid(name));
            found.extend(invalid.map(|(index, name)| {
                finding(
                    format!("{at}/{key}/{index}"),
                    format!(
                        "no {what} of an API can be called `{}`, so the rule never applies to it",
                        escape_control(name)
                    ),
                    "write it as `kubectl api-resources` does",
                )
            }));
        };
        invalid("group", "apiGroups", &resource.api_groups, is_group);
        invalid("version", "apiVersions", &resource.api_versions, is_version);
        invalid("resource", "resources", &resource.resources, is_pattern);
    }
    found
}

fn is_group(text: &str) -> bool {
    text.is_empty() || is_version(text)
}

fn is_version(text: &str) -> bool {
    text == "*" || is_name(text)
}

fn is_pattern(text: &str) -> bool {
    let (resource, subresource) = text.split_once('/').unwrap_or((text, "*"));
    is_version(resource) && is_version(subresource) || is_name(resource) && subresource.is_empty()
}

fn is_name(text: &str) -> bool {
    let fits = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '.')
    };
    !text.is_empty() && text.chars().all(fits)
}
