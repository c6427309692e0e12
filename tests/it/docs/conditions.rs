//! docs/rules.md names what conditions lack of Kubernetes' CEL, and nothing that they have.

use fieldward::engine::{Builtin, RuleFile, RuleSet};

use super::page::Page;

/// What the libraries of Kubernetes' CEL have (1.37,
/// staging/src/k8s.io/apiserver/pkg/cel/environment/base.go): what docs/rules.md says is missing,
/// and one expression with it.
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

pub(crate) fn check() {
    let page = Page::read("docs/rules.md").text;
    let section = page.split("\n### Functions that are missing\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
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
            Builtin::Excluded,
            &[RuleFile { origin: "widget.yaml".to_owned(), text: rule.to_string() }],
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
