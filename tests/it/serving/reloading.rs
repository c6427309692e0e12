//! Rule files that change under a running server.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::mount::Mount;
use crate::support::server::{Server, post};
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::rules_follow_their_files", follow),
        trial("serving::a_broken_set_of_rules_is_refused_whole", broken),
        trial("serving::rules_of_a_folder_come_and_go", folder),
    ]
}

fn rule(name: &str, mutable: &str) -> String {
    format!(
        "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
         {name}}}\nspec:\n  matchConstraints:\n    resourceRules: \
         [{{apiGroups: [example.com], apiVersions: [v1], resources: [{name}s], kinds: \
         [{name}]}}]\n  mutable: [{mutable}]\n"
    )
}

fn start(path: &str) -> Server {
    Server::start(&["--no-builtin-rules", "--rules", path, "--rules-reload-interval", "50ms"])
}

/// What an update of `spec.size` gets: the code, and the digest of the rules that gave it.
async fn verdict(server: &Server, resource: &str) -> (Option<u64>, String) {
    let object = |size: u8| {
        json!({"apiVersion": "example.com/v1", "kind": resource,
        "metadata": {"name": "a"}, "spec": {"size": size}})
    };
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1", "operation": "UPDATE", "name": "a", "userInfo": {"username": "alice"},
            "kind": {"group": "example.com", "version": "v1", "kind": resource},
            "resource": {"group": "example.com", "version": "v1",
                "resource": format!("{resource}s")},
            "oldObject": object(1), "object": object(2),
        },
    });
    let (status, body) = post(&server.client(), &server.url("/validate"), review.to_string()).await;
    if status != 200 {
        return (Some(u64::from(status)), body);
    }
    let response = &serde_json::from_str::<Value>(&body).unwrap()["response"];
    let digest =
        response["auditAnnotations"]["rules-digest"].as_str().unwrap_or_default().to_owned();
    (response["status"]["code"].as_u64(), digest)
}

async fn readiness(server: &Server) -> String {
    let (status, text) = server.ops("/readyz?verbose").await.unwrap();
    assert_eq!(status, 200, "{text}");
    text.lines().next().unwrap().to_owned()
}

async fn metric(server: &Server, name: &str) -> String {
    let text = server.ops("/metrics").await.unwrap().1;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap().to_owned()
}

async fn follow() {
    let mount = Mount::new(&[("widget.yaml", rule("widget", "spec.other").as_bytes())]);
    let server = start(&mount.path("widget.yaml"));
    let (code, before) = verdict(&server, "widget").await;
    assert_eq!(code, Some(403));
    mount.publish(&[("widget.yaml", rule("widget", "spec.size").as_bytes())]);
    until("the new list is in force", async || verdict(&server, "widget").await.0.is_none()).await;
    let (_, after) = verdict(&server, "widget").await;
    assert_ne!(before, after);
    assert_eq!(readiness(&server).await, format!("[+]rules ok: 1 in force, digest {after}"));
    let log = server.log();
    let line = log.lines().find(|line| line.contains("rules reloaded")).unwrap();
    assert!(line.contains(&after), "{line}");
    mount.publish(&[("widget.yaml", rule("widget", "spec.other").as_bytes())]);
    until("the old list is in force again", async || {
        verdict(&server, "widget").await == (Some(403), before.clone())
    })
    .await;
}

async fn broken() {
    let good = rule("widget", "spec.other");
    let mount = Mount::new(&[
        ("a.yaml", good.as_bytes()),
        ("b.yaml", rule("gadget", "spec.other").as_bytes()),
    ]);
    let server = start(&mount.path(""));
    let (_, digest) = verdict(&server, "widget").await;
    assert_eq!(metric(&server, "fieldward_rules_last_reload_successful").await, "1");
    // One of the two would load; its change must not be in force without the other.
    mount.publish(&[
        ("a.yaml", rule("widget", "spec.size").as_bytes()),
        ("b.yaml", rule("gadget", "spec..size").as_bytes()),
    ]);
    until("it is refused", async || {
        metric(&server, "fieldward_rules_last_reload_successful").await == "0"
    })
    .await;
    assert_eq!(verdict(&server, "widget").await, (Some(403), digest.clone()));
    let detail = readiness(&server).await;
    assert!(
        detail.starts_with(&format!(
            "[+]rules ok: 2 in force, digest {digest}; what was read last is refused: "
        )),
        "{detail}"
    );
    assert!(detail.contains("b.yaml:7:18: in path `spec..size`"), "{detail}");
    assert_eq!(metric(&server, "fieldward_rules").await, "2");
    let refused = || {
        server
            .log()
            .lines()
            .filter(|line| line.contains("rules not reloaded"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    // Several readings later it has been said once.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(refused().len(), 1);
    assert!(refused().concat().contains("b.yaml:7:18: in path `spec..size`"), "{:?}", refused());
    // What is mended is taken.
    mount.publish(&[
        ("a.yaml", rule("widget", "spec.size").as_bytes()),
        ("b.yaml", rule("gadget", "spec.size").as_bytes()),
    ]);
    until("it is in force", async || verdict(&server, "widget").await.0.is_none()).await;
    assert_eq!(metric(&server, "fieldward_rules_last_reload_successful").await, "1");
    assert!(!readiness(&server).await.contains("refused"));
}

async fn folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("widget.yaml"), rule("widget", "spec.other")).unwrap();
    let server = start(folder.path().to_str().unwrap());
    assert_eq!(verdict(&server, "gadget").await.0, Some(404));
    std::fs::write(file("gadget.yaml"), rule("gadget", "spec.other")).unwrap();
    until("a rule more is in force", async || verdict(&server, "gadget").await.0 == Some(403))
        .await;
    std::fs::remove_file(file("widget.yaml")).unwrap();
    until("a rule less is in force", async || verdict(&server, "widget").await.0 == Some(404))
        .await;
    // A folder that is emptied is not a server without rules.
    std::fs::remove_file(file("gadget.yaml")).unwrap();
    until("it is refused", async || readiness(&server).await.contains("no rule in the folder"))
        .await;
    assert_eq!(verdict(&server, "gadget").await.0, Some(403));
}
