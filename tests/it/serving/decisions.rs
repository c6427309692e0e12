//! What the log and the metrics say of each decision.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::corpus::{Case, cases};
use crate::support::server::{Server, post};
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::each_decision_other_than_to_allow_is_logged", each_decision_is_logged),
        trial("serving::each_use_of_an_exemption_is_logged_and_counted", exemptions),
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
