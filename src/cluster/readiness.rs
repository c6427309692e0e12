//! When a replica in a cluster is ready, and what `/readyz` says of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;

use super::api_error::{ApiError, ErrorClass};
use super::controller::{Followed, RegistrationState};
use super::objects::Resolved;
use super::placement::{Registrations, all_webhooks};
use super::tls_rotation;
use crate::engine::RuleSet;

/// What a check says until the API server has answered at all.
pub(super) const NO_ANSWER: &str = "the API server has not answered yet";

/// What a check says: why it holds, or why not.
type Check = Result<String, String>;

/// How long a starting replica retries to list UpdateRules before it becomes ready without them,
/// if the error may be temporary.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ready once the objects that were there at the start are in force, or once it is clear that this
/// replica cannot list them: the other rules are in force then, and nobody else may be there to
/// answer for them.
pub(super) async fn rules(
    mut followed: Followed,
    mut resolved: watch::Receiver<Arc<Resolved>>,
    mut rules: watch::Receiver<RuleSet>,
    state: watch::Sender<Check>,
) {
    let mut unlisted_since = None;
    loop {
        let mut patience = Duration::MAX;
        let listed = followed.rules.borrow_and_update().clone();
        let error = followed.rules_error.borrow_and_update().clone();
        let known = resolved.borrow_and_update().clone();
        let in_force = rules.borrow_and_update().clone();
        if let Some(listed) = listed {
            let unknown = listed
                .iter()
                .filter(|object| !known.acceptances.contains_key(&object.name))
                .count();
            let untaken = known
                .documents
                .iter()
                .filter(|document| !Resolved::has_taken(document, &in_force))
                .count();
            // The guard must be gone before `publish` takes the lock for writing.
            let was_ready = state.borrow().is_ok();
            if let Some(verdict) = followed_rules(listed.len(), unknown + untaken, was_ready) {
                publish(&state, verdict);
            }
        } else if let Some(error) = error {
            let waited = unlisted_since.get_or_insert_with(Instant::now).elapsed();
            publish(&state, unlisted(&error, waited));
            patience = PATIENCE.checked_sub(waited).unwrap_or(patience);
        }
        let changed = tokio::select! {
            () = tokio::time::sleep(patience) => Ok(()),
            changed = followed.rules.changed() => changed,
            changed = followed.rules_error.changed() => changed,
            changed = resolved.changed() => changed,
            changed = rules.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// What to say of listed UpdateRules, of which some wait to be in force; nothing new if the replica
/// was ready, since it stays so.
fn followed_rules(listed: usize, waiting: usize, was_ready: bool) -> Option<Check> {
    match waiting {
        0 => Some(Ok(format!("{listed} UpdateRules followed"))),
        _ if was_ready => None,
        1 => Some(Err("1 UpdateRule is not in force yet".to_owned())),
        _ => Some(Err(format!("{waiting} UpdateRules are not in force yet"))),
    }
}

/// The readiness of a replica that has been unable to list UpdateRules for this time. It waits for
/// a temporary error to pass, but not for ever: with no ready replica, every update under
/// failurePolicy Fail is refused.
fn unlisted(error: &ApiError, waited: Duration) -> Check {
    let text = format!("cannot list UpdateRules: {error}");
    let is_lasting = matches!(error.class, ErrorClass::Forbidden | ErrorClass::NotFound);
    if is_lasting || waited >= PATIENCE { Ok(text) } else { Err(text) }
}

/// Ready while a registration trusts the certificate that is shown or may do so, or while there is
/// none and creating one has not failed.
pub(super) async fn registration(
    mut followed: Followed,
    mut registration: watch::Receiver<RegistrationState>,
    manages_certificate: bool,
    mut shown: watch::Receiver<Vec<u8>>,
    state: watch::Sender<Check>,
) {
    loop {
        let own = String::from_utf8_lossy(&shown.borrow_and_update()).into_owned();
        let managed_ca = followed
            .certificates
            .borrow_and_update()
            .as_ref()
            .map(|managed_ca| managed_ca.bundle());
        let registrations = followed.registrations.borrow_and_update().clone();
        let watch_error = followed.registrations_error.borrow_and_update().clone();
        let secret_error = followed.secret_error.borrow_and_update().clone();
        let own_registration = registration.borrow_and_update().clone();
        let known = ReadinessState {
            manages_certificate,
            managed_ca: managed_ca.as_deref(),
            registrations: registrations.as_deref(),
            watch_error: watch_error.as_ref(),
            secret_error: secret_error.as_ref(),
            failure: own_registration.failure().filter(|_| own_registration.leads),
        };
        publish(
            &state,
            known.verdict(|bundle| tls_rotation::is_trusted(&own, bundle, SystemTime::now())),
        );
        let changed = tokio::select! {
            changed = shown.changed() => changed,
            changed = followed.registrations.changed() => changed,
            changed = followed.registrations_error.changed() => changed,
            changed = registration.changed() => changed,
            // Without a Secret to follow there is nobody who could send.
            Ok(()) = followed.certificates.changed() => Ok(()),
            Ok(()) = followed.secret_error.changed() => Ok(()),
        };
        if changed.is_err() {
            return;
        }
    }
}

fn publish(state: &watch::Sender<Check>, verdict: Check) {
    state.send_if_modified(|before| {
        let differs = *before != verdict;
        *before = verdict;
        differs
    });
}

/// What is known of the registration.
struct ReadinessState<'a> {
    /// Whether the certificate comes from the cluster.
    manages_certificate: bool,
    /// The CAs of the certificate in the cluster.
    managed_ca: Option<&'a str>,
    registrations: Option<&'a Registrations>,
    watch_error: Option<&'a ApiError>,
    secret_error: Option<&'a ApiError>,
    failure: Option<&'a ApiError>,
}

impl ReadinessState<'_> {
    fn verdict(&self, is_trusted: impl Fn(&str) -> bool) -> Check {
        let Some(registrations) = self.registrations else {
            let Some(error) = self.watch_error else { return Err(NO_ANSWER.to_owned()) };
            let text = format!("cannot list ValidatingWebhookConfigurations: {error}");
            // A configuration that says Fail may exist, so a replica that can answer must stay in
            // the Service.
            return if !self.manages_certificate || self.managed_ca.is_some_and(is_trusted) {
                Ok(text)
            } else {
                Err(text)
            };
        };
        let out_of_sync =
            self.failure.map(|error| format!("; out of sync: {error}")).unwrap_or_default();
        // The certificate that is shown before the cluster has one is trusted by nobody.
        if self.manages_certificate && self.managed_ca.is_none() {
            return Err(match self.secret_error {
                Some(error) => format!("cannot read the Secret of the certificate: {error}"),
                None => format!("there is no certificate in the cluster yet{out_of_sync}"),
            });
        }
        if registrations.is_empty() {
            return match self.failure {
                _ if self.managed_ca.is_some_and(|bundle| !is_trusted(bundle)) => {
                    Err("the certificate in the cluster is not shown yet".to_owned())
                }
                Some(error) => Err(format!("nothing is registered: {error}")),
                None => Ok("nothing registered yet".to_owned()),
            };
        }
        let bundles: Vec<String> = all_webhooks(registrations)
            .filter_map(|(_, webhook)| webhook.client_config.ca_bundle.as_ref())
            .map(|bundle| String::from_utf8_lossy(&bundle.0).into_owned())
            .collect();
        if bundles.is_empty() {
            return Ok(format!("registered without CAs{out_of_sync}"));
        }
        // One is enough: whoever breaks one webhook must not take the answers from the others.
        if bundles.iter().any(|bundle| is_trusted(bundle)) {
            Ok(format!("the certificate that is shown is trusted{out_of_sync}"))
        } else {
            Err(format!(
                "the registration does not trust the certificate that is shown{out_of_sync}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn registrations(bundles: &[&str]) -> Registrations {
        let webhook = |bundle: &&str| {
            let bundle = k8s_openapi::ByteString(bundle.as_bytes().to_vec());
            json!({"name": "a.fieldward.io", "admissionReviewVersions": ["v1"],
                "sideEffects": "None", "clientConfig": {"caBundle": bundle}})
        };
        let webhooks: Vec<_> = bundles.iter().map(webhook).collect();
        let one = serde_json::from_value(
            json!({"metadata": {"name": "fieldward"}, "webhooks": webhooks}),
        )
        .unwrap();
        Registrations::from([("fieldward".to_owned(), one)])
    }

    #[test]
    fn a_registration_that_trusts_the_certificate_makes_a_replica_ready_whatever_else_fails() {
        let (none, good, bad) =
            (Registrations::new(), registrations(&["own"]), registrations(&["other"]));
        let (partly, without) = (registrations(&["other", "own"]), registrations(&[]));
        let forbidden = ApiError::other(&"no permission");
        let error = Some(&forbidden);
        for (registrations, managed_ca, watch_error, failure, expected) in [
            (None, Some("own"), None, None, Err("the API server has not answered yet")),
            (
                None,
                Some("own"),
                error,
                None,
                Ok("cannot list ValidatingWebhookConfigurations: no permission"),
            ),
            (
                None,
                Some("other"),
                error,
                None,
                Err("cannot list ValidatingWebhookConfigurations: no permission"),
            ),
            (
                None,
                None,
                error,
                None,
                Err("cannot list ValidatingWebhookConfigurations: no permission"),
            ),
            (Some(&none), None, None, None, Err("there is no certificate in the cluster yet")),
            (
                Some(&none),
                None,
                None,
                error,
                Err("there is no certificate in the cluster yet; out of sync: no permission"),
            ),
            (
                Some(&none),
                Some("other"),
                None,
                None,
                Err("the certificate in the cluster is not shown yet"),
            ),
            (Some(&none), Some("own"), None, None, Ok("nothing registered yet")),
            (Some(&none), Some("own"), None, error, Err("nothing is registered: no permission")),
            (Some(&good), Some("own"), None, None, Ok("the certificate that is shown is trusted")),
            (
                Some(&good),
                Some("own"),
                error,
                error,
                Ok("the certificate that is shown is trusted; out of sync: no permission"),
            ),
            (
                Some(&good),
                Some("other"),
                None,
                None,
                Ok("the certificate that is shown is trusted"),
            ),
            (
                Some(&partly),
                Some("own"),
                None,
                None,
                Ok("the certificate that is shown is trusted"),
            ),
            (Some(&without), Some("own"), None, None, Ok("registered without CAs")),
            (
                Some(&bad),
                Some("own"),
                None,
                None,
                Err("the registration does not trust the certificate that is shown"),
            ),
        ] {
            let known = ReadinessState {
                manages_certificate: true,
                managed_ca,
                registrations,
                watch_error,
                secret_error: None,
                failure,
            };
            let found = known.verdict(|bundle| bundle == "own");
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{registrations:?}");
        }
        for registrations in [Some(&none), None] {
            let given = ReadinessState {
                manages_certificate: false,
                managed_ca: None,
                registrations,
                watch_error: error,
                secret_error: None,
                failure: None,
            };
            assert!(
                given.verdict(|_| false).is_ok(),
                "somebody else's certificate needs no Secret"
            );
        }
        let unread = ReadinessState {
            manages_certificate: true,
            managed_ca: None,
            registrations: Some(&none),
            watch_error: None,
            secret_error: error,
            failure: None,
        };
        assert_eq!(
            unread.verdict(|_| false).unwrap_err(),
            "cannot read the Secret of the certificate: no permission"
        );
    }

    #[test]
    fn a_replica_waits_for_the_rules_that_were_there_at_its_start() {
        for (listed, waiting, was_ready, expected) in [
            (0, 0, false, Some(Ok("0 UpdateRules followed"))),
            (3, 2, false, Some(Err("2 UpdateRules are not in force yet"))),
            (3, 1, false, Some(Err("1 UpdateRule is not in force yet"))),
            (3, 0, false, Some(Ok("3 UpdateRules followed"))),
            (4, 1, true, None),
            (4, 0, true, Some(Ok("4 UpdateRules followed"))),
        ] {
            let found = followed_rules(listed, waiting, was_ready);
            assert_eq!(
                found.as_ref().map(|found| found.as_deref().map_err(String::as_str)),
                expected,
                "{listed} {waiting} {was_ready}"
            );
        }
    }

    #[test]
    fn a_replica_that_cannot_list_update_rules_is_ready_soon_and_says_so() {
        for (class, is_ready_at_once) in [
            (ErrorClass::Forbidden, true),
            (ErrorClass::NotFound, true),
            (ErrorClass::Unreachable, false),
            (ErrorClass::Timeout, false),
            (ErrorClass::Other, false),
        ] {
            let mut error = ApiError::other(&"why");
            error.class = class;
            for (waited, is_ready) in [
                (Duration::ZERO, is_ready_at_once),
                (PATIENCE / 2, is_ready_at_once),
                (PATIENCE, true),
            ] {
                let found = unlisted(&error, waited);
                assert_eq!(found.is_ok(), is_ready, "{class:?} {waited:?}");
                assert_eq!(found.unwrap_or_else(|text| text), "cannot list UpdateRules: why");
            }
        }
    }

    #[tokio::test]
    async fn a_replica_does_not_wait_for_ever_until_it_can_list_update_rules() {
        let (_objects, objects) = watch::channel(None);
        let (_certificates, certificates) = watch::channel(None);
        let (_registrations, registrations) = watch::channel(None);
        let (_rules_error, rules_error) = watch::channel(Some(ApiError::other(&"away")));
        let (_registrations_error, registrations_error) = watch::channel(None);
        let (_secret_error, secret_error) = watch::channel(None);
        let followed = Followed {
            rules: objects,
            certificates,
            registrations,
            rules_error,
            registrations_error,
            secret_error,
        };
        let (_resolved, resolved) = watch::channel(Arc::default());
        let (_in_force, in_force) = watch::channel(RuleSet::default());
        let (sender, mut state) = watch::channel(Err(NO_ANSWER.to_owned()));
        let started = Instant::now();
        let task = tokio::spawn(rules(followed, resolved, in_force, sender));
        let is_ready = state.wait_for(Result::is_ok).await.map(|state| state.clone());
        assert_eq!(is_ready.unwrap(), Ok("cannot list UpdateRules: away".to_owned()));
        assert!(started.elapsed() >= PATIENCE, "{:?}", started.elapsed());
        task.abort();
    }
}
