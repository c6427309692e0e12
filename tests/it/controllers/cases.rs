//! The reviews that fieldward records while controllers work, as cases that all runs of the tests
//! judge.
//!
//! `FIELDWARD_BLESS=1 FIELDWARD_TIER=controllers cargo test --locked --test it` renews the case
//! files.

use std::path::Path;

use fieldward::engine::{Builtin, RuleFile, RuleSet, admit};
use serde_json::{Value, json};

use super::scene::{Scene, USER};
use crate::cluster::recorded::taken::steady;
use crate::corpus::{files, root};
use crate::golden;
use crate::support::until;

/// A write that becomes a case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    /// The case's name.
    pub(crate) name: &'static str,
    /// The name of the object.
    pub(crate) object: &'static str,
    /// Of the service account that writes.
    pub(crate) user: &'static str,
    /// Which of the writes to that object it is.
    pub(crate) which: Which,
    /// Whether a second case says that a user may not write the same.
    pub(crate) twin: bool,
}

/// One of the writes of a service account to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    First,
    /// The first after which this JSON pointer has another value that is not null.
    Sets(&'static str),
    /// The first that finds a value other than null at this JSON pointer and leaves none.
    Clears(&'static str),
}

/// A folder of cases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Suite {
    /// Below tests.
    pub(crate) folder: &'static str,
    /// The file of the rule that judges them, if it is no built-in one.
    pub(crate) rule: Option<&'static str>,
    /// The resource whose updates they are.
    pub(crate) resource: &'static str,
}

/// Fails if rules that apply to a recorded review deny it, unless it is the user's. Returns how
/// many reviews were recorded.
///
/// A recording has the verdict of all rules, whatever their `matchConditions` say.
pub(crate) fn judged_alike(scene: &Scene) -> usize {
    let recorded = read(&scene.recordings());
    for case in recorded.iter().filter(|case| case["expect"]["allowed"] == false) {
        let request = &case["review"]["request"];
        if request["userInfo"]["username"] != USER {
            let rules = scene.rules.asked(request);
            let reply = admit(&rules, case["review"].to_string().as_bytes());
            assert_eq!(reply.allowed(), Some(true), "{}: {case}", reply.message());
        }
    }
    recorded.len()
}

/// Finds each kept write among the recordings, and writes it to the suite if the run is to renew
/// the cases.
pub(crate) async fn renew(scene: &Scene, suite: Suite, kept: &[Kept]) {
    let recordings = scene.recordings();
    for kept in kept {
        // The first of them, if there are several.
        let find = || {
            read(&recordings)
                .into_iter()
                .filter(|case| kept.is(case, suite.resource))
                .min_by_key(version)
        };
        until(&format!("a recording of {}", kept.name), async || find().is_some()).await;
        let review = cleaned(&find().unwrap()["review"]);
        suite.write(kept.name, &review, true);
        if kept.twin {
            let name = format!("{}-by-a-user", kept.name);
            let mut twin = review.clone();
            twin["request"]["userInfo"] =
                json!({"username": USER, "groups": ["system:authenticated"]});
            suite.write(&name, &twin, false);
        }
    }
}

impl Kept {
    fn is(&self, case: &Value, resource: &str) -> bool {
        let request = &case["review"]["request"];
        let user = request["userInfo"]["username"].as_str().unwrap_or_default();
        let (of_object, of_user) = (
            request["oldObject"]["metadata"]["name"] == self.object,
            user.ends_with(&format!(":{}", self.user)),
        );
        let value = |object: &str, at: &str| {
            request[object].pointer(at).filter(|value| !value.is_null()).cloned()
        };
        let meant = match self.which {
            Which::First => true,
            Which::Sets(at) => {
                value("object", at).is_some() && value("oldObject", at) != value("object", at)
            }
            Which::Clears(at) => value("oldObject", at).is_some() && value("object", at).is_none(),
        };
        of_object
            && of_user
            && meant
            && request["resource"]["resource"] == resource
            && case["expect"]["allowed"] == true
    }
}

fn version(case: &Value) -> Option<u64> {
    case["review"]["request"]["oldObject"]["metadata"]["resourceVersion"].as_str()?.parse().ok()
}

pub(crate) fn read(recordings: &Path) -> Vec<Value> {
    let texts = files(recordings, &["json"])
        .into_iter()
        .filter_map(|file| std::fs::read_to_string(file).ok());
    texts.filter_map(|text| serde_json::from_str(&text).ok()).collect()
}

/// The review without what differs from run to run and what no rule covers.
fn cleaned(review: &Value) -> Value {
    let mut review = steady(review);
    for object in ["object", "oldObject"] {
        if let Some(metadata) = review["request"][object]["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        for volume in
            review["request"][object]["spec"]["volumes"].as_array_mut().into_iter().flatten()
        {
            if volume["volumeClaimName"].as_str().is_some_and(|name| !name.is_empty()) {
                volume["volumeClaimName"] = "job-volume-0123456789ab".into();
            }
        }
    }
    review
}

impl Suite {
    fn write(&self, name: &str, review: &Value, allowed: bool) {
        let document = |path: &str| RuleFile {
            origin: path.to_owned(),
            text: std::fs::read_to_string(root().join(path)).unwrap(),
        };
        let rules = RuleSet::load(
            Builtin::Included,
            &self.rule.map(document).into_iter().collect::<Vec<_>>(),
        )
        .unwrap();
        let reply = admit(&rules, review.to_string().as_bytes());
        assert_eq!(reply.allowed(), Some(allowed), "{name}");
        let mut expected = json!({"allowed": allowed, "fields": reply.fields()});
        let response: Value = serde_json::from_slice(&reply.into_body()).unwrap();
        if let Some(message) = response["response"]["status"]["message"].as_str() {
            expected["message"] = message.into();
        }
        let case = json!({
            "apiVersion": "fieldward.io/v1alpha1",
            "kind": "UpdateCase",
            "metadata": {"name": name},
            "expect": expected,
            "review": review,
        });
        let file = root().join(format!("tests/{}/{name}.json", self.folder));
        golden::renew(&file, &(serde_json::to_string_pretty(&case).unwrap() + "\n"));
    }
}
