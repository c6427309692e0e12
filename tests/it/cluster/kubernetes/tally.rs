//! What was compared, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::registered::Asked;
use super::scene::{Refusing, Scene};
use super::{Cause, Verdict};

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
            invalid: 0,
            crashed: 0,
            taken_back: 0,
            classes: BTreeMap::new(),
            touched: BTreeSet::new(),
            unlisted: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, asked: Asked, touched: &[String], describe: &dyn Fn() -> String) {
        self.sent += 1;
        let (api_server, fieldward, taken_back) = match asked {
            Asked::Answered { api_server, fieldward, taken_back } => (api_server, fieldward, taken_back),
            Asked::InvalidInItself => return self.invalid += 1,
            Asked::Crashed => return self.crashed += 1,
        };
        self.touched.extend(touched.iter().cloned());
        self.compared += 1;
        self.taken += usize::from(api_server.is_allowed());
        self.allowed += usize::from(api_server.is_allowed());
        self.taken_back += usize::from(taken_back);
        match refused_by_one(&api_server, &fieldward) {
            None => self.agreed += 1,
            Some((refusing, causes)) => self.classify(refusing, causes, describe),
        }
    }

    /// Fails unless the two agree but for the classes, and both verdicts were had often enough to say so.
    pub(super) fn assert_agreement(&self) {
        assert!(self.unlisted.is_empty(), "{} disagreements of no class:\n{}", self.unlisted.len(), self.unlisted.join("\n"));
        let denied = self.compared - self.allowed;
        assert!(self.allowed * 4 >= self.compared && denied * 4 >= self.compared, "{self}");
        assert!((self.compared - self.agreed) * 100 <= self.compared, "{self}");
    }

    fn classify(&mut self, refusing: Refusing, causes: &[Cause], describe: &dyn Fn() -> String) {
        match class(self.scene, refusing, causes) {
            Some(class) => *self.classes.entry(class).or_default() += 1,
            None => self.unlisted.push(format!("refused by {refusing:?} alone: {causes:?}\n  {}", describe())),
        }
    }
}

impl fmt::Display for Tally<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {} updates, {} allowed and {} denied by the API server, {} agreements; {} fields touched; {} more were invalid in \
             themselves, {} crash the API server's validation; of {} the API server took something back before it validated",
            self.scene.resource.1,
            self.compared,
            self.allowed,
            self.compared - self.allowed,
            self.agreed,
            self.touched.len(),
            self.invalid,
            self.crashed,
            self.taken_back
        )?;
        for (index, count) in &self.classes {
            let class = &self.scene.classes[*index];
            write!(formatter, "\n  {count} refused by {:?} alone: {}", class.refused_by, class.why)?;
        }
        Ok(())
    }
}

pub(super) fn is_allowed_by_both(asked: &Asked) -> bool {
    matches!(asked, Asked::Answered { api_server: Verdict::Allowed, fieldward: Verdict::Allowed, .. })
}

/// The class of an update on which the two disagree: that of its first error, if every error has one.
pub(super) fn class_of(scene: &Scene, asked: &Asked) -> Option<usize> {
    let Asked::Answered { api_server, fieldward, .. } = asked else { return None };
    let (refusing, causes) = refused_by_one(api_server, fieldward)?;
    class(scene, refusing, causes)
}

fn class(scene: &Scene, refusing: Refusing, causes: &[Cause]) -> Option<usize> {
    let class = |cause: &Cause| scene.classes.iter().position(|class| class.holds(refusing, cause));
    let classes: Option<Vec<usize>> = causes.iter().map(class).collect();
    classes?.first().copied()
}

fn refused_by_one<'v>(api_server: &'v Verdict, fieldward: &'v Verdict) -> Option<(Refusing, &'v [Cause])> {
    match (api_server, fieldward) {
        (Verdict::Denied(causes), Verdict::Allowed) => Some((Refusing::ApiServer, causes)),
        (Verdict::Allowed, Verdict::Denied(causes)) => Some((Refusing::Fieldward, causes)),
        (Verdict::Allowed, Verdict::Allowed) | (Verdict::Denied(_), Verdict::Denied(_)) => None,
    }
}
