//! A file of rules, and the documents in it.

/// One file of rules: YAML, several documents separated by `---`, each a rule or a list of rules as
/// kubectl prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What errors call it: a file name, usually.
    pub origin: String,
    /// Its text.
    pub text: String,
}

/// The documents of a file, each with the number of its first line and padded with empty lines up
/// to it, so that places stay the file's. A line that starts with `---` separates documents
/// wherever it stands in YAML, even within a scalar; a document may begin on it.
pub(crate) fn split(text: &str) -> Vec<(u64, String)> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut first = 1;
    for (number, line) in (1u64..).zip(text.lines()) {
        let after_separator = line
            .strip_prefix("---")
            .filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        if after_separator.is_some() {
            parts.push((
                first,
                std::mem::replace(
                    &mut part,
                    "\n".repeat(usize::try_from(number - 1).unwrap_or_default()),
                ),
            ));
            let begins_here = after_separator.is_some_and(|rest| !rest.trim().is_empty());
            first = if begins_here { number } else { number + 1 };
            part.push_str("   ");
        }
        part.push_str(after_separator.unwrap_or(line));
        part.push('\n');
    }
    parts.push((first, part));
    parts.retain(|(_, part)| {
        part.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    });
    parts
}
