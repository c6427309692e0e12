//! A lint's documentation as Markdown.

use super::definition::{Input, Lint, Severity};

impl Lint {
    /// The documentation under its four headings.
    pub(crate) fn documentation(&self) -> String {
        let Self { name, what, why, example, fix, fixed, .. } = self;
        let severity = self.severity.name();
        let input = match self.input {
            Input::Rule => "reads the rule alone",
            Input::Schema => "needs a schema (`--crd` or `--live`)",
        };
        format!(
            "# {name}\n\nSeverity: {severity}; {input}.\n\n## What it does\n\n{what}\n\n\
             ## Why it matters\n\n{why}\n\n## Example\n\n```yaml\n{example}```\n\n## Fix\n\n{fix}\n\n\
             ```yaml\n{fixed}```\n"
        )
    }
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}
