//! Controllers whose manifests are kustomize folders and whose options are a configuration file, as
//! kubebuilder lays them out.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Controller;
use super::manifests::{asked_nothing, objects, of_kinds, reached_at};
use super::scene::{Account, Scene, free_port};
use super::serving::Serving;
use crate::cluster::eventually;
use crate::cluster::process::Process;

/// A controller to install.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator {
    pub(crate) controller: Controller,
    pub(crate) account: Account,
    /// The kustomize folders with its manifests.
    pub(crate) manifests: &'static [&'static str],
    /// Of the configuration file.
    pub(crate) api_version: &'static str,
    /// What the configuration file says besides where the controller listens.
    pub(crate) configuration: &'static str,
    pub(crate) certificate: Certificate,
    /// Options besides that file.
    pub(crate) options: &'static [&'static str],
}

/// Where a controller finds the certificate for its webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// In the folder that its configuration names.
    Named,
    /// In the folder that its configuration names. It also writes a CA of its own into its webhook
    /// configurations.
    NamedWithOwnCa,
    /// In a fixed folder below the one for temporary files.
    Temporary,
}

/// What RBAC and the kinds need; the Deployment and the Services are played by the trial.
const INSTALLED: [&str; 7] = [
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
];

const WEBHOOKS: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Applies what RBAC and the kinds need of a controller's manifests; returns all of its manifests.
pub(crate) async fn install(
    scene: &Scene,
    controller: Controller,
    namespace: &str,
    folders: &[&str],
) -> Vec<Value> {
    let folders: Vec<_> = folders.iter().map(|folder| controller.folder().join(folder)).collect();
    let rendered = match &folders[..] {
        [whole] => render(scene, whole),
        parts => {
            // The whole would fetch the manifests of other controllers.
            let own = scene.folder().join(format!("{namespace}-manifests"));
            fs::create_dir_all(&own).unwrap();
            // Kustomize wants relative paths.
            let up = own
                .canonicalize()
                .unwrap()
                .components()
                .skip(1)
                .map(|_| "..")
                .collect::<Vec<_>>()
                .join("/");
            let resources: Vec<String> =
                parts.iter().map(|part| format!("{up}{}", part.display())).collect();
            let kustomization = json!({"apiVersion": "kustomize.config.k8s.io/v1beta1",
                "namespace": namespace, "resources": resources});
            fs::write(own.join("kustomization.yaml"), kustomization.to_string()).unwrap();
            let named =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            [vec![named], render(scene, &own)].concat()
        }
    };
    scene.apply(&of_kinds(&rendered, &INSTALLED)).await;
    rendered
}

fn render(scene: &Scene, folder: &Path) -> Vec<Value> {
    objects(&scene.plane.kubectl().run(&["kustomize", folder.to_str().unwrap()]).ok())
}

impl Operator {
    /// Installs the manifests, starts the program, and registers its webhooks at its address once
    /// it serves them.
    pub(crate) async fn start(&self, scene: &Scene) -> Process {
        let rendered =
            install(scene, self.controller, self.account.namespace, self.manifests).await;
        if self.certificate == Certificate::NamedWithOwnCa {
            scene.apply(&of_kinds(&rendered, &["Secret"])).await;
            scene
                .apply(
                    &of_kinds(&rendered, &WEBHOOKS)
                        .into_iter()
                        .map(asked_nothing)
                        .collect::<Vec<_>>(),
                )
                .await;
        }
        let (program, _) = self.controller.programs[0];
        let own = scene.folder().join(format!("{program}-files"));
        let (port, serving) =
            (free_port(), Serving::new(&own.join("k8s-webhook-server/serving-certs")));
        let file = own.join("configuration.yaml");
        fs::write(&file, self.file(port, &serving)).unwrap();
        let temporary = format!("TMPDIR={}", own.display());
        let file = format!("--config={}", file.display());
        let arguments = [&["--kubeconfig=KUBECONFIG", &file], self.options].concat();
        let process = scene
            .run_with(&[&temporary], &self.controller.program(program), self.account, &arguments)
            .await;
        eventually(&format!("{program} serves its webhooks"), async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        let reached = |mut configuration: Value| {
            configuration["metadata"]["name"] = format!("{program}-reached").into();
            reached_at(configuration, &format!("127.0.0.1:{port}"), &serving.ca)
        };
        scene
            .apply(&of_kinds(&rendered, &WEBHOOKS).into_iter().map(reached).collect::<Vec<_>>())
            .await;
        process
    }

    fn file(&self, port: u16, serving: &Serving) -> String {
        let folder = format!("certDir: {}", serving.folder.display());
        let (management, folder) = match self.certificate {
            Certificate::Named => ("internalCertManagement: {enable: false}", folder),
            Certificate::NamedWithOwnCa => ("internalCertManagement: {enable: true}", folder),
            Certificate::Temporary => ("certManagement: {enable: false}", String::new()),
        };
        format!(
            "apiVersion: {}\nkind: Configuration\nleaderElection: {{leaderElect: false}}\nmetrics: \
             {{bindAddress: \"0\"}}\n\
             health: {{healthProbeBindAddress: \"0\"}}\n{management}\nwebhook: {{host: 127.0.0.1, \
             port: {port}, {folder}}}\n{}",
            self.api_version, self.configuration
        )
    }
}
