//! All lints, and how they run.

use std::collections::BTreeSet;

use super::definition::{Context, Input, Lint, LintFinding};
use super::ignore::ignores;
use super::schema::catalogue::{Catalogue, SchemaSource};
use crate::engine::Rule;

pub(crate) const LINTS: &[&Lint] = &[
    &super::blocks_client_side_apply::LINT,
    &super::bypassable_condition::LINT,
    &super::condition_never_holds::LINT,
    &super::condition_on_new_object::LINT,
    &super::condition_reads_unknown_field::LINT,
    &super::contradicted_absent::LINT,
    &super::converted_version::LINT,
    &super::exempts_everybody::LINT,
    &super::fails_open::LINT,
    &super::fixed_field::LINT,
    &super::inexact_duration::LINT,
    &super::inexact_quantity::LINT,
    &super::invalid_lint_ignore::LINT,
    &super::invalid_resource_name::LINT,
    &super::invites_recreation::LINT,
    &super::items_of_scalar::LINT,
    &super::list_key::LINT,
    &super::misnamed_resource::LINT,
    &super::missing_source::LINT,
    &super::mistyped_absent_as::LINT,
    &super::mistyped_equality::LINT,
    &super::no_served_version::LINT,
    &super::not_a_list::LINT,
    &super::null_namespace_object::LINT,
    &super::open_scale::LINT,
    &super::owned_field::LINT,
    &super::possible_quantity::LINT,
    &super::protected_entry::LINT,
    &super::redundant_entry::LINT,
    &super::redundant_equality::LINT,
    &super::redundant_protection::LINT,
    &super::required_field::LINT,
    &super::status_for_everybody::LINT,
    &super::status_subresource::LINT,
    &super::unchecked_condition::LINT,
    &super::undeclared_list_key::LINT,
    &super::undeclared_set::LINT,
    &super::unknown_annotation::LINT,
    &super::unknown_fields::LINT,
    &super::unknown_function::LINT,
    &super::unmatched_schema::LINT,
    &super::unreachable_path::LINT,
    &super::unserved_resource::LINT,
    &super::unserved_version::LINT,
    &super::unused_lint_ignore::LINT,
    &super::useless_namespace_selector::LINT,
    &super::whole_object::LINT,
    &super::wildcard_resource::LINT,
    &super::wildcard_version::LINT,
    &super::wrong_kind::LINT,
    &super::wrong_list_key::LINT,
];

pub(crate) struct Reported<'a> {
    pub(crate) lint: &'static Lint,
    pub(crate) finding: LintFinding,
    /// Why the rule suppresses the finding, if it does.
    pub(crate) reason: Option<&'a str>,
}

/// Runs all lints over a rule; `rules` are all rules that are in force together.
pub(crate) fn run<'a>(rule: &'a Rule, rules: &[&Rule], catalogue: &Catalogue) -> Vec<Reported<'a>> {
    let targets = catalogue.targets(rule);
    let context = Context { rule, rules, catalogue, targets, lints: LINTS };
    let mut reported = Vec::new();
    for lint in LINTS.iter().filter(|lint| runs(lint, catalogue)) {
        // What suppresses nothing cannot be suppressed.
        let can_ignore = lint.name != super::unused_lint_ignore::LINT.name;
        let reason = ignores(rule.lint_ignore())
            .find(|ignore| can_ignore && ignore.lint == lint.name && !ignore.reason.is_empty())
            .map(|ignore| ignore.reason);
        // Several versions of a kind often say the same.
        let mut seen = BTreeSet::new();
        let mut found = (lint.check)(&context);
        found.retain(|finding| seen.insert((finding.at.clone(), finding.message.clone())));
        reported.extend(found.into_iter().map(|finding| Reported { lint, finding, reason }));
    }
    reported
}

/// Whether a lint has what it needs.
pub(crate) fn runs(lint: &Lint, catalogue: &Catalogue) -> bool {
    lint.input == Input::Rule || catalogue.source != SchemaSource::Nothing
}
