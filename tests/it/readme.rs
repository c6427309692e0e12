//! What README shows is what happens: its rules load, and its commands print what stands below
//! them.

use std::collections::BTreeSet;
use std::path::Path;

use fieldward::engine::{Builtin, Document, RuleSet};
use libtest_mimic::Trial;

use crate::support::server::{Server, fieldward, post};
use crate::support::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let readme = readme();
    let mut trials = Vec::new();
    for (index, rule) in blocks(&readme, "yaml").into_iter().enumerate() {
        trials.push(Trial::test(format!("readme::rule_{index}"), move || {
            let document = Document { origin: "README.md".to_owned(), text: rule };
            RuleSet::load(Builtin::Left, &[document])
                .map(drop)
                .map_err(|errors| errors.to_string().into())
        }));
    }
    for session in blocks(&readme, "console") {
        let Some((command, printed)) =
            session.strip_prefix("$ fieldward ").and_then(|session| session.split_once('\n'))
        else {
            continue;
        };
        let (command, printed) = (command.to_owned(), printed.to_owned());
        trials.push(Trial::test(
            format!("readme::fieldward_{}", command.replace([' ', '/'], "_")),
            move || {
                let output =
                    fieldward().args(command.split(' ')).current_dir(root()).output().unwrap();
                assert_eq!(String::from_utf8(output.stdout).unwrap(), printed);
                Ok(())
            },
        ));
    }
    trials.push(Trial::test("readme::the_denial_on_top_is_a_recorded_one", move || {
        let output = fieldward()
            .args(["check", "-o", "json", "tests/cases/volcano-job/vj-mixed.json"])
            .current_dir(root())
            .output()
            .unwrap();
        let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let shown = blocks(&readme, "console").into_iter().next().unwrap();
        for violation in verdict["violations"].as_array().unwrap() {
            let line = format!(
                "  {}: {} → {}\n",
                violation["field"].as_str().unwrap(),
                violation["old"],
                violation["new"]
            );
            assert!(shown.contains(&line), "{line}");
        }
        Ok(())
    }));
    trials.push(trial("readme::every_option_that_it_names_exists", options));
    trials.push(trial("readme::the_metrics_that_it_names_are_those_served", metrics));
    trials.push(Trial::test("readme::it_names_what_conditions_lack", || {
        lacking();
        Ok(())
    }));
    trials
}

async fn options() {
    let help = |command: &str| {
        String::from_utf8(
            fieldward().args(command.split(' ')).arg("--help").output().unwrap().stdout,
        )
        .unwrap()
    };
    let known = ["serve", "manifests", "check", "lint", "export", "rules"].map(help).concat();
    let of_other_programs = [
        "--release",
        "--locked",
        "--force",
        "--bench",
        "--path",
        "--test",
        "--lib",
        "--nocapture",
        "--server-side",
        "--write",
        "--shard",
        "--skip",
        "--sanitizer",
        "--ignore-filename-regex",
    ];
    let readme = readme();
    let words = readme.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '-'));
    for option in words.filter(|word| word.starts_with("--") && word.contains(char::is_alphabetic))
    {
        assert!(known.contains(option) || of_other_programs.contains(&option), "{option}");
    }
}

async fn metrics() {
    let server = Server::start(&[]);
    let client = server.client();
    let review = std::fs::read(root().join("tests/cases/volcano-job/vj-mixed.json")).unwrap();
    let case: serde_json::Value = serde_json::from_slice(&review).unwrap();
    post(&client, &server.url("/validate"), case["review"].to_string()).await;
    post(&client, &server.url("/validate"), "{").await;
    let (_, text) = server.ops("/metrics").await.unwrap();
    let types: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let readme = readme();
    let table = readme.split("## Metrics").nth(1).unwrap().split("\n## ").next().unwrap();
    let named: BTreeSet<&str> =
        table.split('`').filter(|word| word.starts_with("fieldward_")).collect();
    let own: BTreeSet<&str> =
        types.into_iter().filter(|name| name.starts_with("fieldward_")).collect();
    assert_eq!(named, own);
}

