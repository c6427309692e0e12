//! What is learned from: recorded updates, grouped by what they are about.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::escape_control;

/// What a rule would speak of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) version: String,
    /// With its subresource, as in `jobs/scale`.
    pub(crate) resource: String,
    pub(crate) kind: String,
}

impl Target {
    /// Whether its values are secret by kind.
    pub(crate) fn is_secret(&self) -> bool {
        self.group.is_empty() && self.kind == "Secret"
    }
}

/// One update that was let through.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub(crate) file: String,
    /// The review as it would be sent.
    pub(crate) body: Vec<u8>,
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
    pub(crate) old: Value,
    pub(crate) new: Value,
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

/// All that was found.
#[derive(Debug, Default)]
pub(crate) struct GivenUpdates {
    pub(crate) updates: BTreeMap<Target, Vec<Update>>,
    /// Reviews that say nothing of what may change: file and reason.
    pub(crate) skipped: Vec<(String, &'static str)>,
}

impl GivenUpdates {
    /// Takes one document in: a review, or a case.
    pub(crate) fn document(
        &mut self,
        file: &str,
        json: &[u8],
        given: Given,
    ) -> Result<(), NotAReview> {
        let mut document: Value = serde_json::from_slice(json).map_err(NotAReview::Json)?;
        let review = match document.get("kind").and_then(Value::as_str) {
            Some("UpdateCase") => {
                if document.pointer("/expect/allowed") == Some(&Value::Bool(false)) {
                    self.skip(file, "it was denied");
                    return Ok(());
                }
                document.get_mut("review").map(Value::take).unwrap_or_default()
            }
            Some("UpdateRule") if given == Given::ByFolder => return Ok(()),
            Some("AdmissionReview") | None => document,
            Some(other) => return Err(NotAReview::Kind(escape_control(other))),
        };
        if review.pointer("/response/allowed") == Some(&Value::Bool(false)) {
            self.skip(file, "it was denied");
            return Ok(());
        }
        let Some(request) = review.get("request").filter(|request| request.is_object()) else {
            return Err(NotAReview::Request);
        };
        if request.get("operation").and_then(Value::as_str) != Some("UPDATE") {
            self.skip(file, "it is no update");
            return Ok(());
        }
        let object = |name: &str| request.get(name).filter(|object| object.is_object()).cloned();
        let (Some(old), Some(new)) = (object("oldObject"), object("object")) else {
            self.skip(file, "it lacks an object");
            return Ok(());
        };
        let text =
            |pointer: &str| request.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let (Some(group), Some(version), Some(plural), Some(kind)) = (
            text("/resource/group"),
            text("/resource/version"),
            text("/resource/resource"),
            text("/kind/kind"),
        ) else {
            return Err(NotAReview::Target);
        };
        let resource = match text("/subResource").filter(|subresource| !subresource.is_empty()) {
            Some(subresource) => format!("{plural}/{subresource}"),
            None => plural,
        };
        let user = text("/userInfo/username").unwrap_or_default();
        let groups = request
            .pointer("/userInfo/groups")
            .and_then(|groups| serde_json::from_value(groups.clone()).ok())
            .unwrap_or_default();
        let update = Update {
            file: file.to_owned(),
            body: serde_json::to_vec(&review).map_err(NotAReview::Json)?,
            user,
            groups,
            old,
            new,
        };
        self.updates.entry(Target { group, version, resource, kind }).or_default().push(update);
        Ok(())
    }

    fn skip(&mut self, file: &str, why: &'static str) {
        self.skipped.push((file.to_owned(), why));
    }
}

/// How a file was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// Itself.
    ByName,
    /// By a folder that it is in: rules beside it are passed over.
    ByFolder,
}
