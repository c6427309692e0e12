//! Plays the dashboard of every Ray cluster, where KubeRay submits jobs and asks how they are.
//!
//! The names of Services do not resolve in the trials, so KubeRay reaches the dashboard through an
//! HTTP proxy.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The status of each submitted job, by its submission ID.
type Jobs = Arc<Mutex<BTreeMap<String, &'static str>>>;

/// A dashboard that runs until its handle is dropped.
pub(super) struct Dashboard {
    pub(super) url: String,
    jobs: Jobs,
    serving: JoinHandle<()>,
}

impl Dashboard {
    pub(super) async fn start() -> Self {
        let jobs = Jobs::default();
        let routes = Router::new()
            .route("/api/jobs/", post(submit))
            .route("/api/jobs/{id}", get(show))
            .route("/api/jobs/{id}/stop", post(stop))
            .with_state(Arc::clone(&jobs));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        Self { url, jobs, serving }
    }

    /// Reports that a job has this status, as if a submitter had submitted it.
    pub(super) fn set(&self, id: &str, status: &'static str) {
        put(&self.jobs, id, status);
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn submit(State(jobs): State<Jobs>, body: String) -> String {
    let submitted: Value = serde_json::from_str(&body).unwrap();
    let id = submitted["submission_id"].as_str().unwrap();
    put(&jobs, id, "RUNNING");
    json!({"job_id": id}).to_string()
}

async fn show(State(jobs): State<Jobs>, Path(id): Path<String>) -> Result<String, StatusCode> {
    let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
    let status = jobs.get(&id).ok_or(StatusCode::NOT_FOUND)?;
    Ok(json!({"submission_id": id, "status": status, "start_time": 1, "end_time": 0}).to_string())
}

async fn stop(State(jobs): State<Jobs>, Path(id): Path<String>) -> String {
    put(&jobs, &id, "STOPPED");
    json!({"stopped": true}).to_string()
}

fn put(jobs: &Jobs, id: &str, status: &'static str) {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), status);
}
