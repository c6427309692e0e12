//! Every `--help` ends with two examples, and each of them works.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use clap::{CommandFactory, Parser};
use fieldward::cli::Cli;
use libtest_mimic::Trial;

use crate::corpus::root;
use crate::support::certificates;
use crate::support::server::fieldward;

pub(crate) fn trials() -> Vec<Trial> {
    commands()
        .into_iter()
        .map(|command| {
            let name = command.first().map_or("fieldward", String::as_str).to_owned();
            Trial::test(format!("help::the_examples_of_{name}_work"), move || {
                for example in examples(&command) {
                    works(&example);
                }
                Ok(())
            })
        })
        .collect()
}

/// The arguments before `--help`: none, and each subcommand.
fn commands() -> Vec<Vec<String>> {
    let command = Cli::command();
    let subcommands = command.get_subcommands().map(|command| vec![command.get_name().to_owned()]);
    [Vec::new()].into_iter().chain(subcommands).collect()
}

/// The last two lines of the help.
fn examples(command: &[String]) -> Vec<String> {
    let output = fieldward().args(command).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let (_, examples) = help.rsplit_once("\nExamples:\n").expect("the help has examples");
    let examples: Vec<String> =
        examples.lines().map(|line| line.strip_prefix("  ").unwrap().to_owned()).collect();
    assert_eq!(examples.len(), 2, "{examples:?}");
    let own = ["fieldward"].into_iter().chain(command.iter().map(String::as_str));
    let own = own.collect::<Vec<_>>().join(" ");
    assert!(examples.iter().all(|example| example.contains(&own)), "{examples:?}");
    examples
}

/// A server and what asks a cluster are only parsed; everything else is run.
fn works(example: &str) {
    let runs = !["fieldward serve", "fieldward uninstall"]
        .iter()
        .any(|command| example.starts_with(command));
    if !runs {
        Cli::try_parse_from(example.split(' ')).unwrap_or_else(|error| panic!("{error}"));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", example])
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().join("bin").display()))
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!error.contains("error:"), "{example}: {error}");
    // A denial and a difference end with 1.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{example}: {error}");
}

/// The files that the examples name.
fn prepare(folder: &Path) {
    let repository: BTreeMap<&str, &str> = BTreeMap::from([
        ("review.json", "tests/cases/volcano-job/vj-mixed.json"),
        ("before.yaml", "tests/golden/files/before.yaml"),
        ("after.yaml", "tests/golden/files/after.yaml"),
        ("next.yaml", "tests/golden/files/volcano-job-next.yaml"),
        ("widget.yaml", "tests/golden/files/gadget-clean.yaml"),
        ("widget-crd.yaml", "tests/golden/files/gadget-crd.yaml"),
        ("before", "deploy/rules/volcano"),
        ("after", "deploy/rules/ray"),
        ("rules", "deploy/rules/cci"),
        ("tests", "tests/cases/guarded-label"),
        ("recordings", "tests/cases/mxjob"),
    ]);
    for (name, path) in repository {
        symlink(root().join(path), folder.join(name)).unwrap();
    }
    fs::write(folder.join("ca.crt"), certificates::Authority::new().pem).unwrap();
    fs::create_dir_all(folder.join(".config/fish/completions")).unwrap();
    let programs = folder.join("bin");
    fs::create_dir(&programs).unwrap();
    symlink(fieldward().get_program(), programs.join("fieldward")).unwrap();
    let kubectl = programs.join("kubectl");
    fs::write(&kubectl, "#!/bin/sh\nexec cat >/dev/null\n").unwrap();
    fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755)).unwrap();
}
