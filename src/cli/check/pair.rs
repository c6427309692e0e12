//! Two manifests as the AdmissionReview that the API server would send of them.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cli::args::RequesterArgs;
use crate::cli::documents;
use crate::engine::{Rule, RuleSet, escape_control};
use crate::server::files::name_of;

/// The review of the update from the object in `old` to the one in `new`.
pub(super) fn review(
    rules: &RuleSet,
    old: &Path,
    new: &Path,
    requester: &RequesterArgs,
) -> anyhow::Result<Vec<u8>> {
    let (old, new) = (Manifest::read(old)?, Manifest::read(new)?);
    if (&old.api_version, &old.kind) != (&new.api_version, &new.kind) {
        bail!(
            "expected two manifests of one kind, found {} and {}; the API server would not take \
             that as an update",
            old.what(),
            new.what()
        );
    }
    let (group, version) = new.api_version.split_once('/').unwrap_or(("", &new.api_version));
    let metadata = |field: &str| {
        new.object
            .pointer(&format!("/metadata/{field}"))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    // Different updates get different names as cases, which are made of the uid.
    let digest = Sha256::digest(json!([old.object, new.object, requester.user]).to_string());
    let uid: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": {"group": group, "version": version, "kind": new.kind},
            "resource": {"group": group, "version": version, "resource": resource(rules, group,
                version, &new.kind)},
            "name": metadata("name"),
            "namespace": metadata("namespace"),
            "operation": "UPDATE",
            "userInfo": {"username": requester.user.as_deref().unwrap_or_default(), "groups": requester.all_groups()},
            "dryRun": false,
            "object": new.object,
            "oldObject": old.object,
        }
    });
    serde_json::to_vec(&review).context("cannot write the review")
}

struct Manifest {
    api_version: String,
    kind: String,
    object: Value,
}

impl Manifest {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let name = name_of(path);
        let found = documents::as_json(&name, documents::read(path)?)?;
        let [json] = found.as_slice() else {
            bail!("{name}: expected one manifest, found {}", found.len())
        };
        let object: Value =
            serde_json::from_slice(json).with_context(|| format!("{name}: expected a manifest"))?;
        let text = |field: &str| match object.get(field).and_then(Value::as_str) {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => bail!(
                "{name}: expected a manifest with `{field}`, found none; give the whole object as \
                 `kubectl get -o yaml` prints it"
            ),
        };
        Ok(Self { api_version: text("apiVersion")?, kind: text("kind")?, object })
    }

    fn what(&self) -> String {
        escape_control(&format!("{} {}", self.api_version, self.kind))
    }
}

/// The resource of a kind: as a rule lists it, else the lower-case plural by which most are named.
fn resource(rules: &RuleSet, group: &str, version: &str, kind: &str) -> String {
    let listed = rules
        .rules()
        .flat_map(Rule::resources)
        .filter(|rule| rule.has_group(group) && rule.has_version(version))
        .filter(|rule| rule.kinds.iter().any(|listed| listed == kind))
        .flat_map(|rule| &rule.resources)
        .find(|resource| !resource.contains(['*', '/']));
    listed.cloned().unwrap_or_else(|| plural(kind))
}

fn plural(kind: &str) -> String {
    let name = kind.to_lowercase();
    match name.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if name.ends_with(['s', 'x', 'z']) || name.ends_with("ch") || name.ends_with("sh") => {
            format!("{name}es")
        }
        _ => format!("{name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn kinds_are_named_as_kubernetes_names_resources() {
        let table = [
            ("Job", "jobs"),
            ("Ingress", "ingresses"),
            ("NetworkPolicy", "networkpolicies"),
            ("Gateway", "gateways"),
            ("Batch", "batches"),
            ("Secret", "secrets"),
        ];
        for (kind, expected) in table {
            assert_eq!(plural(kind), expected);
        }
    }
}
