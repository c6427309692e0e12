use super::{Obstacle, Rule, Unexportable, export};
use crate::engine::{Builtin, RuleFile, RuleSet};

fn rules(spec: &str) -> RuleSet {
    let text = format!(
        "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
         r}}\nspec:\n  matchConstraints:\n    \
         resourceRules: [{{apiGroups: [g], apiVersions: [v1], resources: [widgets], kinds: \
         [Widget]}}]\n{spec}"
    );
    RuleSet::load(Builtin::Excluded, &[RuleFile { origin: "test".to_owned(), text }]).unwrap()
}

/// What the variable of the policy says, on one line.
fn variable(spec: &str, name: &str) -> String {
    let rules = rules(spec);
    let policy = export(rules.get("r").unwrap()).unwrap().policy;
    let variables = policy.spec.unwrap().variables.unwrap();
    let found = variables.iter().find(|variable| variable.name == name).unwrap_or_else(|| {
        panic!(
            "no {name} among {:?}",
            variables.iter().map(|variable| &variable.name).collect::<Vec<_>>()
        );
    });
    let text = found.expression.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace("( ", "(").replace(" )", ")")
}

/// What is said of one member of spec, `x`, with `o` and `n` for its two sides.
fn kept(spec: &str) -> String {
    let refused = variable(&spec.replace("\n  mutable: [", "\n  mutable: [zzz, "), "refused_spec");
    let long = refused.contains("variables.kept_spec_x");
    let text = if long { variable(spec, "kept_spec_x") } else { refused };
    let text =
        text.replace("variables.old_spec[?\"x\"]", "o").replace("variables.new_spec[?\"x\"]", "n");
    if long {
        text
    } else {
        text.split(" + ").find(|part| part.ends_with("[\"spec.x\"])")).unwrap_or(&text).to_owned()
    }
}

#[test]
fn every_construct_has_its_expression() {
    let table = [
        (
            "  mutable: [{path: spec.x, by: {users: [u], serviceAccounts: [a/b]}}]\n",
            r#"((o == n || variables.by_1) ? [] : ["spec.x"])"#,
        ),
        (
            "  mutable: [{path: spec.x, when: oldObject.spec.a}]\n",
            r#"((o == n || variables.when_1) ? [] : ["spec.x"])"#,
        ),
        (
            "  mutable: [{path: spec.x, when: value > oldValue}]\n",
            "o == n || [dyn(o.orValue(null))].exists(oldValue, \
             [dyn(n.orValue(null))].exists(value, (value > oldValue)))",
        ),
        (
            "  mutable: [spec.y]\n  equality: [{path: spec.x, as: Quantity}]\n",
            "BOTH(type(x2) == string || type(x2) == int || type(x2) == double) && (type(y2) == \
             string || type(y2) == int || type(y2) == double) && [dyn(string(x2).trim())].all(s3, \
             [dyn(string(y2).trim())].all(t3, (isQuantity(s3) && isQuantity(t3) && \
             quantity(s3).compareTo(quantity(t3)) == 0)))))",
        ),
        (
            "  mutable: [spec.y]\n  equality: [{path: spec.x, as: Set}]\n",
            "BOTHLISTSx2.all(e3, e3 in y2) && y2.all(f3, f3 in x2)))",
        ),
        (
            "  mutable: [spec.y]\n  equality: [{path: spec.x, absentAs: {}}]\n",
            r#"((o.orValue({}) == n.orValue({})) ? [] : ["spec.x"])"#,
        ),
        (
            "  mutable: [spec.y]\n  equality: [{path: spec.x, absentAs: {}}, {path: spec.x.a, \
             absentAs: 0}]\n",
            r#"[dyn(o.orValue({}))].all(x2, [dyn(n.orValue({}))].all(y2, x2 == y2 || type(x2) == map && type(y2) == map && x2.all(k3, k3 == "a" || x2[?k3] == y2[?k3]) && y2.all(k3, k3 == "a" || k3 in x2) && x2[?"a"].orValue(0) == y2[?"a"].orValue(0)))"#,
        ),
        (
            "  mutable: [{path: spec.x, allow: [Set]}]\n  equality: [{path: spec.x, absentAs: \
             {}}]\n",
            "o == n || [dyn(o.hasValue() && (o.value() == {}) ? optional.none() : o)].all(a2, \
             [dyn(n.hasValue() && (n.value() == {}) ? optional.none() : n)].all(b2, a2 == b2 || \
             !(a2.hasValue())))",
        ),
        ("  mutable: ['spec.x[*].a']\n", "BOTHLISTSPOSITIONS"),
        (
            "  mutable: ['spec.x[*].a']\n  equality: [{path: spec.x, key: name}]\n",
            r#"BOTHLISTS(size(x2) == size(y2) && x2.all(i3, e3, type(e3) == map && type(y2[i3]) == map && e3[?"name"] == y2[i3][?"name"]) || !(x2.all(e3, type(e3) == map && (type(e3[?"name"].orValue(null)) == string || type(e3[?"name"].orValue(null)) == int || type(e3[?"name"].orValue(null)) == bool)) && x2.all(e3, x2.exists_one(f3, f3["name"] == e3["name"])))) && POSITIONS"#,
        ),
    ];
    let both = "o == n || o.hasValue() && n.hasValue() && [dyn(o.value())].all(x2, \
                [dyn(n.value())].all(y2, ";
    let positions = r#"size(x2) == size(y2) && x2.all(i3, e3, [dyn(y2[i3])].all(f3, e3 == f3 || type(e3) == map && type(f3) == map && e3.all(k4, k4 == "a" || e3[?k4] == f3[?k4]) && f3.all(k4, k4 == "a" || k4 in e3)))))"#;
    for (spec, expected) in table {
        let expected = expected
            .replace("BOTHLISTS", "BOTHtype(x2) == list && type(y2) == list && ")
            .replace("BOTH", both);
        assert_eq!(kept(spec), expected.replace("POSITIONS", positions), "{spec}");
    }
}

