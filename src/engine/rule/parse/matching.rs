//! What a rule contributes to its webhook: resources, selectors and match conditions, with the API
//! server's own validation.
//!
//! The API server refuses a whole `ValidatingWebhookConfiguration` for a fault of one webhook, so
//! each fault is found here first. Nothing is refused here that an API server accepts; where that
//! cannot be told, the API server decides.

use serde_saphyr::{Location, Spanned};

use super::parser::{DocumentParser, is_dns_subdomain, plain};
use super::raw::{RawCondition, RawSelector, Texts};
use super::raw_resource::{FIELDS, RawResource, RawTexts};
use crate::engine::rule::escape::escape_control;
use crate::engine::rule::resources::ANY;
use crate::engine::rule::{LabelSelector, MatchCondition, ResourceRule, SelectorExpression};

/// Match conditions that a webhook can have.
const MOST_CONDITIONS: usize = 64;

/// Characters of a label's value, and of its key without the prefix.
const LONGEST_LABEL: usize = 63;

/// All resources with all subresources.
const EVERYTHING: &str = "*/*";

impl DocumentParser<'_> {
    pub(crate) fn resources(
        &mut self,
        raw: Spanned<Vec<Spanned<RawResource>>>,
    ) -> Vec<ResourceRule> {
        if raw.value.is_empty() {
            self.refuse(raw.referenced, "expected at least one resource rule, found none");
        }
        raw.value.into_iter().map(|rule| self.resource(rule)).collect()
    }

    fn resource(&mut self, raw: Spanned<RawResource>) -> ResourceRule {
        let (at, raw) = (raw.referenced, raw.value);
        for field in &raw.unknown {
            let message = format!(
                "unknown field `{}`, expected one of {}",
                escape_control(&field.value),
                FIELDS.join(", ")
            );
            self.refuse(field.referenced, message);
        }
        let api_groups = self.required(at, "apiGroups", raw.api_groups);
        self.alone(&api_groups, ANY);
        let api_versions = self.required(at, "apiVersions", raw.api_versions);
        self.alone(&api_versions, ANY);
        self.no_empty_text(&api_versions, "a version");
        let resources = self.required(at, "resources", raw.resources);
        self.patterns(&resources);
        let kinds = raw.kinds.map(|kinds| self.texts("kinds", kinds)).unwrap_or_default();
        self.no_empty_text(&kinds, "a kind");
        ResourceRule {
            api_groups: plain(api_groups),
            api_versions: plain(api_versions),
            resources: plain(resources),
            kinds: plain(kinds),
        }
    }

    fn required(&mut self, at: Location, field: &str, raw: Option<Spanned<RawTexts>>) -> Texts {
        if let Some(raw) = raw {
            return self.texts(field, raw);
        }
        self.refuse(at, format!("missing field `{field}`"));
        Texts::new()
    }

    /// The texts of a list that must have some; what is no text is refused and left out.
    fn texts(&mut self, field: &str, raw: Spanned<RawTexts>) -> Texts {
        let at = raw.referenced;
        let RawTexts::List(list) = raw.value else {
            self.refuse(at, "expected a list, found something else");
            return Texts::new();
        };
        if list.is_empty() {
            self.refuse(at, format!("expected at least one of `{field}`, found none"));
        }
        let mut texts = Texts::new();
        for Spanned { value, referenced, defined } in list {
            match value {
                Some(value) => texts.push(Spanned { value, referenced, defined }),
                None => self.refuse(referenced, "expected text, found nothing"),
            }
        }
        texts
    }

    /// Wildcards beside what they cover, in the order in which the API server reads them: it
    /// accepts `pods/log` before `pods/*`, not after.
    fn patterns(&mut self, patterns: &Texts) {
        self.no_empty_text(patterns, "a resource as `jobs`, `jobs/scale`, `*` or `*/*`");
        self.alone(patterns, EVERYTHING);
        for (index, pattern) in patterns.iter().enumerate() {
            let Some((resource, subresource)) = pattern.value.split_once('/') else { continue };
            let before = patterns
                .iter()
                .take(index)
                .filter_map(|other| other.value.split_once('/').map(|parts| (other, parts)));
            let covers = |&(_, (one, two)): &(&Spanned<String>, (&str, &str))| {
                (two == ANY && one == resource) || (one == ANY && two == subresource)
            };
            let covering = before.into_iter().find(covers).map(|(other, _)| other.value.clone());
            if let Some(covering) = covering.filter(|covering| covering != EVERYTHING) {
                let message = format!(
                    "expected nothing that `{}` before it covers, found `{}`",
                    escape_control(&covering),
                    escape_control(&pattern.value)
                );
                self.refuse(pattern.referenced, message);
            }
        }
        let without_subresource: Vec<_> = patterns
            .iter()
            .filter(|pattern| !pattern.value.is_empty() && !pattern.value.contains('/'))
            .collect();
        // The API server only looks at the last of them.
        let is_refused = without_subresource.iter().any(|pattern| pattern.value == ANY)
            && without_subresource.last().is_some_and(|last| last.value != ANY);
        for other in
            without_subresource.into_iter().filter(|pattern| is_refused && pattern.value != ANY)
        {
            let message = format!(
                "expected no other resource without a subresource beside `*`, found `{}`",
                escape_control(&other.value)
            );
            self.refuse(other.referenced, message);
        }
    }

    fn no_empty_text(&mut self, texts: &Texts, expected: &str) {
        for text in texts.iter().filter(|text| text.value.is_empty()) {
            self.refuse(text.referenced, format!("expected {expected}, found an empty text"));
        }
    }

    fn alone(&mut self, texts: &Texts, wildcard: &str) {
        if let Some(text) =
            texts.iter().find(|text| text.value == wildcard).filter(|_| texts.len() > 1)
        {
            self.refuse(
                text.referenced,
                format!("expected `{wildcard}` alone, found it beside others"),
            );
        }
    }

    pub(crate) fn selector(&mut self, raw: Option<RawSelector>) -> LabelSelector {
        let Some(raw) = raw else { return LabelSelector::default() };
        for (key, value) in &raw.match_labels.0 {
            self.label_key(key);
            self.label_value(value);
        }
        let mut match_labels: Vec<_> =
            raw.match_labels.0.into_iter().map(|(key, value)| (key.value, value.value)).collect();
        match_labels.sort();
        let mut match_expressions = Vec::new();
        for expression in raw.match_expressions {
            self.label_key(&expression.key);
            let takes_values = matches!(expression.operator.value.as_str(), "In" | "NotIn");
            let operator = self.choice(
                &expression.operator,
                "`In`, `NotIn`, `Exists` or `DoesNotExist`",
                |text| {
                    matches!(text, "In" | "NotIn" | "Exists" | "DoesNotExist")
                        .then(|| text.to_owned())
                },
            );
            if operator.is_some() && takes_values == expression.values.is_empty() {
                let message = if takes_values {
                    "expected values for this operator, found none"
                } else {
                    "expected no values for this operator, found some"
                };
                self.refuse(expression.operator.referenced, message);
            }
            for value in expression.values.iter().filter(|_| takes_values) {
                self.label_value(value);
            }
            match_expressions.extend(operator.map(|operator| SelectorExpression {
                key: expression.key.value,
                operator,
                values: plain(expression.values),
            }));
        }
        LabelSelector { match_labels, match_expressions }
    }

    fn label_key(&mut self, key: &Spanned<String>) {
        if !is_qualified(&key.value) {
            let message = format!(
                "expected a label key such as `app` or `example.com/app`, found `{}`",
                escape_control(&key.value)
            );
            self.refuse(key.referenced, message);
        }
    }

    fn label_value(&mut self, value: &Spanned<String>) {
        if !value.value.is_empty() && !is_label(&value.value) {
            let expected =
                "at most 63 letters, digits, `-`, `_` and `.`, a letter or digit at either end";
            self.refuse(
                value.referenced,
                format!(
                    "expected a label value ({expected}), found `{}`",
                    escape_control(&value.value)
                ),
            );
        }
    }

    pub(crate) fn conditions(&mut self, raw: Vec<RawCondition>) -> Vec<MatchCondition> {
        if let Some(first) = raw.get(MOST_CONDITIONS) {
            let message =
                format!("expected at most {MOST_CONDITIONS} match conditions, found {}", raw.len());
            self.refuse(first.name.referenced, message);
        }
        for (index, condition) in raw.iter().enumerate() {
            let name = &condition.name;
            if name.value.is_empty() {
                self.refuse(name.referenced, "expected a name, found an empty text");
            } else if !is_qualified(&name.value) {
                let message = format!(
                    "expected a name such as `example.com/only-new` or `only-new`, found `{}`",
                    escape_control(&name.value)
                );
                self.refuse(name.referenced, message);
            } else if raw.iter().take(index).any(|other| other.name.value == name.value) {
                self.refuse(
                    name.referenced,
                    format!(
                        "expected a name of its own, found `{}` once more",
                        escape_control(&name.value)
                    ),
                );
            }
            self.cel("expression", &condition.expression, self.compiler.match_condition);
        }
        raw.into_iter()
            .map(|condition| MatchCondition {
                name: condition.name.value,
                expression: condition.expression.value,
            })
            .collect()
    }
}

/// What Kubernetes calls a qualified name: a name as of a label's value, after a DNS subdomain and
/// a slash if it has one.
fn is_qualified(text: &str) -> bool {
    let (prefix, name) =
        text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_dns_subdomain) && is_label(name)
}

fn is_label(text: &str) -> bool {
    let is_end = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    text.len() <= LONGEST_LABEL
        && is_end(text.chars().next())
        && is_end(text.chars().next_back())
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
}
