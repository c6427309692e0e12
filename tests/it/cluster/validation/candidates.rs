//! Selectors, resource rules and match conditions, valid and invalid, by the class of what they
//! vary.

use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};

use crate::properties::dice::Dice;

/// What a rule contributes to its webhook.
pub(crate) struct Candidate {
    pub(crate) class: &'static str,
    selector: Value,
    resources: Value,
    conditions: Value,
}

impl Candidate {
    /// The rule document.
    pub(crate) fn rule(&self, name: &str) -> Value {
        json!({
            "apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule", "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"objectSelector": self.selector,
                    "resourceRules": [self.resources]},
                "matchConditions": self.conditions,
                "mutable": ["metadata.labels"],
            },
        })
    }

    /// A configuration with its webhook alone.
    pub(crate) fn configuration(&self) -> Value {
        let mut rules = self.resources.clone();
        rules["operations"] = json!(["UPDATE"]);
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "candidate"},
            "webhooks": [{
                "name": "candidate.fieldward.io",
                "clientConfig": {"url": "https://example.com/validate"}, "sideEffects": "None",
                "admissionReviewVersions": ["v1"], "rules": [rules],
                "objectSelector": self.selector, "matchConditions": self.conditions,
            }],
        })
    }
}

/// The same sequence in every run.
pub(crate) struct Candidates(TestRng);

impl Candidates {
    pub(crate) fn new(seed: u8) -> Self {
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
    }
}

/// Varies what its class is about.
pub(crate) type Vary = fn(&mut Dice<'_>, &mut Candidate);

/// What is varied, by the name of the class.
pub(crate) const CLASSES: [(&str, Vary); 11] = [
    ("labels", labels),
    ("selector expressions", selector_expressions),
    ("API groups", api_groups),
    ("API versions", api_versions),
    ("resources", resources),
    ("names of conditions", condition_names),
    ("expressions", expressions),
    ("expressions with a fault", faulty_expressions),
    ("expressions with a function", functions),
    ("results that are no bool", results),
    ("expressions with a fault of types", types),
];

impl Iterator for Candidates {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        let mut dice = Dice(&mut self.0);
        let mut candidate = Candidate {
            class: "",
            selector: json!({}),
            resources: json!({"apiGroups": ["example.com"], "apiVersions": ["v1"],
                "resources": ["gadgets"]}),
            conditions: json!([]),
        };
        let (class, vary) = CLASSES[dice.below(CLASSES.len())];
        candidate.class = class;
        vary(&mut dice, &mut candidate);
        Some(candidate)
    }
}

fn some<'a>(
    dice: &mut Dice<'_>,
    choices: &'a [&'a str],
    first: usize,
    last: usize,
) -> Vec<&'a str> {
    let count = dice.between(first, last);
    (0..count).map(|_| *dice.pick(choices)).collect()
}

/// A label's key or value, or the name of a condition: often a good one.
fn name(dice: &mut Dice<'_>) -> String {
    let long = |length: usize| "x".repeat(length);
    let prefix = |length: usize| ["abc.", &"x".repeat(length - 4)].concat();
    match dice.below(24) {
        0 => long(63),
        1 => long(64),
        2 => format!("{}/a", prefix(253)),
        3 => format!("{}/a", prefix(254)),
        4 => format!("example.com/{}", long(63)),
        5 => format!("example.com/{}", long(64)),
        _ => {
            let choices = [
                "a",
                "app",
                "A.b-c_d",
                "example.com/a",
                "a.b/C",
                "fieldward.io/kinds",
                "1",
                "0x1",
                "-a",
                "a-",
                "_a",
                "a_",
                ".a",
                "a..b",
                "é",
                "a b",
                "a/b/c",
                "/a",
                "a/",
                "",
                "Example.com/a",
                "-x.com/a",
                "a..b/c",
                "a_b/c",
                "~",
                "a\n",
                "*",
            ];
            (*dice.pick(&choices)).to_owned()
        }
    }
}

