//! The tables of types below src/engine/rule/types: what Go declares of the fields, and Kubernetes'
//! schemas of the keys of lists.

mod pairs;

use std::fs;
use std::path::PathBuf;

use libtest_mimic::Trial;

use crate::cluster::assets::PINS as CONTROL_PLANE;
use crate::corpus::root;
use crate::golden;
use crate::support::go::{self, Lacking, Pins, completion};

/// The trials of the tier `controllers`.
pub(crate) fn trials() -> Vec<Trial> {
    // One after the other: the programs of the other tables read kubernetes.txt.
    let mut trials = vec![Trial::test("controllers::types::tables_have_what_go_declares", || {
        for table in &TABLES {
            table.compare();
        }
        Ok(())
    })];
    trials.extend(TABLES.iter().map(|table| {
        Trial::test(format!("controllers::types::{}::equal_as_in_go", table.name()), || {
            // The engine still has the tables that are being renewed.
            if golden::is_renewing() {
                return Ok(());
            }
            pairs::agree(table, 100_000);
            Ok(())
        })
    }));
    trials
}

/// The trials of each run.
pub(crate) fn checks() -> Vec<Trial> {
    let [kubernetes, ..] = &TABLES;
    vec![
        Trial::test("types::kubernetes_is_that_of_the_control_plane", || {
            let table = fs::read_to_string(folder().join("kubernetes.txt")).unwrap();
            let expected = format!("# k8s.io/api {}", CONTROL_PLANE.version_of("k8s.io/api"));
            assert_eq!(table.lines().next(), Some(expected.as_str()), "see tests/types/go.mod");
            Ok(())
        }),
        Trial::ignorable_test("types::kubernetes::equal_as_in_go", || {
            completion(if go::is_there() {
                pairs::agree(kubernetes, 1_000);
                Ok(())
            } else {
                Err(Lacking("install Go (1.21 or newer) to compare with it".to_owned()))
            })
        }),
    ]
}

/// A table and the program that prints it.
struct Table {
    file: &'static str,
    /// The Go module of the program, below tests, and its package there.
    program: (&'static str, &'static str),
    /// Selects the module that has the schemas.
    pins: Pins,
    module: &'static str,
    /// The files of the CRDs in that module, or its folder of schemas.
    schemas: &'static [&'static str],
}

static TABLES: [Table; 6] = [
    Table {
        file: "kubernetes.txt",
        program: ("types", "."),
        pins: CONTROL_PLANE,
        module: "k8s.io/kubernetes",
        schemas: &["api/openapi-spec/v3"],
    },
    of_controller(
        "volcano.txt",
        "controllers/volcano",
        "./types",
        "volcano.sh/volcano",
        &["config/crd/volcano/bases/batch.volcano.sh_jobs.yaml"],
    ),
    of_controller(
        "training-operator.txt",
        "controllers/training-operator",
        "./types",
        "github.com/kubeflow/training-operator",
        &[
            "manifests/base/crds/kubeflow.org_mxjobs.yaml",
            "manifests/base/crds/kubeflow.org_tfjobs.yaml",
            "manifests/base/crds/kubeflow.org_pytorchjobs.yaml",
        ],
    ),
    of_controller(
        "jobset.txt",
        "controllers/kueue-v0.17",
        "./types/jobset",
        "sigs.k8s.io/jobset",
        &["config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml"],
    ),
    of_controller(
        "kuberay.txt",
        "controllers/kuberay",
        "./types",
        "github.com/ray-project/kuberay/ray-operator",
        &["config/crd/bases/ray.io_rayjobs.yaml"],
    ),
    of_controller(
        "trainer.txt",
        "controllers/kueue-v0.17",
        "./types/trainer",
        "github.com/kubeflow/trainer/v2",
        &["manifests/base/crds/trainer.kubeflow.org_trainjobs.yaml"],
    ),
];

const fn of_controller(
    file: &'static str,
    folder: &'static str,
    package: &'static str,
    module: &'static str,
    schemas: &'static [&'static str],
) -> Table {
    Table { file, program: (folder, package), pins: pins(folder), module, schemas }
}

/// Pins for running a program of their folder.
const fn pins(folder: &'static str) -> Pins {
    Pins { folder, name: folder, takes: "a minute" }
}

impl Table {
    fn name(&self) -> &'static str {
        self.file.trim_end_matches(".txt")
    }

    /// Compares the file with what the program prints. `FIELDWARD_BLESS=1` renews it.
    fn compare(&self) {
        let (module, package) = self.program;
        let schemas = self.pins.folder_of(self.module);
        let output = pins(module)
            .go()
            .args(["run", package, "table"])
            .arg(folder())
            .args(self.schemas.iter().map(|schema| schemas.join(schema)))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}: {}",
            self.file,
            String::from_utf8_lossy(&output.stderr)
        );
        golden::compare(&folder().join(self.file), &String::from_utf8(output.stdout).unwrap());
    }
}

fn folder() -> PathBuf {
    root().join("src/engine/rule/types")
}
