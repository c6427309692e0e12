//! Reads the rules again while the server runs. A set with an error is refused as a whole, and the
//! set before it stays in force.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::served_rules::ServedRules;
use crate::engine::{Builtin, Exemptions, RuleFile, RuleSet, escape_control};

/// Reads the texts that are to be in force, and why some of them are not those that were found, but
/// the last good ones; or says why they cannot be read.
pub(crate) type ReadRules =
    dyn Fn() -> Result<(Vec<RuleFile>, Option<String>), String> + Send + Sync;

/// Characters of a reason that are kept: there is one for each thing that is wrong.
const MAX_REASON_CHARS: usize = 4096;

/// After a read, the reader rests so many times as long as the read took. Ten thousand files take a
/// tenth of a second, so reading them costs little.
const REST: u32 = 50;

/// The longest rest, so that a change is noticed by then.
pub(crate) const LONGEST_REST: Duration = Duration::from_secs(10);

/// Where rules come from.
#[derive(Clone)]
pub(crate) struct RuleSource {
    /// Whether the rules compiled in are wanted too.
    pub(crate) builtin: Builtin,
    /// Exemptions that hold for all rules.
    pub(crate) exemptions: Arc<Exemptions>,
    /// The texts of the others that are in force from the start.
    pub(crate) started_with: Fingerprint,
    /// Reads the others.
    pub(crate) read: Arc<ReadRules>,
    /// How often they are read, unless that takes long.
    pub(crate) every: Duration,
    /// Told when something is known to have changed.
    pub(crate) changed: Arc<Notify>,
    /// Whether a set without rules is accepted, because rules may come from elsewhere.
    pub(crate) may_be_empty: bool,
}

/// SHA-256 over the texts of rules, with their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

/// What was read last.
#[derive(Debug)]
struct SeenTexts {
    /// The texts in force.
    taken: Fingerprint,
    /// What was refused last, so that it is said once: the texts, or why they cannot be read.
    refused: Option<Result<Fingerprint, String>>,
}

/// Reloads for ever. What is in force was read before.
pub(super) async fn watch(source: RuleSource, rules: Arc<ServedRules>) {
    let mut seen = SeenTexts { taken: source.started_with, refused: None };
    let every = source.every;
    let mut rest = every;
    loop {
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = source.changed.notified() => {}
        }
        let (source, rules) = (source.clone(), Arc::clone(&rules));
        // Reading may block for long on a network file system, and many rules take long to load.
        let taken = seen.taken;
        let turn = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            seen.turn(&source, &rules, SystemTime::now());
            (seen, started.elapsed())
        });
        (seen, rest) = match turn.await {
            Ok((seen, took)) => (seen, every.max((took * REST).min(LONGEST_REST))),
            Err(error) => {
                tracing::error!(%error, "rules not reloaded; the last good ones stay in force");
                (SeenTexts { taken, refused: None }, every)
            }
        };
    }
}

impl SeenTexts {
    /// Reads once, and takes what changed if all of it can be used.
    fn turn(&mut self, source: &RuleSource, rules: &ServedRules, now: SystemTime) {
        let (documents, refused) = match (source.read)() {
            Ok(reading) => reading,
            Err(reason) => return self.refuse(rules, Err(reason.clone()), &reason),
        };
        let fingerprint = Fingerprint::of_documents(&documents);
        if self.taken == fingerprint {
            if let Some(reason) = refused {
                self.refuse(rules, Err(reason.clone()), &reason);
            } else if self.refused.take().is_some() {
                tracing::info!(
                    digest = rules.current().all().digest(),
                    "the rules in the files are those in force again"
                );
                rules.accept();
            }
            return;
        }
        if self.refused.as_ref() == Some(&Ok(fingerprint)) {
            return;
        }
        match source.load(&documents) {
            Err(reason) => self.refuse(rules, Ok(fingerprint), &reason),
            // A mounted ConfigMap may change while it is read, and half of one version with half of
            // another may load. So two reads in a row must agree.
            Ok(_)
                if (source.read)().map(|(documents, _)| Fingerprint::of_documents(&documents))
                    != Ok(fingerprint) => {}
            Ok(set) => {
                tracing::info!(rules = set.len(), digest = set.digest(), "rules reloaded");
                rules.replace(set, now);
                self.taken = fingerprint;
                if let Some(reason) = refused {
                    self.refuse(rules, Err(reason.clone()), &reason);
                } else {
                    rules.accept();
                    self.refused = None;
                }
            }
        }
    }

    fn refuse(&mut self, rules: &ServedRules, what: Result<Fingerprint, String>, reason: &str) {
        let what = Some(what);
        if self.refused != what {
            tracing::error!(error = reason, "rules not reloaded; the last good ones stay in force");
            rules.refuse(reason.to_owned());
            self.refused = what;
        }
    }
}

impl RuleSource {
    fn load(&self, documents: &[RuleFile]) -> Result<RuleSet, String> {
        let set = RuleSet::load(self.builtin, documents)
            .map_err(|errors| cut(&escape_control(&errors.to_string())))?;
        if set.is_empty() && !self.may_be_empty {
            return Err(
                "there is no rule left; a server without rules would judge nothing".to_owned()
            );
        }
        Ok(set.exempting(Arc::clone(&self.exemptions)))
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_REASON_CHARS).and_then(|(end, _)| text.get(..end)) {
        Some(kept) => format!("{kept} …"),
        None => text.to_owned(),
    }
}

