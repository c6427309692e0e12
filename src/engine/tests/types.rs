//! How values compare below a location whose type the rule declares.

use serde_json::json;

use super::{expect, expect_one};

const POD: &str = "mutable: []\nequality: [{path: s, as: PodTemplateSpec}]";

#[test]
fn null_behind_a_pointer_is_left_out_whatever_decodes_the_value() {
    let managed = |fields| json!({"s": {"metadata": {"managedFields": [fields]}}});
    let (left_out, null) = (managed(json!({})), managed(json!({"fieldsV1": null})));
    expect(POD, left_out.clone(), null, &[]);
    expect(
        POD,
        left_out,
        managed(json!({"fieldsV1": {}})),
        &["s.metadata.managedFields[0].fieldsV1 Set"],
    );
}

#[test]
fn null_in_a_set_is_the_zero_of_its_type() {
    let rule = "mutable: []\nequality: [{path: s, as: batch/v1.JobSpec}]";
    let codes = |values| json!({"s": {"podFailurePolicy": {"rules": [{"onExitCodes": {"values": values}}]}}});
    expect(rule, codes(json!([1, null])), codes(json!([0, 1])), &[]);
    expect(
        rule,
        codes(json!([1, null])),
        codes(json!([1, 2])),
        &[
            "s.podFailurePolicy.rules[0].onExitCodes.values[1] RemoveItem",
            "s.podFailurePolicy.rules[0].onExitCodes.values[1] AddItem",
        ],
    );
    let finalizers = "mutable: []\nequality: [{path: s.metadata.finalizers, absentAs: ['', a]}, \
                      {path: s, as: PodTemplateSpec}]";
    let filled = json!({"s": {"metadata": {"finalizers": ["a", null]}}});
    expect(finalizers, filled, json!({"s": {}}), &[]);
}

#[test]
fn a_zero_is_left_out_unless_it_stands_behind_a_pointer() {
    let pod = |mut spec: serde_json::Value| {
        spec["hostname"] = json!("h");
        json!({"s": {"spec": spec}})
    };
    let zeros = json!({
        "hostNetwork": false, "nodeName": "", "volumes": [], "nodeSelector": {}, "overhead": null,
        "terminationGracePeriodSeconds": null,
    });
    expect(POD, pod(json!({})), pod(zeros), &[]);
    for (behind, set) in [
        (json!({"terminationGracePeriodSeconds": 0}), "terminationGracePeriodSeconds"),
        (json!({"securityContext": {}}), "securityContext"),
        (json!({"unknown": ""}), "unknown"),
    ] {
        expect(POD, pod(json!({})), pod(behind), &[&format!("s.spec.{set} Set")]);
    }
}

#[test]
fn a_time_is_read_as_go_reads_it() {
    let created = |time| json!({"s": {"metadata": {"name": "n", "creationTimestamp": time}}});
    let left_out = json!({"s": {"metadata": {"name": "n"}}});
    let field = "s.metadata.creationTimestamp";
    expect(POD, left_out.clone(), created("0001-01-01T00:00:00Z"), &[]);
    expect(POD, left_out, created("2026-01-01T00:00:00Z"), &[&format!("{field} Set")]);
    let noon = created("2026-01-01T12:00:00Z");
    expect(POD, noon.clone(), created("2026-01-01T13:00:00+01:00"), &[]);
    expect(POD, noon, created("2026-01-01T12:00:00+01:00"), &[&format!("{field} Modify")]);
}

#[test]
fn a_duration_is_read_as_go_reads_it() {
    let job = "mutable: []\nequality: [{path: s, as: batch.volcano.sh/v1alpha1.JobSpec}]";
    let job_for = |estimate: &str| json!({"s": {"runningEstimate": estimate}});
    expect(job, job_for("60s"), job_for("1m0s"), &[]);
    expect(job, job_for("60s"), job_for("61s"), &["s.runningEstimate Modify"]);
}

#[test]
fn a_quantity_of_zero_is_left_out() {
    let divided = |divisor| {
        let from = json!({"resourceFieldRef": {"resource": "limits.cpu", "divisor": divisor}});
        let env = json!([{"name": "e", "valueFrom": from}]);
        json!({"s": {"spec": {"containers": [{"name": "c", "env": env}]}}})
    };
    let field = "s.spec.containers[name=c].env[name=e].valueFrom.resourceFieldRef.divisor";
    expect(POD, divided(json!(null)), divided(json!("0m")), &[]);
    expect(POD, divided(json!(null)), divided(json!("1")), &[&format!("{field} Set")]);
}

