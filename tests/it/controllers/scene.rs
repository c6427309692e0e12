//! A guarded control plane in which controllers work: each with the token of its own service
//! account, each judged as everybody is.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::kubelet::Kubelet;
use super::results::Counts;
use super::rules::Rules;
use crate::cluster::api::{Api, MERGE_PATCH};
use crate::cluster::assets::Assets;
use crate::cluster::control_plane::{ADMIN, ControlPlane};
use crate::cluster::eventually;
use crate::cluster::process::Process;
use crate::corpus::root;
use crate::support::server::{Server, fieldward};

/// Who changes objects besides the controllers; may do everything.
pub(crate) const USER: &str = "developer";

/// A service account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) namespace: &'static str,
    pub(crate) name: &'static str,
}

/// A control plane whose updates `fieldward serve` judges and records, in all namespaces.
pub(crate) struct Scene {
    pub(crate) plane: Arc<ControlPlane>,
    /// The API for the user.
    pub(crate) user: Api,
    pub(crate) kubelet: Kubelet,
    pub(crate) rules: Rules,
    pub(crate) counts: Counts,
    _server: Server,
    folder: TempDir,
}

impl Scene {
    /// Starts everything but the controllers: the built-in rules are in force, and these further
    /// rule files.
    pub(crate) async fn start(assets: &Assets, rules: &[&str]) -> Self {
        let plane = ControlPlane::start(assets).await;
        let folder = tempfile::tempdir().unwrap();
        let recordings = folder.path().join("recordings");
        let paths: Vec<String> =
            rules.iter().map(|rule| root().join(rule).display().to_string()).collect();
        let options: Vec<&str> = paths.iter().flat_map(|path| ["--rules", path]).collect();
        let record = ["--record", recordings.to_str().unwrap(), "--record-max-files", "20000"];
        let server = Server::start(&[&options[..], &record].concat());
        let (url, ca) = (format!("https://{}", server.address), server.ca.clone().unwrap());
        let registered = ["manifests", "--url", &url, "--ca-bundle", ca.to_str().unwrap()];
        let printed = fieldward().args(registered).args(&options).output().unwrap();
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        plane
            .kubectl()
            .run_with(&["apply", "-f", "-"], &String::from_utf8(printed.stdout).unwrap())
            .ok();
        let user = plane.api().impersonating(USER, &["system:authenticated"]);
        let kubelet = Kubelet::start(plane.api()).await;
        let (rules, counts) = (Rules::read(rules), Counts::default());
        let scene = Self { plane, user, kubelet, rules, counts, _server: server, folder };
        scene.admit_the_user().await;
        scene
    }

    /// Applies objects as the administrator and waits for the kinds that they define.
    pub(crate) async fn apply(&self, objects: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.plane
            .kubectl()
            .run_with(&["apply", "--server-side", "-f", "-"], &list.to_string())
            .ok();
        for kind in objects.iter().filter(|object| object["kind"] == "CustomResourceDefinition") {
            let spec = &kind["spec"];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let version = spec["versions"]
                .as_array()
                .unwrap()
                .iter()
                .find(|version| version["served"] == true)
                .unwrap();
            let (version, plural) = (
                format!("/apis/{}/{}", text(&spec["group"]), text(&version["name"])),
                &spec["names"]["plural"],
            );
            let api = self.plane.api();
            eventually("the kind is served", async || {
                api.get(&format!("{version}/{}", text(plural))).await.is_ok()
            })
            .await;
            // Controllers look for their kinds in discovery when they start.
            eventually("the kind is discovered", async || {
                let found = api.get(&version).await.body;
                let resources = found.get("resources").and_then(Value::as_array);
                resources.into_iter().flatten().any(|resource| resource["name"] == *plural)
            })
            .await;
        }
    }

    pub(crate) async fn namespace(&self, name: &str) {
        self.plane
            .api()
            .create("/api/v1/namespaces", &json!({"metadata": {"name": name}}))
            .await
            .object();
    }

    /// Waits until fieldward is asked: until this update, which it denies, is no longer let
    /// through. Nothing is stored.
    pub(crate) async fn in_force(&self, object: &str, denied: &Value) {
        let path = format!("{object}?dryRun=All");
        eventually("fieldward is asked", async || {
            self.user.patch(&path, MERGE_PATCH, denied).await.code == 403
        })
        .await;
    }

    /// Starts a program as a service account, which gets no more than RBAC grants it.
    pub(crate) async fn run(
        &self,
        program: &Path,
        account: Account,
        arguments: &[&str],
    ) -> Process {
        self.run_with(&[], program, account, arguments).await
    }

    /// Starts a program as a service account, with these environment variables (`NAME=VALUE`)
    /// added.
    pub(crate) async fn run_with(
        &self,
        environment: &[&str],
        program: &Path,
        account: Account,
        arguments: &[&str],
    ) -> Process {
        let kubeconfig = self.kubeconfig(account).await;
        let name = program.file_name().unwrap().to_str().unwrap();
        let kubeconfig = kubeconfig.to_str().unwrap();
        let words = environment
            .iter()
            .copied()
            .chain([program.to_str().unwrap()])
            .chain(arguments.iter().copied());
        let arguments: Vec<String> =
            words.map(|word| word.replace("KUBECONFIG", kubeconfig)).collect();
        Process::start(self.folder.path(), name, Path::new("env"), &arguments)
    }

    /// A kubeconfig with a token of the account.
    pub(crate) async fn kubeconfig(&self, account: Account) -> PathBuf {
        let api = self.plane.api();
        let accounts = format!("/api/v1/namespaces/{}/serviceaccounts", account.namespace);
        let asked = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 36000}});
        let token =
            api.create(&format!("{accounts}/{}/token", account.name), &asked).await.object();
        let administrator = std::fs::read_to_string(self.plane.admin_kubeconfig()).unwrap();
        let path =
            self.folder.path().join(format!("{}.{}.kubeconfig", account.namespace, account.name));
        std::fs::write(
            &path,
            administrator.replace(ADMIN, token["status"]["token"].as_str().unwrap()),
        )
        .unwrap();
        path
    }

    /// Where the reviews are recorded.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.folder.path().join("recordings")
    }

    /// A folder for the files of a controller.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    async fn admit_the_user(&self) {
        let binding = json!({
            "metadata": {"name": USER},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
        });
        let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
        self.plane.api().create(bindings, &binding).await.object();
        eventually("RBAC knows the user", async || {
            self.user.get("/api/v1/namespaces").await.is_ok()
        })
        .await;
    }
}

impl Account {
    /// The user that the API server sees.
    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
