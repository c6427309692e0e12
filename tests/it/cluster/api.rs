//! A client of the API server that says each verb as it is: no library between the test and the
//! wire.

use std::net::SocketAddr;

use reqwest::{Client, Method};
use serde_json::Value;

use super::THEIRS;
use crate::support::server::trusting;

/// Who asks, and where.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    base: String,
    headers: Vec<(&'static str, String)>,
}

/// What the API server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
    /// What its `Warning` headers say.
    pub(crate) warnings: Vec<String>,
}

/// The kinds of patch, by their media types.
pub(crate) const JSON_PATCH: &str = "application/json-patch+json";
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";
pub(crate) const APPLY_PATCH: &str = "application/apply-patch+yaml";

impl Api {
    pub(crate) fn new(address: SocketAddr, ca: &str, token: &str) -> Self {
        let headers = vec![("authorization", format!("Bearer {token}"))];
        // An API server that compiles the policies of several trials leaves others waiting for
        // longer than a webhook ever may.
        Self {
            client: trusting(ca).timeout(THEIRS).build().unwrap(),
            base: format!("https://{address}"),
            headers,
        }
    }

    /// The same, as somebody else: RBAC then covers that user and those groups.
    pub(crate) fn impersonating(&self, user: &str, groups: &[&str]) -> Self {
        let mut other = self.clone();
        other.headers.push(("impersonate-user", user.to_owned()));
        other.headers.extend(groups.iter().map(|group| ("impersonate-group", (*group).to_owned())));
        other
    }

    pub(crate) async fn is_ready(&self) -> bool {
        let request = self
            .client
            .get(format!("{}/readyz", self.base))
            .header("authorization", &self.headers[0].1);
        request.send().await.is_ok_and(|response| response.status().is_success())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "application/json", &Value::Null).await
    }

    pub(crate) async fn create(&self, path: &str, object: &Value) -> Answer {
        self.send(Method::POST, path, "application/json", object).await
    }

    pub(crate) async fn replace(&self, path: &str, object: &Value) -> Answer {
        self.send(Method::PUT, path, "application/json", object).await
    }

    pub(crate) async fn patch(&self, path: &str, kind: &str, change: &Value) -> Answer {
        self.send(Method::PATCH, path, kind, change).await
    }

    pub(crate) async fn delete(&self, path: &str, options: &Value) -> Answer {
        self.send(Method::DELETE, path, "application/json", options).await
    }

    /// The text of an endpoint that does not speak JSON.
    pub(crate) async fn text(&self, path: &str) -> String {
        let request = self
            .client
            .get(format!("{}{path}", self.base))
            .header("authorization", &self.headers[0].1);
        request.send().await.unwrap().text().await.unwrap()
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: &Value) -> Answer {
        self.try_send(method, path, kind, body).await.unwrap()
    }

    /// One request; an error is one of the connection to the API server.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: &Value,
    ) -> reqwest::Result<Answer> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !body.is_null() {
            request = request.header("content-type", kind).body(body.to_string());
        }
        let response = request.send().await?;
        let code = response.status().as_u16();
        let warnings = response
            .headers()
            .get_all("warning")
            .iter()
            .map(|warning| String::from_utf8_lossy(warning.as_bytes()).into_owned());
        let warnings = warnings.collect();
        let text = response.text().await?;
        Ok(Answer {
            code,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
            warnings,
        })
    }
}

impl Answer {
    /// The object; anything but success fails the trial.
    pub(crate) fn object(self) -> Value {
        assert!(self.is_ok(), "{} {}", self.code, self.body);
        self.body
    }

    pub(crate) fn is_ok(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// The sentence of a refusal.
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// The fields that a refusal names as its causes.
    pub(crate) fn fields(&self) -> Vec<&str> {
        let causes = self.body["details"]["causes"].as_array();
        causes.into_iter().flatten().filter_map(|cause| cause["field"].as_str()).collect()
    }
}