#[test]
fn a_number_of_zero_is_left_out() {
    let port = |mut port: serde_json::Value| {
        port["name"] = json!("p");
        json!({"s": {"spec": {"containers": [{"name": "c", "ports": [port]}]}}})
    };
    let port_key = "containerPort=0,protocol=TCP";
    let field = &format!("s.spec.containers[name=c].ports[{port_key}].hostPort");
    expect(POD, port(json!({})), port(json!({"hostPort": 0})), &[]);
    expect(POD, port(json!({})), port(json!({"hostPort": 1})), &[&format!("{field} Set")]);
    // A float of 32 bits has fewer digits than the number that is written.
    let job = "mutable: []\nequality: [{path: s, as: ray.io/v1.RayJobSpec}]";
    let cpus = |cpus: serde_json::Value| json!({"s": {"jobId": "j", "entrypointNumCpus": cpus}});
    for (old, new, verb) in [
        ("null", "0.0", None),
        ("null", "1e-50", None),
        ("null", "1", Some("Set")),
        ("0.1", "0.10000000001", None),
        ("0.1", "0.2", Some("Modify")),
        ("1", "-1", Some("Modify")),
        ("1e39", "1e40", Some("Modify")),
    ] {
        let [old, new] = [old, new].map(|text| cpus(serde_json::from_str(text).unwrap()));
        let field = verb.map(|_| "s.entrypointNumCpus");
        expect_one(job, old, new, field, verb.unwrap_or_default());
    }
}

#[test]
fn null_in_a_list_is_an_empty_object_and_another_scalar_is_not() {
    let tolerations = |element| json!({"s": {"spec": {"tolerations": [element]}}});
    expect(POD, tolerations(json!(null)), tolerations(json!({})), &[]);
    expect(
        POD,
        tolerations(json!("x")),
        tolerations(json!("y")),
        &["s.spec.tolerations[0] Modify"],
    );
}

#[test]
fn a_zero_in_an_object_that_counts_as_left_out_is_left_out() {
    let rule = "mutable: []\nequality: [{path: s, as: PodTemplateSpec}, \
                {path: s, absentAs: {spec: {hostname: h}}}]";
    let filled = json!({"s": {"spec": {"hostname": "h", "nodeName": ""}}});
    expect(rule, json!({}), filled, &[]);
}

#[test]
fn of_a_line_and_a_type_the_first_listed_counts() {
    let host = |name: &str| json!({"s": {"spec": {"hostname": "h", "nodeName": name}}});
    let left_out = json!({"s": {"spec": {"hostname": "h"}}});
    let (line, of_type) =
        ("{path: s.spec.nodeName, absentAs: any}", "{path: s, as: PodTemplateSpec}");
    let rule = |first, second| format!("mutable: []\nequality: [{first}, {second}]");
    let (line_first, type_first) = (rule(line, of_type), rule(of_type, line));
    expect(&line_first, left_out.clone(), host("any"), &[]);
    expect(&line_first, left_out.clone(), host(""), &["s.spec.nodeName Set"]);
    expect(&type_first, left_out.clone(), host(""), &[]);
    expect(&type_first, left_out, host("any"), &["s.spec.nodeName Set"]);
}

#[test]
fn a_path_selects_elements_by_the_key_of_a_type() {
    let rule = "mutable: [\"s.spec.containers[name='a'].image\"]\n\
                equality: [{path: s, as: PodTemplateSpec}]";
    let pod = |a: &str, b: &str| json!({"s": {"spec": {"containers": [{"name": "a", "image": a}, {"name": "b", "image": b}]}}});
    expect(rule, pod("1", "1"), pod("2", "1"), &[]);
    expect(rule, pod("1", "1"), pod("1", "2"), &["s.spec.containers[name=b].image Modify"]);
}

#[test]
fn a_key_that_is_left_out_is_the_empty_text() {
    let secrets = |list| json!({"s": {"spec": {"imagePullSecrets": list}}});
    expect(POD, secrets(json!([{"name": ""}])), secrets(json!([{}])), &[]);
    expect(
        POD,
        secrets(json!([{"name": null}, {"name": "a"}])),
        secrets(json!([{}, {"name": "a"}])),
        &[],
    );
    expect(
        POD,
        secrets(json!([{"name": null}, {"name": "a"}])),
        secrets(json!([{"name": "a"}, {}])),
        &["s.spec.imagePullSecrets Reorder"],
    );
    expect(
        POD,
        secrets(json!([{"name": "a"}])),
        secrets(json!([{}])),
        &["s.spec.imagePullSecrets[name=''] AddItem", "s.spec.imagePullSecrets[name=a] RemoveItem"],
    );
}

#[test]
fn of_two_types_the_first_listed_counts() {
    let (outer, inner) = ("{path: s, as: PodTemplateSpec}", "{path: s.spec, as: batch/v1.JobSpec}");
    let rule = |first, second| format!("mutable: []\nequality: [{first}, {second}]");
    let (pod, job) = (
        json!({"s": {"spec": {"nodeName": ""}}}),
        json!({"s": {"spec": {"manualSelector": true}}}),
    );
    let with = |mut object: serde_json::Value| {
        object["s"]["spec"]["hostname"] = json!("h");
        object
    };
    let neither = with(json!({"s": {"spec": {}}}));
    expect(&rule(outer, inner), neither.clone(), with(pod.clone()), &[]);
    expect(&rule(inner, outer), neither.clone(), with(pod), &["s.spec.nodeName Set"]);
    expect(&rule(inner, outer), neither, with(job), &["s.spec.manualSelector Set"]);
}
