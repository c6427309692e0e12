//! What the log and the metrics say of each decision.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::corpus::{Case, cases};
use crate::support::server::{Server, fieldward, post};
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::each_decision_other_than_to_allow_is_logged", each_decision_is_logged),
        trial("serving::each_use_of_an_exemption_is_logged_and_counted", exemptions),
        trial("serving::no_text_of_a_requester_acts_on_a_terminal", hostile_text),
    ]
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}

/// The lines of the log that have a decision, as their reviews end one after the other.
async fn decided(server: &Server, count: usize) -> Vec<Value> {
    let lines = || {
        let log = server.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| !line["decision"].is_null()).collect::<Vec<_>>()
    };
    until("the lines", async || lines().len() >= count).await;
    assert_eq!(lines().len(), count);
    lines()
}

async fn each_decision_is_logged() {
    let actions =
        ["warn", "audit", "exempt"].map(|name| format!("tests/cases/actions/{name}/rules.yaml"));
    let rules = actions.join(",");
    let server = Server::start(&["--no-builtin-rules", "--rules", &rules, "--log-format", "json"]);
    let client = server.client();
    let table = [
        ("warn", "actions/warn/warns-only", "warn", "violation reported as a warning", "spec.a"),
        ("warn", "actions/warn/unjudgeable-warns-only", "warn", "review not judged", ""),
        ("audit", "actions/audit/records-only", "audit", "violation recorded", "spec.a"),
        (
            "exempt",
            "actions/exempt/exempt-group",
            "exempt",
            "violation permitted by an exemption",
            "spec.a",
        ),
        ("exempt", "actions/exempt/forbidden-is-403", "deny", "update denied", "spec.a"),
    ];
    for (rule, name, ..) in table {
        assert_eq!(
            post(&client, &server.url(&format!("/validate/{rule}")), case(name).review.to_string())
                .await
                .0,
            200
        );
    }
    for (line, (rule, name, decision, message, fields)) in
        decided(&server, table.len()).await.into_iter().zip(table)
    {
        let request = &case(name).review["request"];
        let expected = json!({
            "message": message, "decision": decision, "rule": rule, "fields": fields,
            "kind": "Widget",
            "namespace": request["namespace"], "name": request["name"],
            "user": request["userInfo"]["username"], "uid": request["uid"],
        });
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(line[field], *value, "{name}: {field} of {line}");
        }
    }
    // Rules decide one by one: what one permits another may deny.
    post(
        &client,
        &server.url("/validate"),
        case("actions/exempt/forbidden-is-403").review.to_string(),
    )
    .await;
    let all = decided(&server, table.len() + 3).await;
    let last: Vec<&Value> = all.iter().skip(table.len()).map(|line| &line["decision"]).collect();
    assert_eq!(last, ["deny", "warn", "audit"]);
}

async fn exemptions() {
    let denied = case("volcano-job/vj-mixed");
    let (namespace, user) =
        (&denied.review["request"]["namespace"], &denied.review["request"]["userInfo"]["username"]);
    let (namespace, user) = (namespace.as_str().unwrap(), user.as_str().unwrap());
    for (option, name) in [
        ("--exempt-namespace", namespace),
        ("--exempt-user", user),
        ("--exempt-group", "breakglass"),
        ("--exempt-service-account", "ops/fixer"),
    ] {
        let server = Server::start(&[option, name, "--log-format", "json"]);
        let client = server.client();
        let mut review = denied.review.clone();
        match option {
            "--exempt-group" => review["request"]["userInfo"]["groups"] = json!(["breakglass"]),
            "--exempt-service-account" => {
                review["request"]["userInfo"]["username"] =
                    json!("system:serviceaccount:ops:fixer");
            }
            _ => {}
        }
        let (status, answer) = post(&client, &server.url("/validate"), review.to_string()).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            (status, &answer["response"]["allowed"]),
            (200, &json!(true)),
            "{option}: {answer}"
        );
        assert_eq!(answer["response"]["auditAnnotations"]["decision"], "exempt");
        assert!(
            answer["response"]["auditAnnotations"]["fields"]
                .as_str()
                .unwrap()
                .contains("spec.queue"),
            "{answer}"
        );
        let line = decided(&server, 1).await.remove(0);
        assert_eq!(
            (&line["decision"], &line["message"]),
            (&json!("exempt"), &json!("violation permitted by an exemption"))
        );
        let counted = "\nfieldward_reviews_total{decision=\"exempt\",rule=\"volcano-job\"} 1\n";
        assert!(server.ops("/metrics").await.unwrap().1.contains(counted));

        // Nobody else is exempt.
        review["request"]["namespace"] = json!("elsewhere");
        review["request"]["userInfo"] = json!({"username": "somebody", "groups": ["others"]});
        let (_, answer) = post(&client, &server.url("/validate"), review.to_string()).await;
        assert_eq!(
            serde_json::from_str::<Value>(&answer).unwrap()["response"]["allowed"],
            false,
            "{option}: {answer}"
        );
    }
}

/// C0 and C1 control characters, direction overrides and line separators, in every text that a
/// requester chooses: in the log, in the response and in what `check` prints.
async fn hostile_text() {
    const HOSTILE: &str = "a\u{9b}31m\u{202e}\u{1b}[2Jb\r\nerror: forged\u{2066}\u{2028}\u{85}c";
    let mut review = case("volcano-job/vj-mixed").review;
    let request = &mut review["request"];
    for part in ["uid", "name", "namespace"] {
        request[part] = json!(HOSTILE);
    }
    request["userInfo"] = json!({"username": HOSTILE, "groups": [HOSTILE]});
    request["object"]["spec"][HOSTILE] = json!(HOSTILE);
    request["object"]["spec"]["tasks"] = json!([{"name": HOSTILE}]);
    let acts = |text: &str| {
        let acts = |letter: char| {
            (letter.is_control() && letter != '\n')
                || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        text.chars().any(acts) || text.lines().any(|line| line.starts_with("error: forged"))
    };
    for format in ["text", "json"] {
        let server = Server::start(&["--log-format", format]);
        let answer = post(&server.client(), &server.url("/validate"), review.to_string()).await.1;
        until("the line", async || server.log().contains("update denied")).await;
        let log = server.log();
        assert!(log.contains("forged") && !acts(&log), "{log:?}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        // The API server compares the uid, so it is echoed as it is.
        assert_eq!(answer["response"]["uid"], HOSTILE);
        let message = answer["response"]["status"]["message"].as_str().unwrap();
        assert!(message.contains("forged") && !acts(message), "{message:?}");
        let fields = answer["response"]["auditAnnotations"]["fields"].as_str().unwrap();
        assert!(fields.contains("forged") && !acts(fields), "{fields:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("review.json");
    std::fs::write(&file, review.to_string()).unwrap();
    for format in ["text", "json", "case"] {
        let output = fieldward().args(["check", "-o", format]).arg(&file).output().unwrap();
        let said = String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap();
        assert!(said.contains("forged") && !acts(&said), "{format}: {said:?}");
    }
}
