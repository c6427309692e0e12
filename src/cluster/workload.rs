//! What runs the webhook in a cluster: namespace, service, two replicas that never are both away.
//! Pure values.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::policy::v1 as policy;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Where the certificate and its key are mounted.
const TLS_FOLDER: &str = "/etc/fieldward/tls";

/// Where rules that are not compiled in are mounted.
const RULES_FOLDER: &str = "/etc/fieldward/rules";

/// The ports of the container.
const REVIEWS: u16 = 8443;
const OPERATIONS: u16 = 8080;

/// How long a replica that leaves goes on serving, in seconds: endpoints take a while to spread.
const SHUTDOWN_DELAY: i64 = 15;

/// How long requests in flight may take after that, in seconds; the API server waits 5.
const SHUTDOWN_TIMEOUT: i64 = 10;

/// Before it is killed: both of these, and a margin.
const GRACE: i64 = SHUTDOWN_DELAY + SHUTDOWN_TIMEOUT + 5;

/// What there is to run.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The name of everything.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// The service's port.
    pub port: u16,
    /// The container image.
    pub image: String,
    /// The Secret with `tls.crt` and `tls.key`.
    pub tls_secret: String,
    /// Rules that are not compiled in: file names and texts.
    pub rules: BTreeMap<String, String>,
    /// Arguments besides, such as `--no-builtin-rules`.
    pub arguments: Vec<String>,
}

impl Workload {
    /// The namespace, in which only pods run that may do nothing.
    pub fn namespace(&self) -> core::Namespace {
        let levels = ["enforce", "warn", "audit"]
            .map(|mode| (format!("pod-security.kubernetes.io/{mode}"), "restricted".to_owned()));
        core::Namespace {
            metadata: meta::ObjectMeta {
                name: Some(self.namespace.clone()),
                labels: Some(self.labels().into_iter().chain(levels).collect()),
                ..meta::ObjectMeta::default()
            },
            ..core::Namespace::default()
        }
    }

    /// An account without any permission and without a token.
    pub fn service_account(&self) -> core::ServiceAccount {
        core::ServiceAccount {
            metadata: self.metadata(&self.name),
            automount_service_account_token: Some(false),
            ..core::ServiceAccount::default()
        }
    }

    /// The rules that are not compiled in, if there are any.
    pub fn config_map(&self) -> Option<core::ConfigMap> {
        (!self.rules.is_empty()).then(|| core::ConfigMap {
            metadata: self.metadata(&self.rules_name()),
            data: Some(self.rules.clone()),
            ..core::ConfigMap::default()
        })
    }

    /// Where the API server finds the replicas.
    pub fn service(&self) -> core::Service {
        core::Service {
            metadata: self.metadata(&self.name),
            spec: Some(core::ServiceSpec {
                selector: Some(self.labels()),
                ports: Some(vec![core::ServicePort {
                    name: Some("https".to_owned()),
                    port: i32::from(self.port),
                    target_port: Some(IntOrString::String("https".to_owned())),
                    ..core::ServicePort::default()
                }]),
                ..core::ServiceSpec::default()
            }),
            ..core::Service::default()
        }
    }

    /// Two replicas; one is replaced only when another serves.
    pub fn deployment(&self) -> apps::Deployment {
        apps::Deployment {
            metadata: self.metadata(&self.name),
            spec: apps::DeploymentSpec {
                replicas: Some(2),
                selector: self.selector(),
                strategy: Some(apps::DeploymentStrategy {
                    type_: Some("RollingUpdate".to_owned()),
                    rolling_update: Some(apps::RollingUpdateDeployment {
                        max_surge: Some(IntOrString::Int(1)),
                        max_unavailable: Some(IntOrString::Int(0)),
                    }),
                }),
                template: core::PodTemplateSpec {
                    metadata: Some(meta::ObjectMeta {
                        labels: Some(self.labels()),
                        ..meta::ObjectMeta::default()
                    }),
                    spec: Some(self.pod()),
                },
                ..apps::DeploymentSpec::default()
            },
            ..apps::Deployment::default()
        }
    }

    /// Draining nodes leaves one replica.
    pub fn disruption_budget(&self) -> policy::PodDisruptionBudget {
        policy::PodDisruptionBudget {
            metadata: self.metadata(&self.name),
            spec: Some(policy::PodDisruptionBudgetSpec {
                min_available: Some(IntOrString::Int(1)),
                selector: Some(self.selector()),
                ..policy::PodDisruptionBudgetSpec::default()
            }),
            ..policy::PodDisruptionBudget::default()
        }
    }

