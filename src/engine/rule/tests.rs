//! A rule says what its document says.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::actions::Actions;
use super::definition::LONGEST_NAME;
use super::{
    Builtin, Cursor, Effect, Exemptions, FailurePolicy, KeySelector, LabelSelector, ListKey,
    MatchCondition, Reason, Requesters, ResourceRule, Rule, RuleFile, RuleSet, SelectorExpression,
    Step, Verb, Verbs, is_dns_subdomain,
};

use crate::engine::{Declaration, Path};

const WHOLE: &str = "\
apiVersion: fieldward.io/v1alpha1
kind: UpdateRule
metadata:
  name: widget
  annotations: {fieldward.io/source: 'https://example.com/widgets'}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [example.com], apiVersions: [v1, v2], resources: [widgets, \
    widgets/scale], kinds: [Widget]}]
    namespaceSelector: {matchLabels: {team: red}}
    objectSelector: {matchExpressions: [{key: tier, operator: In, values: [gold, silver]}]}
  matchConditions: [{name: grown, expression: 'object.spec.size > 3'}]
  validationActions: [Warn, Audit]
  failurePolicy: Ignore
  reason: Invalid
  mutable: [spec.a, {path: spec.b, allow: [Set, Clear], by: {users: [u], groups: [g], \
  serviceAccounts: [n/s]}, when: 'object.spec.a == 1'}]
  exempt: {users: [root]}
";

fn loaded(text: &str) -> RuleSet {
    match RuleSet::load(
        Builtin::Excluded,
        &[RuleFile { origin: "widget.yaml".to_owned(), text: text.to_owned() }],
    ) {
        Ok(rules) => rules,
        Err(errors) => panic!("{errors}"),
    }
}

fn only(rules: &RuleSet) -> &Rule {
    match rules.rules().collect::<Vec<_>>().as_slice() {
        [rule] => rule,
        others => panic!("{} rules", others.len()),
    }
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

#[test]
fn every_part_is_there() {
    let rules = loaded(WHOLE);
    let rule = only(&rules);
    assert_eq!(
        (rule.name().as_str(), rule.name().to_string().as_str(), rule.origin()),
        ("widget", "widget", "widget.yaml")
    );
    assert_eq!((rule.text(), rule.source()), (WHOLE, Some("https://example.com/widgets")));
    let resource = ResourceRule {
        api_groups: texts(["example.com"]),
        api_versions: texts(["v1", "v2"]),
        resources: texts(["widgets", "widgets/scale"]),
        kinds: texts(["Widget"]),
    };
    assert_eq!(rule.resources(), [resource]);
    let team = LabelSelector {
        match_labels: vec![("team".to_owned(), "red".to_owned())],
        ..LabelSelector::default()
    };
    let tier = SelectorExpression {
        key: "tier".to_owned(),
        operator: "In".to_owned(),
        values: texts(["gold", "silver"]),
    };
    assert_eq!(rule.namespace_selector(), &team);
    assert_eq!(
        rule.object_selector(),
        &LabelSelector { match_expressions: vec![tier], ..LabelSelector::default() }
    );
    let protected: Vec<String> =
        rule.protected().iter().map(|protection| protection.path.to_string()).collect();
    assert_eq!(protected, ["metadata.labels.tier"]);
    let grown =
        MatchCondition { name: "grown".to_owned(), expression: "object.spec.size > 3".to_owned() };
    assert_eq!(rule.match_conditions(), [grown]);
    assert_eq!(rule.actions(), Actions { effect: Effect::Warn, audit: true });
    assert_eq!((rule.failure_policy(), rule.reason()), (FailurePolicy::Ignore, Reason::Invalid));
    assert_eq!(rule.exempt(), &Requesters { users: texts(["root"]), ..Requesters::default() });
    assert!(
        rule.lifecycle_entries().all(|entry| !entry.is_documented())
            && rule.lifecycle_entries().count() > 0
    );
}

#[test]
fn a_selector_has_no_empty_list_for_the_api_server() {
    let rules = loaded(WHOLE);
    let rule = only(&rules);
    let [namespaces, objects] = [rule.namespace_selector(), rule.object_selector()]
        .map(|selector| selector.to_api().unwrap());
    assert!(namespaces.match_labels.is_some() && namespaces.match_expressions.is_none());
    assert!(objects.match_labels.is_none() && objects.match_expressions.is_some());
    assert_eq!(LabelSelector::default().to_api(), None);
    let exists = |values| SelectorExpression {
        key: "tier".to_owned(),
        operator: "Exists".to_owned(),
        values,
    };
    for (values, is_there) in [(vec![], false), (texts(["gold"]), true)] {
        let selector =
            LabelSelector { match_expressions: vec![exists(values)], ..LabelSelector::default() };
        let expressions = selector.to_api().and_then(|api| api.match_expressions);
        assert!(expressions.unwrap_or_default().iter().all(|one| one.values.is_some() == is_there));
    }
}

#[test]
fn equality_secrecy_and_defaults_are_told() {
    let head = WHOLE
        .split("spec:\n")
        .next()
        .unwrap()
        .replace("annotations: {", "annotations: {fieldward.io/defaulted: 'spec.b, spec.c', ");
    let rules = loaded(&format!(
        "{head}spec:\n  matchConstraints:\n    resourceRules: [{{apiGroups: [a], apiVersions: \
         [v1], resources: [bs]}}]\n  mutable: [spec.a]\n  \
         sensitive: [spec.t]\n  equality: [{{path: spec.a, as: Quantity}}, {{path: spec.b, key: \
         name}}, {{path: spec.c, absentAs: 1}}]\n"
    ));
    let rule = only(&rules);
    let paths = |paths: &[Path]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (paths(rule.sensitive()), paths(rule.defaulted())),
        (texts(["spec.t"]), texts(["spec.b", "spec.c"]))
    );
    let equality: Vec<String> =
        rule.equality().iter().map(|equality| equality.path.to_string()).collect();
    assert_eq!(equality, ["spec.a", "spec.b", "spec.c"]);
    assert_eq!(rule.equality().iter().flat_map(Declaration::all_of).count(), 3);
}

