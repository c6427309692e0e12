//! The log, to stderr: one line for each decision other than to allow. Paths and names, never
//! values.

use std::io::{self, BufWriter, IsTerminal, Stderr, Write};
use std::time::Duration;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::engine::{Decision, Reply};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people; in colour on a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The filter cannot be parsed.
    #[error(
        "`{0}` is no log level; expected error, warn, info, debug, trace, or directives such as \
         `info,fieldward=debug`"
    )]
    Filter(String),
    /// Something else has set up logging in this process.
    #[error("logging is set up already")]
    Twice,
}

/// Lines that wait for a stderr that takes none; further ones are dropped. A reader that has
/// stopped must not stop verdicts.
const WAITING_LINES: usize = 4096;

/// How long the writing thread lets lines gather after it has written some. Under load that is one
/// call and no waking for many lines; a line that comes alone is written at once.
const PAUSE: Duration = Duration::from_millis(5);

/// Bytes of lines that are written with one call.
const BATCH: usize = 64 * 1024;

/// Writes what has gathered, then pauses: the thread asks for a flush when no line waits any more.
struct Batches(BufWriter<Stderr>);

impl Write for Batches {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        std::thread::sleep(PAUSE);
        Ok(())
    }
}

/// The libraries of the client log every failed attempt with debug output. Our own lines report
/// each error once.
const QUIET: &str = "kube_client=off,kube_runtime=off,kube_lease_manager=off";

/// Sends log lines to stderr from now on, through a thread of its own. A panic is logged with its
/// place and without its message. Dropping the guard writes what is queued.
///
/// # Errors
/// A filter that cannot be parsed, or a second call.
pub(crate) fn init(format: LogFormat, filter: &str) -> Result<WorkerGuard, LogError> {
    EnvFilter::try_new(filter).map_err(|_| LogError::Filter(filter.to_owned()))?;
    let level = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .map_err(|_| LogError::Filter(filter.to_owned()))?;
    let (stderr, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING_LINES)
        .lossy(true)
        .finish(Batches(BufWriter::with_capacity(BATCH, io::stderr())));
    let lines = tracing_subscriber::fmt().with_env_filter(level).with_writer(stderr);
    match format {
        LogFormat::Text => {
            let colour = io::stderr().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
            lines.with_ansi(colour).with_target(false).finish().try_init()
        }
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).finish().try_init()
        }
    }
    .map_err(|_| LogError::Twice)?;
    std::panic::set_hook(Box::new(|panic| {
        // The payload may quote what was judged.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a bug: panicked; please report it");
    }));
    Ok(guard)
}

/// The decisions that are logged, and the message of each. Two rules can decide differently about
/// one update.
const LOGGED: [(Decision, &str); 4] = [
    (Decision::Deny, "update denied"),
    (Decision::Warn, "violation reported as a warning"),
    (Decision::Audit, "violation recorded"),
    (Decision::Exempt, "violation permitted by an exemption"),
];

/// Logs one line for each decision other than to allow, one if the review could not be judged, and
/// one if conditions could not be decided. At debug level also one for each of the first lists that
/// do not pair by their key.
pub(super) fn reply(reply: &Reply) {
    conditions(reply);
    let Some(subject) = reply.subject.as_ref() else {
        if let Some(code) = reply.error_code() {
            tracing::debug!(code, "not a review");
        }
        return;
    };
    for (rule, fault) in &reply.list_faults {
        tracing::debug!(
            rule = rule.as_str(),
            fault,
            kind = subject.kind,
            namespace = subject.namespace,
            name = subject.name,
            uid = subject.uid,
            "a list does not pair by its key"
        );
    }
    let mut is_logged = false;
    for (decision, message) in LOGGED {
        let rules: Vec<&str> = reply
            .rules()
            .iter()
            .filter(|outcome| outcome.decision == decision)
            .map(|outcome| outcome.rule.as_str())
            .collect();
        if rules.is_empty() {
            continue;
        }
        is_logged = true;
        let message = if reply.error_code().is_some() && decision != Decision::Deny {
            NOT_JUDGED
        } else {
            message
        };
        tracing::info!(
            decision = decision.as_str(),
            rule = rules.join(","),
            kind = subject.kind,
            namespace = subject.namespace,
            name = subject.name,
            user = subject.user,
            fields = reply.fields_text(),
            code = reply.error_code(),
            uid = subject.uid,
            "{message}"
        );
    }
    if let Some(code) = reply.error_code().filter(|_| !is_logged) {
        tracing::info!(
            code,
            kind = subject.kind,
            namespace = subject.namespace,
            name = subject.name,
            user = subject.user,
            uid = subject.uid,
            "{NOT_JUDGED}"
        );
    }
}

/// The message for a review that could not be judged and is not denied.
const NOT_JUDGED: &str = "review not judged";

/// Conditions that could not be decided: one line for a review, however many there are.
fn conditions(reply: &Reply) {
    let Some((subject, [first, others @ ..])) =
        reply.subject.as_ref().zip(Some(reply.condition_failures.as_slice()))
    else {
        return;
    };
    tracing::warn!(
        rule = first.rule,
        entry = first.path,
        reason = first.reason,
        times = first.times,
        others = others.len(),
        kind = subject.kind,
        namespace = subject.namespace,
        name = subject.name,
        uid = subject.uid,
        "a condition could not be decided and granted nothing"
    );
}
