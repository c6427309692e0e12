//! What commands print: in colour on a terminal, plain elsewhere, JSON on request.

use std::io::{ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use serde::Serialize;

use crate::engine::harmless;

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// What is allowed, permitted, as expected, new.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is denied, not permitted, not as expected, old.
pub const BAD: Style = AnsiColor::Red.on_default();
/// What needs a look.
pub const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// What is said besides.
pub const ASIDE: Style = Style::new().dimmed();

/// `text` in a style.
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints to standard output; styles are left out where it is no terminal, or `NO_COLOR` asks for that.
///
/// # Errors
/// Output that cannot be written; a reader that has gone is none.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ => Ok(()),
    }
}

/// Says something beside the output, to standard error. That it cannot be said is no reason to stop.
pub fn say(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Prints a value as JSON; characters on which a terminal would act are escaped.
///
/// # Errors
/// Output that cannot be written.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value).context("cannot write the report as JSON")?;
    print(&(escaped(&text) + "\n"))
}

/// JSON with the characters escaped on which a terminal would act: outside of strings it has none but the line feed.
pub fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        let mut buffer = [0; 4];
        let text: &str = letter.encode_utf8(&mut buffer);
        if letter == '\n' || harmless(text) == text {
            out.push(letter);
        } else {
            out.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn json_stays_json_and_acts_on_no_terminal() {
        let value = serde_json::json!({"a\u{9b}": "\u{202e}\u{e0001}\n\u{1b}é"});
        let text = escaped(&serde_json::to_string_pretty(&value).unwrap_or_default());
        assert_eq!(text, "{\n  \"a\\u009b\": \"\\u202e\\udb40\\udc01\\n\\u001bé\"\n}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value));
    }
}
