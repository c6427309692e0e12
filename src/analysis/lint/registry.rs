//! All lints, and how they run.

use std::collections::BTreeSet;

use super::ignore::ignores;
use super::lint::{Context, Finding, Input, Lint};
use super::schema::catalogue::{Catalogue, Source};
use super::{
    blocks_client_side_apply, bypassable_condition, condition_never_holds, condition_on_new_object,
    condition_reads_unknown_field, contradicted_absent, converted_version, exempts_everybody,
    fails_open, fixed_field, inexact_duration, inexact_quantity, invalid_lint_ignore,
    invalid_resource_name, invites_recreation, items_of_scalar, list_key, misnamed_resource,
    missing_source, mistyped_absent_as, mistyped_equality, no_served_version, not_a_list,
    null_namespace_object, open_scale, owned_field, possible_quantity, protected_label,
    redundant_entry, redundant_equality, required_field, status_for_everybody, status_subresource,
    unchecked_condition, undeclared_list_key, undeclared_set, unknown_fields, unmatched_schema,
    unreachable_path, unserved_resource, unserved_version, unused_lint_ignore,
    useless_namespace_selector, whole_object, wildcard_resource, wildcard_version, wrong_kind,
    wrong_list_key,
};
use crate::engine::Rule;

/// Every lint, by name.
pub(crate) const LINTS: &[&Lint] = &[
    &blocks_client_side_apply::LINT,
    &bypassable_condition::LINT,
    &condition_never_holds::LINT,
    &condition_on_new_object::LINT,
    &condition_reads_unknown_field::LINT,
    &contradicted_absent::LINT,
    &converted_version::LINT,
    &exempts_everybody::LINT,
    &fails_open::LINT,
    &fixed_field::LINT,
    &inexact_duration::LINT,
    &inexact_quantity::LINT,
    &invalid_lint_ignore::LINT,
    &invalid_resource_name::LINT,
    &invites_recreation::LINT,
    &items_of_scalar::LINT,
    &list_key::LINT,
    &misnamed_resource::LINT,
    &missing_source::LINT,
    &mistyped_absent_as::LINT,
    &mistyped_equality::LINT,
    &no_served_version::LINT,
    &not_a_list::LINT,
    &null_namespace_object::LINT,
    &open_scale::LINT,
    &owned_field::LINT,
    &possible_quantity::LINT,
    &protected_label::LINT,
    &redundant_entry::LINT,
    &redundant_equality::LINT,
    &required_field::LINT,
    &status_for_everybody::LINT,
    &status_subresource::LINT,
    &unchecked_condition::LINT,
    &undeclared_list_key::LINT,
    &undeclared_set::LINT,
    &unknown_fields::LINT,
    &unmatched_schema::LINT,
    &unreachable_path::LINT,
    &unserved_resource::LINT,
    &unserved_version::LINT,
    &unused_lint_ignore::LINT,
    &useless_namespace_selector::LINT,
    &whole_object::LINT,
    &wildcard_resource::LINT,
    &wildcard_version::LINT,
    &wrong_kind::LINT,
    &wrong_list_key::LINT,
];

/// What a lint found in a rule.
pub(crate) struct Reported<'a> {
    pub(crate) lint: &'static Lint,
    pub(crate) finding: Finding,
    /// Why the rule suppresses the finding, if it does.
    pub(crate) ignored: Option<&'a str>,
}

/// Runs all lints over a rule; `rules` are all rules that are in force together.
pub(crate) fn run<'a>(rule: &'a Rule, rules: &[&Rule], catalogue: &Catalogue) -> Vec<Reported<'a>> {
    let targets = catalogue.targets(rule);
    let context = Context { rule, rules, catalogue, targets, lints: LINTS };
    let mut reported = Vec::new();
    for lint in LINTS.iter().filter(|lint| runs(lint, catalogue)) {
        let mut ignores = ignores(rule.lint_ignore());
        // What suppresses nothing cannot be suppressed.
        let ignored = ignores
            .find(|ignore| ignore.lint == lint.name && !ignore.reason.is_empty())
            .filter(|_| lint.name != unused_lint_ignore::LINT.name)
            .map(|ignore| ignore.reason);
        // Several versions of a kind often say the same.
        let mut seen = BTreeSet::new();
        let mut found = (lint.check)(&context);
        found.retain(|finding| seen.insert((finding.at.clone(), finding.message.clone())));
        reported.extend(found.into_iter().map(|finding| Reported { lint, finding, ignored }));
    }
    reported
}

/// Whether a lint has what it needs.
pub(crate) fn runs(lint: &Lint, catalogue: &Catalogue) -> bool {
    lint.input == Input::Rule || catalogue.source != Source::Nothing
}
