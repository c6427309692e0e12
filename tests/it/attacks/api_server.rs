//! Hostile updates through a real API server, under a registration that lets an update through when
//! the webhook does not answer.

use std::sync::Arc;
use std::time::Instant;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cluster::api::MERGE_PATCH;
use crate::cluster::assets::assets;
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::objects::{WIDGETS, define_untyped, widget_probe};
use crate::cluster::ward::Ward;
use crate::cluster::within_time;
use crate::support::go::completion;
use crate::support::server::{Server, released};

/// How many hostile updates are sent at once, and to how many objects.
const HOSTILE: usize = 32;
const OBJECTS: usize = 4;

/// Bytes of an object: what etcd stores at most is a little more.
const SIZE: usize = 1_400_000;

const RULE: &str = "\
apiVersion: fieldward.io/v1alpha1
kind: UpdateRule
metadata: {name: widget}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [example.com], apiVersions: [v1], resources: [widgets]}]
  failurePolicy: Ignore
  mutable: [spec.size]
";

pub(super) fn trial() -> Trial {
    Trial::ignorable_test("attacks::a_forbidden_update_among_hostile_ones_is_never_stored", || {
        completion(assets().map(|assets| {
            within_time(async {
                let plane = ControlPlane::start(&assets).await;
                never_stored(plane).await;
            });
        }))
    })
}

async fn never_stored(plane: Arc<ControlPlane>) {
    define_untyped(&plane, "example.com", "Widget").await;
    let start = |args: &[&str]| Server::start_program(released(), None, args);
    let ward = Ward::unregistered(&plane, "attacked", &[RULE.to_owned()], start).await;
    ward.register(&format!("https://{}", ward.server.address), ward.server.ca.as_ref().unwrap());
    ward.in_force(&widget_probe(&ward)).await;
    let collection = ward.collection(WIDGETS);
    let zeros = |count: usize| vec![0; count];
    let object = |name: &str, list: Vec<i32>| {
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name},
            "spec": {"color": "red", "list": list}})
    };
    ward.api.create(&collection, &object("small", zeros(1))).await.object();
    for number in 0..OBJECTS {
        let large = object(&format!("large-{number}"), zeros(SIZE / 2));
        ward.api.create(&collection, &large).await.object();
    }

    let started = Instant::now();
    let mut hostile = JoinSet::new();
    for number in 0..HOSTILE {
        let (api, path) = (ward.api.clone(), format!("{collection}/large-{}", number % OBJECTS));
        // Every element differs.
        let list = json!({"spec": {"list": vec![1; SIZE / 2]}});
        hostile.spawn(async move { api.patch(&path, MERGE_PATCH, &list).await.code });
    }
    let forbidden = json!({"spec": {"color": "green"}});
    let mut denied = 0;
    while !hostile.is_empty() {
        let answer = ward.api.patch(&format!("{collection}/small"), MERGE_PATCH, &forbidden).await;
        assert_eq!(answer.code, 403, "{}", answer.body);
        denied += 1;
        while let Some(code) = hostile.try_join_next() {
            let code = code.unwrap();
            assert!(code == 403 || code == 504, "a hostile update was answered with {code}");
        }
    }
    let took = started.elapsed();
    println!(
        "a forbidden update was denied {denied} times among {HOSTILE} hostile ones, {took:.1?}"
    );
    let small = ward.api.get(&format!("{collection}/small")).await.object();
    assert_eq!(small["spec"]["color"], "red");
    for number in 0..OBJECTS {
        let large = ward.api.get(&format!("{collection}/large-{number}")).await.object();
        assert_eq!(large["spec"]["list"][0], Value::from(0), "large-{number}");
    }
}
