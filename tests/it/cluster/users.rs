//! What users see.

use std::sync::Arc;

use libtest_mimic::Trial;

use super::control_plane::ControlPlane;
use super::objects::{volcano_job, volcano_probe};
use super::shared;
use super::ward::{VOLCANO_JOB, Ward};

pub(crate) fn trials() -> Vec<Trial> {
    vec![shared("users::read_the_denial_word_for_word", read_the_denial_word_for_word)]
}

/// What kubectl prints before the words of fieldward.
const DENIED: &str = "admission webhook \"volcano-job.fieldward.io\" denied the request: ";

/// What every refusal of a Volcano job ends with.
const MAY: &str = "may be updated: metadata.labels, metadata.generateName, metadata.annotations, spec.template, spec.replicas, \
                   spec.tasks[*].template, spec.tasks[*].replicas\n";

async fn read_the_denial_word_for_word(plane: Arc<ControlPlane>) {
    let ward = Ward::new(&plane, "word-for-word", &[VOLCANO_JOB]).await;
    ward.in_force(&volcano_probe(&ward)).await;
    let mut job = volcano_job("openmpi-hello");
    plane.kubectl().run_with(&["-n", &ward.namespace, "create", "-f", "-"], &job.to_string()).ok();
    job["spec"]["queue"] = "gold".into();
    job["spec"]["schedulerName"] = "default-scheduler".into();
    let printed = plane.kubectl().run_with(&["-n", &ward.namespace, "replace", "-f", "-"], &job.to_string());
    assert_eq!((printed.code, printed.out.as_str()), (1, ""));
    assert_eq!(
        printed.err,
        format!(
            "Error from server (Forbidden): error when replacing \"STDIN\": {DENIED}2 changes outside the fields of a Job that may be updated \
             (rule volcano-job):\n  spec.queue: \"default\" → \"gold\"\n  spec.schedulerName: \"volcano\" → \"default-scheduler\"\n{MAY}"
        )
    );
}
