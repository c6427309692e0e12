//! Files that a command is given: JSON or YAML, from a path or from standard input.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::engine::{before_quote, escape_control, is_own_document};
use crate::server::files::{Accepted, FileReader, name_of};

/// The bytes of a file or a pipe, or of standard input for `-`; without a byte order mark.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = FileReader::new(Accepted::Pipes)
        .read(path, u64::MAX)
        .with_context(|| format!("cannot read {}", name_of(path)))?;
    Ok(without_byte_order_mark(bytes))
}

pub(crate) fn without_byte_order_mark(bytes: Vec<u8>) -> Vec<u8> {
    bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes)
}

/// The JSON of every document in `bytes`. What is JSON already stays as it is, byte for byte.
pub(crate) fn as_json(name: &str, bytes: Vec<u8>) -> anyhow::Result<Vec<Vec<u8>>> {
    let Err(not_json) = serde_json::from_slice::<IgnoredAny>(&bytes) else {
        return Ok(vec![bytes]);
    };
    if Path::new(name).extension().is_some_and(|extension| extension == "json") {
        return Err(anyhow!("{name}:{}", json_error(&not_json, "")));
    }
    let looks_like_json = bytes
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|byte| matches!(byte, b'{' | b'['));
    let documents = match yaml(name, &bytes) {
        Ok(documents) => documents,
        Err(_) if looks_like_json => return Err(anyhow!("{name}:{}", json_error(&not_json, ""))),
        Err(error) => return Err(error),
    };
    if documents.is_empty() {
        bail!("{name}: expected JSON or YAML, found an empty file");
    }
    documents
        .iter()
        .map(|document| serde_json::to_vec(document).context("cannot write YAML as JSON"))
        .collect()
}

fn yaml(name: &str, bytes: &[u8]) -> anyhow::Result<Vec<Value>> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| anyhow!("{name}: expected UTF-8, found {error}"))?;
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| anyhow!("{name}:{}", yaml_error(&error, text)))
}

/// `line:column: message`, on one line.
pub(crate) fn json_error(error: &serde_json::Error, text: &str) -> String {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    // A syntax error never quotes the text; an error about its data may.
    let message = if error.is_data() { shown(message, text) } else { escape_control(message) };
    format!("{}:{}: {message}", error.line(), error.column())
}

/// `line:column: message`, on one line.
pub(crate) fn yaml_error(error: &serde_saphyr::Error, text: &str) -> String {
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    let rendered = error.to_string();
    let message = rendered.split(" at line ").next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    format!("{line}:{column}: {}", shown(&message.lines().collect::<Vec<_>>().join(" "), text))
}

/// A parser's message; it may quote only documents of this program.
fn shown(message: &str, text: &str) -> String {
    escape_control(if is_own_document(text) { message } else { before_quote(message) })
}

/// Whether the file's name says that it holds JSON or YAML.
pub(crate) fn is_document(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["json", "yaml", "yml"].iter().any(|known| extension == *known))
}

/// Whether a folder does not show the file.
pub(crate) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The paths in a folder, sorted.
pub(crate) fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    FileReader::new(Accepted::Pipes)
        .entries(folder)
        .with_context(|| format!("cannot read the folder {}", name_of(folder)))
}