fn labels(dice: &mut Dice<'_>, candidate: &mut Candidate) {
    let count = dice.between(1, 2);
    let labels: serde_json::Map<String, Value> = (0..count)
        .map(|_| {
            let (key, value) = if dice.percent(50) {
                (name(dice), "a".to_owned())
            } else {
                ("a".to_owned(), name(dice))
            };
            (key, Value::String(value))
        })
        .collect();
    candidate.selector = json!({"matchLabels": labels});
}

fn selector_expressions(dice: &mut Dice<'_>, candidate: &mut Candidate) {
    let operator =
        *dice.pick(&["In", "NotIn", "Exists", "DoesNotExist", "In", "NotIn", "Is", "in", ""]);
    let count = if operator.ends_with("In") {
        dice.between(0, 2)
    } else {
        dice.weighted(&[(4, 0), (1, 1)])
    };
    let values: Vec<String> = (0..count).map(|_| name(dice)).collect();
    let key = if dice.percent(50) { name(dice) } else { "a".to_owned() };
    candidate.selector =
        json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
}

fn api_groups(dice: &mut Dice<'_>, candidate: &mut Candidate) {
    candidate.resources["apiGroups"] =
        json!(some(dice, &["", "apps", "*", "batch", "Apps/V1", "a b"], 0, 3));
}

fn api_versions(dice: &mut Dice<'_>, candidate: &mut Candidate) {
    candidate.resources["apiVersions"] =
        json!(some(dice, &["v1", "*", "", "V 1", "v1beta1", "1"], 0, 3));
}

fn resources(dice: &mut Dice<'_>, candidate: &mut Candidate) {
    let choices = [
        "pods",
        "pods",
        "*",
        "pods/*",
        "*/scale",
        "pods/scale",
        "pods/log",
        "*/*",
        "",
        "jobs",
        "Pods",
        "a b",
        "pods/",
        "/log",
        "a/b/c",
        "*/",
    ];
    candidate.resources["resources"] = json!(some(dice, &choices, 0, 4));
}

fn condition(candidate: &mut Candidate, expression: &str) {
    candidate.conditions = json!([{"name": "a", "expression": expression}]);
}

fn condition_names(dice: &mut Dice<'_>, candidate: &mut Candidate) {
    let count = dice.weighted(&[(12, 1), (12, 2), (1, 64), (1, 65)]);
    let conditions: Vec<Value> = (0..count)
        .map(|index| {
            json!({"name":
            if count < 3 { name(dice) } else { format!("c{index}") },
            "expression": "true"})
        })
        .collect();
    candidate.conditions = Value::Array(conditions);
}

/// Conditions that are good in some version, of every kind of syntax.
const GOOD: [&str; 40] = [
    "true",
    "!false",
    " \n request.dryRun \t",
    "object.a == 1 && !has(oldObject.b)",
    "has(object.metadata.labels) && 'a' in object.metadata.labels",
    "request.namespace == 'a' || request.options.kind == \"b\"",
    "request.userInfo.extra['x'][0] == 'y'",
    "request.userInfo.groups.exists(g, g == 'system:masters')",
    "authorizer.requestResource.check('get').allowed()",
    "authorizer.group('').resource('pods').namespace('a').name('b').check('get').errored()",
    "namespaceObject.metadata.name == 'a'",
    "quantity('1').add(1).isGreaterThan(quantity('1'))",
    "object.a.all(object, object > 0)",
    "object.a.all(i, v, i < v)",
    "object.a.transformList(i, v, i > 0, v).size() == 1",
    "object.a.sortBy(e, e.name)[0].name == 'a'",
    "object.?a.orValue(false) == true",
    "object.?a.?b.optMap(x, x == 1).orValue(false)",
    "object[?'a'].hasValue()",
    "[?object.?a].size() == 1 && {?'a': object.?a}.size() == 1",
    "optional.of(1).hasValue() && optional.none().hasValue()",
    "sets.contains([1], [1]) && ip.isCanonical('127.0.0.1') && lists.range(3).size() == 3",
    "!format.dns1123Label().validate('a').hasValue() && format.named('uri').hasValue()",
    "type(object.a) == google.protobuf.Timestamp || type(object.a) == string",
    "google.protobuf.Int32Value{value: 1} == 1",
    "object.namespace == '' && object.if == 1",
    r#"object.a == r'\d' && object.b == b'\xff' && object.c == """x""""#,
    r"object.a == '\u00e9' && object.b == '\101\n\x41'",
    "object.a ? request.dryRun : object.b == 1",
    ".object.a == 1 // why",
    "object.a == 0x1F && object.b == 0x1Fu && object.c == 1.5e-3 && object.d == .5",
    "[1, 2].max() == 2 && -object.a == 1 && object.b - 1 == 1 && object.c % 2 == 0",
    "timestamp('2020-01-01T00:00:00Z').getFullYear('UTC') == 2020 && duration('1h').getHours() == \
     1",
    "'%s %d'.format(['a', 1]) == 'a' && strings.quote('a') == 'b'",
    "semver('1.0.0').isLessThan(semver('v1.1', true)) && isSemver('1')",
    "cidr('10.0.0.0/8').containsIP('10.0.0.1') && url('https://a').getHost() == 'a'",
    "object.spec.containers.all(c, c.image.startsWith('x/') && !has(c.y))",
    "(object.a == 1) == true ? true : false",
    "object.a in [1, 2,] && {'a': 1,}.a == 1",
    "object.a.existsOne(i, v, i == v) && object.b.exists_one(x, x == 1)",
];

