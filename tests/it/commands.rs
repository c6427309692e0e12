//! What the commands print and how they end: the real binary against golden files.

use std::io::Write;
use std::process::{Command, Stdio};

use libtest_mimic::Trial;

use crate::corpus::{cases, files, packed_cases, root};
use crate::golden;
use crate::support::server::fieldward;

pub(crate) fn trials() -> Vec<Trial> {
    let golden = COMMANDS.iter().map(|command| {
        Trial::test(format!("commands::{}", command.name), || {
            golden::compare(
                &root().join(format!("tests/golden/{}.txt", command.name)),
                &command.transcript(),
            );
            Ok(())
        })
    });
    let others: [(&str, fn()); 10] = [
        ("a_case_that_check_writes_passes", a_case_that_check_writes_passes),
        ("what_is_learned_of_all_cases_holds", what_is_learned_of_all_cases_holds),
        ("a_suite_of_all_cases_passes", a_suite_of_all_cases_passes),
        ("a_rule_is_shown_as_written", a_rule_is_shown_as_written),
        ("no_output_acts_on_a_terminal", no_output_acts_on_a_terminal),
        ("a_reader_that_has_gone_is_no_error", a_reader_that_has_gone_is_no_error),
        ("all_options_fit_together", all_options_fit_together),
        ("an_old_spelling_gets_a_hint", an_old_spelling_gets_a_hint),
        ("a_rule_may_have_the_name_of_a_verb", a_rule_may_have_the_name_of_a_verb),
        ("a_misspelt_word_names_the_likely_one", a_misspelt_word_names_the_likely_one),
    ];
    let others = others.into_iter().map(|(name, test)| {
        Trial::test(format!("commands::{name}"), move || {
            test();
            Ok(())
        })
    });
    golden.chain(others).collect()
}

/// A command line, and what it is given.
#[derive(Clone, Copy)]
struct Line {
    name: &'static str,
    args: &'static str,
    stdin: Option<&'static str>,
    environment: &'static [(&'static str, &'static str)],
}

const fn line(name: &'static str, args: &'static str) -> Line {
    Line { name, args, stdin: None, environment: &[] }
}

