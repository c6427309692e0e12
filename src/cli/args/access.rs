//! Which cluster a command asks.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cluster::client::Access;
use crate::cluster::kubeconfig;
use crate::server::files::{Accepted, FileReader, MAX_FILE_BYTES, name_of};

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
    /// Reads the kubeconfig, and the files that it names.
    ///
    /// # Errors
    /// One that names the file.
    pub(in crate::cli) fn access(&self, reader: &FileReader) -> anyhow::Result<Access> {
        let paths = match &self.kubeconfig {
            Some(path) => vec![path.clone()],
            None => kubeconfig::default_paths(),
        };
        let context = self.context.clone();
        if paths.is_empty() && context.is_none() {
            return Ok(Access::default());
        }
        let name = |path: &Path| format!("`{}`", name_of(path));
        let read = |path: &Path| reader.read(path, MAX_FILE_BYTES);
        let kubeconfig = kubeconfig::load(&paths, context.as_deref(), name, read)
            .context("no cluster to ask")?;
        Ok(Access { kubeconfig: Some(kubeconfig), context })
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
    access: AccessArgs,
}

impl LiveArgs {
    /// How the cluster is found. The kubeconfig may be a pipe.
    pub(in crate::cli) fn access(&self) -> anyhow::Result<Access> {
        self.access.access(&FileReader::new(Accepted::Pipes))
    }
}

pub(in crate::cli) fn block_on<F: Future>(asking: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(asking))
}