fn good(dice: &mut Dice<'_>) -> String {
    let one = *dice.pick(&GOOD);
    match dice.below(4) {
        0 => format!("({one}) && {}", dice.pick(&GOOD)),
        1 => format!("!({one}\n) ||\n {}", dice.pick(&GOOD)),
        _ => one.to_owned(),
    }
}

fn expressions(dice: &mut Dice<'_>, candidate: &mut Candidate) {
    let expression = good(dice);
    condition(candidate, &expression);
}

/// A good condition with one or two edits.
fn faulty_expressions(dice: &mut Dice<'_>, candidate: &mut Candidate) {
    const INSERTED: [&str; 40] = [
        "(", ")", "[", "]", "{", "}", ".", ",", "'", "\"", "?", ":", "!", "&&", "||", "&", "=",
        "==", "<", "+", "-", "*", "/", "//", "\\", "`", "@", "#", " ", "\n", "\u{a0}", "é", "1",
        "0x", "1u", ".5", "x", "in", "for", "null",
    ];
    const NAMES: [&str; 16] = [
        "self",
        "params",
        "variables",
        "oldSelf",
        "value",
        "objekt",
        "request.object",
        "request.nme",
        "frob",
        "frob()",
        "object.frob(1)",
        "Widget{a: 1}",
        "namespaceObject",
        "authorizer",
        "object",
        "request.userInfo.name",
    ];
    let mut letters: Vec<char> = good(dice).chars().collect();
    for _ in 0..dice.between(1, 2) {
        let at = dice.below(letters.len().max(1)).min(letters.len());
        match dice.below(4) {
            0 if at < letters.len() => drop(letters.remove(at)),
            1 => letters.truncate(at),
            2 => {
                // Another name where one begins.
                let starts = |index: &usize| {
                    letters[*index].is_alphabetic()
                        && (*index == 0 || !letters[index - 1].is_alphanumeric())
                };
                let all: Vec<usize> = (0..letters.len()).filter(starts).collect();
                if !all.is_empty() {
                    let start = *dice.pick(&all);
                    let end = (start..letters.len())
                        .find(|index| !letters[*index].is_alphanumeric())
                        .unwrap_or(letters.len());
                    letters.splice(start..end, dice.pick(&NAMES).chars());
                }
            }
            _ => drop(letters.splice(at..at, dice.pick(&INSERTED).chars())),
        }
    }
    condition(candidate, &letters.into_iter().collect::<String>());
}

