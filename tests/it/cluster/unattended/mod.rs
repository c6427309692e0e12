//! `fieldward serve --cluster`: it follows the rules of the cluster and keeps registration and
//! certificates, with the permissions of its own service account and no others.

mod alerts;
mod certificates;
mod invalid;
mod observed;
mod registration;
mod rejected;
mod replica;
mod replicas;
mod rules;

use libtest_mimic::Trial;

use super::assets::Assets;
use super::network::isolated;
use super::{alone, on_cluster, within_time};
use crate::chart::programs::Tool;

/// A trial that also evaluates alerts.
fn with_promtool<F>(name: &str, case: fn(Assets, Tool) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    on_cluster(name, move |assets| {
        within_time(case(assets, Tool::promtool()?));
        Ok(())
    })
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        isolated(
            "unattended::two_replicas_are_upgraded_from_manifests_under_load",
            replicas::upgraded,
        ),
        isolated(
            "unattended::two_replicas_renew_leaf_and_ca_under_load",
            replicas::rotated_together,
        ),
        isolated("unattended::the_way_out_stays_open", replicas::out_of_the_way),
        isolated("unattended::a_leader_that_is_killed_is_followed", replicas::leader_killed),
        isolated(
            "unattended::roles_permit_what_is_asked_for_and_nothing_else",
            replicas::permitted,
        ),
        alone("unattended::leaf_and_ca_are_replaced_under_load", certificates::rotated),
        alone("unattended::a_thousand_rules_are_registered", registration::a_thousand_rules),
        alone("unattended::a_secret_that_is_lost_comes_back", certificates::secret_lost),
        alone("unattended::what_cert_manager_fills_in_stays", certificates::injected),
        alone(
            "unattended::a_rule_is_created_changed_and_deleted",
            rules::created_changed_and_deleted,
        ),
        alone("unattended::a_review_waits_for_its_rule", rules::late),
        alone("unattended::a_rule_audits_warns_and_denies", rules::each_level),
        alone(
            "unattended::a_bad_rule_is_refused_by_the_api_server",
            rules::refused_by_the_api_server,
        ),
        alone(
            "unattended::what_no_schema_refuses_is_said_in_the_status",
            rules::refused_in_the_status,
        ),
        alone(
            "unattended::rules_that_the_api_server_rejects_do_not_affect_others",
            rejected::beside_good_rules,
        ),
        alone(
            "unattended::a_foreign_webhook_gets_no_good_rule_blamed",
            rejected::behind_a_foreign_webhook,
        ),
        alone("unattended::long_conditions_do_not_delay_others", rejected::long_conditions),
        alone(
            "unattended::invalid_rules_do_not_delay_or_unregister_good_ones",
            invalid::among_good_rules,
        ),
        alone(
            "unattended::a_rejected_generation_leaves_the_one_before_in_force",
            rejected::older_generation_stays,
        ),
        alone("unattended::the_last_good_generation_survives_a_restart", rejected::restarted),
        alone("unattended::what_the_schema_lacks_is_a_condition", rules::warned_by_the_schema),
        alone("unattended::of_conflicting_rules_the_older_holds", rules::conflicting),
        alone("unattended::files_and_objects_hold_together", rules::beside_files),
        alone("unattended::what_others_do_to_the_registration_is_undone", registration::drift),
        alone("unattended::system_namespaces_are_spared", registration::spared_namespaces),
        alone("unattended::denials_are_told_by_events", registration::events),
        with_promtool("unattended::an_open_gate_is_shown_and_closes_in_seconds", observed::gate),
        with_promtool(
            "unattended::metrics_tell_the_state_of_rules_and_lease",
            observed::rules_and_lease,
        ),
        with_promtool(
            "unattended::an_alert_fires_without_registration",
            alerts::without_registration,
        ),
        with_promtool("unattended::an_alert_fires_without_lease", alerts::without_lease),
        with_promtool("unattended::an_alert_fires_without_status", alerts::without_status),
        with_promtool("unattended::an_alert_fires_without_room", alerts::without_room),
        alone("unattended::exemptions_hold_for_all_rules", observed::exemptions),
        alone(
            "unattended::an_annotation_that_means_nothing_is_reported_once",
            observed::annotation,
        ),
        alone("unattended::rules_in_force_are_listed", observed::listed),
        alone("unattended::nothing_is_left_after_uninstalling", registration::uninstalled),
    ]
}
