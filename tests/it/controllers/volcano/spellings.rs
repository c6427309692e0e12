//! Every way to spell a job that Volcano's Go types spell differently, written by the real controller.

use std::process::Command;

use libtest_mimic::Trial;
use serde_json::Value;

use super::{CONTROLLERS, VOLCANO, jobs};
use crate::cluster::eventually;
use crate::controllers::Controller;
use crate::controllers::scene::Scene;
use crate::controllers::tally;
use crate::golden;
use crate::spellings::{Spelling, read};

const FILE: &str = "volcano/spellings.json";

const NAMESPACE: &str = "spellings";

/// What Volcano writes here its own kind's schema refuses, whoever else is asked: such a job never gets its claim.
const NEVER_WRITTEN: [&str; 3] =
    ["/spec/tasks/0", "/spec/volumes/0/volumeClaim/dataSource/apiGroup", "/spec/volumes/0/volumeClaim/dataSourceRef/apiGroup"];

/// The data that all runs of the tests judge is what the program finds; `FIELDWARD_BLESS=1` renews it.
pub(super) fn as_the_types_say(controller: Controller) -> Trial {
    Trial::test("controllers::volcano::spellings_are_as_the_types_say", move || {
        let definition = controller.pins.folder_of(controller.module).join("config/crd/volcano/bases/batch.volcano.sh_jobs.yaml");
        let mut command: Command = controller.pins.go();
        let output = command.args(["run", "./spellings"]).arg(definition).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let file = crate::corpus::root().join("tests/controllers").join(FILE);
        golden::compare(&file, &String::from_utf8(output.stdout).unwrap());
        Ok(())
    })
}

/// Creates a job for each spelling and waits until the controller has written each claim's name; how many there were.
pub(super) async fn every_spelling(scene: &Scene) -> usize {
    scene.namespace(NAMESPACE).await;
    let (base, spellings) = read(FILE);
    let mut waiting = Vec::new();
    for (index, spelling) in spellings.iter().enumerate() {
        let name = format!("spelling-{index}");
        let mut job = spelling.sent_in(&base);
        job["metadata"]["name"] = name.clone().into();
        let answer = scene.user.create(&format!("{}?dryRun=All", jobs(NAMESPACE)), &job).await;
        assert_eq!(answer.is_ok(), !spelling.refused, "{}: {answer:?}", spelling.at);
        if !spelling.refused && !NEVER_WRITTEN.contains(&spelling.at.as_str()) {
            scene.user.create(&jobs(NAMESPACE), &job).await.object();
            waiting.push((name, spelling));
        }
    }
    let all = waiting.len();
    eventually("the controller has written all claims' names", async || {
        let list = scene.user.get(&jobs(NAMESPACE)).await.object();
        let stored = |name: &str| list["items"].as_array().unwrap().iter().find(|job| job["metadata"]["name"] == name).unwrap().clone();
        let denied = tally::denials(scene, super::JOBS, &CONTROLLERS.user());
        assert!(denied.is_empty(), "{denied:#?}");
        waiting.iter().all(|(name, spelling)| is_written(&stored(name), spelling))
    })
    .await;
    eprintln!("controllers: {}: {all} of {} spellings lived", VOLCANO.pins.name, spellings.len());
    all
}

/// Whether the controller has written the job: as its types say.
fn is_written(job: &Value, spelling: &Spelling) -> bool {
    let volume = &job["spec"]["volumes"][0];
    let claimed = volume["volumeClaimName"].as_str().is_some_and(|name| !name.is_empty());
    // Without a volume there is nothing to write.
    if !claimed && spelling.at == "/spec/volumes" {
        return job["status"]["state"]["phase"].is_string();
    }
    if claimed && spelling.at != "/spec/volumes/0/volumeClaimName" {
        assert_eq!(job.pointer(&spelling.at), spelling.written.as_ref(), "{}", spelling.at);
    }
    claimed
}
