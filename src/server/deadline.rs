//! The time by which a review must be answered.
//!
//! The API server sends its timeout (`?timeout=5s`). Its clock starts before it connects. So the
//! timeout of a request that comes right after the handshake counts from when its connection was
//! accepted. The timeout of any other request counts from its first byte (HTTP/1.1) or its complete
//! head (HTTP/2). After the timeout the API server applies the failurePolicy of the registration,
//! which may let a forbidden update through.

use std::time::{Duration, Instant};

use axum::extract::Request;

/// The timeout of a request that does not state one.
const DEFAULT: Duration = Duration::from_secs(10);

/// A longer timeout is ignored: the API server allows at most 30 s for `timeoutSeconds`.
const MAX_SECONDS: u64 = 30;

/// When the timeout of a request began to count.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestStart(pub(super) Instant);

/// When a review must be answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerTime {
    /// The deadline for judging: the timeout less the margin, which is at most half of the timeout.
    pub(super) judge_by: Instant,
    /// The deadline for reading the uid: half a margin later. A review without a uid cannot be
    /// answered, so the server reads the beginning of a late review until then.
    pub(super) read_uid_by: Instant,
}

impl AnswerTime {
    pub(super) fn from_request(request: &Request, margin: Duration) -> Self {
        let began =
            request.extensions().get::<RequestStart>().map_or_else(Instant::now, |began| began.0);
        let timeout = timeout(request.uri().query());
        let margin = margin.min(timeout / 2);
        let judge_by = began + timeout.saturating_sub(margin);
        Self { judge_by, read_uid_by: judge_by + margin / 2 }
    }
}

fn timeout(query: Option<&str>) -> Duration {
    query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .find_map(|parameter| parameter.strip_prefix("timeout="))
        .and_then(|value| value.strip_suffix('s')?.parse().ok())
        .filter(|seconds| (1..=MAX_SECONDS).contains(seconds))
        .map_or(DEFAULT, Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn the_timeout_is_the_one_that_the_api_server_sends() {
        for (query, seconds) in [
            (Some("timeout=5s"), 5),
            (Some("a=b&timeout=30s"), 30),
            (Some("timeout=1s&timeout=7s"), 1),
            (Some("timeout=0s"), 10),
            (Some("timeout=-1s"), 10),
            (Some("timeout=5"), 10),
            (Some("timeout=5m"), 10),
            (Some("timeout=31s"), 10),
            (Some("timeout=99999999999999999999s"), 10),
            (Some("timeouts=5s"), 10),
            (Some(""), 10),
            (None, 10),
        ] {
            assert_eq!(timeout(query), Duration::from_secs(seconds), "{query:?}");
        }
    }

    #[test]
    fn the_margin_is_at_most_half_of_the_timeout() {
        let began = Instant::now();
        for (path, margin, expected) in [
            ("/validate?timeout=5s", 1000, (4000, 4500)),
            ("/validate?timeout=1s", 1000, (500, 750)),
            ("/validate", 1000, (9000, 9500)),
            ("/validate", 20_000, (5000, 7500)),
            ("/validate", 0, (10_000, 10_000)),
        ] {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = path.parse().unwrap_or_default();
            request.extensions_mut().insert(RequestStart(began));
            let time = AnswerTime::from_request(&request, Duration::from_millis(margin));
            let after = [time.judge_by, time.read_uid_by].map(|at| (at - began).as_millis());
            assert_eq!(after, <[u128; 2]>::from(expected), "{path}");
        }
    }
}