/// A function with any number of arguments, on a value or on nothing.
fn functions(dice: &mut Dice<'_>, candidate: &mut Candidate) {
    const FUNCTIONS: [&str; 61] = [
        "size",
        "contains",
        "matches",
        "startsWith",
        "has",
        "int",
        "string",
        "bool",
        "type",
        "dyn",
        "charAt",
        "indexOf",
        "lastIndexOf",
        "lowerAscii",
        "replace",
        "split",
        "substring",
        "trim",
        "join",
        "find",
        "findAll",
        "isSorted",
        "sum",
        "max",
        "min",
        "url",
        "isURL",
        "getHost",
        "path",
        "group",
        "check",
        "allowed",
        "optional.of",
        "optional.none",
        "value",
        "orValue",
        "or",
        "first",
        "sign",
        "quantity",
        "compareTo",
        "asInteger",
        "sets.contains",
        "ip",
        "ip.isCanonical",
        "isIP",
        "family",
        "cidr",
        "containsIP",
        "validate",
        "format.uuid",
        "format",
        "transformMap",
        "semver",
        "major",
        "slice",
        "flatten",
        "reverse",
        "includes",
        "frob",
        "math.frob",
    ];
    let count = dice.between(0, 3);
    let arguments: Vec<&str> =
        (0..count).map(|_| *dice.pick(&["object.a", "'a'", "1", "[1]", "x"])).collect();
    let target = *dice.pick(&["", "object.a.", "'a'.", "[1].", "optional.of(1)."]);
    let call = format!("{target}{}({})", dice.pick(&FUNCTIONS), arguments.join(", "));
    let expression = match dice.below(3) {
        0 => call,
        1 => format!("dyn({call}) == 1"),
        _ => format!("object.l.all(x, dyn({call}) == 1)"),
    };
    condition(candidate, &expression);
}

fn results(dice: &mut Dice<'_>, candidate: &mut Candidate) {
    const RESULTS: [&str; 44] = [
        "true",
        "false",
        "1",
        "1u",
        "1.5",
        "'a'",
        "b'a'",
        "null",
        "[]",
        "{}",
        "object",
        "oldObject.a",
        "object['a'].b",
        "object.a[0]",
        "request",
        "request.name",
        "request.dryRun",
        "request.userInfo",
        "authorizer",
        "authorizer.requestResource",
        "authorizer.requestResource.check('get')",
        "namespaceObject",
        "namespaceObject.metadata.labels['a']",
        "string",
        "object.a + 1",
        "-object.a",
        "object.a.map(x, x)",
        "object.a.filter(x, x == 1)",
        "object.a.all(x, x == 1)",
        "object.a.size()",
        "optional.of(true)",
        "object.?a",
        "object.?a.orValue(true)",
        "optional.of(true).value()",
        "[true][0]",
        "{'a': true}.a",
        "dyn(true)",
        "bool(object.a)",
        "type(1)",
        "[true].max()",
        "timestamp('2020-01-01T00:00:00Z')",
        "has(object.a)",
        "object.a == 1",
        "object.l.exists(x, y, y == x)",
    ];
    let one = *dice.pick(&RESULTS);
    let expression = match dice.below(5) {
        0 => format!("object.c == 1 ? {one} : {}", dice.pick(&RESULTS)),
        1 => format!("({one})"),
        _ => one.to_owned(),
    };
    condition(candidate, &expression);
}

/// What a type checker or a compiler of literals refuses.
fn types(dice: &mut Dice<'_>, candidate: &mut Candidate) {
    const FAULTS: [&str; 20] = [
        "1 == 'a'",
        "request.name == 1",
        "request.name.first == 'a'",
        "request.dryRun == 'true'",
        "'a' + 1 == 'b'",
        "1 && true",
        "!'a'",
        "true > 1",
        "[1, 'a'] == []",
        "{'a': 1, 2: 3} == {}",
        "'abc'.matches('(')",
        "'abc'.find('[') == ''",
        "duration('x') == duration('1s')",
        "timestamp('x') == timestamp('y')",
        "namespaceObject.foo == 1",
        "authorizer.foo == 1",
        "quantity(1) == quantity('1')",
        "google.protobuf.Foo{} == 1",
        "object.?a.value()",
        "object.a == 1 ? 1 == 1 : 'a' == 1",
    ];
    let one = *dice.pick(&FAULTS);
    let expression =
        if dice.percent(50) { format!("object.spec.a == 1 || {one}") } else { one.to_owned() };
    condition(candidate, &expression);
}
