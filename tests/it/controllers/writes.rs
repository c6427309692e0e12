//! What a controller wrote to a guarded kind, for the report of a trial.

use super::scene::Scene;
use super::tally::{Counts, Guarded, Tally, denials, requester, tally};

/// What a trial counted for a guarded kind.
#[derive(Debug)]
pub(crate) struct Writes {
    /// Main resource, by requester.
    pub(crate) updates: Tally,
    /// The controller's writes of the status subresource, which no rule here guards.
    pub(crate) of_status: usize,
}

/// Fails unless fieldward let all updates of the controller through and nothing was stored against
/// a rule, whoever wrote it.
pub(crate) fn all_stored(scene: &Scene, guarded: Guarded, controller: &str) -> Writes {
    let updates = tally(scene, guarded);
    let own = updates.get(controller).copied().unwrap_or_default();
    assert_eq!(own.denied, 0, "{controller}: {:?}", denials(scene, guarded, controller));
    assert!(
        updates.values().all(|counts: &Counts| counts.stored_against_the_rule == 0),
        "{updates:?}"
    );
    let of_status = scene.plane.audit_events().into_iter().filter(|event| {
        let target = &event["objectRef"];
        guarded.is(target)
            && target["subresource"] == "status"
            && requester(event) == controller
            && event["responseStatus"]["code"] == 200
    });
    Writes { of_status: of_status.count(), updates }
}
