//! A lint's documentation as Markdown.

use super::definition::{Input, Lint, Severity};

impl Lint {
    pub(crate) fn documentation(&self) -> String {
        let input = match self.input {
            Input::Rule => "reads the rule alone",
            Input::Schema => "needs a schema (`--crd` or `--live`)",
        };
        format!(
            "# {}\n\nSeverity: {}; {input}.\n{}{}{}{}",
            self.name,
            self.severity.name(),
            section("What it does", self.what),
            section("Why it matters", self.why),
            section("Example", &yaml(self.example)),
            section("Fix", &format!("{}\n\n{}", self.fix, yaml(self.fixed))),
        )
    }
}

fn section(heading: &str, text: &str) -> String {
    format!("\n## {heading}\n\n{text}\n")
}

fn yaml(text: &str) -> String {
    format!("```yaml\n{text}```")
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