#[test]
fn a_comment_takes_no_bracket_with_it() {
    let rules = rules("  mutable: [{path: spec.x, when: value > oldValue // more}]\n");
    let policy = export(rules.get("r").unwrap()).unwrap().policy;
    let variables = policy.spec.unwrap().variables.unwrap();
    let lines = variables.iter().flat_map(|variable| variable.expression.lines());
    let commented: Vec<&str> = lines.filter(|line| line.contains("// more")).collect();
    assert!(
        !commented.is_empty() && commented.iter().all(|line| line.ends_with("// more")),
        "{commented:?}"
    );
}

#[test]
fn what_every_rule_has_stands_in_metadata() {
    let spec = "  mutable: [spec.x]\n";
    let refused = variable(spec, "refused_metadata");
    assert!(refused.starts_with("!variables.open_metadata ? [] : "), "{refused}");
    assert!(refused.contains(r#"!(k1 in ["creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generation", "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid"])"#), "{refused}");
    let finalizers = variable(spec, "kept_metadata_finalizers");
    assert!(finalizers.contains("variables.by_1 || variables.deleting && "), "{finalizers}");
    assert_eq!(
        variable(spec, "by_1"),
        r#"request.userInfo.username in ["system:serviceaccount:kube-system:generic-garbage-collector", "system:kube-controller-manager"]"#
    );
}

#[test]
fn narrowed_entries_permit_by_verb_and_bare_ones_everything() {
    assert_eq!(
        kept("  mutable: [{path: spec.x, allow: [Set]}]\n"),
        r#"((o == n || !(o.hasValue())) ? [] : ["spec.x"])"#
    );
    assert_eq!(
        kept("  mutable: [{path: spec.x, allow: [Clear]}]\n"),
        r#"((o == n || !(n.hasValue())) ? [] : ["spec.x"])"#
    );
    let together = kept(
        "  mutable: [{path: spec.x, allow: [Set, Clear, AddItem]}, {path: spec.x, allow: [Modify, \
         RemoveItem], when: oldObject.a}]\n",
    );
    assert!(together.starts_with("o == n || variables.when_1 || "), "{together}");
    let modify = kept("  mutable: [{path: spec.x, allow: [Modify]}]\n");
    assert!(
        !modify.contains("!(o.hasValue())")
            && modify.contains("!(type(x2) == map && type(y2) == map || "),
        "{modify}"
    );
}

#[test]
fn a_condition_of_the_rule_keeps_its_name() {
    let rules = rules(
        "  matchConditions: [{name: fieldward.io/kinds, expression: 'true'}, \
         {name: fieldward.io/kinds-2, expression: 'true'}]\n  mutable: [metadata.labels]\n",
    );
    let export = export(rules.get("r").unwrap()).unwrap();
    let conditions = export.policy.spec.unwrap().match_conditions.unwrap();
    let names: Vec<&str> = conditions.iter().map(|condition| condition.name.as_str()).collect();
    assert_eq!(names, ["fieldward.io/kinds-2-2", "fieldward.io/kinds", "fieldward.io/kinds-2"]);
}

#[test]
fn the_objects_are_those_of_the_registration() {
    let rules = rules(
        "    objectSelector: {matchLabels: {team: red}}\n  matchConditions: [{name: own, \
         expression: 'true'}]\n  validationActions: [Warn, Audit]\n  \
         failurePolicy: Ignore\n  reason: Invalid\n  exempt: {users: [root], groups: [a, \
         b]}\n  mutable: [metadata.labels]\n",
    );
    let export = export(rules.get("r").unwrap()).unwrap();
    let spec = export.policy.spec.unwrap();
    let conditions: Vec<_> = spec
        .match_conditions
        .unwrap()
        .into_iter()
        .map(|condition| (condition.name, condition.expression))
        .collect();
    let pair = |name: &str, expression: &str| (name.to_owned(), expression.to_owned());
    assert_eq!(
        conditions,
        [
            pair("fieldward.io/kinds", r#"request.kind.kind in ["Widget"]"#),
            pair(
                "fieldward.io/not-exempt",
                r#"!(request.userInfo.username in ["root"]
|| has(request.userInfo.groups) && request.userInfo.groups.exists(group, group in ["a", "b"]))"#
            ),
            pair("own", "true"),
        ]
    );
    let constraints = spec.match_constraints.unwrap();
    assert_eq!(
        constraints.object_selector.unwrap().match_labels.unwrap().get("team").unwrap(),
        "red"
    );
    assert_eq!(constraints.resource_rules.unwrap()[0].operations.as_ref().unwrap(), &["UPDATE"]);
    assert_eq!(spec.failure_policy.unwrap(), "Fail");
    assert_eq!(spec.validations.unwrap()[0].reason.as_ref().unwrap(), "Invalid");
    assert_eq!(export.binding.spec.validation_actions, ["Warn", "Audit"]);
    assert!(
        export.limitations.iter().any(|limitations| limitations.contains("Ignore")),
        "{:?}",
        export.limitations
    );
    let violations = spec.variables.unwrap().pop().unwrap().expression;
    assert!(
        violations.contains(r#"x2[?"team"] == y2[?"team"]"#)
            && violations.ends_with(r#"? [] : ["metadata.labels.team"])"#),
        "{violations}"
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let deep = format!("  mutable: ['spec{}.x']\n", "[*]".repeat(60));
    let obstacle = |rules: &RuleSet| refused(rules.get("r").unwrap());
    assert!(matches!(obstacle(&rules(&deep)), Obstacle::Deep { .. }));
    let entries: Vec<String> = (0..2_000)
        .map(|number| format!("spec.list[*].field-number-{number}.of-a-long-list.of-fields"))
        .collect();
    let long = format!("  mutable: ['{}']\n", entries.join("', '"));
    assert!(matches!(obstacle(&rules(&long)), Obstacle::Long { .. }));
    let lists = (0..3).flat_map(|list| {
        (0..80).map(move |number| {
            format!("spec.list-{list}[*].field-number-{number}.of-a-long-list.of-fields")
        })
    });
    let large = format!("  mutable: ['{}']\n", lists.collect::<Vec<_>>().join("', '"));
    let obstacle = obstacle(&rules(&large));
    assert!(matches!(obstacle, Obstacle::Large { .. }), "{obstacle:?}");
}

fn refused(rule: &Rule) -> Obstacle {
    let Unexportable { obstacle, .. } = export(rule).unwrap_err();
    obstacle
}

#[test]
fn literals_of_several_types_are_refused_unless_dynamic() {
    let exported = |when: &str| {
        export(rules(&format!("  mutable: [{{path: spec.x, when: {when:?}}}]\n")).get("r").unwrap())
    };
    for mixed in [
        "oldValue in [1, '25%']",
        "{'a': 1, 'b': 'c'}[oldValue] == value",
        "[1, 2].exists(n, n in [value, 1, null])",
    ] {
        let Unexportable { obstacle, .. } = exported(mixed).unwrap_err();
        assert_eq!(obstacle, Obstacle::Mixed { path: "spec.x".to_owned() });
    }
    for fine in [
        "oldValue in [dyn(1), dyn('25%')]",
        "oldValue in [1, 2]",
        "oldValue in [value, 1]",
        "{'a': 1, 'b': 2}[oldValue] == value",
    ] {
        assert!(exported(fine).is_ok(), "{fine}");
    }
}

#[test]
fn no_name_steers_a_tool() {
    let rules = rules(
        "  mutable: [\"spec['is immutable'].x\", \"spec['immutable \
         field'][*].x\", \"spec['a\\nb']\"]\n",
    );
    let policy = export(rules.get("r").unwrap()).unwrap().policy.spec.unwrap();
    let validation = &policy.validations.unwrap()[0];
    let lists = policy
        .variables
        .unwrap()
        .into_iter()
        .filter(|variable| variable.name.starts_with("refused"));
    let texts = lists.map(|variable| {
        variable.expression.split("? [] :").skip(1).map(str::to_owned).collect::<String>()
    });
    for text in texts.chain([
        validation.message_expression.clone().unwrap(),
        validation.message.clone().unwrap(),
    ]) {
        for words in ["[\"spec[is immutable", "immutable field]\"]"] {
            assert!(!text.contains(words), "{text}");
        }
    }
}

#[test]
fn a_zero_of_a_type_pairs_by_the_default_of_the_key() {
    let text = variable(
        "  mutable: [{path: 'spec.x.containers[*].ports', allow: [AddItem]}]\n  equality: [{path: \
         spec.x, as: PodSpec}]\n",
        "kept_spec_x_containers",
    );
    let protocol = r#"[?"protocol"].orValue(null) == "" ? dyn("TCP") : "#;
    assert!(text.contains(protocol), "{text}");
}
