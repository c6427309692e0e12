//! Conditions that take all that a review may spend: the other reviews are answered meanwhile,
//! whatever their rule.

use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::server::{Server, post};
use crate::support::trial;

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("serving::conditions_that_spend_all_delay_nobody", spenders)]
}

/// Reviews in flight for each that can run at once: a minute's work, of which a busy machine too
/// does less than half while six small ones are answered.
const IN_LINE: usize = 32;

/// Nothing times out before the small reviews are answered.
const PATH: &str = "/validate?timeout=30s";

async fn spenders() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("widget.yaml");
    std::fs::write(&file, rule()).unwrap();
    let server = Server::start(&["--rules", file.to_str().unwrap()]);
    let cores = std::thread::available_parallelism().unwrap().get();
    let spending: Vec<_> = (0..cores * IN_LINE)
        .map(|_| {
            let (client, url) = (server.client(), server.url(PATH));
            tokio::spawn(async move { post(&client, &url, review("widgets", 1_500)).await })
        })
        .collect();
    // They are at it, whatever this takes; that they are in flight at the end too is what counts.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for resource in ["widgets", "gadgets", "widgets", "gadgets", "widgets", "gadgets"] {
        let (status, body) = post(&server.client(), &server.url(PATH), review(resource, 2)).await;
        let reply: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &reply["response"]["allowed"]), (200, &json!(true)), "{body}");
    }
    let answered = spending.iter().filter(|task| task.is_finished()).count();
    assert!(answered < spending.len() / 2, "{answered} of {} were answered first", spending.len());
    for task in spending {
        task.abort();
    }
}

/// Widgets with conditions that grow with the square of a list, gadgets without any.
pub(super) fn rule() -> String {
    let when =
        |least: i32| format!("oldObject.spec.a.all(x, oldObject.spec.a.all(y, x + y >= {least}))");
    let rule = |name: &str, mutable: Value| {
        let resources =
            json!([{"apiGroups": ["example.com"], "apiVersions": ["v1"], "resources": [name]}]);
        let spec = json!({"matchConstraints": {"resourceRules": resources}, "mutable": mutable});
        json!({"apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule",
            "metadata": {"name": name}, "spec": spec})
        .to_string()
    };
    let entry = |number: i32| json!({"path": format!("spec.t{number}"), "when": when(-number)});
    format!(
        "{}\n---\n{}\n",
        rule("widgets", json!([entry(0), entry(1), entry(2)])),
        rule("gadgets", json!(["spec.t0", "spec.t1", "spec.t2"]))
    )
}

pub(super) fn review(resource: &str, length: u32) -> String {
    let list: Vec<u32> = (0..length).collect();
    let object = |t: u32| json!({"spec": {"a": list, "t0": t, "t1": t, "t2": t}});
    let request = json!({
        "uid": "u", "operation": "UPDATE", "userInfo": {"username": "alice"},
        "kind": {"group": "example.com", "version": "v1", "kind": "Widget"},
        "resource": {"group": "example.com", "version": "v1", "resource": resource},
        "object": object(2), "oldObject": object(1),
    });
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
        .to_string()
}
