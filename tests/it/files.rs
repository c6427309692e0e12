//! Files as arguments: pipes and standard input, files that are no documents of this program, and
//! names with control characters.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Output, Stdio};

use libtest_mimic::Trial;

use crate::corpus::root;
use crate::support::certificates::{Authority, ecdsa};
use crate::support::server::{FREE_PORTS, fieldward};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("files::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("a_pipe_and_standard_input_are_read_like_a_file", a_pipe_is_read_like_a_file),
        trial("standard_input_is_read_once", standard_input_is_read_once),
        trial("no_error_quotes_a_foreign_file", no_error_quotes_a_foreign_file),
        trial("no_error_quotes_a_file_of_a_kubeconfig", no_error_quotes_a_file_of_a_kubeconfig),
        trial("no_name_of_a_file_acts_on_a_terminal", no_name_acts_on_a_terminal),
    ]
}

const RULE: &str = "tests/golden/files/clean.yaml";
const REVIEW: &str = "tests/cases/volcano-job/vj-mixed.json";
const CASE: &str = "tests/golden/files/masked.yaml";

/// Command lines that read FILE, each with the file that takes its place.
const READING: [(&str, &str); 13] = [
    ("check FILE", REVIEW),
    ("check tests/cases/volcano-job/vj-mixed.json --rules FILE", RULE),
    ("check --old FILE --new tests/golden/files/after.yaml", "tests/golden/files/before.yaml"),
    ("test FILE", CASE),
    ("test tests/cases/mxjob/mx-replace-ttl.json --rules FILE", RULE),
    ("lint FILE", RULE),
    ("lint --crd FILE tests/golden/files/gadget.yaml", "tests/golden/files/gadget-crd.yaml"),
    ("explain configmaps data --rules FILE", RULE),
    ("diff mxjob FILE", "deploy/rules/mxjob.yaml"),
    ("learn FILE", "tests/cases/volcano-job/vj-label.json"),
    ("export --all --no-builtin-rules --rules FILE", RULE),
    ("rules --rules FILE", RULE),
    ("lint --live --kubeconfig FILE", "tests/golden/files/nobody.kubeconfig"),
];