static COMMANDS: &[Line] = &[
    line("check-denied", "check tests/cases/volcano-job/vj-mixed.json"),
    line("check-allowed", "check tests/cases/mxjob/mx-replace-ttl.json"),
    line("check-nothing-changes", "check tests/cases/volcano-job/vj-noop.json"),
    line("check-added-and-removed", "check tests/cases/volcano-job/vj-rename-task.json"),
    line("check-operation", "check tests/cases/envelope/create.yaml"),
    line(
        "check-unjudged",
        "check --rules tests/cases/envelope/rules.yaml tests/cases/envelope/no-object.yaml",
    ),
    line("check-no-rule", "check --no-builtin-rules tests/cases/volcano-job/vj-mixed.json"),
    line("check-case", "check -o case tests/cases/volcano-job/vj-noop.json"),
    line(
        "check-case-several",
        "check -o case tests/cases/volcano-job/vj-noop.json tests/cases/volcano-job/vj-mixed.json",
    ),
    line(
        "check-case-no-rule",
        "check -o case --no-builtin-rules tests/cases/volcano-job/vj-noop.json",
    ),
    line(
        "check-warn",
        "check --rules tests/cases/actions/warn/rules.yaml \
         tests/cases/actions/warn/warns-only.yaml",
    ),
    line(
        "check-audit",
        "check --rules tests/cases/actions/audit/rules.yaml \
         tests/cases/actions/audit/records-only.yaml",
    ),
    line(
        "check-condition",
        "check --rules tests/cases/conditions/rules.yaml \
         tests/cases/conditions/values-one-by-one.yaml",
    ),
    line(
        "check-condition-errors",
        "check --rules tests/cases/conditions/rules.yaml \
         tests/cases/conditions/error-grants-nothing.yaml",
    ),
    line(
        "check-condition-errors-json",
        "check -o json --rules tests/cases/conditions/rules.yaml \
         tests/cases/conditions/no-bool-grants-nothing.yaml",
    ),
    line(
        "rules-conditions",
        "rules -o json --no-builtin-rules --rules tests/cases/conditions/rules.yaml",
    ),
    line(
        "rules-one-conditions",
        "rules conditional -o json --no-builtin-rules --rules \
         tests/golden/files/conditional.yaml",
    ),
    // Kubernetes itself lets anybody change the state on which its own rules depend, and lint says
    // so.
    line("lint-kubernetes", "lint deploy/rules/kubernetes"),
    line("lint-unnameable", "lint tests/golden/files/unnameable.yaml"),
    line("lint-conditions", "lint tests/golden/files/conditional.yaml"),
    line("lint-roundabout", "lint tests/golden/files/roundabout.yaml"),
    line("lint-opened", "lint tests/golden/files/opened.yaml"),
    line(
        "check-exempt",
        "check --rules tests/cases/actions/exempt/rules.yaml \
         tests/cases/actions/exempt/exempt-group.yaml",
    ),
    line(
        "check-exempt-namespace",
        "check --exempt-namespace other,cci-gpu tests/cases/volcano-job/vj-mixed.json",
    ),
    Line {
        environment: &[("FIELDWARD_EXEMPT_USER", "cn=a,ou=b\nalice")],
        ..line(
            "check-exempt-variable",
            "check --old tests/golden/files/unclaimed.yaml --new tests/golden/files/claimed.yaml \
             --user alice",
        )
    },
    line(
        "check-exempt-nobody",
        "check --exempt-service-account fixer tests/cases/volcano-job/vj-mixed.json",
    ),
    line("test-exempt", "test --exempt-user alice tests/cases/actions/exempt"),
    line(
        "check-two-rules",
        "check --rules tests/cases/actions/two-rules/rules.yaml \
         tests/cases/actions/two-rules/all-must-allow.yaml",
    ),
    line(
        "check-two-rules-json",
        "check -o json --rules tests/cases/actions/two-rules/rules.yaml \
         tests/cases/actions/two-rules/all-must-allow.yaml",
    ),
    line(
        "check-secret",
        "check --rules tests/cases/secrecy/secrets/rules.yaml \
         tests/cases/secrecy/secrets/secret-values-are-not-shown.yaml",
    ),
    line(
        "check-secret-json",
        "check -o json --rules tests/cases/secrecy/secrets/rules.yaml \
         tests/cases/secrecy/secrets/secret-values-are-not-shown.yaml",
    ),
    line(
        "check-forging",
        "check --rules tests/cases/text/rules.yaml tests/cases/text/key-forging-a-line.yaml \
         tests/cases/text/value-forging-a-line.yaml tests/cases/text/key-steering-flux.yaml",
    ),
    line(
        "check-forging-json",
        "check -o json --rules tests/cases/text/rules.yaml \
         tests/cases/text/key-forging-a-line.yaml",
    ),
    line("check-json", "check -o json tests/cases/volcano-job/vj-mixed.json"),
    line("check-unjudged-json", "check -o json tests/cases/volcano-job/vj-status-subresource.json"),
    line(
        "check-several",
        "check tests/cases/volcano-job/vj-queue.json tests/golden/files/none.json \
         tests/cases/volcano-job/vj-label.json",
    ),
    line(
        "check-several-json",
        "check -o json tests/cases/volcano-job/vj-label.json tests/golden/files/none.json \
         tests/cases/volcano-job/vj-noop.json",
    ),
    Line { stdin: Some("tests/cases/volcano-job/vj-queue.json"), ..line("check-stdin", "check -") },
    Line {
        environment: &[("CLICOLOR_FORCE", "1")],
        ..line("check-colour", "check tests/cases/volcano-job/vj-mixed.json")
    },
    Line {
        environment: &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
        ..line("check-no-colour", "check tests/cases/volcano-job/vj-queue.json")
    },
    Line {
        environment: &[("FIELDWARD_OUTPUT", "json")],
        ..line("check-environment", "check tests/cases/volcano-job/vj-label.json")
    },
    line(
        "check-pair",
        "check --old tests/golden/files/before.yaml --new tests/golden/files/after.yaml",
    ),
    Line {
        stdin: Some("tests/golden/files/after.yaml"),
        ..line("check-pair-stdin", "check --old tests/golden/files/before.yaml --new -")
    },
    line(
        "check-pair-user",
        "check --old tests/golden/files/unclaimed.yaml --new tests/golden/files/claimed.yaml \
         --user system:serviceaccount:volcano-system:volcano-controllers",
    ),
    line(
        "check-pair-other-user",
        "check --old tests/golden/files/unclaimed.yaml --new tests/golden/files/claimed.yaml \
         --user alice",
    ),
    line(
        "check-pair-kinds-differ",
        "check --old tests/golden/files/before.yaml --new tests/golden/files/other-kind.yaml",
    ),
    line(
        "check-pair-no-rule",
        "check --old tests/golden/files/other-kind.yaml --new tests/golden/files/other-kind.yaml",
    ),
    line("check-pair-incomplete", "check --old tests/golden/files/before.yaml"),
    Line {
        stdin: Some("tests/cases/volcano-job/vj-label.json"),
        ..line("check-two-stdin", "check - -")
    },
    line("check-missing-file", "check tests/golden/files/none.json"),
    line("check-broken-yaml", "check tests/golden/files/broken.yaml"),
    line("check-broken-json", "check tests/golden/files/broken.json"),
    line("check-no-review", "check tests/golden/files/before.yaml"),
    line(
        "check-rule-typo",
        "check --rules tests/golden/files/typo.yaml tests/cases/volcano-job/vj-queue.json",
    ),
    line("test-passing", "test tests/cases/guarded-label"),
    line("test-failing", "test tests/golden/files/suites/failing"),
    line("test-failing-json", "test -o json tests/golden/files/suites/failing"),
    line("test-unwrapped", "test tests/golden/files/suites/unwrapped"),
    line("test-misspelt", "test tests/golden/files/suites/misspelt"),
    line("test-missing", "test tests/golden/files/none"),
    line(
        "test-rules",
        "test --rules tests/cases/envelope/rules.yaml tests/cases/envelope/no-object.yaml",
    ),
    line("test-rule-typo", "test --rules tests/golden/files/typo.yaml tests/cases/guarded-label"),
    line("rules", "rules --rules tests/golden/files/clean.yaml"),
    line("rules-json", "rules --no-builtin-rules -o json --rules tests/golden/files/clean.yaml"),
    line("rules-one-json", "rules a.widget -o json --rules tests/golden/files/clean.yaml"),
    line("rules-one-unknown", "rules job"),
    line("rules-expanded", "rules typed --expanded --rules tests/golden/files/typed.yaml"),
    line(
        "rules-expanded-json",
        "rules typed --expanded -o json --rules tests/golden/files/typed.yaml",
    ),
    line("rules-expanded-unnamed", "rules --expanded"),
    line("export", "export --vap volcano-job mxjob"),
    line(
        "export-json",
        "export --vap exempt -o json --no-builtin-rules --rules \
         tests/cases/actions/exempt/rules.yaml",
    ),
    line("export-unknown", "export --vap job"),
    line("export-nothing", "export"),
    line("lint-clean", "lint tests/golden/files/clean.yaml"),
    line("lint-warnings", "lint tests/golden/files/doubtful.yaml"),
    line("lint-warnings-json", "lint -o json tests/golden/files/doubtful.yaml"),
    line("lint-errors", "lint tests/golden/files/typo.yaml tests/golden/files/doubtful.yaml"),
    line("lint-errors-json", "lint -o json tests/golden/files/typo.yaml"),
    line("explain", "explain job spec.tasks[*].replicas"),
    line("explain-no", "explain Job spec.queue"),
    line("explain-part", "explain jobs.batch.volcano.sh spec.tasks"),
    line("explain-kind", "explain job.v1alpha1.batch.volcano.sh"),
    line(
        "explain-requester",
        "explain mxjob status --user system:serviceaccount:kubeflow:mxnet-operator",
    ),
    line("explain-other-requester", "explain mxjob status --user alice --group staff"),
    line("lint-ignored", "lint tests/golden/files/ignored.yaml"),
    line("lint-ignored-all", "lint tests/golden/files/ignored-all.yaml"),
    line("lint-ignored-json", "lint -o json tests/golden/files/ignored.yaml"),
    line("lint-printed", "lint tests/golden/files/printed.yaml"),
    line("lint-explain", "lint --explain list-key"),
    line("lint-explain-json", "lint --explain list-key -o json"),
    line("lint-explain-misspelt", "lint --explain fail-open"),
    line("lint-explain-unknown", "lint --explain colour"),
    line("lint-explain-names", "lint --explain"),
    line("lint-help", "lint --help"),
    line(
        "explain-exempt",
        "explain widget spec.phase --user bob \
         --no-builtin-rules --rules tests/golden/files/roundabout.yaml",
    ),
    line("explain-owned", "explain volcano-job metadata.generation"),
    line(
        "explain-append",
        "explain native metadata.finalizers --rules tests/golden/files/served.yaml",
    ),
    line("explain-finalizers", "explain job metadata.finalizers"),
    line("explain-warns", "explain configmaps data[0] --rules tests/golden/files/clean.yaml"),
    line(
        "explain-conditions",
        "explain conditional spec.template.x --rules tests/golden/files/conditional.yaml",
    ),
    line(
        "explain-labels",
        "explain widget metadata.labels --rules tests/golden/files/guarded.yaml",
    ),
    line(
        "explain-any-label",
        "explain widget metadata.labels.* --rules tests/golden/files/guarded.yaml",
    ),
    line(
        "explain-some-labels",
        "explain widget metadata.labels['g*'] --rules tests/golden/files/guarded.yaml",
    ),
    line(
        "explain-label",
        "explain widget metadata.labels.guard --rules tests/golden/files/guarded.yaml",
    ),
    line(
        "explain-protected",
        "explain widget metadata.labels['app.kubernetes.io/name'] \
         --rules tests/cases/protected/rules.yaml",
    ),
    line(
        "explain-protected-below",
        "explain widget spec.tasks[*] --rules tests/cases/protected/rules.yaml",
    ),
    line(
        "explain-protected-finalizers",
        "explain widget metadata.finalizers --rules tests/cases/protected/rules.yaml",
    ),
    line(
        "diff-protected",
        "diff tests/golden/files/unprotected.yaml tests/cases/protected/rules.yaml",
    ),
    line("lint-protected", "lint --rules tests/golden/files/protecting.yaml"),
    line("export-protected", "export --vap protecting --rules tests/cases/protected/rules.yaml"),
    line(
        "check-protected",
        "check --rules tests/cases/protected/rules.yaml tests/cases/protected/protected-label.yaml",
    ),
    line(
        "explain-key",
        "explain widget spec.tasks[*].name --rules tests/golden/files/guarded.yaml",
    ),
    line("explain-which-rule", "explain pods spec.nodeSelector --rules deploy/rules/kubernetes"),
    line(
        "explain-which-rule-json",
        "explain -o json pod spec.nodeSelector --rules deploy/rules/kubernetes",
    ),
    line(
        "explain-two-rules",
        "explain widget spec.a --rules tests/cases/actions/two-rules/rules.yaml",
    ),
    line("explain-json", "explain -o json job spec.volumes[0].volumeClaimName"),
    line("explain-pointer", "explain job /spec/tasks/0/replicas"),
    line(
        "explain-crd",
        "explain gdg spec.parts --rules tests/golden/files/gadget-clean.yaml \
         --crd tests/golden/files/gadget-crd.yaml",
    ),
    line(
        "explain-crd-missing",
        "explain gadgets spec.parts[0].images --rules tests/golden/files/gadget-clean.yaml \
         --crd tests/golden/files/gadget-crd.yaml",
    ),
    line(
        "explain-crd-json",
        "explain -o json gadget spec.size --rules tests/golden/files/gadget-clean.yaml \
         --crd tests/golden/files/gadget-crd.yaml",
    ),
    line("explain-crd-other", "explain gdg spec --crd tests/golden/files/gadget-crd.yaml"),
    line("explain-path", "explain job spec..x"),
    line("explain-unknown", "explain pod spec.x"),
    line("diff", "diff volcano-job tests/golden/files/volcano-job-next.yaml"),
    line("diff-json", "diff -o json volcano-job deploy/rules/volcano/job-elastic.yaml"),
    line(
        "diff-items",
        "diff tests/golden/files/items-before.yaml tests/golden/files/items-after.yaml",
    ),
    line(
        "diff-items-json",
        "diff -o json tests/golden/files/items-after.yaml \
         tests/golden/files/items-before.yaml",
    ),
    line("diff-none", "diff mxjob deploy/rules/mxjob.yaml"),
    line("diff-folders", "diff deploy/rules/volcano deploy/rules/ray"),
    line("diff-unknown", "diff volcano-job none"),
    line("learn-appearing", "learn tests/golden/files/appearing.yaml"),
    line("learn-spelled", "learn tests/golden/files/spelled.yaml"),
    line("learn", "learn tests/cases/volcano-job tests/cases/mxjob"),
    line(
        "learn-json",
        "learn -o json tests/cases/mxjob/mx-status-by-operator.json \
         tests/cases/volcano-job/vj-queue.json",
    ),
    line("learn-secrets", "learn tests/packs/cci/secret tests/cases/secrecy"),
    line("learn-nothing", "learn tests/cases/volcano-job/vj-queue.json"),
    line("learn-no-review", "learn tests/golden/files/before.yaml"),
    Line { stdin: Some("tests/cases/volcano-job/vj-label.json"), ..line("learn-stdin", "learn -") },
    line("learn-masked", "learn tests/golden/files/masked.yaml"),
    line("explain-help", "explain --help"),
    line("diff-help", "diff --help"),
    line("learn-help", "learn --help"),
    line(
        "lint-crd",
        "lint --crd tests/golden/files/gadget-crd.yaml tests/golden/files/gadget.yaml",
    ),
    line(
        "lint-crd-names",
        "lint --crd tests/golden/files/gadget-crd.yaml tests/golden/files/gadget-names.yaml",
    ),
    line(
        "lint-crd-json",
        "lint -o json --crd tests/golden/files/gadget-crd.yaml \
         tests/golden/files/gadget-names.yaml",
    ),
    line(
        "lint-crd-clean",
        "lint --crd tests/golden/files/gadget-crd.yaml tests/golden/files/gadget-clean.yaml",
    ),
    line(
        "lint-crd-limits",
        "lint --crd tests/golden/files/gadget-crd.yaml tests/golden/files/gadget-limits.yaml",
    ),
    line("lint-crd-folder", "lint --crd tests/control-plane/crds"),
    line(
        "lint-crd-of-others",
        "lint --crd tests/control-plane/crds/widget.yaml deploy/rules/cci/configmap.yaml",
    ),
    line("lint-no-crd", "lint --crd tests/golden/files/before.yaml"),
    line("lint-live-no-kubeconfig", "lint --live --kubeconfig tests/golden/files/none.kubeconfig"),
    line("lint-live-nobody", "lint --live --kubeconfig tests/golden/files/nobody.kubeconfig"),
    line("lint-live-and-crd", "lint --live --crd tests/golden/files/gadget-crd.yaml"),
    line("manifests-url", "manifests --url https://webhook.example.com:8443/fieldward/"),
    line(
        "manifests-rules",
        "manifests --no-builtin-rules --rules tests/golden/files/clean.yaml --service-name guard \
         --service-namespace guards --service-port 8443 --image registry.example.com/fieldward:1",
    ),
    line("manifests-no-rule", "manifests --no-builtin-rules"),
    line("manifests-bad-url", "manifests --url http://webhook.example.com"),
    line("manifests-bad-bundle", "manifests --ca-bundle tests/golden/files/before.yaml"),
    line("manifests-bad-certificate", "manifests --inject-ca-from a/b/c"),
];

