//! An API server, asked for the kinds that it serves.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use hyper::Request;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use rustls::pki_types::pem;
use serde_json::Value;

use super::api_error::{certificate_fault, chain, find};

/// Who owns the fields that this process writes.
pub(crate) const FIELD_MANAGER: &str = "fieldward";

/// How an API server is found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// This kubeconfig; else the pod's service account.
    pub(crate) kubeconfig: Option<Kubeconfig>,
    /// This context of it; else the current one.
    pub(crate) context: Option<String>,
}

/// Why an API server did not tell.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// It is not known where it is, or as who to ask.
    #[error("no cluster to ask: {0}")]
    Access(String),
    /// It cannot be reached, or it refused.
    #[error("cannot read {what} from {server}: {reason}")]
    Asked {
        /// What it was asked for.
        what: String,
        server: String,
        /// What came of it.
        reason: String,
    },
}

/// An API group as it is served.
#[derive(Debug, Clone)]
pub(crate) struct ApiGroup {
    /// Its name; the empty string is the core group.
    pub(crate) name: String,
    pub(crate) versions: Vec<GroupVersion>,
}

/// A version of an API group, with its resources.
#[derive(Debug, Clone)]
pub(crate) struct GroupVersion {
    /// Its name, such as `v1`.
    pub(crate) name: String,
    pub(crate) resources: APIResourceList,
    /// Its `OpenAPI` v3 document, if the API server has one.
    pub(crate) document: Option<Value>,
}

/// The configuration of a client for one API server.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: kube::Client,
    address: String,
}

/// Why a configuration cannot be used. The PEM parsers' messages are left out: they quote the file.
fn config_error(error: &(dyn Error + 'static)) -> String {
    if let Some(KubeconfigError::ParseCertificates(_)) = find(error) {
        return "expected the CA of the API server as PEM, found something else".to_owned();
    }
    if find::<pem::Error>(error).is_some() {
        return "expected a client certificate and its key as PEM, found something else".to_owned();
    }
    chain(error)
}

impl Cluster {
    /// Makes a client; nothing is asked yet. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// A kubeconfig that cannot be used, or none where there is no service account either.
    pub(crate) async fn connect(access: &Access) -> Result<Self, ClusterError> {
        let unusable = |error: &(dyn Error + 'static)| ClusterError::Access(config_error(error));
        let config = if let Some(kubeconfig) = &access.kubeconfig {
            let options = KubeConfigOptions {
                context: access.context.clone(),
                ..KubeConfigOptions::default()
            };
            kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &options)
                .await
                .map_err(|error| unusable(&error))?
        } else {
            kube::Config::incluster().map_err(|error| {
                let reason = chain(&error);
                ClusterError::Access(format!("no kubeconfig, and no account of a pod: {reason}"))
            })?
        };
        let address = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client = kube::Client::try_from(config).map_err(|error| unusable(&error))?;
        Ok(Self { client, address })
    }

    /// What asks it.
    pub(crate) fn into_client(self) -> kube::Client {
        self.client
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it serves of these groups; of all if `*` is among them. Groups that it does not serve
    /// are left out.
    ///
    /// # Errors
    /// What it was asked for and did not tell.
    pub(crate) async fn groups(
        &self,
        wanted: &BTreeSet<String>,
    ) -> Result<Vec<ApiGroup>, ClusterError> {
        let is_wanted = |name: &str| wanted.contains("*") || wanted.contains(name);
        let documents = self.documents().await?;
        let mut groups = Vec::new();
        if is_wanted("") {
            let core = self
                .client
                .list_core_api_versions()
                .await
                .map_err(|error| self.failed("the versions of the core group", &error))?;
            let names =
                core.versions.into_iter().map(|version| (format!("api/{version}"), version));
            groups.push(self.group("", names.collect(), &documents).await?);
        }
        let served = self
            .client
            .list_api_groups()
            .await
            .map_err(|error| self.failed("the groups", &error))?;
        for group in served.groups.into_iter().filter(|group| is_wanted(&group.name)) {
            let names = group
                .versions
                .into_iter()
                .map(|version| (format!("apis/{}", version.group_version), version.version));
            groups.push(self.group(&group.name, names.collect(), &documents).await?);
        }
        Ok(groups)
    }

    async fn group(
        &self,
        name: &str,
        versions: Vec<(String, String)>,
        documents: &Value,
    ) -> Result<ApiGroup, ClusterError> {
        let mut group = ApiGroup { name: name.to_owned(), versions: Vec::new() };
        for (path, version) in versions {
            let resources = self.get(&format!("/{path}")).await?;
            let resources = serde_json::from_value(resources)
                .map_err(|error| self.failed(&format!("/{path}"), &error))?;
            let address = documents
                .get("paths")
                .and_then(|paths| paths.get(&path)?.get("serverRelativeURL")?.as_str());
            // Asked for by the hash of a document that has changed since, the API server redirects
            // without a body.
            let document = match address.and_then(|address| address.split('?').next()) {
                Some(address) => Some(self.get(address).await?),
                None => None,
            };
            group.versions.push(GroupVersion { name: version, resources, document });
        }
        Ok(group)
    }

    /// The addresses of the `OpenAPI` v3 documents by their paths, such as `apis/apps/v1`. An
    /// address changes with the document.
    ///
    /// # Errors
    /// The list cannot be read.
    pub(crate) async fn document_addresses(
        &self,
    ) -> Result<BTreeMap<String, String>, ClusterError> {
        let documents = self.documents().await?;
        let address =
            |document: &Value| Some(document.get("serverRelativeURL")?.as_str()?.to_owned());
        let paths = documents.get("paths").and_then(Value::as_object).into_iter().flatten();
        Ok(paths.filter_map(|(path, document)| Some((path.clone(), address(document)?))).collect())
    }

    /// Where the `OpenAPI` v3 documents are, each with its hash in the query.
    async fn documents(&self) -> Result<Value, ClusterError> {
        self.get("/openapi/v3").await
    }

    async fn get(&self, path: &str) -> Result<Value, ClusterError> {
        let request =
            Request::get(path).body(Vec::new()).map_err(|error| self.failed(path, &error))?;
        self.client.request(request).await.map_err(|error| self.failed(path, &error))
    }

    fn failed(&self, what: &str, error: &(dyn Error + 'static)) -> ClusterError {
        let reason = match error.downcast_ref() {
            Some(kube::Error::Api(status)) => format!("{} ({})", status.message, status.code),
            _ => certificate_fault(error).map_or_else(|| chain(error), str::to_owned),
        };
        ClusterError::Asked { what: what.to_owned(), server: self.address.clone(), reason }
    }
}