#[test]
fn an_error_says_where_and_what() {
    let document =
        RuleFile { origin: "widget.yaml".to_owned(), text: WHOLE.replace("spec.b", "spec..b") };
    let errors = RuleSet::load(Builtin::Excluded, &[document]).unwrap_err();
    let told: Vec<(&str, u64, &str)> = errors
        .into_iter()
        .map(|error| (error.origin(), error.place().0, error.message()))
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "widget.yaml");
    assert!(told[0].2.contains("spec..b"), "{told:?}");
    // A star begins an alias in YAML, where nothing quotes it; a bracket does not.
    let refused = |mutable: &str| {
        let text = WHOLE.replace("mutable: [spec.a,", &format!("mutable: [{mutable},"));
        RuleSet::load(Builtin::Excluded, &[RuleFile { origin: "widget.yaml".to_owned(), text }])
            .unwrap_err()
            .to_string()
    };
    assert!(refused("*.x").contains("stands in quotes"), "{}", refused("*.x"));
    assert!(refused("spec.a[*].b").contains("stands in quotes"), "{}", refused("spec.a[*].b"));
    assert!(!refused("1: 2: 3").contains("stands in quotes"), "{}", refused("1: 2: 3"));
}

#[test]
fn a_set_tells_its_names_and_its_digest() {
    let (none, one) = (RuleSet::default(), loaded(WHOLE));
    let builtin = RuleSet::load(Builtin::Included, &[]).unwrap();
    assert_eq!(
        (none.len(), none.is_empty(), one.len(), one.is_empty(), builtin.len()),
        (0, true, 1, false, 2)
    );
    assert_eq!(
        (one.names().collect::<Vec<_>>(), builtin.names().collect::<Vec<_>>()),
        (vec!["widget"], vec!["mxjob", "volcano-job"])
    );
    let changed = loaded(&WHOLE.replace("spec.a,", "spec.c,"));
    assert!(
        [&one, &changed].iter().all(|set| set.digest().len() == 64
            && set.digest().bytes().all(|byte| byte.is_ascii_hexdigit()))
    );
    assert_ne!(one.digest(), changed.digest());
    assert_eq!(one.digest(), loaded(WHOLE).digest());
}

