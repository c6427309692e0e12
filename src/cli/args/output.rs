//! How a command prints its report.

use clap::ValueEnum;

/// `F` is the enum of the command's formats; one of them must be `text`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::cli) struct OutputArgs<F: ValueEnum + Send + Sync + 'static = Format> {
    /// How the report is printed
    #[arg(
        id = "output",
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        env = "FIELDWARD_OUTPUT"
    )]
    pub(in crate::cli) format: F,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    Text,
    Json,
}