impl Line {
    fn command(&self) -> Command {
        let mut command = fieldward();
        command
            .current_dir(root())
            .args(self.args.split_whitespace())
            .env_remove("CLICOLOR_FORCE")
            .env_remove("NO_COLOR");
        command.envs(self.environment.iter().copied());
        command
    }

    /// The command, both of its outputs and its exit code.
    fn transcript(&self) -> String {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        if let Some(file) = self.stdin {
            stdin.write_all(&std::fs::read(root().join(file)).unwrap()).unwrap();
        }
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace('\u{1b}', "\\e");
        let environment: String =
            self.environment.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        let input = self.stdin.map(|file| format!(" < {file}")).unwrap_or_default();
        format!(
            "$ {environment}fieldward {}{input}\n{}-- stderr\n{}-- exit code {}\n",
            self.args,
            text(output.stdout),
            text(output.stderr),
            output.status.code().unwrap()
        )
    }
}

fn a_case_that_check_writes_passes() {
    let folder = tempfile::tempdir().unwrap();
    for (review, denied) in [("vj-noop", 0), ("vj-mixed", 1)] {
        let review = format!("tests/cases/volcano-job/{review}.json");
        let (case, stderr, code) = run(&["check", "--output", "case", &review]);
        assert_eq!((stderr.as_str(), code), ("", denied), "{review}");
        std::fs::write(folder.path().join(format!("{code}.json")), case).unwrap();
    }
    let (stdout, stderr, code) = run(&["test", folder.path().to_str().unwrap()]);
    assert!(stdout.ends_with("2 passed, 0 failed\n"), "{stdout}");
    assert_eq!((stderr.as_str(), code), ("", 0), "{stdout}");
}