#[test]
fn a_part_of_a_set_has_only_its_rules() {
    let builtin = RuleSet::load(Builtin::Included, &[]).unwrap();
    let both = RuleSet::load(
        Builtin::Included,
        &[RuleFile { origin: "widget.yaml".to_owned(), text: WHOLE.to_owned() }],
    )
    .unwrap();
    let changed = loaded(&WHOLE.replace("spec.a,", "spec.c,"));
    let names = |set: &RuleSet| set.names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(&both.only("mxjob").unwrap()), ["mxjob"]);
    assert_eq!(names(&both.without(&builtin)), ["widget"]);
    assert_eq!(names(&both.without(&changed)), ["mxjob", "volcano-job", "widget"]);
    assert_eq!(names(&both.without(&both)), [""; 0]);
}

#[test]
fn the_selection_is_what_is_registered_besides_the_resources() {
    let selection = |text: &str| only(&loaded(text)).selection();
    for (from, to) in [
        ("team: red", "tea: mred"),
        ("team: red", "team: blue"),
        ("key: tier", "key: size"),
        ("gold, silver", "gold"),
        ("name: grown", "name: grows"),
        ("size > 3", "size > 4"),
        ("failurePolicy: Ignore", "failurePolicy: Fail"),
    ] {
        assert_ne!(selection(&WHOLE.replace(from, to)), selection(WHOLE), "{to}");
    }
    assert_eq!(selection(&WHOLE.replace("[v1, v2]", "[v1]")), selection(WHOLE));
}

#[test]
fn a_name_leaves_room_for_that_of_the_webhook() {
    for (length, is_right) in [(LONGEST_NAME, true), (LONGEST_NAME + 1, false), (250, false)] {
        let text = WHOLE.replace("name: widget", &format!("name: {}", "a".repeat(length)));
        let file = RuleFile { origin: "widget.yaml".to_owned(), text };
        let loaded = RuleSet::load(Builtin::Excluded, &[file]);
        assert_eq!(loaded.is_ok(), is_right, "{length}");
        assert!(loaded.err().is_none_or(|errors| errors.to_string().contains("at most 240")));
    }
}

#[test]
fn a_dns_subdomain_is_of_labels() {
    for text in ["a", "a-1.b", "1.2"] {
        assert!(is_dns_subdomain(text), "{text}");
    }
    for text in ["", "a..b", "a_b", "A", "-a", "a-", "a.-b", &"a".repeat(254)] {
        assert!(!is_dns_subdomain(text), "{text}");
    }
}

#[test]
fn a_location_tells_by_which_steps_paths_go_on() {
    let rules = loaded(
        &(WHOLE.replace(
            "spec.a,",
            "\"d['a*']\", \"d['abc*']\", \"e['*']\", \"t[name=x].a\", \"t[name=y].b\",",
        ) + "  equality: [{path: t, key: name}, {path: s, as: PodTemplateSpec}]\n"),
    );
    let root = Cursor::root(only(&rules));
    let (data, tasks) = (root.member("d"), root.member("t"));
    assert_eq!(data.prefixes(), ["abc", "a"]);
    assert_eq!(root.member("e").steps(), BTreeSet::from([Step::AnyMember]));
    assert_eq!(tasks.prefixes(), [""; 0]);
    let key = |name| ListKey::declared_by_schema([(name, None)].into_iter()).unwrap();
    let x = KeySelector::by_text("name", "x");
    assert_eq!(
        tasks.selected(&key("name")),
        BTreeSet::from([x.clone(), KeySelector::by_text("name", "y")])
    );
    assert_eq!(tasks.selected(&key("id")), BTreeSet::new());
    let pod = root.member("s");
    let table = [
        (&root, true),
        (&tasks, true),
        (&data, false),
        (&pod, true),
        (&pod.member("spec"), true),
        (&pod.member("spec").member("containers"), true),
        (&pod.member("spec").member("nodeSelector"), false),
        (&pod.member("metadata").member("labels"), false),
        (&tasks.selected_element(&x), false),
    ];
    for (index, (cursor, expected)) in table.iter().enumerate() {
        assert_eq!(cursor.leads_to_keyed_list(), *expected, "{index}");
    }
}

