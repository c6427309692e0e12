//! Rules as objects.

use std::time::{Duration, Instant};

use serde_json::json;

use super::replica::{Site, address};
use crate::cluster::api::{Api, MERGE_PATCH};
use crate::cluster::assets::Assets;
use crate::cluster::eventually;
use crate::cluster::objects::{widget, widget_rule};

const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

/// Whether the object may get that color; nothing is stored.
async fn may_be(api: &Api, color: &str) -> bool {
    let answer = api.patch(&format!("{WIDGETS}/probe?dryRun=All"), MERGE_PATCH, &json!({"spec": {"color": color}})).await;
    assert!(answer.is_ok() || answer.code == 403, "{} {}", answer.code, answer.message());
    answer.is_ok()
}

pub(super) async fn created_changed_and_deleted(assets: Assets) {
    let site = Site::new(&assets).await;
    let replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    api.create(WIDGETS, &widget("probe")).await.object();
    assert!(may_be(&api, "blue").await);

    let created = Instant::now();
    site.apply(&widget_rule("[widgets]", "[metadata.labels]")).ok();
    eventually("the rule is enforced", async || !may_be(&api, "blue").await).await;
    let enforced = created.elapsed();
    site.ready("widget").await;
    eprintln!("unattended: enforced {enforced:?} after it was created\n{}", site.plane.kubectl().run(&["get", "ur"]).ok());
    assert!(enforced < Duration::from_secs(5), "{enforced:?}");

    site.apply(&widget_rule("[widgets]", "[metadata.labels, spec.color]")).ok();
    eventually("the change is in force", async || may_be(&api, "blue").await).await;
    site.ready("widget").await;

    site.plane.kubectl().run(&["delete", "ur", "widget"]).ok();
    eventually("nothing is registered", async || {
        let all = api.get("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations").await.object();
        all["items"].as_array().is_some_and(Vec::is_empty)
    })
    .await;
    eventually("everything may change", async || may_be(&api, "green").await).await;
    eprintln!("{}", replica.log());
}
