//! What is stored, read from etcd itself: no API server between the test and the bytes.

use std::net::SocketAddr;

use reqwest::Client;
use serde_json::{Value, json};

use crate::support::{PATIENCE, base64};

/// A client of etcd's gateway for JSON.
pub(crate) struct Etcd {
    client: Client,
    base: String,
}

impl Etcd {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            client: Client::builder().no_proxy().timeout(PATIENCE).build().unwrap(),
            base: format!("http://{address}"),
        }
    }

    /// Every version of a custom resource that was ever stored, the oldest first.
    ///
    /// Versions are kept until the API server compacts, which spares those of the last five
    /// minutes.
    pub(crate) async fn history(
        &self,
        group: &str,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> Vec<Value> {
        let key = format!("/registry/{group}/{resource}/{namespace}/{name}");
        let mut versions = Vec::new();
        let mut next = self.at(&key, 0).await;
        while let Some((value, modified, created)) = next {
            versions.push(value);
            next = if modified > created { self.at(&key, modified - 1).await } else { None };
        }
        versions.reverse();
        versions
    }

    /// The value of a key at a revision, 0 for the newest, and the revisions that gave it this
    /// value and made it.
    async fn at(&self, key: &str, revision: u64) -> Option<(Value, u64, u64)> {
        let request =
            json!({"key": base64::encode(key.as_bytes()), "revision": revision.to_string()});
        let response = self
            .client
            .post(format!("{}/v3/kv/range", self.base))
            .body(request.to_string())
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert!(answer["error"].is_null(), "{answer}");
        let found = answer["kvs"].get(0)?;
        let number = |name: &str| found[name].as_str().unwrap().parse().unwrap();
        let value =
            serde_json::from_slice(&base64::decode(found["value"].as_str().unwrap())).unwrap();
        Some((value, number("mod_revision"), number("create_revision")))
    }
}
