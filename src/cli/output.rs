//! What commands print: in colour on a terminal, plain elsewhere, JSON on request.

use std::io::{ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use serde::Serialize;

use crate::engine::escape_json;

/// What is allowed, permitted, as expected, new.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What is denied, not permitted, not as expected, old.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// What needs a look.
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// What is said besides.
pub(crate) const ASIDE: Style = Style::new().dimmed();

pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints to standard output; styles are left out where it is no terminal, or `NO_COLOR` asks for
/// that.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Says something beside the output, to standard error. That it cannot be said is no reason to
/// stop.
pub(crate) fn say(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Prints a value as JSON; characters on which a terminal would act are escaped.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value).context("cannot write the report as JSON")?;
    print(&(escape_json(&text) + "\n"))
}