fn a_suite_of_all_cases_passes() {
    let output = fieldward().current_dir(root()).args(["test", "tests/cases"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().last(), Some(format!("{} passed, 0 failed", cases().len()).as_str()));
    assert!(output.status.success());
}

fn a_rule_is_shown_as_written() {
    for name in ["mxjob", "volcano-job"] {
        let output = fieldward().args(["rules", name]).output().unwrap();
        let file = std::fs::read(root().join(format!("deploy/rules/{name}.yaml"))).unwrap();
        assert_eq!(
            (String::from_utf8(output.stdout), output.status.code()),
            (String::from_utf8(file), Some(0))
        );
    }
}

/// Whatever stands in a case, no output holds a control character besides line feeds.
fn no_output_acts_on_a_terminal() {
    for format in ["text", "json"] {
        for suite in ["text", "envelope"] {
            let folder = root().join("tests/cases").join(suite);
            let mut command = fieldward();
            command.args(["check", "-o", format, "--rules"]).arg(folder.join("rules.yaml"));
            command.args(
                files(&folder, &["yaml"]).iter().filter(|path| !path.ends_with("rules.yaml")),
            );
            let output = command.output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap()
                + &String::from_utf8(output.stderr).unwrap();
            assert!(text.len() > 1000);
            let acting = text
                .chars()
                .find(|letter| (letter.is_control() && *letter != '\n') || *letter == '\u{202e}');
            assert_eq!(acting, None, "{format} {suite}");
        }
    }
}

/// Of all recorded updates that are to be allowed: the rules load, and every one of the updates is
/// allowed under them.
fn what_is_learned_of_all_cases_holds() {
    let learn = |paths: &[&str]| {
        let output = fieldward().current_dir(root()).arg("learn").args(paths).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for suite in [
        "tests/packs",
        "tests/kubernetes",
        "tests/cases/equality",
        "tests/cases/volcano-job",
        "tests/cases/mxjob",
    ] {
        let text = learn(&[suite]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("learned.yaml");
        std::fs::write(&file, &text).unwrap();
        let lint = fieldward().arg("lint").arg(&file).output().unwrap();
        assert_ne!(
            lint.status.code(),
            Some(2),
            "{}\n{text}",
            String::from_utf8_lossy(&lint.stdout)
        );
        let of_suite: Vec<_> = match suite {
            "tests/packs" => packed_cases()
                .into_iter()
                .filter(|case| !case.name.starts_with("kubernetes/"))
                .collect(),
            "tests/kubernetes" => packed_cases()
                .into_iter()
                .filter(|case| case.name.starts_with("kubernetes/"))
                .collect(),
            suite => cases()
                .into_iter()
                .filter(|case| case.name.starts_with(suite.trim_start_matches("tests/cases/")))
                .collect(),
        };
        let mut judged = 0;
        let rules =
            fieldward::engine::RuleFile { origin: "learned.yaml".into(), text: text.clone() };
        let rules =
            fieldward::engine::RuleSet::load(fieldward::engine::Builtin::Excluded, &[rules])
                .unwrap();
        for case in of_suite.iter().filter(|case| case.allowed) {
            let reply = fieldward::engine::admit(&rules, &case.body());
            if reply.error_code().is_none() {
                judged += 1;
                assert_eq!(reply.allowed(), Some(true), "{}: {}", case.name, reply.message());
            }
        }
        assert!(judged > 4, "{suite}: only {judged} judged");
    }
}

fn a_reader_that_has_gone_is_no_error() {
    let mut child = fieldward()
        .current_dir(root())
        .args(["test", "tests/cases"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (String::from_utf8(output.stderr).unwrap().as_str(), output.status.code()),
        ("", Some(0))
    );
}

fn all_options_fit_together() {
    use clap::CommandFactory;
    fieldward::cli::Cli::command().debug_assert();
}

/// Standard output, standard error and the exit code.
fn run(args: &[&str]) -> (String, String, i32) {
    let output = fieldward().current_dir(root()).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// Whether clap accepts the arguments after the verb or not.
fn an_old_spelling_gets_a_hint() {
    for (line, verb, now) in [
        ("rules list", "list", "rules"),
        ("rules list --live", "list", "rules"),
        ("rules show volcano-job -o json", "show", "rules NAME"),
        ("rules lint", "lint", "lint"),
        ("rules lint -o json", "lint", "lint"),
        ("rules lint --crd tests/golden/files/gadget-crd.yaml", "lint", "lint"),
        ("rules lint --help", "lint", "lint"),
        ("rules explain job spec.queue --user alice", "explain", "explain"),
        ("rules learn -", "learn", "learn"),
        ("rules diff volcano-job mxjob", "diff", "diff"),
        ("rules export --all", "export", "export"),
    ] {
        let hint = format!("error: `fieldward rules {verb}` is now `fieldward {now}`\n");
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(run(&words), (String::new(), hint, 2), "{line}");
    }
}

fn a_rule_may_have_the_name_of_a_verb() {
    for verb in ["list", "show", "lint", "explain", "learn", "diff", "export"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rule.yaml");
        let clean = std::fs::read_to_string(root().join("deploy/rules/mxjob.yaml")).unwrap();
        let rule = clean.replacen("name: mxjob", &format!("name: {verb}"), 1);
        std::fs::write(&file, &rule).unwrap();
        let found = run(&["rules", verb, "--no-builtin-rules", "--rules", file.to_str().unwrap()]);
        assert_eq!(found, (rule, String::new(), 0));
    }
}

fn a_misspelt_word_names_the_likely_one() {
    for (line, likely) in [
        ("lnit", "'lint'"),
        ("explian job", "'explain'"),
        ("rule", "'rules'"),
        ("manifest", "'manifests'"),
        ("lint --crds x.yaml", "'--crd'"),
        ("explain job --usr alice", "'--user'"),
        ("rules --no-builtin-rule", "'--no-builtin-rules'"),
        ("serve --tls-crt x.pem", "'--tls-cert'"),
        ("check -o jsn x.json", "'json'"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (stdout, stderr, code) = run(&words);
        assert_eq!((stdout.as_str(), code), ("", 2), "{line}");
        assert!(stderr.contains(likely), "{line}: {stderr}");
    }
}