/// What the libraries of Kubernetes' CEL have (1.37,
/// staging/src/k8s.io/apiserver/pkg/cel/environment/base.go): what README says is missing, and one
/// expression with it.
const LACKING: [(&str, &str); 55] = [
    ("timestamps", "timestamp(oldObject.a) < timestamp(oldObject.b)"),
    ("durations", "duration(oldObject.a) < duration('1h')"),
    ("dates", "oldObject.a.getFullYear() > 2000"),
    ("`quantity`", "quantity(oldObject.a).isGreaterThan(quantity('1'))"),
    ("`isQuantity`", "isQuantity(oldObject.a)"),
    ("`ip`", "ip(oldObject.a).family() == 4"),
    ("`isIP`", "isIP(oldObject.a)"),
    ("`cidr`", "cidr(oldObject.a).containsIP('10.0.0.1')"),
    ("`isCIDR`", "isCIDR(oldObject.a)"),
    ("`url`", "url(oldObject.a).getHost() == 'a'"),
    ("`isURL`", "isURL(oldObject.a)"),
    ("`semver`", "semver(oldObject.a).isLessThan(semver('1.0.0'))"),
    ("`isSemver`", "isSemver(oldObject.a)"),
    ("`format.`", "!format.dns1123Label().validate(oldObject.a).hasValue()"),
    ("`format.`", "!format.named('uuid').value().validate(oldObject.a).hasValue()"),
    ("`sets.`", "sets.contains(oldObject.a, ['b'])"),
    ("`sets.`", "sets.equivalent(oldObject.a, ['b'])"),
    ("`sets.`", "sets.intersects(oldObject.a, ['b'])"),
    ("`authorizer`", "authorizer.group('').resource('pods').check('get').allowed()"),
    ("`authorizer`", "authorizer.requestResource.check('get').allowed()"),
    ("`isSorted`", "oldObject.a.isSorted()"),
    ("`sum`", "oldObject.a.sum() == 1"),
    ("`min`", "oldObject.a.min() == 1"),
    ("`max`", "oldObject.a.max() == 1"),
    ("`indexOf`", "oldObject.a.indexOf('b') == 1"),
    ("`lastIndexOf`", "oldObject.a.lastIndexOf('b') == 1"),
    ("`slice`", "oldObject.a.slice(0, 1) == []"),
    ("`flatten`", "oldObject.a.flatten() == []"),
    ("`distinct`", "oldObject.a.distinct() == []"),
    ("`sort`", "oldObject.a.sort() == []"),
    ("`sortBy`", "oldObject.a.sortBy(x, x.name) == []"),
    ("`reverse`", "oldObject.a.reverse() == []"),
    ("`lists.range`", "lists.range(3).all(i, i < 3)"),
    ("`first`", "oldObject.a.first().hasValue()"),
    ("`last`", "oldObject.a.last().hasValue()"),
    ("`unwrapOpt`", "[oldObject.?a].unwrapOpt() == []"),
    ("`optional.unwrap`", "optional.unwrap([oldObject.?a]) == []"),
    ("`find`", "oldObject.a.find('[0-9]+') == '1'"),
    ("`findAll`", "oldObject.a.findAll('[0-9]+') == ['1']"),
    ("`replace`", "oldObject.a.replace('b', 'c') == 'c'"),
    ("`join`", "oldObject.a.join(',') == 'b'"),
    ("`format`", "'%s'.format([oldObject.a]) == 'b'"),
    ("`strings.quote`", "strings.quote(oldObject.a) == 'b'"),
    ("two variables", "oldObject.a.all(i, x, x > i)"),
    ("two variables", "oldObject.a.exists(i, x, x > i)"),
    ("two variables", "oldObject.a.existsOne(i, x, x > i)"),
    ("two variables", "oldObject.a.exists_one(i, x, x > i)"),
    ("`transformList`", "oldObject.a.transformList(i, x, x + i) == []"),
    ("`transformList`", "oldObject.a.transformList(i, x, i > 0, x + i) == []"),
    ("`transformMap`", "oldObject.a.transformMap(k, x, x) == {}"),
    ("`transformMap`", "oldObject.a.transformMap(k, x, x > 0, x) == {}"),
    ("`transformMapEntry`", "oldObject.a.transformMapEntry(k, x, {x: k}) == {}"),
    ("backticks", "oldObject.metadata.labels.`example.com/tier` == 'gold'"),
    ("must be a literal", "oldObject.a.matches(oldObject.b)"),
    ("`matches` is called on a text", "matches(oldObject.a, 'b')"),
];

