//! Recorded updates, grouped by what they are about.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::{NotAReview, Unjudgeable, escape_control, is_dns_subdomain};

/// What a rule covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UpdateTarget {
    pub(super) group: String,
    pub(super) version: String,
    /// With its subresource, as in `jobs/scale`.
    pub(super) resource: String,
    pub(super) kind: String,
}

impl UpdateTarget {
    /// The resource as kubectl writes it.
    pub(super) fn rule_name(&self) -> String {
        let Self { group, version, resource, .. } = self;
        let name = format!("{}.{version}.{group}", resource.replace('/', "-")).to_lowercase();
        escape_control(name.trim_end_matches('.'))
    }
}

/// An update that was let through.
#[derive(Debug)]
pub(crate) struct Update {
    pub(super) file: String,
    /// The review as it would be sent.
    pub(super) body: Vec<u8>,
    pub(super) user: String,
    pub(super) component: Option<Component>,
    pub(super) old: Value,
    pub(super) new: Value,
}

/// A requester that is no person, as `by` names it: the list and the name.
pub(super) type Component = (&'static str, String);

/// Updates by their numbers.
pub(super) type Reviews<'u> = BTreeMap<usize, &'u Update>;

/// The components that made all of these updates; none if a person made one.
pub(super) fn components(reviews: &Reviews<'_>) -> BTreeSet<Component> {
    let all = reviews.values().map(|update| update.component.clone());
    all.collect::<Option<_>>().unwrap_or_default()
}

/// None for a person, and for what may be one.
fn component(user: &str, groups: &[String]) -> Option<Component> {
    if let Some(account) = user.strip_prefix("system:serviceaccount:") {
        let (namespace, name) = account.split_once(':')?;
        return (is_dns_subdomain(namespace) && is_dns_subdomain(name))
            .then(|| ("serviceAccounts", format!("{namespace}/{name}")));
    }
    if user.starts_with("system:node:") && groups.iter().any(|group| group == "system:nodes") {
        return Some(("groups", "system:nodes".to_owned()));
    }
    ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"]
        .contains(&user)
        .then(|| ("users", user.to_owned()))
}

/// The updates of all documents, and the documents without one.
#[derive(Debug, Default)]
pub struct GivenUpdates {
    pub(super) updates: BTreeMap<UpdateTarget, Vec<Update>>,
    pub(crate) skipped: Vec<Skipped>,
}

/// A document that says nothing of what may change.
#[derive(Debug, Serialize)]
pub(crate) struct Skipped {
    pub(crate) file: String,
    pub(crate) reason: &'static str,
}

impl GivenUpdates {
    /// Adds a document as JSON: a review, or a case. In a folder, rules may stand beside them.
    ///
    /// # Errors
    /// What is neither.
    pub fn add(&mut self, file: &str, json: &[u8], is_in_folder: bool) -> Result<(), String> {
        let mut document: Value = serde_json::from_slice(json)
            .map_err(|error| format!("expected a review of at most 128 levels: {error}"))?;
        let review = match document.get("kind").and_then(Value::as_str) {
            Some("UpdateCase") => document.get_mut("review").map(Value::take).unwrap_or_default(),
            Some("AdmissionReview") | None => document.take(),
            Some("UpdateRule") if is_in_folder => return Ok(()),
            Some(other) => {
                let other = escape_control(other);
                return Err(format!(
                    "expected kind `AdmissionReview` or `UpdateCase`, found `{other}`"
                ));
            }
        };
        let verdicts = [document.pointer("/expect/allowed"), review.pointer("/response/allowed")];
        let at = |pointer: &str| review.pointer(&format!("/request{pointer}"));
        let text = |pointer| at(pointer).and_then(Value::as_str);
        let expect = |pointer| {
            text(pointer).map(str::to_owned).ok_or_else(|| Unjudgeable::Target.to_string())
        };
        let object = |pointer| at(pointer).filter(|object| object.is_object()).cloned();
        let reason = match (object("/oldObject"), object("/object")) {
            _ if verdicts.contains(&Some(&Value::Bool(false))) => "it was denied",
            _ if object("").is_none() => return Err(NotAReview::Request.to_string()),
            _ if text("/operation") != Some("UPDATE") => "it is no update",
            (Some(old), Some(new)) => {
                let mut target = UpdateTarget {
                    group: expect("/resource/group")?,
                    version: expect("/resource/version")?,
                    resource: expect("/resource/resource")?,
                    kind: expect("/kind/kind")?,
                };
                if let Some(subresource) = text("/subResource").filter(|name| !name.is_empty()) {
                    target.resource += &format!("/{subresource}");
                }
                let user = text("/userInfo/username").unwrap_or_default().to_owned();
                let groups = at("/userInfo/groups").map(Vec::<String>::deserialize);
                let groups = groups.and_then(Result::ok).unwrap_or_default();
                let component = component(&user, &groups);
                let (file, body) = (file.to_owned(), review.to_string().into_bytes());
                let update = Update { file, body, user, component, old, new };
                self.updates.entry(target).or_default().push(update);
                return Ok(());
            }
            _ => "it lacks an object",
        };
        self.skipped.push(Skipped { file: file.to_owned(), reason });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::component;

    #[test]
    fn a_component_is_told_from_what_may_be_a_person() {
        let nodes = ["system:nodes".to_owned()];
        let table = [
            ("system:serviceaccount:ns:ctl", Some(("serviceAccounts", "ns/ctl"))),
            ("system:serviceaccount:ns:ctl.v2", Some(("serviceAccounts", "ns/ctl.v2"))),
            ("system:serviceaccount:ns:", None),
            ("system:serviceaccount:ns", None),
            ("system:serviceaccount:ns:a b", None),
            ("system:node:one", Some(("groups", "system:nodes"))),
            ("system:apiserver", Some(("users", "system:apiserver"))),
            ("system:admin", None),
            ("alice", None),
        ];
        for (user, expected) in table {
            let expected = expected.map(|(list, name)| (list, name.to_owned()));
            assert_eq!(component(user, &nodes), expected, "{user}");
        }
        assert_eq!(component("system:node:one", &[]), None);
    }
}
