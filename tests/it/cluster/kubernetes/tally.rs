//! What was compared, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::edits::Update;
use super::registered::Asked;
use super::scene::{Refusing, Scene};
use super::{Cause, Verdict, described};

/// Percent of the random updates that may say nothing about updates; of `StatefulSets` it is 11, of
/// the others 1 to 4.
const MOST_WITHOUT_VERDICT: usize = 15;

/// Percent of the updates on which the two may disagree where an API server refuses what newer ones
/// take; of Jobs it is 5, up to 1.35.
const MOST_WITH_AN_OLDER_VERSION: usize = 10;

/// The outcome of all updates of a kind.
pub(super) struct Tally<'s> {
    scene: &'s Scene,
    /// Updates that were sent, and those of them that passed the API server's own validation.
    pub(super) sent: usize,
    pub(super) taken: usize,
    /// Updates on which both had a verdict.
    pub(super) compared: usize,
    /// By the API server.
    allowed: usize,
    agreed: usize,
    /// Single edits of updates that both refused, and those of them on which the two agree.
    apart: usize,
    agreed_apart: usize,
    invalid: usize,
    crashed: usize,
    taken_back: usize,
    classes: BTreeMap<usize, usize>,
    touched: BTreeSet<String>,
    unlisted: Vec<String>,
}

impl<'s> Tally<'s> {
    pub(super) fn new(scene: &'s Scene) -> Self {
        Self {
            scene,
            sent: 0,
            taken: 0,
            compared: 0,
            allowed: 0,
            agreed: 0,
            apart: 0,
            agreed_apart: 0,
            invalid: 0,
            crashed: 0,
            taken_back: 0,
            classes: BTreeMap::new(),
            touched: BTreeSet::new(),
            unlisted: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, asked: Asked, update: &Update, old: &Value) {
        self.sent += 1;
        let (api_server, fieldward, taken_back) = match asked {
            Asked::Answered { api_server, fieldward, taken_back } => {
                (api_server, fieldward, taken_back)
            }
            Asked::InvalidInItself => return self.invalid += 1,
            Asked::Crashed => return self.crashed += 1,
        };
        self.touched.extend(update.touched.iter().cloned());
        self.compared += 1;
        self.taken += usize::from(api_server.is_allowed());
        self.allowed += usize::from(api_server.is_allowed());
        self.taken_back += usize::from(taken_back);
        match refused_by_one(&api_server, &fieldward) {
            None => self.agreed += 1,
            Some((refusing, causes)) => {
                if let Some(class) = self.listed(refusing, causes, &update.new, old) {
                    *self.classes.entry(class).or_default() += 1;
                }
            }
        }
    }

    /// The same for one edit of an update that both refused. It counts for agreement and not for
    /// how often each verdict is had.
    pub(super) fn add_apart(&mut self, asked: Asked, new: &Value, old: &Value) {
        self.sent += 1;
        let Asked::Answered { api_server, fieldward, .. } = asked else { return };
        self.apart += 1;
        self.taken += usize::from(api_server.is_allowed());
        match refused_by_one(&api_server, &fieldward) {
            None => self.agreed_apart += 1,
            Some((refusing, causes)) => drop(self.listed(refusing, causes, new, old)),
        }
    }

    /// Fails unless the two agree but for the classes, and both verdicts were had often enough to
    /// say so.
    pub(super) fn assert_agreement(&self) {
        assert!(
            self.unlisted.is_empty(),
            "{} disagreements of no class:\n{}",
            self.unlisted.len(),
            self.unlisted.join("\n")
        );
        let denied = self.compared - self.allowed;
        assert!(self.allowed * 4 >= self.compared && denied * 4 >= self.compared, "{self}");
        let most = if self.scene.is_of_an_older_version() { MOST_WITH_AN_OLDER_VERSION } else { 1 };
        assert!((self.compared - self.agreed) * 100 <= most * self.compared, "{self}");
        assert!((self.apart - self.agreed_apart) * 100 <= most * self.apart, "{self}");
        assert!(
            (self.invalid + self.crashed) * 100
                <= MOST_WITHOUT_VERDICT * (self.compared + self.invalid + self.crashed),
            "{self}"
        );
        assert!(self.crashed * 100 <= self.compared, "{self}");
    }

    /// The class of a disagreement; one of none is kept for the end.
    fn listed(
        &mut self,
        refusing: Refusing,
        causes: &[Cause],
        new: &Value,
        old: &Value,
    ) -> Option<usize> {
        let class = class(self.scene, refusing, causes, new);
        if class.is_none() {
            self.unlisted.push(format!(
                "refused by {refusing:?} alone: {causes:?}\n  {}",
                described(old, new)
            ));
        }
        class
    }
}

impl fmt::Display for Tally<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {} updates, {} allowed and {} denied by the API server, {} agreements; {} edits \
             of what both refused apart, {} agreements; \
             {} fields touched; {} more updates were invalid in themselves, {} crash the API \
             server's validation; of {} the API server took something back before it validated",
            self.scene.resource.1,
            self.compared,
            self.allowed,
            self.compared - self.allowed,
            self.agreed,
            self.apart,
            self.agreed_apart,
            self.touched.len(),
            self.invalid,
            self.crashed,
            self.taken_back
        )?;
        for (index, count) in &self.classes {
            let class = &self.scene.classes[*index];
            write!(
                formatter,
                "\n  {count} refused by {:?} alone: {}",
                class.refused_by, class.why
            )?;
        }
        Ok(())
    }
}

pub(super) fn is_allowed_by_both(asked: &Asked) -> bool {
    matches!(
        asked,
        Asked::Answered { api_server: Verdict::Allowed, fieldward: Verdict::Allowed, .. }
    )
}

pub(super) fn is_denied_by_both(asked: &Asked) -> bool {
    matches!(
        asked,
        Asked::Answered { api_server: Verdict::Denied(_), fieldward: Verdict::Denied(_), .. }
    )
}

/// The class of an update on which the two disagree: that of its first error, if every error has
/// one.
pub(super) fn class_of(scene: &Scene, asked: &Asked, new: &Value) -> Option<usize> {
    let Asked::Answered { api_server, fieldward, .. } = asked else { return None };
    let (refusing, causes) = refused_by_one(api_server, fieldward)?;
    class(scene, refusing, causes, new)
}

fn class(scene: &Scene, refusing: Refusing, causes: &[Cause], new: &Value) -> Option<usize> {
    let class =
        |cause: &Cause| scene.classes.iter().position(|class| class.holds(refusing, cause, new));
    let classes: Option<Vec<usize>> = causes.iter().map(class).collect();
    classes?.first().copied()
}

fn refused_by_one<'v>(
    api_server: &'v Verdict,
    fieldward: &'v Verdict,
) -> Option<(Refusing, &'v [Cause])> {
    match (api_server, fieldward) {
        (Verdict::Denied(causes), Verdict::Allowed) => Some((Refusing::ApiServer, causes)),
        (Verdict::Allowed, Verdict::Denied(causes)) => Some((Refusing::Fieldward, causes)),
        (Verdict::Allowed, Verdict::Allowed) | (Verdict::Denied(_), Verdict::Denied(_)) => None,
    }
}
