//! Which cluster a command asks.

use std::env;
use std::path::PathBuf;

use anyhow::bail;

use crate::cluster::client::Access;
use crate::server::files::{LARGEST, ReadError, TimeLimit, name_of};

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

    /// Checks that the kubeconfig is a regular file of a usual size and can be read in time, since
    /// the library that parses it reads it without limits. It also reports other errors.
    ///
    /// # Errors
    /// One that names the file.
    pub(in crate::cli) fn check_file(&self) -> anyhow::Result<()> {
        let paths: Vec<PathBuf> = match &self.kubeconfig {
            Some(path) => vec![path.clone()],
            None => env::split_paths(&env::var_os("KUBECONFIG").unwrap_or_default()).collect(),
        };
        for path in paths.into_iter().filter(|path| !path.as_os_str().is_empty()) {
            let name = name_of(&path);
            let read = TimeLimit::default().run(move |reader| reader.read(&path, LARGEST))?;
            if let Err(error @ (ReadError::WrongType { .. } | ReadError::TooLarge { .. })) = read {
                bail!("cannot read `{name}`: {error}");
            }
        }
        Ok(())
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
