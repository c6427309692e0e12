//! A real control plane: etcd, kube-apiserver and kube-controller-manager on free ports, RBAC on,
//! audit log on.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose};
use serde::Deserialize;
use serde_json::Value;

use super::api::Api;
use super::assets::Assets;
use super::etcd::Etcd;
use super::kubectl::Kubectl;
use super::process::Process;
use crate::support::certificates::{Authority, ecdsa, write};

/// Of group system:masters.
pub(crate) const ADMIN: &str = "admin-token";
const CONTROLLER_MANAGER: &str = "controller-manager-token";

/// Who comes with a token: the administrator, who impersonates all others, and the controller
/// manager, which has what RBAC grants it.
const TOKENS: &str = "admin-token,admin,1,system:masters\ncontroller-manager-token,system:kube-controller-manager,2\n";

/// Every request of a writer, with what admission annotated.
const AUDIT: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: \
                     [RequestReceived]\nrules:\n- level: Metadata\n  verbs: [create, update, \
                     patch, delete]\n\
    - level: Metadata\n  userGroups: [\"system:serviceaccounts:fieldward\"]\n";

/// API servers up to 1.33 find the pods behind a Service by its Endpoints, newer ones by its
/// `EndpointSlices`.
const CONTROLLERS: &str = "garbage-collector-controller,namespace-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,\
                           deployment-controller,replicaset-controller,endpoints-controller,endpointslice-controller,job-controller,ttl-after-finished-controller,\
                           statefulset-controller,cronjob-controller,persistentvolume-binder-controller,\
                           persistentvolumeclaim-protection-controller,validatingadmissionpolicy-status-controller,resourcequota-controller";

/// Where the cluster's own address is; nothing else needs to be told apart.
const SERVICE_RANGE: &str = "10.96.0.0/16";

/// Whether the controllers of Kubernetes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Controllers {
    Running,
    /// With further options.
    RunningWith(&'static [&'static str]),
    None,
}

/// A minor version of Kubernetes: 33 for `1.33`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Minor(pub(crate) u32);

impl TryFrom<String> for Minor {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let minor = text.strip_prefix("1.").and_then(|minor| minor.parse().ok());
        minor.map(Self).ok_or_else(|| format!("expected a version such as 1.33, found `{text}`"))
    }
}

/// A control plane that ends with its handle.
pub(crate) struct ControlPlane {
    // In the order in which they end.
    processes: Vec<Process>,
    folder: PathBuf,
    assets: Assets,
    etcd: SocketAddr,
    address: SocketAddr,
    ca: String,
}

impl ControlPlane {
    /// Starts one and waits until it is ready.
    pub(crate) async fn start(assets: &Assets) -> Arc<Self> {
        Self::start_with(assets, Controllers::Running, &[]).await
    }

    /// Starts one whose API server has further options.
    pub(crate) async fn start_with(
        assets: &Assets,
        controllers: Controllers,
        options: &[&str],
    ) -> Arc<Self> {
        // A free port may be taken by somebody else before it is used.
        for _ in 0..3 {
            match Self::attempt(assets, controllers, options).await {
                Ok(plane) => return Arc::new(plane),
                Err(why) => eprintln!("control plane: {why}"),
            }
        }
        panic!("the control plane does not start");
    }

    async fn attempt(
        assets: &Assets,
        controllers: Controllers,
        options: &[&str],
    ) -> Result<Self, String> {
        let folder = folder();
        let (etcd, peer, address) = (free_port(), free_port(), free_port());
        let authority = Authority::new();
        let ca = authority.pem.clone();
        write(&folder, "ca.pem", &ca);
        let mut plane =
            Self { processes: Vec::new(), folder, assets: assets.clone(), etcd, address, ca };
        plane.write_files(&authority);
        plane.launch(
            "etcd",
            &[
                "--data-dir=etcd".to_owned(),
                format!("--listen-client-urls=http://{etcd}"),
                format!("--advertise-client-urls=http://{etcd}"),
                format!("--listen-peer-urls=http://{peer}"),
                "--unsafe-no-fsync".to_owned(),
                "--log-level=error".to_owned(),
            ],
        );
        let mut arguments = api_server_arguments(etcd, address);
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        plane.launch("kube-apiserver", &arguments);
        plane.ready().await?;
        match controllers {
            Controllers::Running if assets.controller_manager().is_ok() => {
                plane.launch_controllers(&[]);
            }
            Controllers::RunningWith(options) => plane.launch_controllers(options),
            Controllers::Running | Controllers::None => {}
        }
        Ok(plane)
    }

    fn launch_controllers(&mut self, options: &[&str]) {
        let kubeconfig = self.kubeconfig("controller-manager", CONTROLLER_MANAGER);
        let mut arguments = vec![
            format!("--kubeconfig={}", kubeconfig.display()),
            "--use-service-account-credentials=true".to_owned(),
            "--service-account-private-key-file=service-accounts.key".to_owned(),
            "--root-ca-file=ca.pem".to_owned(),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
            format!("--controllers={CONTROLLERS}"),
        ];
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        self.launch("kube-controller-manager", &arguments);
    }

