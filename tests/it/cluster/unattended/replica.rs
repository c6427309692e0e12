//! A replica as the cluster runs it, but for the pod: the same options, the same account.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::api::Api;
use crate::cluster::assets::Assets;
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::eventually;
use crate::cluster::kubectl::Printed;
use crate::cluster::objects::{define, define_kinds};
use crate::corpus::root;
use crate::support::server::Server;

/// The namespace that the replicas work in.
pub(super) const NAMESPACE: &str = "fieldward";

/// Widgets in the namespace of the trials.
pub(super) const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

const RULES: &str = "/apis/fieldward.io/v1alpha1/updaterules";

/// The registrations that there are.
pub(super) async fn registrations(api: &Api) -> Vec<Value> {
    let all = api
        .get("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations")
        .await
        .object();
    all["items"].as_array().unwrap().clone()
}

/// A control plane with the definition of UpdateRule, the account and its permissions.
pub(super) struct Site {
    pub(super) plane: Arc<ControlPlane>,
    folder: TempDir,
}

impl Site {
    pub(super) async fn new(assets: &Assets) -> Self {
        let plane = ControlPlane::start(assets).await;
        define_kinds(&plane).await;
        let crd = std::fs::read_to_string(root().join("deploy/crd.yaml")).unwrap();
        define(&plane, &crd, "/apis/fieldward.io/v1alpha1/updaterules").await;
        let api = plane.api();
        api.create("/api/v1/namespaces", &json!({"metadata": {"name": NAMESPACE}})).await.object();
        let account = json!({"metadata": {"name": "fieldward"}});
        api.create(&format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts"), &account)
            .await
            .object();
        grant(&plane);
        Self { plane, folder: tempfile::tempdir().unwrap() }
    }

    /// The kubeconfig of the service account.
    pub(super) async fn kubeconfig(&self) -> PathBuf {
        let path = self.folder.path().join("kubeconfig");
        let asked = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 36000}});
        let tokens = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/fieldward/token");
        let token = self.plane.api().create(&tokens, &asked).await.object();
        let admin = std::fs::read_to_string(self.plane.admin_kubeconfig()).unwrap();
        let own = admin.replace("admin-token", token["status"]["token"].as_str().unwrap());
        std::fs::write(&path, own).unwrap();
        path
    }

    /// A replica, at an address that it keeps.
    pub(super) async fn replica(&self, name: &str, at: SocketAddr, options: &[&str]) -> Server {
        self.replica_with(name, at, &[&["--tls-secret=fieldward-tls"], options].concat()).await
    }

    /// The same with a certificate that the options name.
    pub(super) async fn replica_with(
        &self,
        name: &str,
        at: SocketAddr,
        options: &[&str],
    ) -> Server {
        let (kubeconfig, listen, url) =
            (self.kubeconfig().await, at.to_string(), format!("https://{at}"));
        let own = [
            "serve",
            "--ops-listen=127.0.0.1:0",
            "--shutdown-delay=1s",
            "--cluster",
            "--kubeconfig",
            kubeconfig.to_str().unwrap(),
            "--listen",
            &listen,
            "--url",
            &url,
            "--replica",
            name,
        ];
        Server::start_as(&[&own, options].concat())
    }

    /// Applies a rule of `kubectl`'s user.
    pub(super) fn apply(&self, rule: &str) -> Printed {
        self.plane.kubectl().run_with(&["apply", "-f", "-"], rule)
    }

    /// Reason and message of a condition of a rule.
    pub(super) async fn said(&self, name: &str, condition: &str) -> String {
        let rule = self.plane.api().get(&format!("{RULES}/{name}")).await.object();
        let conditions = rule["status"]["conditions"].as_array().unwrap();
        let found = conditions.iter().find(|found| found["type"] == condition).unwrap();
        format!("{} {}", found["reason"].as_str().unwrap(), found["message"].as_str().unwrap())
    }

    /// Waits until a condition of a rule's newest generation is that.
    pub(super) async fn condition(&self, name: &str, condition: &str, status: &str) {
        eventually("the condition is told", async || {
            let rule = self.plane.api().get(&format!("{RULES}/{name}")).await.body;
            let conditions = rule["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let is = |found: &Value| found["type"] == condition && found["status"] == status;
            rule["status"]["observedGeneration"] == rule["metadata"]["generation"]
                && conditions.iter().any(is)
        })
        .await;
    }

    pub(super) async fn ready(&self, name: &str) {
        eventually("the rule is ready", async || {
            let rule = self.plane.api().get(&format!("{RULES}/{name}")).await.body;
            rule["status"]["ready"] == "True"
                && rule["status"]["observedGeneration"] == rule["metadata"]["generation"]
        })
        .await;
    }
}

/// A free address.
pub(super) fn address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// Applies the roles and their bindings.
pub(super) fn grant(plane: &ControlPlane) {
    let names: Vec<String> = (1..=8)
        .map(
            |number| {
                if number == 1 { "fieldward".to_owned() } else { format!("fieldward-{number}") }
            },
        )
        .collect();
    let cluster_role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "fieldward"}, "rules": [
        {"apiGroups": ["fieldward.io"], "resources": ["updaterules"], "verbs": ["list", "watch"]},
        {"apiGroups": ["fieldward.io"], "resources": ["updaterules/status"], "verbs": ["patch"]},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
        {"apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["validatingwebhookconfigurations"], "verbs": ["list", "watch", "create"]},
        {"apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["validatingwebhookconfigurations"], "resourceNames": names,
            "verbs": ["patch", "delete"]},
    ]});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "fieldward", "namespace": NAMESPACE}, "rules": [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["fieldward-tls"],
            "verbs": ["list", "watch", "update"]},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
            "resourceNames": ["fieldward"], "verbs": ["get", "patch"]},
    ]});
    let subjects = json!([{"kind": "ServiceAccount", "name": "fieldward", "namespace": NAMESPACE}]);
    let binding = |kind: &str, of: &str, namespace: Value| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
            "metadata": {"name": "fieldward", "namespace": namespace},
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": of,
                   "name": "fieldward"}, "subjects": subjects})
    };
    let cluster_binding = binding("ClusterRoleBinding", "ClusterRole", Value::Null);
    let role_binding = binding("RoleBinding", "Role", json!(NAMESPACE));
    let all = json!({"apiVersion": "v1", "kind": "List", "items": [cluster_role, role,
        cluster_binding, role_binding]});
    plane.kubectl().run_with(&["apply", "-f", "-"], &all.to_string()).ok();
}
