//! How a command prints its report.

/// The form of the report.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::cli) struct OutputArgs {
    /// How the report is printed
    #[arg(
        id = "output",
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        env = "FIELDWARD_OUTPUT"
    )]
    pub(in crate::cli) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(in crate::cli) enum Format {
    #[default]
    Text,
    Json,
}
