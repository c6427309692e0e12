//! What a controller wrote to a guarded kind, for the report of a trial.

use super::scene::Scene;
use super::tally::{Guarded, Tally, only_the_user_is_denied, requester, tally};

/// What a trial counted for a guarded kind.
#[derive(Debug)]
pub(crate) struct Writes {
    /// Main resource, by requester.
    pub(crate) updates: Tally,
    /// The controller's writes of the status subresource, which no rule here guards.
    pub(crate) of_status: usize,
}

/// Fails unless fieldward denied nobody but the user and nothing was stored against a rule.
pub(crate) fn all_stored(scene: &Scene, guarded: Guarded<'_>, controller: &str) -> Writes {
    let updates = tally(scene, guarded);
    only_the_user_is_denied(scene, guarded, &updates);
    let of_status = scene.plane.audit_events().into_iter().filter(|event| {
        let target = &event["objectRef"];
        guarded.is(target)
            && target["subresource"] == "status"
            && requester(event) == controller
            && event["responseStatus"]["code"] == 200
    });
    Writes { of_status: of_status.count(), updates }
}
