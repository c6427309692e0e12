//! What a scheduler and a kubelet do for the pods of one namespace: the real program with its own
//! arguments, its Secret mounted, the token of its account, its readiness reported, its end by
//! SIGTERM. Nothing of images, users or limits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::api::{Api, MERGE_PATCH};
use super::control_plane::{ADMIN, ControlPlane};
use crate::support::base64;
use crate::support::mount::Mount;
use crate::support::server::{Server, fieldward};

const NAME: &str = "node";

/// Where a pod has its account's token, which it gets otherwise here.
const TOKENS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How often the node looks for what has changed.
const EVERY: Duration = Duration::from_millis(50);

/// Pods by their names, and the exit codes of those that have ended; none after SIGKILL.
type Ended = BTreeMap<String, Option<i32>>;

/// How long a process that has ended by itself stays so: as long as a kubelet may take.
const RESTART: Duration = Duration::from_secs(20);

/// The processes of the pods that run.
type Processes = Arc<Mutex<BTreeMap<String, u32>>>;

/// A node that runs a namespace's pods until it is stopped.
pub(crate) struct Node {
    stop: Arc<AtomicBool>,
    processes: Processes,
    running: JoinHandle<Ended>,
}

impl Node {
    /// Starts it; the pods' addresses come from this function.
    pub(crate) fn start(plane: &ControlPlane, namespace: &str, address: fn(u8) -> String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let kubeconfig = std::fs::read_to_string(plane.admin_kubeconfig()).unwrap();
        let (namespace, processes) =
            (format!("/api/v1/namespaces/{namespace}"), Processes::default());
        let kubelet = Kubelet {
            api: plane.api(),
            kubeconfig,
            namespace,
            address,
            started: 0,
            processes: Arc::clone(&processes),
        };
        Self { running: tokio::spawn(kubelet.run(Arc::clone(&stop))), stop, processes }
    }

    /// Ends a pod's process without warning; it is started again some time later.
    pub(crate) fn kill(&self, pod: &str) {
        let process = self.processes.lock().unwrap()[pod].to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-KILL", &process])
                .status()
                .unwrap()
                .success()
        );
    }

    /// How the pods that have ended did so; those that run are killed.
    pub(crate) async fn stop(self) -> Ended {
        self.stop.store(true, Ordering::Relaxed);
        self.running.await.unwrap()
    }
}

struct Kubelet {
    api: Api,
    /// The administrator's, of which a pod gets one with its account's token.
    kubeconfig: String,
    namespace: String,
    address: fn(u8) -> String,
    started: u8,
    processes: Processes,
}

/// A container that runs.
struct Container {
    server: Server,
    address: String,
    _mounts: Vec<Mount>,
    probed: Option<Instant>,
    ready: Option<bool>,
    leaving: Option<Instant>,
    died: Option<Instant>,
}

impl Kubelet {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Ended {
        // Whoever writes endpoints wants to know the node of each.
        self.api.create("/api/v1/nodes", &json!({"metadata": {"name": NAME}})).await.object();
        let (mut containers, mut ended, mut done) =
            (BTreeMap::<String, Container>::new(), Ended::new(), BTreeSet::new());
        while !stop.load(Ordering::Relaxed) {
            let pods = self.api.get(&format!("{}/pods", self.namespace)).await.object();
            for pod in pods["items"].as_array().unwrap() {
                let name = pod["metadata"]["name"].as_str().unwrap();
                if pod["spec"]["nodeName"].is_null() {
                    self.bind(name).await;
                } else if let Some(container) = containers.get_mut(name) {
                    if pod["metadata"]["deletionTimestamp"].is_null()
                        && container.server.status().is_some()
                    {
                        let died = *container.died.get_or_insert_with(Instant::now);
                        if container.ready.replace(false) != Some(false) {
                            self.report(pod, &container.address, false).await;
                        }
                        if died.elapsed() > RESTART {
                            *container = self.run_container(pod, container.address.clone()).await;
                        }
                    } else if self.follow(pod, container).await {
                        let code = containers
                            .remove(name)
                            .and_then(|mut container: Container| container.server.status()?.code());
                        ended.insert(name.to_owned(), code);
                    }
                } else if pod["spec"]["restartPolicy"] != "Never" {
                    self.started += 1;
                    let address = (self.address)(9 + self.started);
                    containers.insert(name.to_owned(), self.run_container(pod, address).await);
                } else if done.insert(name.to_owned()) {
                    ended.insert(name.to_owned(), self.run_to_the_end(pod).await);
                }
            }
            tokio::time::sleep(EVERY).await;
        }
        ended
    }

    async fn bind(&self, pod: &str) {
        let binding = json!({"metadata": {"name": pod}, "target": {"kind": "Node", "name": NAME}});
        self.api.create(&format!("{}/pods/{pod}/binding", self.namespace), &binding).await.object();
    }