    fn pod(&self) -> core::PodSpec {
        core::PodSpec {
            service_account_name: Some(self.name.clone()),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            termination_grace_period_seconds: Some(GRACE),
            security_context: Some(core::PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(65532),
                run_as_group: Some(65532),
                fs_group: Some(65532),
                seccomp_profile: Some(core::SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    localhost_profile: None,
                }),
                ..core::PodSecurityContext::default()
            }),
            topology_spread_constraints: Some(vec![core::TopologySpreadConstraint {
                max_skew: 1,
                topology_key: "kubernetes.io/hostname".to_owned(),
                when_unsatisfiable: "ScheduleAnyway".to_owned(),
                label_selector: Some(self.selector()),
                ..core::TopologySpreadConstraint::default()
            }]),
            containers: vec![self.container()],
            volumes: Some(self.volumes()),
            ..core::PodSpec::default()
        }
    }

    fn container(&self) -> core::Container {
        let port = |name: &str, port: u16| core::ContainerPort {
            name: Some(name.to_owned()),
            container_port: i32::from(port),
            ..core::ContainerPort::default()
        };
        let probe = |path: &str, period: i32| core::Probe {
            http_get: Some(core::HTTPGetAction {
                path: Some(path.to_owned()),
                port: IntOrString::String("ops".to_owned()),
                ..core::HTTPGetAction::default()
            }),
            period_seconds: Some(period),
            ..core::Probe::default()
        };
        let quantities = |pairs: &[(&str, &str)]| {
            Some(
                pairs
                    .iter()
                    .map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned())))
                    .collect::<BTreeMap<_, _>>(),
            )
        };
        core::Container {
            name: "fieldward".to_owned(),
            image: Some(self.image.clone()),
            args: Some(self.serve()),
            ports: Some(vec![port("https", REVIEWS), port("ops", OPERATIONS)]),
            readiness_probe: Some(probe("/readyz", 2)),
            liveness_probe: Some(probe("/livez", 10)),
            resources: Some(core::ResourceRequirements {
                requests: quantities(&[("cpu", "50m"), ("memory", "64Mi")]),
                limits: quantities(&[("memory", "1Gi")]),
                ..core::ResourceRequirements::default()
            }),
            security_context: Some(core::SecurityContext {
                allow_privilege_escalation: Some(false),
                read_only_root_filesystem: Some(true),
                capabilities: Some(core::Capabilities {
                    drop: Some(vec!["ALL".to_owned()]),
                    add: None,
                }),
                ..core::SecurityContext::default()
            }),
            volume_mounts: Some(self.mounts().map(|(name, path)| mount(&name, path)).collect()),
            ..core::Container::default()
        }
    }

    fn serve(&self) -> Vec<String> {
        let mut arguments = vec![
            "serve".to_owned(),
            format!("--listen=0.0.0.0:{REVIEWS}"),
            format!("--ops-listen=0.0.0.0:{OPERATIONS}"),
            format!("--tls-cert={TLS_FOLDER}/tls.crt"),
            format!("--tls-key={TLS_FOLDER}/tls.key"),
            format!("--shutdown-delay={SHUTDOWN_DELAY}s"),
            format!("--shutdown-timeout={SHUTDOWN_TIMEOUT}s"),
            "--log-format=json".to_owned(),
        ];
        if !self.rules.is_empty() {
            arguments.push(format!("--rules={RULES_FOLDER}"));
        }
        arguments.extend(self.arguments.iter().cloned());
        arguments
    }

    fn mounts(&self) -> impl Iterator<Item = (String, &'static str)> {
        let rules = (!self.rules.is_empty()).then(|| ("rules".to_owned(), RULES_FOLDER));
        std::iter::once(("tls".to_owned(), TLS_FOLDER)).chain(rules)
    }

    fn volumes(&self) -> Vec<core::Volume> {
        let tls = core::Volume {
            name: "tls".to_owned(),
            secret: Some(core::SecretVolumeSource {
                secret_name: Some(self.tls_secret.clone()),
                ..core::SecretVolumeSource::default()
            }),
            ..core::Volume::default()
        };
        let rules = core::Volume {
            name: "rules".to_owned(),
            config_map: Some(core::ConfigMapVolumeSource {
                name: self.rules_name(),
                ..core::ConfigMapVolumeSource::default()
            }),
            ..core::Volume::default()
        };
        std::iter::once(tls).chain((!self.rules.is_empty()).then_some(rules)).collect()
    }

    fn rules_name(&self) -> String {
        format!("{}-rules", self.name)
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let labels = [
            ("app.kubernetes.io/name", "fieldward"),
            ("app.kubernetes.io/instance", self.name.as_str()),
        ];
        labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn selector(&self) -> meta::LabelSelector {
        meta::LabelSelector { match_labels: Some(self.labels()), match_expressions: None }
    }

    fn metadata(&self, name: &str) -> meta::ObjectMeta {
        meta::ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(self.namespace.clone()),
            labels: Some(self.labels()),
            ..meta::ObjectMeta::default()
        }
    }
}

fn mount(name: &str, path: &str) -> core::VolumeMount {
    core::VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(true),
        ..core::VolumeMount::default()
    }
}
