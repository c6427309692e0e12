//! Recorded updates, grouped by what they are about.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::engine::escape_control;

/// What a rule speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(super) group: String,
    pub(super) version: String,
    /// With its subresource, as in `jobs/scale`.
    pub(super) resource: String,
    pub(super) kind: String,
}

impl Target {
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
pub(super) type Reviews = BTreeSet<usize>;

/// The components that made all of these updates; none if a person made one.
pub(super) fn components(updates: &[Update], reviews: &Reviews) -> BTreeSet<Component> {
    let component = |review: &usize| updates.get(*review)?.component.clone();
    reviews.iter().map(component).collect::<Option<_>>().unwrap_or_default()
}

/// None for a person, and for what may be one.
fn component(user: &str, groups: &[String]) -> Option<Component> {
    if let Some(account) = user.strip_prefix("system:serviceaccount:") {
        let (namespace, name) = account.split_once(':')?;
        let is_name = |text: &str| {
            let is_part = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
            !text.is_empty() && text.bytes().all(is_part)
        };
        return (is_name(namespace) && is_name(name))
            .then(|| ("serviceAccounts", format!("{namespace}/{name}")));
    }
    if user.starts_with("system:node:") && groups.iter().any(|group| group == "system:nodes") {
        return Some(("groups", "system:nodes".to_owned()));
    }
    ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"]
        .contains(&user)
        .then(|| ("users", user.to_owned()))
}

/// Why a document is neither a review nor a case.
#[derive(Debug, thiserror::Error)]
pub enum NotAReview {
    #[error("expected a review of at most 128 levels")]
    Json(#[source] serde_json::Error),
    #[error("expected kind `AdmissionReview` or `UpdateCase`, found `{0}`")]
    Kind(String),
    #[error("expected an AdmissionReview with a `request`, found none")]
    Request,
    #[error(
        "expected `request.resource` with group, version and resource, and `request.kind`, found \
         none"
    )]
    Target,
}

/// The updates of all documents, and the documents without one.
#[derive(Debug, Default)]
pub(crate) struct GivenUpdates {
    pub(super) updates: BTreeMap<Target, Vec<Update>>,
    pub(crate) skipped: Vec<Skipped>,
}

/// A review that says nothing of what may change.
#[derive(Debug, Serialize)]
pub(crate) struct Skipped {
    pub(crate) file: String,
    pub(crate) reason: &'static str,
}

impl GivenUpdates {
    /// Adds a document: a review, or a case.
    pub(crate) fn add(&mut self, file: &str, json: &[u8]) -> Result<(), NotAReview> {
        let mut document: Value = serde_json::from_slice(json).map_err(NotAReview::Json)?;
        let is_false = |value: Option<&Value>| value == Some(&Value::Bool(false));
        let mut is_denied = is_false(document.pointer("/expect/allowed"));
        let review = match document.get("kind").and_then(Value::as_str) {
            Some("UpdateCase") => document.get_mut("review").map(Value::take).unwrap_or_default(),
            Some("AdmissionReview") | None => document,
            Some(other) => return Err(NotAReview::Kind(escape_control(other))),
        };
        is_denied |= is_false(review.pointer("/response/allowed"));
        let request = review.get("request").filter(|request| request.is_object());
        let object = |name: &str| {
            request.and_then(|request| request.get(name)).filter(|object| object.is_object())
        };
        let text = |pointer: &str| {
            request.and_then(|request| request.pointer(pointer)).and_then(Value::as_str)
        };
        let reason = match (object("oldObject"), object("object")) {
            _ if is_denied => "it was denied",
            _ if request.is_none() => return Err(NotAReview::Request),
            _ if text("/operation") != Some("UPDATE") => "it is no update",
            (Some(old), Some(new)) => {
                let resource = text("/resource/resource").ok_or(NotAReview::Target)?;
                let target = Target {
                    group: text("/resource/group").ok_or(NotAReview::Target)?.to_owned(),
                    version: text("/resource/version").ok_or(NotAReview::Target)?.to_owned(),
                    resource: match text("/subResource") {
                        None | Some("") => resource.to_owned(),
                        Some(subresource) => format!("{resource}/{subresource}"),
                    },
                    kind: text("/kind/kind").ok_or(NotAReview::Target)?.to_owned(),
                };
                let groups = review.pointer("/request/userInfo/groups").cloned();
                let groups: Vec<String> = groups
                    .and_then(|groups| serde_json::from_value(groups).ok())
                    .unwrap_or_default();
                let user = text("/userInfo/username").unwrap_or_default();
                let update = Update {
                    file: file.to_owned(),
                    body: serde_json::to_vec(&review).map_err(NotAReview::Json)?,
                    user: user.to_owned(),
                    component: component(user, &groups),
                    old: old.clone(),
                    new: new.clone(),
                };
                self.updates.entry(target).or_default().push(update);
                return Ok(());
            }
            _ => "it lacks an object",
        };
        self.skipped.push(Skipped { file: file.to_owned(), reason });
        Ok(())
    }
}