/// What the same libraries have and conditions have too.
const HAD: [&str; 14] = [
    "size(oldObject.a) == oldObject.a.size()",
    "oldObject.a.startsWith('a') && oldObject.a.endsWith('a') && oldObject.a.contains('a') && \
     oldObject.a.matches('a')",
    "oldObject.a.charAt(0) == 'a' && oldObject.a.lowerAscii() == 'a' && oldObject.a.upperAscii() \
     == 'A' && oldObject.a.trim() == 'a'",
    "oldObject.a.substring(1) == 'a' && oldObject.a.substring(0, 1) == 'a' && \
     oldObject.a.split(',')[0] == 'a' && oldObject.a.split(',', 2)[0] == 'a'",
    "int(oldObject.a) == 1 && uint(oldObject.a) == 1u && double(oldObject.a) == 1.0 && \
     string(oldObject.a) == '1' && bytes(oldObject.a) == b'1'",
    "bool(oldObject.a) && dyn(oldObject.a) == 1 && type(oldObject.a) == int",
    "has(oldObject.a) && oldObject.?a.hasValue() && oldObject[?'a'].orValue('') == '' && \
     oldObject.?a.or(oldObject.?b).value() == 1",
    "optional.of(1).hasValue() && !optional.none().hasValue() && \
     !optional.ofNonZeroValue(0).hasValue()",
    "oldObject.?a.optMap(x, x + 1).orValue(0) == 1 && oldObject.?a.optFlatMap(x, x.?b).hasValue()",
    "oldObject.a.all(x, x > 0) && oldObject.a.exists(x, x > 0) && oldObject.a.exists_one(x, x > 0)",
    "oldObject.a.map(x, x + 1) == [] && oldObject.a.map(x, x > 0, x + 1) == [] && \
     oldObject.a.filter(x, x > 0) == []",
    "1 in oldObject.a && 'a' in oldObject.b",
    "oldObject.metadata.labels['example.com/tier'] == 'gold'",
    "request.userInfo.username == 'alice' && request.options.fieldManager == 'kubectl'",
];

fn lacking() {
    let readme = readme();
    let section = readme
        .split("\n`when` is a CEL expression")
        .nth(1)
        .unwrap()
        .split("\n`equality` declares")
        .next()
        .unwrap();
    let section = section.split_whitespace().collect::<Vec<_>>().join(" ");
    let loads = |when: &str| {
        let rule = serde_json::json!({
            "apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule",
            "metadata": {"name": "widget"},
            "spec": {
                "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"],
                    "resources": ["widgets"]}]},
                "mutable": [{"path": "spec", "when": when}],
            },
        });
        RuleSet::load(
            Builtin::Left,
            &[Document { origin: "widget.yaml".to_owned(), text: rule.to_string() }],
        )
        .map(drop)
    };
    for (what, when) in LACKING {
        assert!(loads(when).is_err(), "{when}");
        assert!(section.contains(what), "{what}");
    }
    for when in HAD {
        assert!(loads(when).is_ok(), "{when}: {}", loads(when).unwrap_err());
    }
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The fenced blocks of that language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect()
}
