//! A review as a case that `fieldward test` runs: what nobody may read is masked, and the verdict
//! expected is that on the masked review.

mod indented;
mod mask;
#[cfg(test)]
mod tests;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::admit;
use super::answer::Secrets;
use super::answer::{Decision, Reply};
use super::case::{Case, CaseDocument, Expect};
use super::review::{Node, Review};
use super::rule::{RuleSet, Target};
use indented::{Indented, TooLarge};
use mask::{Mask, MaskedKind};

/// A review as a case file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The case's name: decision, kind and [`Recording::id`], as in `deny-job-3f9a0c12ab45`;
    /// nothing but `a-z`, `0-9` and `-`.
    pub(crate) name: String,
    /// What tells reviews apart: 12 hexadecimal digits of the SHA-256 of their uid.
    pub(crate) id: String,
    /// The case as JSON.
    pub document: String,
}

/// Why a review is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unrecorded {
    /// It is answered with one sentence: a case of it would say nothing of a rule.
    #[error("the review gets no verdict")]
    NoVerdict,
    /// The masked review gets another verdict.
    #[error("masking changes the verdict")]
    ChangedByMasking,
    /// The case would have more bytes than it may.
    #[error("the case is too large")]
    TooLarge,
}

impl From<TooLarge> for Unrecorded {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

/// The members of an AdmissionReview (`admission.k8s.io/v1`) that are recorded.
const ENVELOPE: [&str; 3] = ["apiVersion", "kind", "request"];

/// Those of its request.
const REQUEST: [&str; 15] = [
    "dryRun",
    "kind",
    "name",
    "namespace",
    "object",
    "oldObject",
    "operation",
    "options",
    "requestKind",
    "requestResource",
    "requestSubResource",
    "resource",
    "subResource",
    "uid",
    "userInfo",
];

/// Those of its requester: `extra` is not among them, since no rule reads it and it may name
/// credentials.
const USER: [&str; 3] = ["groups", "uid", "username"];

/// The longest part of a name that the kind is.
const LONGEST_KIND: usize = 40;

/// Writes a request body down as a case of at most `most` bytes that holds under the whole rule
/// set, of which `rules` may be one rule.
///
/// # Errors
/// Why it is not to be recorded.
pub fn record(rules: &RuleSet, body: &[u8], most: usize) -> Result<Recording, Unrecorded> {
    let rules = &rules.whole();
    let review = Review::parse(body).map_err(|_| Unrecorded::NoVerdict)?;
    // What is too large to be written is not worth judging twice.
    let masked = masked(rules, &review, most)?;
    let (before, after) = (admit(rules, body), admit(rules, masked.as_bytes()));
    let Some(allowed) = before.allowed() else { return Err(Unrecorded::NoVerdict) };
    if !agree(&before, &after) {
        return Err(Unrecorded::ChangedByMasking);
    }
    let id: String = Sha256::digest(review.uid.as_bytes())
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = format!("{}-{}-{id}", decision(&after), kind(&review));
    let code = after.error_code().filter(|_| !allowed).map(u64::from);
    let expect = Expect { allowed, fields: after.fields().to_vec(), message: None, code };
    // Neither can fail: the review was written by this module, and the rest is texts and numbers.
    let review = RawValue::from_string(masked).map_err(|_| Unrecorded::NoVerdict)?;
    let case = CaseDocument::from(Case { name: name.clone(), expect, review });
    let document = serde_json::to_string_pretty(&case).map_err(|_| Unrecorded::NoVerdict)? + "\n";
    if document.len() > most {
        Err(Unrecorded::TooLarge)
    } else {
        Ok(Recording { name, id, document })
    }
}

/// Whether two verdicts say the same, if not of the same values.
fn agree(before: &Reply, after: &Reply) -> bool {
    let facts = |reply: &Reply| (reply.allowed(), reply.error_code(), reply.fields().len());
    facts(before) == facts(after) && before.rules() == after.rules()
}

fn decision(reply: &Reply) -> &'static str {
    let by_rules = reply.rules().iter().map(|outcome| outcome.decision).max();
    by_rules
        .unwrap_or(if reply.allowed() == Some(true) { Decision::Allow } else { Decision::Deny })
        .as_str()
}

fn kind(review: &Review<'_>) -> String {
    let kind: String = review
        .kind()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(LONGEST_KIND)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    if kind.is_empty() { "object".to_owned() } else { kind }
}

/// What is masked in the objects of a review: what the rules that cover it say, and everything
/// where none does.
fn secrets(rules: &RuleSet, review: &Review<'_>) -> Secrets {
    let Some(target) = review.target() else { return Secrets::everything() };
    // A subresource may carry the object itself, though no rule names it.
    let resource = Target { subresource: "", ..target.clone() };
    let mut covering =
        rules.matching_in_whole(&target).chain(rules.matching_in_whole(&resource)).peekable();
    if covering.peek().is_none() {
        return Secrets::everything();
    }
    let declared = Secrets::declared(covering);
    if review.is_secret() { declared.and_data() } else { declared }
}

/// The review as it may be kept, indented as a member of a case.
fn masked(rules: &RuleSet, review: &Review<'_>, most: usize) -> Result<String, Unrecorded> {
    let secrets = secrets(rules, review);
    let (nothing, kind) = (
        Secrets::default(),
        if review.is_secret() { MaskedKind::Secret } else { MaskedKind::Other },
    );
    let (mut objects, mut rest) =
        (Mask::new(&secrets, kind), Mask::new(&nothing, MaskedKind::Other));
    let mut out = Indented::new(1, most);
    chosen(review.root(), &ENVELOPE, &mut out, |name, value, out| {
        if name != "request" {
            return rest.copy(value, out);
        }
        chosen(value, &REQUEST, out, |name, value, out| match name {
            "object" | "oldObject" => objects.copy(value, out),
            "userInfo" => chosen(value, &USER, out, |_, value, out| rest.copy(value, out)),
            _ => rest.copy(value, out),
        })
    })?;
    Ok(out.into_text())
}

/// An object with those of its members that are named.
fn chosen(
    object: Node<'_>,
    names: &[&str],
    out: &mut Indented,
    mut value: impl FnMut(&str, Node<'_>, &mut Indented) -> Result<(), TooLarge>,
) -> Result<(), TooLarge> {
    out.open("{")?;
    for (name, member) in names.iter().filter_map(|name| Some((name, object.get(name)?))) {
        out.key(&format!("\"{name}\""))?;
        value(name, member, out)?;
    }
    out.close("}")
}
