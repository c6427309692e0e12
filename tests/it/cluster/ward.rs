//! A namespace of its own with a fieldward of its own, registered by the manifests that fieldward
//! prints.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::api::{Api, MERGE_PATCH};
use super::control_plane::ControlPlane;
use super::eventually;
use super::kubectl::Kubectl;
use crate::corpus::root;
use crate::support::server::{Server, fieldward};

/// The rules of the project, by the path below the repository's root.
pub(crate) const VOLCANO_JOB: &str = "deploy/rules/volcano-job.yaml";
pub(crate) const MXJOB: &str = "deploy/rules/mxjob.yaml";

/// A resource by group with version, and name.
pub(crate) type Resource = (&'static str, &'static str);

/// What dependents are made of.
pub(crate) const CONFIG_MAPS: Resource = ("v1", "configmaps");

/// Who works in a ward.
pub(crate) const DEVELOPER: &str = "developer";

/// A guarded namespace.
pub(crate) struct Ward {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) namespace: String,
    /// The API for a developer, who may do everything in this namespace and nothing outside it.
    pub(crate) api: Api,
    /// kubectl for the same.
    pub(crate) kubectl: Kubectl,
    pub(crate) server: Server,
    pub(crate) rules: PathBuf,
    _folder: TempDir,
}

/// A field of a kind that is changed to see whether the webhook is asked yet.
pub(crate) struct Probe {
    /// The path of the resource, such as `/apis/batch.volcano.sh/v1alpha1/namespaces/NS/jobs`.
    pub(crate) collection: String,
    pub(crate) object: Value,
    /// A merge patch that the rule refuses.
    pub(crate) forbidden: Value,
}

impl Ward {
    /// Guards a new namespace by these rule files.
    pub(crate) async fn new(plane: &Arc<ControlPlane>, namespace: &str, rules: &[&str]) -> Self {
        let documents: Vec<String> = rules.iter().map(|path| rule(path)).collect();
        Self::with_rules(plane, namespace, &documents, &[]).await
    }

    /// Guards a new namespace by these rules, by a server with further options.
    pub(crate) async fn with_rules(
        plane: &Arc<ControlPlane>,
        namespace: &str,
        rules: &[String],
        options: &[&str],
    ) -> Self {
        let start = |arguments: &[&str]| Server::start(&[arguments, options].concat());
        let ward = Self::unregistered(plane, namespace, rules, start).await;
        ward.register(
            &format!("https://{}", ward.server.address),
            ward.server.ca.as_ref().unwrap(),
        );
        ward
    }

    /// The same without a registration, with the server that is started with the arguments for
    /// these rules.
    pub(crate) async fn unregistered(
        plane: &Arc<ControlPlane>,
        namespace: &str,
        rules: &[String],
        start: impl FnOnce(&[&str]) -> Server,
    ) -> Self {
        plane
            .api()
            .create("/api/v1/namespaces", &json!({"metadata": {"name": namespace}}))
            .await
            .object();
        let folder = tempfile::tempdir().unwrap();
        for (index, rule) in rules.iter().enumerate() {
            std::fs::write(folder.path().join(format!("{index}.yaml")), only_in(namespace, rule))
                .unwrap();
        }
        let server = start(&["--no-builtin-rules", "--rules", folder.path().to_str().unwrap()]);
        let ward = Self {
            plane: Arc::clone(plane),
            namespace: namespace.to_owned(),
            api: plane.api().impersonating(DEVELOPER, &["system:authenticated"]),
            kubectl: plane.kubectl().within(namespace, DEVELOPER),
            server,
            rules: folder.path().to_owned(),
            _folder: folder,
        };
        ward.let_the_developer_in().await;
        ward
    }

    /// Applies what `fieldward manifests` prints, as it is.
    pub(crate) fn register(&self, url: &str, ca: &Path) {
        let printed = fieldward()
            .args(["manifests", "--no-builtin-rules", "--rules", self.rules.to_str().unwrap()])
            .args([
                "--registration",
                &self.namespace,
                "--url",
                url,
                "--ca-bundle",
                ca.to_str().unwrap(),
            ])
            .output()
            .unwrap();
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        self.plane
            .kubectl()
            .run_with(&["apply", "-f", "-"], &String::from_utf8(printed.stdout).unwrap())
            .ok();
    }

    /// Waits until the API server asks the webhook; what it tries is never stored.
    pub(crate) async fn in_force(&self, probe: &Probe) {
        self.in_force_with(probe, 403).await;
    }

    /// The same for a rule that refuses with another code.
    pub(crate) async fn in_force_with(&self, probe: &Probe, code: u16) {
        probe.refused_with(&self.plane.api(), code).await;
    }

    /// The path of a resource in this namespace.
    pub(crate) fn collection(&self, (group_version, resource): (&str, &str)) -> String {
        let group_version = if group_version == "v1" {
            "api/v1".to_owned()
        } else {
            format!("apis/{group_version}")
        };
        format!("/{group_version}/namespaces/{}/{resource}", self.namespace)
    }

    async fn let_the_developer_in(&self) {
        let binding = json!({
            "metadata": {"name": DEVELOPER},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User",
                "name": DEVELOPER}],
        });
        let bindings = self.collection(("rbac.authorization.k8s.io/v1", "rolebindings"));
        self.plane.api().create(&bindings, &binding).await.object();
        let allowed = self.collection(CONFIG_MAPS);
        eventually("RBAC knows the developer", async || self.api.get(&allowed).await.is_ok()).await;
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        // What is registered for a server that is gone would stand in the way of whoever deletes
        // the namespace.
        self.plane.kubectl().run(&[
            "delete",
            "validatingwebhookconfiguration",
            &self.namespace,
            "--ignore-not-found",
        ]);
    }
}

impl Probe {
    /// Waits until what it tries is refused with this code.
    pub(crate) async fn refused_with(&self, api: &Api, code: u16) {
        let name = self.object["metadata"]["name"].as_str().unwrap();
        api.create(&self.collection, &self.object).await.object();
        let path = format!("{}/{name}?dryRun=All", self.collection);
        eventually("the webhook is asked", async || {
            api.patch(&path, MERGE_PATCH, &self.forbidden).await.code == code
        })
        .await;
        api.delete(&format!("{}/{name}", self.collection), &Value::Null).await.object();
    }
}

/// The text of a rule of the project.
pub(crate) fn rule(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The rule, for one namespace, as its author would narrow it.
pub(crate) fn only_in(namespace: &str, rule: &str) -> String {
    let constraint = format!(
        "  matchConstraints:\n    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: \
         {namespace}}}}}\n"
    );
    let narrowed = rule.replace("  matchConstraints:\n", &constraint);
    assert_ne!(narrowed, rule, "no matchConstraints in {rule}");
    narrowed
}
