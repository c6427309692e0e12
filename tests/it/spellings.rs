//! What typed clients make of each way to spell an object: the rules let it pass, and nothing else.
//!
//! tests/controllers/NAME/spellings.json is what the program in tests/controllers/NAME/spellings
//! found in the controller's Go types; the tier `controllers` checks that it still does.

use fieldward::engine::{Builtin, RuleFile, RuleSet, admit};
use libtest_mimic::Trial;
use serde_json::{Map, Value, json};

use crate::corpus::root;

pub(crate) fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 3] = [
        ("the_controller_may_respell", the_controller_may_respell),
        ("a_user_may_not_write_the_same", a_user_may_not_write_the_same),
        ("nobody_may_change_the_value", nobody_may_change_the_value),
    ];
    let trial = |rewriting: &'static Rewriting| {
        tests.map(|(name, test)| {
            Trial::test(format!("spellings::{}::{name}", rewriting.name), move || {
                test(rewriting);
                Ok(())
            })
        })
    };
    REWRITINGS.iter().flat_map(trial).collect()
}

/// What a trial shows of a controller.
type Test = fn(&Rewriting);

/// A controller that writes a kind through Go types.
struct Rewriting {
    /// In the names of the trials.
    name: &'static str,
    /// Below tests/controllers.
    spellings: &'static str,
    /// A rule file, if the rule is no built-in one.
    rule: Option<&'static str>,
    /// Group, version, resource and kind.
    resource: [&'static str; 4],
    service_account: &'static str,
    /// The change that the controller means to make.
    change: fn(&mut Value),
    /// Where the rule permits more than another spelling: to everybody, to the controller.
    mutable: [&'static [&'static str]; 2],
    /// Where the rule denies what the types make of a spelling: the API server never asks about it.
    never: &'static [&'static str],
}

const VOLCANO: Rewriting = Rewriting {
    name: "volcano",
    spellings: "volcano/spellings.json",
    rule: None,
    resource: ["batch.volcano.sh", "v1alpha1", "jobs", "Job"],
    service_account: "system:serviceaccount:volcano-system:volcano-controllers",
    change: |job| {
        if let Some(Value::Object(volume)) = job.pointer_mut("/spec/volumes/0") {
            volume.insert("volumeClaimName".to_owned(), "job-volume-1".into());
        }
    },
    mutable: [&["/spec/tasks/0/replicas"], &["/spec/maxRetry"]],
    // Volcano's schema refuses the empty name.
    never: &["/spec/tasks/0/name"],
};

const REWRITINGS: &[Rewriting] = &[
    VOLCANO,
    Rewriting {
        name: "volcano-elastic",
        rule: Some("deploy/rules/volcano/job-elastic.yaml"),
        mutable: [&["/spec/tasks/0/replicas", "/spec/minAvailable"], &["/spec/maxRetry"]],
        ..VOLCANO
    },
    // Of an MXJob in the documented shape the operator may write status.
    Rewriting {
        name: "mxjob",
        spellings: "training-operator/mxjob-spellings.json",
        resource: ["kubeflow.org", "v1", "mxjobs", "MXJob"],
        service_account: "system:serviceaccount:kubeflow:training-operator",
        change: |job| job["status"] = json!({"conditions": []}),
        mutable: [&[], &[]],
        never: &[],
        rule: None,
    },
    TFJOB,
    Rewriting { name: "cci-tfjob", rule: Some("deploy/rules/cci/tfjob.yaml"), ..TFJOB },
    PYTORCHJOB,
    Rewriting {
        name: "cci-pytorchjob",
        rule: Some("deploy/rules/cci/pytorchjob.yaml"),
        ..PYTORCHJOB
    },
    Rewriting {
        name: "jobset",
        spellings: "jobset/spellings.json",
        rule: Some("deploy/rules/jobset/jobset.yaml"),
        resource: ["jobset.x-k8s.io", "v1alpha2", "jobsets", "JobSet"],
        change: |set| directed(set, "/spec/replicatedJobs/0/template/spec/template/spec"),
        // JobSet's own webhook refuses what the defaults make of these.
        never: &["/spec/replicatedJobs/0/groupName", "/spec/replicatedJobs/0/replicas"],
        ..TFJOB
    },
    Rewriting {
        name: "rayjob",
        spellings: "kuberay/spellings.json",
        rule: Some("deploy/rules/ray/rayjob.yaml"),
        resource: ["ray.io", "v1", "rayjobs", "RayJob"],
        service_account: "system:serviceaccount:default:kuberay-operator",
        change: |job| job["metadata"]["finalizers"] = json!(["ray.io/rayjob-finalizer"]),
        mutable: [&["/spec/suspend"], &[]],
        never: &[],
    },
    Rewriting {
        name: "kubeflow-trainjob",
        spellings: "kueue-v0.17/trainjob-spellings.json",
        rule: Some("deploy/rules/kubeflow/trainjob.yaml"),
        resource: ["trainer.kubeflow.org", "v1alpha1", "trainjobs", "TrainJob"],
        change: patched,
        mutable: [&[], &["/spec/runtimePatches"]],
        // Kueue's webhook adds a patch to each job that is created.
        never: &["/spec/runtimePatches"],
        ..TFJOB
    },
];