#[test]
fn a_location_tells_whether_values_count_as_left_out() {
    let rules = loaded(
        &(WHOLE.to_owned()
            + "  equality: [{path: a, absentAs: 0}, {path: q, as: Quantity}, \
               {path: s, as: PodTemplateSpec}]\n"),
    );
    let root = Cursor::root(only(&rules));
    for (cursor, expected) in [
        (root.member("a"), true),
        (root.member("q"), false),
        (root.member("s"), false),
        // A zero of a field counts as left out.
        (root.member("s").member("spec"), true),
    ] {
        assert_eq!(cursor.declared().may_be_left_out(), expected);
    }
}

#[test]
fn the_objects_above_an_entry_are_known() {
    let rules = loaded(
        &(WHOLE.replace("spec.a,", "a.b.c, \"w.*.x\", s.spec.hostname,")
            + "  equality: [{path: s, as: PodTemplateSpec}]\n"),
    );
    let root = Cursor::root(only(&rules));
    let depths = |at: &Cursor<'_>| at.entries_below().map(|(_, depth)| depth).collect::<Vec<_>>();
    assert_eq!(depths(&root.member("a")), [1]);
    assert_eq!(depths(&root.member("a").member("b")), [2]);
    let table = [
        (root.member("a"), true),
        (root.member("a").member("b").member("c"), false),
        (root.member("w"), true),
        (root.member("w").member("k"), false),
        // An object that a struct holds by value counts as left out if it is empty.
        (root.member("s"), true),
        (root.member("s").member("spec"), false),
        (root.member("x"), false),
    ];
    for (index, (cursor, expected)) in table.iter().enumerate() {
        assert_eq!(cursor.is_named_ancestor(), *expected, "{index}");
    }
}

#[test]
fn a_verb_that_is_added_twice_is_there() {
    let twice = Verbs::default().with(Verb::Set).with(Verb::Set);
    assert!(twice.has(Verb::Set) && !twice.has(Verb::Modify));
    let both = twice.union(Verbs::default().with(Verb::Set).with(Verb::Clear));
    assert_eq!(both.names().collect::<Vec<_>>(), ["Set", "Clear"]);
}

#[test]
fn entries_stand_in_their_order_without_those_that_every_rule_has() {
    let rules = loaded(WHOLE);
    let entries: Vec<_> = only(&rules).entries().collect();
    let paths: Vec<String> = entries.iter().map(|entry| entry.path.to_string()).collect();
    assert_eq!(paths, ["spec.a", "spec.b"]);
    let verbs: Vec<Vec<&str>> = entries.iter().map(|entry| entry.verbs.names().collect()).collect();
    assert_eq!(
        verbs,
        [vec!["Set", "Modify", "Clear", "AddItem", "RemoveItem"], vec!["Set", "Clear"]]
    );
    assert!(entries.iter().map(|entry| entry.verbs.has(Verb::AddItem)).eq([true, false]));
    let by =
        Requesters { users: texts(["u"]), groups: texts(["g"]), service_accounts: texts(["n/s"]) };
    assert!(entries.iter().map(|entry| entry.by.as_ref()).eq([None, Some(&by)]));
    let when = |text: &str| {
        entries
            .iter()
            .map(|entry| entry.when.as_ref().map(|when| when.text() == text))
            .collect::<Vec<_>>()
    };
    assert_eq!(when("object.spec.a == 1"), [None, Some(true)]);
}

