//! What the API server's audit log says of the updates of a kind: who wrote, what fieldward
//! decided, what was stored.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scene::{Scene, USER};

/// A guarded kind, by the resource in the audit log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guarded<'a> {
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
}

impl Guarded<'_> {
    /// Whether the target of a request is of this kind. The log leaves out the group of the core.
    pub(crate) fn is(self, target: &Value) -> bool {
        target["apiGroup"].as_str().unwrap_or_default() == self.group
            && target["resource"] == self.resource
    }
}

/// What one requester wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Updates and patches that fieldward judged.
    pub(crate) seen: usize,
    /// Of these, the denied ones.
    pub(crate) denied: usize,
    /// Updates that failed for another reason than a conflict or a decision of fieldward: its
    /// webhook could not be called, for one.
    pub(crate) failed: usize,
    /// Updates that the API server stored although fieldward denied them, or without having asked.
    pub(crate) stored_against_the_rule: usize,
}

/// The counts by requester.
pub(crate) type Tally = BTreeMap<String, Counts>;

/// Counts the updates of a kind. Dry runs store nothing and are left out, as is what the API server
/// refused before admission.
pub(crate) fn tally(scene: &Scene, guarded: Guarded<'_>) -> Tally {
    let mut tally = Tally::new();
    for event in scene.plane.audit_events() {
        let target = &event["objectRef"];
        let update = event["verb"] == "update" || event["verb"] == "patch";
        let of_kind = guarded.is(target) && target["subresource"].is_null();
        let dry = event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun"));
        let code = event["responseStatus"]["code"].as_u64();
        // Server-side apply of an object that is not there yet is a patch, too.
        let creation = code == Some(201);
        if !update || !of_kind || dry || creation {
            continue;
        }
        let decisions = decisions(&event);
        let stored = code.is_some_and(|code| (200..300).contains(&code));
        let counts = tally.entry(requester(&event)).or_default();
        counts.seen += usize::from(!decisions.is_empty());
        counts.denied += usize::from(decisions.contains(&"deny"));
        counts.failed += usize::from(code.is_some_and(|code| code >= 500));
        counts.stored_against_the_rule +=
            usize::from(stored && (decisions.is_empty() || decisions.contains(&"deny")));
    }
    tally
}

/// Fails with the log's own words unless all of the requester's writes were let through, at least
/// one was made, and nothing was stored against a rule, whoever wrote it.
pub(crate) fn all_let_through(scene: &Scene, guarded: Guarded<'_>, controller: &str) -> Tally {
    let tally = tally(scene, guarded);
    let own = tally.get(controller).copied().unwrap_or_default();
    assert!(own.seen > 0, "{controller} wrote nothing: {tally:?}");
    only_the_user_is_denied(scene, guarded, &tally);
    tally
}

/// Fails if an update of anybody but the user was denied or failed, or if anything was stored
/// against a rule.
pub(crate) fn only_the_user_is_denied(scene: &Scene, guarded: Guarded<'_>, tally: &Tally) {
    for (requester, counts) in tally {
        assert_eq!(counts.stored_against_the_rule, 0, "{requester}: {tally:?}");
        assert_eq!(counts.failed, 0, "{requester}: {tally:?}");
        if requester != USER {
            assert_eq!(counts.denied, 0, "{requester}: {:?}", denials(scene, guarded, requester));
        }
    }
}

/// What the audit log says of a requester's denied updates.
pub(crate) fn denials(scene: &Scene, guarded: Guarded<'_>, controller: &str) -> Vec<String> {
    let events = scene.plane.audit_events().into_iter();
    let of_kind = |event: &Value| guarded.is(&event["objectRef"]);
    events
        .filter(|event| {
            of_kind(event) && requester(event) == controller && decisions(event).contains(&"deny")
        })
        .map(|event| {
            format!("{}: {}", event["objectRef"]["name"], event["responseStatus"]["message"])
        })
        .collect()
}

pub(crate) fn requester(event: &Value) -> String {
    let impersonated = &event["impersonatedUser"]["username"];
    let user = if impersonated.is_null() { &event["user"]["username"] } else { impersonated };
    user.as_str().unwrap_or_default().to_owned()
}

/// What fieldward decided, once for each rule that was asked.
fn decisions(event: &Value) -> Vec<&str> {
    let annotations = event["annotations"].as_object();
    let decided = annotations
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.ends_with(".fieldward.io/decision"));
    decided.filter_map(|(_, decision)| decision.as_str()).collect()
}