impl Fingerprint {
    /// Of these texts.
    pub(crate) fn of_documents(documents: &[RuleFile]) -> Self {
        let mut hasher = Sha256::new();
        for part in documents.iter().flat_map(|document| [&document.origin, &document.text]) {
            hasher.update(part.len().to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn rule(name: &str, path: &str) -> String {
        format!(
            "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
             {name}}}\nspec:\n  matchConstraints:\n    resourceRules: \
             [{{apiGroups: [a], apiVersions: [v1], resources: [bs]}}]\n  mutable: [{path}]\n"
        )
    }

    /// Readings that come one after the other; the last comes for ever.
    fn readings(texts: &[Result<&[String], &str>]) -> RuleSource {
        let all: Vec<Result<Vec<RuleFile>, String>> = texts
            .iter()
            .map(|reading| match reading {
                Ok(texts) => Ok(documents(texts)),
                Err(reason) => Err((*reason).to_owned()),
            })
            .collect();
        let next = Mutex::new(0);
        let read = move || {
            let mut next = next.lock().unwrap();
            let reading = all.get(*next).or(all.last()).unwrap().clone();
            *next += 1;
            reading.map(|documents| (documents, None))
        };
        source(read)
    }

    fn documents(texts: &[String]) -> Vec<RuleFile> {
        texts
            .iter()
            .map(|text| RuleFile { origin: "rules.yaml".to_owned(), text: text.clone() })
            .collect()
    }

    fn source(
        read: impl Fn() -> Result<(Vec<RuleFile>, Option<String>), String> + Send + Sync + 'static,
    ) -> RuleSource {
        RuleSource {
            builtin: Builtin::Excluded,
            exemptions: Arc::default(),
            started_with: Fingerprint::of_documents(&[]),
            read: Arc::new(read),
            every: Duration::ZERO,
            changed: Arc::default(),
            may_be_empty: false,
        }
    }

    /// These in force from the start.
    fn started(text: &str) -> (ServedRules, SeenTexts) {
        let documents = [RuleFile { origin: "rules.yaml".to_owned(), text: text.to_owned() }];
        (
            ServedRules::new(
                RuleSet::load(Builtin::Excluded, &documents).unwrap(),
                NOW,
                Duration::ZERO,
            ),
            SeenTexts { taken: Fingerprint::of_documents(&documents), refused: None },
        )
    }

    fn names(rules: &ServedRules) -> String {
        rules.current().all().names().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_set_is_taken_whole_or_not_at_all() {
        let (one, two, broken) =
            (rule("one", "spec.a"), rule("two", "spec.b"), rule("three", "spec..c"));
        let (rules, mut seen) = started(&one);
        let mut turn = |reading: Result<&[String], &str>| {
            seen.turn(&readings(&[reading]), &rules, NOW + Duration::from_secs(9));
            (names(&rules), rules.refusal().is_some())
        };
        assert_eq!(turn(Ok(std::slice::from_ref(&one))), ("one".to_owned(), false));
        assert_eq!(
            rules.current().since().to_string(),
            "0",
            "what is in force already is not put in force anew"
        );
        assert_eq!(turn(Ok(&[two.clone(), broken.clone()])), ("one".to_owned(), true));
        assert!(
            rules.refusal().unwrap().contains("rules.yaml:7:18: in path `spec..c`"),
            "{:?}",
            rules.refusal()
        );
        assert_eq!(turn(Ok(&[])), ("one".to_owned(), true));
        assert!(rules.refusal().unwrap().contains("no rule left"), "{:?}", rules.refusal());
        assert_eq!(turn(Err("cannot read")), ("one".to_owned(), true));
        assert_eq!(rules.refusal().unwrap().as_str(), "cannot read");
        assert_eq!(turn(Ok(&[two, one.clone()])), ("one two".to_owned(), false));
        assert_eq!(rules.current().since().to_string(), "9");
        assert_eq!(turn(Ok(&[broken])), ("one two".to_owned(), true));
        assert_eq!(
            turn(Ok(&[rule("two", "spec.b"), one])),
            ("one two".to_owned(), false),
            "taken back, it is refused no more"
        );
    }

    #[test]
    fn what_is_refused_beside_good_rules_does_not_keep_them_from_being_taken() {
        let (rules, mut seen) = started(&rule("one", "spec.a"));
        let mut turn = |name: &str, refused: Option<&str>| {
            let reading = (documents(&[rule(name, "spec.b")]), refused.map(str::to_owned));
            seen.turn(&source(move || Ok(reading.clone())), &rules, NOW);
            (names(&rules), rules.refusal().map(|reason| reason.to_string()))
        };
        let refused = |name: &str| (name.to_owned(), Some("broken".to_owned()));
        assert_eq!(turn("two", Some("broken")), refused("two"));
        assert_eq!(turn("three", Some("broken")), refused("three"));
        assert_eq!(turn("three", Some("broken")), refused("three"));
        assert_eq!(turn("three", None), ("three".to_owned(), None));
        assert_eq!(turn("three", Some("broken")), refused("three"));
        assert_eq!(turn("four", None), ("four".to_owned(), None));
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_again() {
        let (one, two) = (rule("one", "spec.a"), rule("two", "spec.b"));
        let (rules, mut seen) = started(&one);
        let mixed = [rule("one", "spec.b")];
        let source = readings(&[Ok(&mixed), Ok(std::slice::from_ref(&two))]);
        seen.turn(&source, &rules, NOW);
        assert_eq!(names(&rules), "one");
        let current = rules.current();
        assert_eq!(
            current.all().rules().next().unwrap().entries().next().unwrap().path.to_string(),
            "spec.a"
        );
        seen.turn(&source, &rules, NOW);
        assert_eq!(names(&rules), "two");
    }

    #[test]
    fn a_reason_is_not_longer_than_a_page() {
        assert_eq!(cut("short"), "short");
        let long = cut(&"ä".repeat(MAX_REASON_CHARS + 1));
        assert_eq!((long.chars().count(), long.ends_with(" …")), (MAX_REASON_CHARS + 2, true));
    }
}
