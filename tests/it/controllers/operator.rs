//! Controllers whose manifests are a kustomize folder and whose options are a configuration file, as kubebuilder lays them out.

use std::fs;

use serde_json::Value;

use super::Controller;
use super::manifests::{asked_nothing, objects, of_kinds, reached_at};
use super::scene::{Account, Scene, free_port};
use super::serving::Serving;
use crate::cluster::eventually;
use crate::cluster::process::Process;

/// A controller to install.
pub(crate) struct Operator {
    pub(crate) controller: Controller,
    pub(crate) account: Account,
    /// Of the configuration file.
    pub(crate) api_version: &'static str,
    /// What the configuration file says besides where the controller listens.
    pub(crate) configuration: &'static str,
    /// Whether it insists on filling a CA of its own into its webhook configurations.
    pub(crate) fills_in_its_ca: bool,
    /// Options besides that file.
    pub(crate) options: &'static [&'static str],
}

/// What RBAC and the kinds need; the Deployment and the Services are played by the trial.
const INSTALLED: [&str; 7] =
    ["Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];

const WEBHOOKS: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

impl Operator {
    /// Installs the manifests, starts the program, and registers its webhooks at its address once it serves them.
    pub(crate) async fn start(&self, scene: &Scene) -> Process {
        let folder = self.controller.folder().join("config/default");
        let rendered = objects(&scene.plane.kubectl().run(&["kustomize", folder.to_str().unwrap()]).ok());
        scene.apply(&of_kinds(&rendered, &INSTALLED)).await;
        if self.fills_in_its_ca {
            scene.apply(&of_kinds(&rendered, &["Secret"])).await;
            scene.apply(&of_kinds(&rendered, &WEBHOOKS).into_iter().map(asked_nothing).collect::<Vec<_>>()).await;
        }
        let (program, _) = self.controller.programs[0];
        let own = scene.folder().join(format!("{program}-files"));
        let (port, serving) = (free_port(), Serving::new(&own));
        let file = own.join("configuration.yaml");
        fs::write(&file, self.file(port, &serving)).unwrap();
        let file = format!("--config={}", file.display());
        let arguments = [&["--kubeconfig=KUBECONFIG", &file], self.options].concat();
        let process = scene.run(&self.controller.program(program), self.account, &arguments).await;
        eventually(&format!("{program} serves its webhooks"), async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok())
            .await;
        let reached = |mut configuration: Value| {
            configuration["metadata"]["name"] = format!("{program}-reached").into();
            reached_at(configuration, &format!("127.0.0.1:{port}"), &serving.ca)
        };
        scene.apply(&of_kinds(&rendered, &WEBHOOKS).into_iter().map(reached).collect::<Vec<_>>()).await;
        process
    }

    fn file(&self, port: u16, serving: &Serving) -> String {
        format!(
            "apiVersion: {}\nkind: Configuration\nleaderElection: {{leaderElect: false}}\nmetrics: {{bindAddress: \"0\"}}\n\
             health: {{healthProbeBindAddress: \"0\"}}\ninternalCertManagement: {{enable: {}}}\n\
             webhook: {{host: 127.0.0.1, port: {port}, certDir: {}}}\n{}",
            self.api_version,
            self.fills_in_its_ca,
            serving.folder.display(),
            self.configuration
        )
    }
}
