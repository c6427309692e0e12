//! What `fieldward serve --record` wrote of a request, against the case file: the recordings are
//! made anew in every run.
//!
//! `FIELDWARD_BLESS=1 cargo test --test it -- cluster::recorded` rewrites the reviews of the case
//! files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Sent;
use crate::corpus::{Case, files, root};
use crate::golden;
use crate::support::until;

/// Compares the recording of a request with the case that the request was made from, and its
/// expectations with the recorded ones.
pub(super) async fn compare(folder: &Path, case: &Case, sent: &Sent) {
    let found = recording(folder, sent).await;
    assert_eq!(found["expect"]["allowed"], case.allowed, "{}", case.name);
    let mut fields: Vec<&str> = found["expect"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field.as_str().unwrap())
        .collect();
    fields.sort_unstable();
    let mut expected: Vec<&str> = case.fields.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(fields, expected, "{}", case.name);

    let file = root().join(format!("tests/cases/{}.json", case.name));
    let mut document: RuleFile =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    document.review = steady(&found["review"]);
    golden::compare(&file, &(serde_json::to_string_pretty(&document).unwrap() + "\n"));
}

/// The recording of this request: of this object in this state.
async fn recording(folder: &Path, sent: &Sent) -> Value {
    let find = || {
        let recordings = files(folder, &["json"])
            .into_iter()
            .filter_map(|file| std::fs::read_to_string(file).ok());
        recordings.filter_map(|text| serde_json::from_str::<Value>(&text).ok()).find(|case| {
            let request = &case["review"]["request"];
            let metadata = &request["oldObject"]["metadata"];
            // An update that comes after the deletion may still be judged on the object that was
            // there.
            request["name"] == sent.name.as_str()
                && metadata["resourceVersion"] == sent.resource_version.as_str()
                && request["options"]["fieldManager"] == sent.manager.as_str()
        })
    };
    until("the review is recorded", async || find().is_some()).await;
    find().unwrap()
}

/// The review with what differs from one run to the next replaced: uids, times, resource versions.
pub(crate) fn steady(review: &Value) -> Value {
    let mut review = review.clone();
    settle(&mut review, &mut BTreeMap::new());
    review
}

fn settle(value: &mut Value, uids: &mut BTreeMap<String, usize>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match (name.as_str(), &*member) {
                    ("uid", Value::String(uid)) if uid.len() == UID.len() => {
                        let next = uids.len() + 1;
                        let number = *uids.entry(uid.clone()).or_insert(next);
                        *member = format!("{}{number:012}", &UID[..24]).into();
                    }
                    ("time" | "creationTimestamp" | "deletionTimestamp", Value::String(_)) => {
                        *member = "2026-01-01T00:00:00Z".into();
                    }
                    ("resourceVersion", Value::String(_)) => *member = "1".into(),
                    // Owners are what the case says.
                    ("ownerReferences", _) => {}
                    ("managedFields", Value::Array(_)) => {
                        settle(member, uids);
                        // They are ordered by time.
                        member
                            .as_array_mut()
                            .unwrap()
                            .sort_by_key(|entry| entry["manager"].to_string());
                    }
                    _ => settle(member, uids),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| settle(element, uids)),
        _ => {}
    }
}

const UID: &str = "00000000-0000-4000-8000-000000000000";

/// A case file in the order in which people read it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RuleFile {
    api_version: String,
    kind: String,
    metadata: Value,
    expect: Value,
    review: Value,
}
