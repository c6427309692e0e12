//! Every way to spell a RayJob that KubeRay's Go types spell differently, written by the real
//! controller with its finalizer.

use serde_json::Value;

use super::{JOBS, Rays, TYPED};
use crate::cluster::eventually;
use crate::controllers::scene::Scene;
use crate::spellings::{Spelling, read};

/// With these beside the others KubeRay takes no suspended job.
const LEFT_OUT: [(&str, &str); 4] = [
    ("/spec", "clusterSelector"),
    ("/spec", "deletionPolicy"),
    ("/spec/rayClusterSpec", "suspend"),
    ("/spec/rayClusterSpec/workerGroupSpecs/0", "suspend"),
];

impl Rays<'_> {
    /// Creates a job for each spelling and waits until the controller has written each.
    pub(super) async fn respell(&self) {
        let (mut base, spellings) = read(TYPED.file);
        for (parent, name) in LEFT_OUT {
            base.pointer_mut(parent).and_then(Value::as_object_mut).unwrap().remove(name).unwrap();
        }
        for (index, spelling) in spellings.iter().enumerate() {
            assert!(!spelling.refused, "{}", spelling.at);
            let mut job = spelling.sent_in(&base);
            job["metadata"]["name"] = format!("spelling-{index}").into();
            if spelling.at == "/spec/shutdownAfterJobFinishes" {
                // KubeRay does not suspend such a job, nor does it give it a time to live.
                job["spec"]
                    .as_object_mut()
                    .unwrap()
                    .retain(|name, _| name != "suspend" && name != "ttlSecondsAfterFinished");
            }
            self.scene.user.create(JOBS, &job).await.object();
        }
        eventually("KubeRay has written all jobs", async || {
            for (index, spelling) in spellings.iter().enumerate() {
                if !is_written(self.scene, index, spelling).await {
                    return false;
                }
            }
            true
        })
        .await;
        self.scene.counts.spellings(spellings.len());
    }
}

/// Whether the controller has written the job, which is then as its types say.
async fn is_written(scene: &Scene, index: usize, spelling: &Spelling) -> bool {
    let job = scene.user.get(&format!("{JOBS}/spelling-{index}")).await.object();
    let written = job["metadata"]["finalizers"].is_array();
    if written {
        assert_eq!(job.pointer(&spelling.at), spelling.written.as_ref(), "{}", spelling.at);
    }
    written
}
