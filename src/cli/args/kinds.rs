//! Which kinds rules are compared with.

use std::path::PathBuf;

use super::access::LiveArgs;

/// Where the kinds are read from; nothing if rules are looked at by themselves.
#[derive(Debug, Clone, clap::Args)]
#[command(mut_arg("live", |live| live
    .help("Read the schemas that a cluster serves")
    .conflicts_with("crd")))]
pub(in crate::cli) struct KindArgs {
    /// Read the schemas of the CRDs in a file, or in the files of a folder; may be repeated
    #[arg(long, value_name = "FILE", value_delimiter = ',', env = "FIELDWARD_CRD")]
    pub(in crate::cli) crd: Vec<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) cluster: LiveArgs,
}