const TFJOB: Rewriting = Rewriting {
    name: "kubeflow-tfjob",
    spellings: "training-operator/tfjob-spellings.json",
    rule: Some("deploy/rules/kubeflow/tfjob.yaml"),
    resource: ["kubeflow.org", "v1", "tfjobs", "TFJob"],
    service_account: "system:serviceaccount:kueue-system:kueue-controller-manager",
    change: |job| directed(job, "/spec/tfReplicaSpecs/Worker/template/spec"),
    mutable: [&[], &[]],
    never: &[],
};

const PYTORCHJOB: Rewriting = Rewriting {
    name: "kubeflow-pytorchjob",
    spellings: "training-operator/pytorchjob-spellings.json",
    rule: Some("deploy/rules/kubeflow/pytorchjob.yaml"),
    resource: ["kubeflow.org", "v1", "pytorchjobs", "PyTorchJob"],
    change: |job| directed(job, "/spec/pytorchReplicaSpecs/Worker/template/spec"),
    ..TFJOB
};

/// Kueue says where the pods go.
fn directed(job: &mut Value, spec: &str) {
    if let Some(Value::Object(spec)) = job.pointer_mut(spec) {
        spec.insert("nodeSelector".to_owned(), json!({"pool": "gpu"}));
    }
}

/// Kueue says in its own patch where the pods go.
fn patched(job: &mut Value) {
    let spec = json!({"nodeSelector": {"pool": "gpu"}});
    let jobs = json!([{"name": "node", "template": {"spec": {"template": {"spec": spec}}}}]);
    let patch = json!({"manager": "kueue.x-k8s.io/manager",
        "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": jobs}}}});
    let patches = &mut job["spec"]["runtimePatches"];
    if patches.is_null() {
        *patches = json!([]);
    }
    let patches = patches.as_array_mut().unwrap();
    patches.retain(|known| known["manager"] != patch["manager"]);
    patches.push(patch);
}

const USER: &str = "developer";

/// A value of one field that a typed client writes differently; none where the field is left out.
pub(crate) struct Spelling {
    /// A JSON pointer.
    pub(crate) at: String,
    sent: Option<Value>,
    pub(crate) written: Option<Value>,
    /// Whether the schema of the pinned version refuses what is sent.
    pub(crate) refused: bool,
}

fn the_controller_may_respell(rewriting: &Rewriting) {
    let denied = rewriting.judged(|base, spelling| {
        let mut written = spelling.written_to(base);
        (rewriting.change)(&mut written);
        (rewriting.service_account, spelling.sent_in(base), written)
    });
    let denied: Vec<_> = denied.iter().filter(|(_, fields)| !fields.is_empty()).collect();
    assert!(
        denied.iter().map(|(at, _)| at.as_str()).eq(rewriting.never.iter().copied()),
        "{denied:#?}"
    );
}

fn a_user_may_not_write_the_same(rewriting: &Rewriting) {
    let judged = rewriting.judged(|base, spelling| {
        let mut written = spelling.written_to(base);
        (rewriting.change)(&mut written);
        (USER, spelling.sent_in(base), written)
    });
    let (base, spellings) = read(rewriting.spellings);
    // Where the spelling leaves nothing to change, the object is only respelled.
    let is_changed = |spelling: &Spelling| {
        let mut changed = spelling.sent_in(&base);
        (rewriting.change)(&mut changed);
        changed != spelling.sent_in(&base)
    };
    let allowed: Vec<_> = judged
        .iter()
        .zip(&spellings)
        .filter(|((_, fields), spelling)| fields.is_empty() && is_changed(spelling))
        .collect();
    assert!(allowed.is_empty(), "{:#?}", allowed.iter().map(|((at, _), _)| at).collect::<Vec<_>>());
}

