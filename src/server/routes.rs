//! `POST /validate` and `POST /validate/NAME`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{StatusCode, Version};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use super::body::{self, Reader, Received};
use super::deadline::AnswerTime;
use super::judge_pool::{Engine, JudgePool, Unjudged, guarded, guarded_async};
use super::log;
use super::memory_pool::Permit;
use super::metrics::Metrics;
use super::record::Recorder;
use super::served_rules::{RuleAddress, RuleSnapshot, ServedRules};
use crate::engine::{self, Reply, RuleSet, Unjudgeable};

/// How many rules a 404 names; the response must not grow with the rule set.
const NAMED: usize = 16;

/// How many reviews may wait at once for a rule to come.
const WAITING: usize = 64;

/// The code of the engine's reply where no rule covers the resource.
const NO_RULE: u16 = 404;

/// Limits on answering reviews.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerLimits {
    /// Limits on request bodies.
    pub(crate) bodies: body::BodyLimits,
    /// About how many bytes judging large reviews may take.
    pub(crate) judging_memory: usize,
    /// How long before the timeout of the API server a review is answered at the latest.
    pub(crate) margin: Duration,
}

/// Receives each reply with its review. It must not block: the response is sent after it returns.
pub(crate) type DenialListener = dyn Fn(&Reply, &[u8]) + Send + Sync;

/// The routes of the webhook.
pub(super) fn router(
    rules: Arc<ServedRules>,
    metrics: Arc<Metrics>,
    answers: AnswerLimits,
    recorder: Option<Arc<Recorder>>,
    denials: Option<Arc<DenialListener>>,
    engine: Engine,
) -> Router {
    let app = Arc::new(App {
        rules,
        metrics,
        reader: Reader::new(answers.bodies),
        pool: JudgePool::new(answers.judging_memory, engine),
        margin: answers.margin,
        recorder,
        denials,
        waiting: Semaphore::new(WAITING),
    });
    Router::new()
        .route("/validate", post(by_kind).fallback(not_post))
        .route("/validate/{name}", post(by_name).fallback(not_post))
        .fallback(no_path)
        .with_state(app)
}

struct App {
    rules: Arc<ServedRules>,
    metrics: Arc<Metrics>,
    reader: Reader,
    pool: JudgePool,
    margin: Duration,
    recorder: Option<Arc<Recorder>>,
    denials: Option<Arc<DenialListener>>,
    /// Places for reviews that wait for a rule to come.
    waiting: Semaphore,
}

async fn by_kind(State(app): State<Arc<App>>, request: Request) -> Response {
    app.review(RuleAddress::All, request).await
}

async fn by_name(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    app.review(RuleAddress::Rule(&text(name)), request).await
}

/// What is not text names nothing.
fn text(segment: Result<Path<String>, PathRejection>) -> String {
    segment.map(|Path(text)| text).unwrap_or_default()
}