fn run(line: &str, file: &str, stdin: Stdio) -> (String, String, Option<i32>) {
    let args = line.split(' ').map(|word| if word == "FILE" { file } else { word });
    let output = fieldward().current_dir(root()).args(args).stdin(stdin).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// A pipe that a thread writes the file into.
fn pipe(file: &str) -> Stdio {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut file = File::open(root().join(file)).unwrap();
    std::thread::spawn(move || std::io::copy(&mut file, &mut writer));
    reader.into()
}

fn a_pipe_is_read_like_a_file() {
    for (line, file) in READING {
        let expected = run(line, file, Stdio::null());
        // A name in a table has as much room as it needs.
        let same = |(stdout, stderr, code): (String, String, Option<i32>), name: &str| {
            let words = |text: &str| {
                text.replace(name, file).split_whitespace().collect::<Vec<_>>().join(" ")
            };
            (words(&stdout), words(&stderr), code)
        };
        let expected = same(expected, file);
        // Nobody answers at the address in the kubeconfig.
        let is_read = !expected.0.is_empty() || expected.1.contains("https://127.0.0.1:1");
        assert!(is_read, "{line}: {}", expected.1);
        assert_eq!(same(run(line, "-", pipe(file)), "standard input"), expected, "{line}");
        assert_eq!(same(run(line, "/dev/stdin", pipe(file)), "/dev/stdin"), expected, "{line}");
    }
}

fn standard_input_is_read_once() {
    let (_, stderr, code) = run("check - --rules FILE", "-", pipe(RULE));
    let expected = "error: cannot read standard input: `-` was given before; standard input can be \
                    read only once\n";
    assert_eq!((stderr.as_str(), code), (expected, Some(2)));
}

/// Files that somebody may pass by mistake. Each holds a word that no output may show.
const FOREIGN: [(&str, &str); 10] = [
    ("shadow", "root:$6$HUNTER2salt$HUNTER2:19000:0:99999:7:::\ndaemon:*HUNTER2:19000:::\n"),
    ("key.pem", "-----BEGIN PRIVATE KEY-----\nHUNTER2\nHUNTER2==\n-----END PRIVATE KEY-----\n"),
    ("broken.pem", "-----BEGIN HUNTER2\nHUNTER2\n"),
    ("open.pem", "-----BEGIN CERTIFICATE-----\nHUNTER2\n-----END HUNTER2\n"),
    ("twice.yaml", "password: HUNTER2\nHUNTER2: x\nHUNTER2: y\n"),
    ("object.json", "{\"HUNTER2\": \"HUNTER2\", \"kind\": {\"HUNTER2\": 1}}\n"),
    ("text.json", "\"HUNTER2\""),
    ("settings.ini", "[HUNTER2]\nuser = HUNTER2\npassword: !HUNTER2 x\n a: *HUNTER2\n"),
    ("context.yaml", "current-context: HUNTER2\n"),
    ("kind", "kind: HUNTER2 is the password\n a: *HUNTER2\n"),
];

const COMMANDS: [&str; 17] = [
    "check FILE",
    "check --rules FILE tests/cases/volcano-job/vj-mixed.json",
    "check --old FILE --new FILE",
    "test FILE",
    "test --rules FILE tests/cases/mxjob",
    "lint FILE",
    "lint --crd FILE",
    "diff FILE mxjob",
    "learn FILE",
    "rules --rules FILE",
    "export --all --rules FILE",
    "explain --rules FILE job",
    "manifests --ca-bundle FILE",
    "serve --rules FILE",
    "serve --tls-cert FILE --tls-key FILE",
    "serve --tls-client-ca FILE",
    "lint --live --kubeconfig FILE",
];

fn command(line: &str, file: &Path) -> Output {
    let mut command = fieldward();
    command.current_dir(root());
    for word in line.split(' ') {
        match word {
            "FILE" => command.arg(file),
            "serve" => command.args(FREE_PORTS),
            word => command.arg(word),
        };
    }
    command.stdin(Stdio::null()).output().unwrap()
}

fn no_error_quotes_a_foreign_file() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good-chain.pem");
    fs::write(&good, Authority::new().server(&ecdsa())).unwrap();
    let key = format!("serve --tls-cert {} --tls-key FILE", good.display());
    for line in COMMANDS.into_iter().chain([&*key]) {
        for (name, text) in FOREIGN {
            let file = folder.path().join(name);
            fs::write(&file, text).unwrap();
            let output = command(line, &file);
            let said = [&output.stdout[..], &output.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            // The PEM parser quotes a line as a list of its bytes.
            let quotes = said.contains("HUNTER2") || said.contains("72, 85, 78, 84, 69, 82");
            assert!(!quotes, "{line} {name}: {said}");
            // It was this file that the command refused. `check` names one of several only, and
            // what is a kubeconfig by its form is refused for what it lacks.
            let is_named = said.contains(name)
                || line == "check FILE"
                || said.contains("no cluster to ask: the kubeconfig ");
            assert!(is_named, "{line} {name}: {said}");
            // A certificate chain may follow other text; a file without one is refused.
            assert_ne!(output.status.code(), Some(0), "{line} {name}: {said}");
        }
    }
}

/// The files that a kubeconfig names.
fn no_error_quotes_a_file_of_a_kubeconfig() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, key) = (Authority::new(), ecdsa());
    let good = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    good("good-ca", &authority.pem);
    good("good-chain", &authority.server(&key));
    good("good-key", &key.serialize_pem());
    let kubeconfig = folder.path().join("kubeconfig");
    for (name, text) in FOREIGN {
        good(name, text);
        for [ca, chain, key] in [
            [name, "good-chain", "good-key"],
            ["good-ca", name, "good-key"],
            ["good-ca", "good-chain", name],
        ] {
            let text = format!(
                "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
                 clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:1', \
                 certificate-authority: {ca}}}}}]\nusers: [{{name: u, user: \
                 {{client-certificate: {chain}, client-key: {key}}}}}]\n"
            );
            fs::write(&kubeconfig, text).unwrap();
            let output = command("lint --live --kubeconfig FILE", &kubeconfig);
            let said = String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap();
            let quotes = said.contains("HUNTER2") || said.contains("72, 85, 78, 84, 69, 82");
            assert!(!quotes && output.status.code() == Some(2), "{ca} {chain} {key}: {said}");
        }
    }
}

fn no_name_acts_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = "a\u{9b}31m\u{202e}\u{1b}[2Jb\nerror: forged\u{2066}.yaml";
    let (none, garbage) = (folder.path().join(hostile), folder.path().join(format!("x{hostile}")));
    fs::write(&garbage, "a: [").unwrap();
    for line in COMMANDS.into_iter().chain([
        "serve --ca-out /dev/null/FILE --tls-cert FILE",
        "serve --record FILE --record-max-files FILE",
        "FILE",
        "lint FILE --explain FILE",
        "rules FILE",
        "explain FILE",
        "explain job FILE",
    ]) {
        for file in [&none, &garbage] {
            let output = command(line, file);
            let said = [&output.stdout[..], &output.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            let acts = |letter: char| {
                (letter.is_control() && letter != '\n')
                    || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            assert_eq!(said.chars().find(|letter| acts(*letter)), None, "{line}: {said:?}");
            assert!(!said.lines().any(|line| line.starts_with("error: forged")), "{line}: {said}");
            assert_ne!(output.status.code(), Some(0), "{line}: {said}");
        }
    }
}