/// From a zero value to one that is none, whoever asks.
fn nobody_may_change_the_value(rewriting: &Rewriting) {
    for (who, more) in [(USER, &[][..]), (rewriting.service_account, rewriting.mutable[1])] {
        let judged = rewriting.judged(|base, spelling| (who, spelling.sent_in(base), base.clone()));
        let (base, spellings) = read(rewriting.spellings);
        for ((at, fields), spelling) in judged.iter().zip(&spellings) {
            let mutable =
                rewriting.mutable[0].contains(&at.as_str()) || more.contains(&at.as_str());
            let changed = spelling.sent.as_ref().is_some_and(is_zero)
                && base.pointer(at).is_some_and(|value| !is_zero(value));
            if changed && !mutable {
                assert!(!fields.is_empty(), "{who} may change {at}");
            }
        }
        assert!(judged.iter().filter(|(_, fields)| !fields.is_empty()).count() > 3, "{judged:?}");
    }
}

fn is_zero(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false))
        || value.as_f64() == Some(0.0)
        || value.as_str() == Some("")
        || value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(Map::is_empty)
}

impl Rewriting {
    /// The fields that the rule names in the update made of each spelling: none of them says that
    /// it is allowed.
    fn judged<'a>(
        &self,
        update: impl Fn(&Value, &Spelling) -> (&'a str, Value, Value),
    ) -> Vec<(String, Vec<String>)> {
        let document = |path: &str| RuleFile {
            origin: path.to_owned(),
            text: std::fs::read_to_string(root().join(path)).unwrap(),
        };
        let documents: Vec<RuleFile> = self.rule.map(document).into_iter().collect();
        let rules = RuleSet::load(Builtin::Included, &documents).unwrap();
        let (base, spellings) = read(self.spellings);
        let judge = |spelling: &Spelling| {
            let (user, old, new) = update(&base, spelling);
            let reply = admit(&rules, &self.review(user, &old, &new));
            assert_eq!(reply.allowed(), Some(reply.fields().is_empty()), "{}", spelling.at);
            (spelling.at.clone(), reply.fields().iter().map(ToString::to_string).collect())
        };
        spellings.iter().map(judge).collect()
    }

    fn review(&self, user: &str, old: &Value, new: &Value) -> Vec<u8> {
        let [group, version, resource, kind] = self.resource;
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "00000000-0000-4000-8000-000000000000",
                "operation": "UPDATE",
                "kind": {"group": group, "version": version, "kind": kind},
                "resource": {"group": group, "version": version, "resource": resource},
                "namespace": "default",
                "name": "job",
                "userInfo": {"username": user},
                "oldObject": old,
                "object": new,
            },
        });
        review.to_string().into_bytes()
    }
}

impl Spelling {
    pub(crate) fn sent_in(&self, base: &Value) -> Value {
        with(base, &self.at, self.sent.as_ref())
    }

    fn written_to(&self, base: &Value) -> Value {
        with(base, &self.at, self.written.as_ref())
    }
}

/// The base object of a file below tests/controllers, and the spellings of its fields.
pub(crate) fn read(file: &str) -> (Value, Vec<Spelling>) {
    let text = std::fs::read_to_string(root().join("tests/controllers").join(file)).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let spelling = |found: &Value| Spelling {
        at: found["at"].as_str().unwrap().to_owned(),
        sent: found.get("sent").cloned(),
        written: found.get("written").cloned(),
        refused: found.get("refused").is_some(),
    };
    (
        document["base"].clone(),
        document["spellings"].as_array().unwrap().iter().map(spelling).collect(),
    )
}

/// A copy in which the value at a pointer is another one, or is left out.
fn with(object: &Value, at: &str, value: Option<&Value>) -> Value {
    let mut object = object.clone();
    let (parent, name) = at.rsplit_once('/').unwrap();
    match (object.pointer_mut(parent).unwrap(), value) {
        (Value::Object(members), Some(value)) => {
            members.insert(name.replace("~1", "/").replace("~0", "~"), value.clone());
        }
        (Value::Object(members), None) => {
            members.remove(name);
        }
        (Value::Array(elements), value) => elements[0] = value.unwrap().clone(),
        (other, _) => panic!("nothing at {at}: {other}"),
    }
    object
}