#[test]
fn what_is_left_out_has_its_default() {
    let rules = loaded(
        "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {name: \
         widget}\nspec:\n  matchConstraints:\n    resourceRules: \
         [{apiGroups: [example.com], apiVersions: [v1], resources: [widgets]}]\n  mutable: []\n",
    );
    let rule = only(&rules);
    assert_eq!(
        (rule.source(), rule.match_conditions(), rule.entries().count()),
        (None, [].as_slice(), 0)
    );
    assert_eq!(
        (rule.namespace_selector(), rule.object_selector()),
        (&LabelSelector::default(), &LabelSelector::default())
    );
    assert_eq!(rule.actions(), Actions { effect: Effect::Deny, audit: false });
    assert_eq!((rule.failure_policy(), rule.reason()), (FailurePolicy::Fail, Reason::Forbidden));
    let written = loaded(&WHOLE.replace("reason: Invalid", "reason: Forbidden"));
    assert_eq!(only(&written).reason(), Reason::Forbidden);
}

#[test]
fn a_requester_is_found_by_name_group_or_service_account() {
    let by = Requesters {
        users: texts(["u"]),
        groups: texts(["g", "h"]),
        service_accounts: texts(["n/s"]),
    };
    let asked = |user: &str, groups: &[&str]| {
        by.contains(user, &groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>())
    };
    assert!(asked("u", &[]) && asked("x", &["h"]) && asked("system:serviceaccount:n:s", &[]));
    assert!(
        !asked("x", &[])
            && !asked("g", &["u"])
            && !asked("n/s", &[])
            && !asked("system:serviceaccount:s:n", &[])
    );
    assert!(!asked("system:serviceaccount:n:s:t", &[]) && !Requesters::default().contains("", &[]));
}

#[test]
fn conditions_are_equal_by_their_text_and_shown_by_it() {
    let (one, two) =
        (loaded(WHOLE), loaded(&WHOLE.replace("object.spec.a == 1", "object.spec.a == 2")));
    let when = |rules: &RuleSet| only(rules).entries().find_map(|entry| entry.when.clone());
    assert_eq!(when(&one), when(&loaded(WHOLE)));
    assert_ne!(when(&one), when(&two));
    assert_eq!(format!("{:?}", when(&one)), "Some(Condition(\"object.spec.a == 1\"))");
}

#[test]
fn a_condition_tells_which_fields_it_compares_with_what_they_were() {
    for (when, are_compared) in [
        ("object.spec.a == oldObject.spec.a", true),
        ("oldValue != value", true),
        ("object.spec.a == oldObject.spec.b", false),
        ("object.spec.a == object.spec.a", false),
        ("object.spec.a == 1", false),
    ] {
        let rules = loaded(&WHOLE.replace("object.spec.a == 1", when));
        let condition = only(&rules).entries().find_map(|entry| entry.when.clone()).unwrap();
        assert!(
            condition.program.chains.iter().all(|read| read.is_compared == are_compared),
            "{when}"
        );
    }
}

#[test]
fn the_digest_covers_the_exemptions_from_all_rules() {
    let rules = loaded(WHOLE);
    let digest =
        |exemptions: Exemptions| rules.clone().exempting(Arc::new(exemptions)).digest().to_owned();
    let by = |requesters: Requesters| Exemptions { requesters, ..Exemptions::default() };
    let none = Requesters::default;
    let differing = [
        digest(Exemptions { namespaces: texts(["a"]), ..Exemptions::default() }),
        digest(by(Requesters { users: texts(["a"]), ..none() })),
        digest(by(Requesters { users: texts(["a", "b"]), ..none() })),
        digest(by(Requesters { groups: texts(["a"]), ..none() })),
        digest(by(Requesters { service_accounts: texts(["a"]), ..none() })),
        rules.digest().to_owned(),
    ];
    assert_eq!(differing.iter().collect::<BTreeSet<_>>().len(), differing.len(), "{differing:?}");
    assert_eq!(digest(Exemptions::default()), rules.digest());
    assert_eq!(
        digest(by(Requesters { users: texts(["b", "a", "b"]), ..none() })),
        digest(by(Requesters { users: texts(["a", "b"]), ..none() }))
    );
}
