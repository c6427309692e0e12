//! Which cluster a command asks.

use std::path::PathBuf;

use crate::cluster::client::Access;

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct AccessArgs {
    /// The kubeconfig of the cluster; without it, that of `KUBECONFIG`, ~/.kube/config or the pod's
    /// service account
    #[arg(long, value_name = "FILE", env = "FIELDWARD_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// The context to use of a kubeconfig
    #[arg(long, value_name = "NAME", env = "FIELDWARD_CONTEXT")]
    context: Option<String>,
}

impl AccessArgs {
    pub(in crate::cli) fn access(&self) -> Access {
        Access { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }
}

/// Whether a command that works without a cluster asks one.
// A variable counts as given, so it would be an error wherever `--live` is not.
#[derive(Debug, Clone, clap::Args)]
#[command(
    mut_arg("kubeconfig", |arg| arg.env(None::<&str>).requires("live")),
    mut_arg("context", |arg| arg.env(None::<&str>).requires("live")),
)]
pub(in crate::cli) struct LiveArgs {
    /// Ask a cluster
    #[arg(long)]
    pub(in crate::cli) live: bool,
    #[command(flatten)]
    pub(in crate::cli) access: AccessArgs,
}

pub(in crate::cli) fn block_on<F: Future>(asking: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(asking))
}