    /// Starts the pod's container: its arguments are its own, with the pod's address and the mounts
    /// where they are here.
    async fn run_container(&self, pod: &Value, address: String) -> Container {
        let container = &pod["spec"]["containers"][0];
        let mut arguments: Vec<String> = serde_json::from_value(container["args"].clone()).unwrap();
        let mut mounts = Vec::new();
        if arguments.iter().any(|argument| argument == "--cluster") {
            let mount = self.token(pod).await;
            arguments.push(format!("--kubeconfig={}", mount.path("kubeconfig")));
            arguments.push(format!("--replica={}", pod["metadata"]["name"].as_str().unwrap()));
            mounts.push(mount);
        }
        let own = |volume: &&Value| volume["mountPath"] != TOKENS;
        for volume in container["volumeMounts"].as_array().into_iter().flatten().filter(own) {
            let mount = self.mount(pod, &volume["name"]).await;
            let (inside, here) = (
                format!("={}/", volume["mountPath"].as_str().unwrap()),
                format!("={}", mount.path("")),
            );
            arguments = arguments.iter().map(|argument| argument.replace(&inside, &here)).collect();
            mounts.push(mount);
        }
        arguments = arguments
            .iter()
            .map(|argument| argument.replace("=0.0.0.0:", &format!("={address}:")))
            .collect();
        let start =
            move || Server::start_as(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let server = tokio::task::spawn_blocking(start).await.unwrap();
        self.processes
            .lock()
            .unwrap()
            .insert(pod["metadata"]["name"].as_str().unwrap().to_owned(), server.id());
        Container {
            server,
            address,
            _mounts: mounts,
            probed: None,
            ready: None,
            leaving: None,
            died: None,
        }
    }

    /// Runs a pod that ends by itself, and reports how.
    async fn run_to_the_end(&self, pod: &Value) -> Option<i32> {
        let arguments: Vec<String> =
            serde_json::from_value(pod["spec"]["containers"][0]["args"].clone()).unwrap();
        let mount = self.token(pod).await;
        let mut command = fieldward();
        command.args(arguments).arg(format!("--kubeconfig={}", mount.path("kubeconfig")));
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        for text in [output.stdout, output.stderr] {
            eprint!("{}", String::from_utf8(text).unwrap());
        }
        let phase = if output.status.success() { "Succeeded" } else { "Failed" };
        let path =
            format!("{}/pods/{}/status", self.namespace, pod["metadata"]["name"].as_str().unwrap());
        self.api.patch(&path, MERGE_PATCH, &json!({"status": {"phase": phase}})).await.object();
        output.status.code()
    }

    /// A kubeconfig of the pod's account.
    async fn token(&self, pod: &Value) -> Mount {
        let account = pod["spec"]["serviceAccountName"].as_str().unwrap();
        let asked = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 36000}});
        let token = self
            .api
            .create(&format!("{}/serviceaccounts/{account}/token", self.namespace), &asked)
            .await
            .object();
        let text = self.kubeconfig.replace(ADMIN, token["status"]["token"].as_str().unwrap());
        Mount::new(&[("kubeconfig", text.as_bytes())])
    }

    /// The files of a Secret.
    async fn mount(&self, pod: &Value, volume: &Value) -> Mount {
        let volumes = pod["spec"]["volumes"].as_array().unwrap();
        let named = volumes.iter().find(|named| named["name"] == *volume).unwrap();
        let secret = named["secret"]["secretName"].as_str().unwrap();
        let secret = self.api.get(&format!("{}/secrets/{secret}", self.namespace)).await.object();
        let files: Vec<(&str, Vec<u8>)> = secret["data"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, content)| (name.as_str(), base64::decode(content.as_str().unwrap())))
            .collect();
        Mount::new(
            &files.iter().map(|(name, content)| (*name, content.as_slice())).collect::<Vec<_>>(),
        )
    }

    /// Reports a change of readiness, begins the end or completes it; whether the pod is gone.
    async fn follow(&self, pod: &Value, container: &mut Container) -> bool {
        let path = format!("{}/pods/{}", self.namespace, pod["metadata"]["name"].as_str().unwrap());
        if !pod["metadata"]["deletionTimestamp"].is_null() {
            let grace = Duration::from_secs(
                pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap(),
            );
            match container.leaving {
                None => {
                    container.server.signal("TERM");
                    container.leaving = Some(Instant::now());
                }
                Some(since) if since.elapsed() > grace => container.server.signal("KILL"),
                Some(_) => {}
            }
            if container.server.status().is_some() {
                let options = json!({"gracePeriodSeconds": 0,
                    "preconditions": {"uid": pod["metadata"]["uid"]}});
                self.api.delete(&path, &options).await.object();
                return true;
            }
        }
        let probe = &pod["spec"]["containers"][0]["readinessProbe"];
        let period = Duration::from_secs(probe["periodSeconds"].as_u64().unwrap());
        if container.probed.is_none_or(|probed| probed.elapsed() >= period) {
            container.probed = Some(Instant::now());
            let ready = container
                .server
                .ops(probe["httpGet"]["path"].as_str().unwrap())
                .await
                .is_some_and(|(status, _)| status == 200);
            if container.ready.replace(ready) != Some(ready) {
                self.report(pod, &container.address, ready).await;
            }
        }
        false
    }

    async fn report(&self, pod: &Value, address: &str, ready: bool) {
        let path =
            format!("{}/pods/{}/status", self.namespace, pod["metadata"]["name"].as_str().unwrap());
        self.api.patch(&path, MERGE_PATCH, &status(address, ready)).await.object();
    }
}

fn status(address: &str, ready: bool) -> Value {
    let condition =
        |kind: &str, is: bool| json!({"type": kind, "status": if is { "True" } else { "False" }});
    json!({"status": {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [condition("PodScheduled", true), condition("ContainersReady", ready),
            condition("Ready", ready)],
    }})
}
