//! What the API server lets this replica do, as metrics, and whether somebody has opened the gate.

use tokio::sync::watch;

use super::settings::Followed;
use super::state::RegistrationState;
use crate::cluster::api_error::{ApiError, ErrorClass};
use crate::cluster::metrics::ClusterMetrics;
use crate::cluster::placement::Registrations;

/// The errors of one watch: counted, and published until the watch recovers.
#[derive(Debug, Clone)]
pub(super) struct WatchErrors {
    metrics: ClusterMetrics,
    current: watch::Sender<Option<ApiError>>,
}

impl WatchErrors {
    pub(super) fn new(metrics: &ClusterMetrics) -> Self {
        Self { metrics: metrics.clone(), current: watch::Sender::new(None) }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Option<ApiError>> {
        self.current.subscribe()
    }

    pub(super) fn failed(&self, error: &ApiError) {
        self.metrics.count_error(error.class);
        self.current
            .send_if_modified(|current| current.replace(error.clone()).as_ref() != Some(error));
    }

    pub(super) fn recovered(&self) {
        self.current.send_if_modified(|current| current.take().is_some());
    }
}

/// Keeps the metrics up to date, and logs when the gate is opened and closed; until nothing is
/// followed any more.
pub(super) async fn observe(
    mut followed: Followed,
    mut state: watch::Receiver<RegistrationState>,
    metrics: ClusterMetrics,
) {
    let mut was_open = false;
    loop {
        let registrations = followed.registrations.borrow_and_update().clone();
        let watch_error = followed.registrations_error.borrow_and_update().clone();
        let rules = followed.rules.borrow_and_update().clone();
        let current = state.borrow_and_update().clone();
        metrics.set_present(is_present(registrations.as_deref(), watch_error.as_ref()));
        metrics.set_lease_holder(current.leads);
        // While the watch is broken somebody may have changed the registration unseen.
        let is_in_sync = current.in_sync_since.is_some() && watch_error.is_none();
        metrics.set_in_sync(current.leads && is_in_sync);
        let counted = |rules: usize| if current.leads { rules } else { 0 };
        metrics.set_unregistered(counted(current.rejected.len()), counted(current.unplaced.len()));
        metrics
            .count_conditions(rules.iter().flat_map(|rules| rules.iter()).map(|rule| &rule.status));
        let failure = current.failure().filter(|_| current.leads);
        let is_open = is_gate_open(registrations.as_deref(), watch_error.as_ref(), failure);
        metrics.set_gate_open(is_open);
        match (was_open, is_open) {
            (false, true) => tracing::error!(
                "the gate is open: nothing is registered, and this replica is forbidden to \
                 register anything; \
                 `helm upgrade` or `kubectl apply -k` closes it"
            ),
            (true, false) => tracing::info!("the gate is closed"),
            _ => {}
        }
        was_open = is_open;
        let changed = tokio::select! {
            changed = followed.registrations.changed() => changed,
            changed = followed.registrations_error.changed() => changed,
            changed = followed.rules.changed() => changed,
            changed = state.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Whether anything is registered; none if that is unknown, because nothing was listed yet, or
/// because what was there last may have been deleted unseen.
fn is_present(
    registrations: Option<&Registrations>,
    watch_error: Option<&ApiError>,
) -> Option<bool> {
    let is_present = !registrations?.is_empty();
    (!is_present || !is_forbidden(watch_error)).then_some(is_present)
}

fn is_forbidden(error: Option<&ApiError>) -> bool {
    error.is_some_and(|error| error.class == ErrorClass::Forbidden)
}

/// Whether this replica has seen that nothing is registered, and the API server forbids to look or
/// to write. One that was never allowed to list registrations cannot know.
fn is_gate_open(
    registrations: Option<&Registrations>,
    watch_error: Option<&ApiError>,
    failure: Option<&ApiError>,
) -> bool {
    registrations.is_some_and(Registrations::is_empty)
        && (is_forbidden(watch_error) || is_forbidden(failure))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;

    use super::*;

    #[test]
    fn the_gate_is_open_if_nothing_is_registered_and_registering_is_forbidden() {
        let one = ValidatingWebhookConfiguration::default();
        let (none, one) =
            (Registrations::new(), Registrations::from([("fieldward".to_owned(), one)]));
        let mut forbidden = ApiError::other(&"no");
        forbidden.class = ErrorClass::Forbidden;
        let other = ApiError::other(&"away");
        for (registrations, watch_error, failure, is_open) in [
            (Some(&none), None, Some(&forbidden), true),
            (Some(&none), Some(&forbidden), None, true),
            (None, Some(&forbidden), None, false),
            (Some(&none), None, None, false),
            (Some(&none), Some(&other), Some(&other), false),
            (Some(&one), None, Some(&forbidden), false),
            (Some(&one), Some(&forbidden), None, false),
            (None, None, None, false),
        ] {
            let found = is_gate_open(registrations, watch_error, failure);
            assert_eq!(found, is_open, "{registrations:?} {watch_error:?} {failure:?}");
        }
    }

    #[test]
    fn a_registration_that_may_have_been_deleted_unseen_is_unknown() {
        let one = ValidatingWebhookConfiguration::default();
        let (none, one) =
            (Registrations::new(), Registrations::from([("fieldward".to_owned(), one)]));
        let mut forbidden = ApiError::other(&"no");
        forbidden.class = ErrorClass::Forbidden;
        let other = ApiError::other(&"away");
        for (registrations, watch_error, expected) in [
            (None, None, None),
            (None, Some(&forbidden), None),
            (Some(&none), None, Some(false)),
            (Some(&none), Some(&forbidden), Some(false)),
            (Some(&one), None, Some(true)),
            (Some(&one), Some(&other), Some(true)),
            (Some(&one), Some(&forbidden), None),
        ] {
            assert_eq!(
                is_present(registrations, watch_error),
                expected,
                "{registrations:?} {watch_error:?}"
            );
        }
    }

    #[tokio::test]
    async fn nothing_is_in_sync_while_the_watch_is_broken() {
        let registry = prometheus::Registry::new();
        let metrics = ClusterMetrics::register(&registry).unwrap();
        let value = |name: &str| {
            let families = registry.gather();
            let family = families.iter().find(|family| family.name() == name).unwrap();
            family.get_metric().first().unwrap().get_gauge().get_value()
        };
        let one = Registrations::from([(
            "fieldward".to_owned(),
            ValidatingWebhookConfiguration::default(),
        )]);
        let (_rules, rules) = watch::channel(None);
        let (_certificates, certificates) = watch::channel(None);
        let (_registrations, registrations) = watch::channel(Some(Arc::new(one)));
        let (_rules_error, rules_error) = watch::channel(None);
        let (watch_error, registrations_error) = watch::channel(None);
        let (_secret_error, secret_error) = watch::channel(None);
        let followed = Followed {
            rules,
            certificates,
            registrations,
            rules_error,
            registrations_error,
            secret_error,
        };
        let state = RegistrationState {
            leads: true,
            in_sync_since: Some(SystemTime::now()),
            ..RegistrationState::default()
        };
        let (_state, state) = watch::channel(state);
        let task = tokio::spawn(observe(followed, state, metrics.clone()));
        let settled = async || {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            (value("fieldward_registration_present"), value("fieldward_registration_in_sync"))
        };
        assert_eq!(settled().await, (1.0, 1.0));
        watch_error.send_replace(Some(ApiError::other(&"away")));
        assert_eq!(settled().await, (1.0, 0.0));
        watch_error.send_replace(None);
        assert_eq!(settled().await, (1.0, 1.0));
        task.abort();
    }

    #[test]
    fn an_error_of_a_watch_is_published_until_it_recovers() {
        let registry = prometheus::Registry::new();
        let metrics = ClusterMetrics::register(&registry).unwrap();
        let errors = WatchErrors::new(&metrics);
        let current = errors.subscribe();
        let error = ApiError::other(&"away");
        errors.failed(&error);
        errors.failed(&error);
        assert_eq!(current.borrow().as_ref(), Some(&error));
        errors.recovered();
        assert_eq!(*current.borrow(), None);
        let families = registry.gather();
        let counted =
            families.iter().find(|family| family.name() == "fieldward_api_errors_total").unwrap();
        let total: f64 =
            counted.get_metric().iter().map(|metric| metric.get_counter().get_value()).sum();
        assert!((total - 2.0).abs() < f64::EPSILON, "{total}");
    }
}