    /// The API, for the administrator.
    pub(crate) fn api(&self) -> Api {
        Api::new(self.address, &self.ca, ADMIN)
    }

    /// The minor version of the API server.
    pub(crate) async fn minor(&self) -> Minor {
        let version = self.api().get("/version").await.object();
        Minor(version["minor"].as_str().unwrap().parse().unwrap())
    }

    /// What the API server stores in.
    pub(crate) fn etcd(&self) -> Etcd {
        Etcd::new(self.etcd)
    }

    /// kubectl, for the administrator.
    pub(crate) fn kubectl(&self) -> Kubectl {
        let home = self.folder.join("home");
        fs::create_dir_all(&home).unwrap();
        Kubectl::new(self.assets.program("kubectl"), self.admin_kubeconfig(), home)
    }

    /// The administrator's kubeconfig.
    pub(crate) fn admin_kubeconfig(&self) -> PathBuf {
        self.kubeconfig("admin", ADMIN)
    }

    /// Where the API server is.
    pub(crate) fn address(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The audit log so far.
    pub(crate) fn audit_events(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.folder.join("audit.log")).unwrap();
        // The last line may be half written.
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What of it is about a namespace.
    pub(crate) fn audit_events_in(&self, namespace: &str) -> Vec<Value> {
        let log = fs::read_to_string(self.folder.join("audit.log")).unwrap();
        let named = format!("\"namespace\":\"{namespace}\"");
        log.lines()
            .filter(|line| line.contains(&named))
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn launch(&mut self, name: &str, arguments: &[String]) {
        let process = Process::start(&self.folder, name, &self.assets.program(name), arguments);
        self.processes.insert(0, process);
    }

    fn write_files(&self, authority: &Authority) {
        let key = ecdsa();
        let mut params =
            CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        write(&self.folder, "tls.crt", &authority.issue(&params, &key));
        write(&self.folder, "tls.key", &key.serialize_pem());
        let signing = ecdsa();
        write(&self.folder, "service-accounts.key", &signing.serialize_pem());
        write(&self.folder, "service-accounts.pub", &signing.public_key_pem());
        write(&self.folder, "tokens.csv", TOKENS);
        write(&self.folder, "audit.yaml", AUDIT);
    }

    fn kubeconfig(&self, name: &str, token: &str) -> PathBuf {
        let path = self.folder.join(format!("{name}.kubeconfig"));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n\
             clusters: [{{name: test, cluster: {{server: \"https://{}\", certificate-authority: \
             {}}}}}]\n\
             users: [{{name: test, user: {{token: {token}}}}}]\n",
            self.address,
            self.folder.join("ca.pem").display()
        );
        if !path.exists() {
            fs::write(&path, text).unwrap();
        }
        path
    }

    async fn ready(&mut self) -> Result<(), String> {
        const LONG: Duration = Duration::from_secs(90);
        let started = Instant::now();
        let api = self.api();
        while started.elapsed() < LONG {
            if api.is_ready().await {
                return Ok(());
            }
            if let Some(ended) = self
                .processes
                .iter_mut()
                .find_map(|process| process.has_ended().then(|| process.last_words()))
            {
                return Err(format!("a program ended:\n{ended}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("not ready in {} s:\n{}", LONG.as_secs(), self.processes[0].last_words()))
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.processes.clear();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn api_server_arguments(etcd: SocketAddr, address: SocketAddr) -> Vec<String> {
    vec![
        format!("--etcd-servers=http://{etcd}"),
        format!("--bind-address={}", address.ip()),
        format!("--secure-port={}", address.port()),
        format!("--advertise-address={}", Ipv4Addr::new(192, 0, 2, 1)),
        "--tls-cert-file=tls.crt".to_owned(),
        "--tls-private-key-file=tls.key".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--token-auth-file=tokens.csv".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--service-account-key-file=service-accounts.pub".to_owned(),
        "--service-account-signing-key-file=service-accounts.key".to_owned(),
        format!("--service-cluster-ip-range={SERVICE_RANGE}"),
        "--audit-policy-file=audit.yaml".to_owned(),
        "--audit-log-path=audit.log".to_owned(),
    ]
}

/// A folder of its own below cargo's.
fn folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    static SWEEP: Once = Once::new();
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    SWEEP.call_once(|| sweep(parent));
    let folder = parent.join(format!(
        "{FOLDER}{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    fs::create_dir_all(&folder).unwrap();
    folder
}

const FOLDER: &str = "control-plane-";

/// Removes what runs have left that were killed.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(FOLDER).and_then(|rest| rest.split('-').next());
        let processes = Path::new("/proc");
        if processes.join("self").exists()
            && process.is_some_and(|process| !processes.join(process).exists())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
