//! Lints: doubtful parts of a rule, found in its document alone or with the schemas of its kinds.
//!
//! Each lint is a file with a `LINT`: its name, its documentation and its check. `registry` lists
//! all of them.

mod blocks_client_side_apply;
mod bypassable_condition;
pub(crate) mod common;
mod condition_never_holds;
mod condition_on_new_object;
mod condition_reads_unknown_field;
mod contradicted_absent;
mod converted_version;
pub(crate) mod definition;
pub(crate) mod documentation;
mod exempts_everybody;
mod fails_open;
mod fixed_field;
mod ignore;
mod inexact_duration;
mod inexact_quantity;
mod invalid_lint_ignore;
mod invalid_resource_name;
mod invites_recreation;
mod items_of_scalar;
mod list_key;
mod misnamed_resource;
pub(crate) mod missing_from_cluster;
mod missing_source;
mod mistyped_absent_as;
mod mistyped_equality;
mod no_served_version;
mod not_a_list;
mod null_namespace_object;
mod open_scale;
mod owned_field;
mod possible_quantity;
mod protected_entry;
mod redundant_entry;
mod redundant_equality;
mod redundant_protection;
pub(crate) mod registry;
mod required_field;
pub(crate) mod schema;
mod status_for_everybody;
mod status_subresource;
#[cfg(test)]
mod tests;
mod unchecked_condition;
mod undeclared_list_key;
mod undeclared_set;
mod unknown_annotation;
mod unknown_fields;
mod unknown_function;
mod unmatched_schema;
mod unreachable_path;
mod unserved_resource;
mod unserved_version;
mod unused_lint_ignore;
mod useless_namespace_selector;
mod whole_object;
mod wildcard_resource;
mod wildcard_version;
mod wrong_kind;
mod wrong_list_key;