async fn not_post(State(app): State<Arc<App>>, request: Request) -> Response {
    let sentence = "expected POST with an AdmissionReview";
    let mut response = app.refuse(request, StatusCode::METHOD_NOT_ALLOWED, sentence);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

async fn no_path(State(app): State<Arc<App>>, request: Request) -> Response {
    let sentence = "nothing is served at this path; POST to /validate or /validate/NAME";
    app.refuse(request, StatusCode::NOT_FOUND, sentence)
}

impl App {
    async fn review(&self, address: RuleAddress<'_>, request: Request) -> Response {
        let in_force = self.rules.current();
        if in_force.rules_at(address).is_empty() && self.rules.longest_wait().is_zero() {
            return self.refuse(request, StatusCode::NOT_FOUND, no_rule(&in_force));
        }
        if !is_json(request.headers()) {
            let sentence = "expected Content-Type application/json";
            return self.refuse(request, StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence);
        }
        let version = request.version();
        let time = AnswerTime::from_request(&request, self.margin);
        let connection = request.extensions().get().cloned().unwrap_or_default();
        let received = self.reader.read(request.into_body(), &connection, time).await;
        let started = Instant::now();
        let (mut to_record, mut to_tell, mut closes) = (None, None, false);
        let reply = match received {
            Received::Whole(bytes, share) => {
                let bytes = Bytes::from(bytes);
                let judged = guarded_async(self.judged(address, &bytes, share));
                match timeout_at(time.judge_by.into(), judged).await {
                    Ok(Some(Some((judged_by, Ok(reply))))) => {
                        to_tell = self.denials.as_ref().map(|denials| (denials, bytes.clone()));
                        to_record =
                            self.recorder.as_ref().map(|recorder| (recorder, judged_by, bytes));
                        Some(reply)
                    }
                    Ok(None | Some(Some((_, Err(Unjudged::Panicked))))) => {
                        self.unread(address, &bytes, &Unjudgeable::Internal)
                    }
                    Ok(Some(Some((_, Err(Unjudged::TooMuchMemory(estimate)))))) => {
                        let why = Unjudgeable::TooMuchMemory(estimate);
                        self.unread(address, &bytes, &why)
                    }
                    Ok(Some(None)) => {
                        return self.fail(StatusCode::NOT_FOUND, no_rule(&self.rules.current()));
                    }
                    Err(_) => self.unread(address, &bytes, &Unjudgeable::TimedOut),
                }
            }
            Received::Oversized(beginning) => {
                closes = true;
                self.unread(address, &beginning, &Unjudgeable::Oversized(self.reader.cap()))
            }
            Received::TimedOut(beginning) => {
                closes = true;
                let reply = self.unread(address, &beginning, &Unjudgeable::TimedOut);
                if reply.as_ref().is_some_and(|reply| reply.allowed().is_none()) {
                    let sentence =
                        "the body did not come in time; send it faster or raise --body-timeout";
                    return closing(self.fail(StatusCode::REQUEST_TIMEOUT, sentence), version);
                }
                reply
            }
            Received::Broken => {
                return self.fail(StatusCode::BAD_REQUEST, "the body ended before it was whole");
            }
        };
        let response = match reply {
            Some(reply) => {
                // The API server gets its answer even if telling others of it panics.
                guarded(|| {
                    self.metrics.observe(&reply, started.elapsed());
                    log::reply(&reply);
                    if let Some((denials, bytes)) = to_tell {
                        denials(&reply, &bytes);
                    }
                    if let Some((recorder, rules, bytes)) =
                        to_record.filter(|_| reply.allowed().is_some())
                    {
                        recorder.offer(&rules, bytes);
                    }
                });
                respond(reply)
            }
            None => self.fail(
                StatusCode::INTERNAL_SERVER_ERROR,
                "judging this review failed; the server's log says where",
            ),
        };
        if closes { closing(response, version) } else { response }
    }

    /// Answers a review that is not judged, based on its first bytes. If the rule that the path
    /// names is not in force, all rules apply.
    fn unread(
        &self,
        address: RuleAddress<'_>,
        beginning: &[u8],
        why: &Unjudgeable,
    ) -> Option<Reply> {
        let in_force = self.rules.current();
        let matching = in_force.rules_at(address);
        let rules = matching.first().unwrap_or(in_force.all());
        guarded(|| engine::answer_unread(rules, beginning, why))
    }

    /// The reply, and the rules that gave it; none if no rule matches. A registration and the rules
    /// in force do not change at the same moment. So if no rule matches, this asks the rules that
    /// were removed a moment ago, and then waits briefly for new ones.
    async fn judged(
        &self,
        address: RuleAddress<'_>,
        bytes: &Bytes,
        share: Permit,
    ) -> Option<(RuleSet, Result<Reply, Unjudged>)> {
        let (share, mut found, mut waiting) = (Arc::new(share), None, None);
        let mut newer = self.rules.follow();
        let until = tokio::time::Instant::now() + self.rules.longest_wait();
        loop {
            for rules in self.rules.current().rules_at(address) {
                let reply = self.pool.judge(rules.clone(), bytes.clone(), Arc::clone(&share)).await;
                let is_covered = reply.as_ref().ok().and_then(Reply::error_code) != Some(NO_RULE);
                found = Some((rules, reply));
                if is_covered {
                    return found;
                }
            }
            waiting = waiting.or_else(|| self.waiting.try_acquire().ok());
            if waiting.is_none() || !matches!(timeout_at(until, newer.changed()).await, Ok(Ok(())))
            {
                return found;
            }
        }
    }

    fn refuse(&self, request: Request, status: StatusCode, sentence: impl AsRef<str>) -> Response {
        self.reader.discard(request.into_body());
        self.fail(status, sentence)
    }

    fn fail(&self, status: StatusCode, sentence: impl AsRef<str>) -> Response {
        self.metrics.error(status.as_u16());
        (status, format!("{}\n", sentence.as_ref())).into_response()
    }
}

fn respond(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_static(reply.content_type());
    let mut response = Response::new(Body::from(reply.into_body()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// HTTP/2 has no such header, and its other streams are not to blame.
fn closing(mut response: Response, version: Version) -> Response {
    if version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Never repeats the requested name: it is the client's text.
fn no_rule(in_force: &RuleSnapshot) -> String {
    let mut names: Vec<&str> = in_force.all().names().take(NAMED).collect();
    if in_force.all().len() > names.len() {
        names.push("…");
    }
    if names.is_empty() {
        return "there is no rule of that name; none is in force".to_owned();
    }
    format!("there is no rule of that name; those in force are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use tower_service::Service;

    use super::*;
    use crate::engine::Builtin;

    #[test]
    fn json_is_told_by_its_essence() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/json;charset=utf-8", true),
            ("application/json-patch+json", false),
            ("text/plain; application/json", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
            assert_eq!(is_json(&headers), expected, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    const REVIEW: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1","kind":{"group":"batch.volcano.sh","version":"v1alpha1","kind":"Job"},"resource":{"group":"batch.volcano.sh","version":"v1alpha1","resource":"jobs"},"name":"j","operation":"UPDATE","userInfo":{"username":"alice"},"object":{},"oldObject":{}}}"#;

    /// An engine with a bug that only some reviews meet.
    const BROKEN: Engine = Engine {
        if_cheap: |rules, body| {
            assert!(!body.ends_with(b" "), "on purpose");
            engine::admit_if_cheap(rules, body)
        },
        within: |_, _, _, _| panic!("on purpose"),
    };

    /// Routes with this engine and this listener.
    fn routes(engine: Engine, denials: Option<Arc<DenialListener>>) -> (Router, Arc<Metrics>) {
        let rules = RuleSet::load(Builtin::Included, &[]).unwrap();
        let rules = ServedRules::new(rules, std::time::SystemTime::now(), Duration::ZERO);
        let metrics = Arc::new(Metrics::new(prometheus::Registry::new()).unwrap());
        let answers = AnswerLimits {
            bodies: body::BodyLimits {
                cap: 1 << 20,
                timeout: Duration::from_secs(10),
                memory: 16 << 20,
            },
            judging_memory: 16 << 20,
            margin: Duration::from_secs(1),
        };
        let router = router(Arc::new(rules), Arc::clone(&metrics), answers, None, denials, engine);
        (router, metrics)
    }

    /// The response to a review.
    async fn response(router: &mut Router, review: String) -> serde_json::Value {
        let request = Request::post("/validate?timeout=30s")
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(review))
            .unwrap();
        let response = router.call(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let review: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(review["response"]["uid"], "u-1");
        review["response"].clone()
    }

    #[tokio::test]
    async fn a_panic_is_answered_as_a_review_that_cannot_be_judged() {
        let (mut router, metrics) = routes(BROKEN, None);
        let large = " ".repeat(100_000);
        for (after, code) in [(" ", Some(500)), (large.as_str(), Some(500)), ("", None)] {
            let response = response(&mut router, REVIEW.to_owned() + after).await;
            assert_eq!(response["allowed"], code.is_none(), "{response}");
            assert_eq!(response["status"]["code"].as_u64(), code);
        }
        let text = String::from_utf8(metrics.text()).unwrap();
        assert!(text.contains("fieldward_review_errors_total{code=\"500\"} 2\n"), "{text}");
    }

    #[tokio::test]
    async fn a_panic_after_judging_does_not_hold_the_answer_back() {
        let told = Arc::new(|_: &Reply, _: &[u8]| panic!("on purpose"));
        let (mut router, _) = routes(Engine::default(), Some(told));
        let forbidden = REVIEW.replace(r#""object":{}"#, r#""object":{"spec":{"queue":"x"}}"#);
        let response = response(&mut router, forbidden).await;
        assert_eq!(response["allowed"], false);
        assert_eq!(response["status"]["code"], 403);
    }

    /// Runs in a process of its own, where the log and the panic hook are this test's.
    #[test]
    fn a_panic_is_logged_with_its_place_and_without_its_message() {
        const CHILD: &str = "FIELDWARD_PANICS_ON_PURPOSE";
        if std::env::var_os(CHILD).is_some() {
            let guard = log::init(log::LogFormat::Json, "info").unwrap();
            let (mut router, _) = routes(BROKEN, None);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(response(&mut router, REVIEW.to_owned() + " "));
            drop(guard);
            return;
        }
        let test = std::thread::current().name().unwrap().to_owned();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let output = child.args([&test, "--exact"]).env(CHILD, "1").output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && !log.contains("on purpose"), "{log}");
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [panicked, denied] = lines.as_slice() else { panic!("{log}") };
        assert_eq!(panicked["message"], "a bug: panicked; please report it");
        assert_eq!(panicked["level"], "ERROR");
        assert!(panicked["place"].as_str().unwrap().starts_with("src/server/routes.rs:"), "{log}");
        assert_eq!((&denied["code"], &denied["decision"]), (&500.into(), &"deny".into()), "{log}");
    }
}
