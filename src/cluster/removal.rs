//! What a process has made in the cluster by itself, taken away.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, Preconditions};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::api_error::ApiError;
use super::client::{Access, Cluster, ClusterError};
use super::placement::{MOST_CONFIGURATIONS, numbered};
use super::registration::LABEL;

/// What to remove.
#[derive(Debug, Clone)]
pub(crate) struct RemovalTargets {
    /// The name of the configurations and of the lease.
    pub(crate) name: String,
    /// The namespace of the lease and the Secret.
    pub(crate) namespace: String,
    /// The Secret of the certificates, if there is one.
    pub(crate) secret: Option<String>,
}

/// What became of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Removed {
    /// It is gone.
    Gone,
    /// It is somebody else's: it lacks the label that fieldward gives its own.
    NotOurs,
}

/// Why something is still there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemovalError {
    /// The cluster cannot be asked.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// It cannot be removed.
    #[error("cannot remove {what}: {reason}")]
    Refused { what: String, reason: String },
}

/// Removes the configurations first: from then on the API server asks nobody. `tell` is called for
/// each thing that was there.
///
/// # Errors
/// The first that cannot be removed; what came before it is gone.
pub(crate) async fn remove(
    access: &Access,
    traces: &RemovalTargets,
    mut tell: impl FnMut(&str, Removed),
) -> Result<(), RemovalError> {
    let client = Cluster::connect(access).await?.into_client();
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    for number in 1..=MOST_CONFIGURATIONS {
        one(&configurations, &numbered(&traces.name, number), Own::Labelled, &mut tell).await?;
    }
    if let Some(secret) = &traces.secret {
        one(&namespaced::<Secret>(&client, traces), secret, Own::Labelled, &mut tell).await?;
    }
    // Who writes leases gives them no labels.
    one(&namespaced::<Lease>(&client, traces), &traces.name, Own::Named, &mut tell).await
}

fn namespaced<K>(client: &Client, traces: &RemovalTargets) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    Api::namespaced(client.clone(), &traces.namespace)
}

/// By what it is known whose something is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    Labelled,
    Named,
}

async fn one<K>(
    api: &Api<K>,
    name: &str,
    own: Own,
    tell: &mut impl FnMut(&str, Removed),
) -> Result<(), RemovalError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let what = format!("{} {name}", K::kind(&()));
    let refused = |error: kube::Error| RemovalError::Refused {
        what: what.clone(),
        reason: ApiError::from(error).to_string(),
    };
    let Some(found) = api.get_opt(name).await.map_err(refused)? else { return Ok(()) };
    if own == Own::Labelled && found.labels().get(LABEL.0).is_none_or(|value| value != LABEL.1) {
        tell(&what, Removed::NotOurs);
        return Ok(());
    }
    let preconditions = Preconditions { uid: found.uid(), resource_version: None };
    match api
        .delete(
            name,
            &DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() },
        )
        .await
    {
        Ok(_) => tell(&what, Removed::Gone),
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => return Err(refused(error)),
    }
    Ok(())
}
