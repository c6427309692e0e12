//! Probes and metrics, over plain HTTP on a port of their own: `/livez`, `/readyz`, `/metrics`.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use tokio::sync::watch;

use super::config::ReadyCheck;
use super::metrics::{self, Metrics};
use super::served_rules::ServedRules;
use super::shutdown::Phase;
use super::tls::Tls;

/// What probes and metrics look at.
pub(super) struct Ops {
    pub(super) rules: Arc<ServedRules>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) tls: Arc<Tls>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) others: Vec<ReadyCheck>,
}

/// The routes of the operations port.
pub(super) fn router(ops: Ops) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .fallback(async || {
            (
                StatusCode::NOT_FOUND,
                "nothing is served at this path; there are /livez, /readyz and /metrics\n",
            )
        })
        .with_state(Arc::new(ops))
}

async fn livez(RawQuery(query): RawQuery) -> Response {
    // That this answer comes is the check.
    report("livez", &[("ping", Ok(None))], verbose(query.as_deref()))
}

async fn readyz(State(ops): State<Arc<Ops>>, RawQuery(query): RawQuery) -> Response {
    report("readyz", &ops.checks(SystemTime::now()), verbose(query.as_deref()))
}

async fn scrape(State(ops): State<Arc<Ops>>) -> Response {
    let text = ops.metrics.render(&ops.rules, ops.tls.expires_at());
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

/// The name of a check, and its error, or a remark if it passes.
type ProbeCheck = (&'static str, Result<Option<String>, String>);

impl Ops {
    fn checks(&self, now: SystemTime) -> Vec<ProbeCheck> {
        let expires_at = u64::try_from(self.tls.expires_at()).unwrap_or(0);
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let unless =
            |fails: bool, reason: &str| if fails { Err(reason.to_owned()) } else { Ok(None) };
        let own = [
            // A server is never built without rules, so it is always ready in this respect. A
            // refused newer set does not change that: all replicas read the same rules, so none
            // would be left.
            ("rules", Ok(Some(self.rules()))),
            ("certificate", unless(now > expires_at, "the certificate has expired")),
            (
                "shutdown",
                unless(*self.phase.borrow() != Phase::Serving, "the server is shutting down"),
            ),
        ];
        let others =
            self.others.iter().map(|check| (check.name, check.state.borrow().clone().map(Some)));
        own.into_iter().chain(others).collect()
    }

    fn rules(&self) -> String {
        let current = self.rules.current();
        let in_force =
            format!("{} in force, digest {}", current.all().len(), current.all().digest());
        match self.rules.refusal() {
            None => in_force,
            Some(reason) => {
                format!("{in_force}; what was read last is refused: {}", reason.replace('\n', "; "))
            }
        }
    }
}

/// In the words of the API server's own probes.
fn report(probe: &str, checks: &[ProbeCheck], verbose: bool) -> Response {
    let failed = checks.iter().any(|(_, outcome)| outcome.is_err());
    if !failed && !verbose {
        return "ok".into_response();
    }
    let mut text = String::new();
    for (name, outcome) in checks {
        // Writing to a string cannot fail.
        let _ = match outcome {
            Ok(None) => writeln!(text, "[+]{name} ok"),
            Ok(Some(more)) => writeln!(text, "[+]{name} ok: {more}"),
            Err(reason) => writeln!(text, "[-]{name} failed: {reason}"),
        };
    }
    let (status, word) = if failed {
        (StatusCode::SERVICE_UNAVAILABLE, "failed")
    } else {
        (StatusCode::OK, "passed")
    };
    let _ = writeln!(text, "{probe} check {word}");
    (status, text).into_response()
}

fn verbose(query: Option<&str>) -> bool {
    query.is_some_and(|query| {
        query.split('&').any(|pair| pair == "verbose" || pair.starts_with("verbose="))
    })
}
