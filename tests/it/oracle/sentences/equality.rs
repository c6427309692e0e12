//! The sentences of §6.

use super::Case;

pub(super) fn values(case: Case<'_>) {
    let equal = |case: Case<'_>, name, a: &str, b: &str, same: bool| {
        let fields: &[&str] = if same { &[] } else { &["spec.a"] };
        case(
            name,
            "{}",
            &format!("{{spec: {{a: {a}}}}}"),
            &format!("{{spec: {{a: {b}}}}}"),
            fields,
        );
    };
    equal(case, "6 objects without order", "{x: 1, y: 2}", "{y: 2, x: 1}", true);
    equal(case, "6 numbers by value", "1", "1.0", true);
    equal(case, "6 zero has no sign", "0", "-0.0", true);
    equal(case, "6 integers exact", "9007199254740993", "9007199254740992", false);
    equal(case, "6 integers exact beside a float", "9007199254740993", "9007199254740992.0", false);
    equal(case, "6 up to 64 bits", "18446744073709551615", "18446744073709551614", false);
    equal(case, "6 fractions", "0.5", "0.25", false);
    equal(case, "6 strings exact", "'1'", "'1.0'", false);
    equal(case, "6 a string is no number", "'1'", "1", false);
    equal(case, "6 null is not false", "null", "false", false);
    equal(case, "6 an empty object is no empty list", "{}", "[]", false);
    equal(case, "6 a list is not the object with its indexes", "[1]", "{'0': 1}", false);
    case("6 null is not absent", "{}", "{spec: {}}", "{spec: {a: null}}", &["spec.a"]);
    case("6 {} is not absent", "{}", "{spec: {a: {}}}", "{spec: {}}", &["spec.a"]);
    case("6 [] is not absent", "{}", "{spec: {}}", "{spec: {a: []}}", &["spec.a"]);
    case(
        "6 lists by position",
        "{}",
        "{spec: {a: [1, 2]}}",
        "{spec: {a: [2, 1]}}",
        &["spec.a[0]", "spec.a[1]"],
    );
}

pub(super) fn respelling(case: Case<'_>) {
    let mut equal = |name, kind: &str, a: &str, b: &str, same: bool| {
        let fields: &[&str] = if same { &[] } else { &["spec.a"] };
        let rule = format!("equality: [{{path: spec.a, as: {kind}}}]");
        case(
            name,
            &rule,
            &format!("{{spec: {{a: {a}}}}}"),
            &format!("{{spec: {{a: {b}}}}}"),
            fields,
        );
    };
    equal("6 1000m = 1", "Quantity", "1000m", "'1'", true);
    equal("6 2Gi = 2048Mi", "Quantity", "2Gi", "2048Mi", true);
    equal("6 1G is not 1Gi", "Quantity", "1G", "1Gi", false);
    equal("6 1E is not 1e", "Quantity", "1E", "1e", false);
    equal("6 1E is an exa", "Quantity", "1E", "'1e18'", true);
    equal("6 an exponent with sign", "Quantity", "'15e-1'", "1500m", true);
    equal("6 a fraction", "Quantity", "'.5'", "500m", true);
    equal("6 a fraction of a binary unit", "Quantity", "1.5Ki", "'1536'", true);
    equal("6 finer than nano is rounded up", "Quantity", "0.1n", "1n", true);
    equal("6 away from zero", "Quantity", "'-0.1n'", "'-1n'", true);
    equal("6 not to zero", "Quantity", "0.1n", "'0'", false);
    equal("6 a sign", "Quantity", "'+1'", "'1'", true);
    equal("6 a minus", "Quantity", "'-1'", "'1'", false);
    equal("6 quantities may be numbers", "Quantity", "0.5", "500m", true);
    equal("6 what is no quantity compares exactly", "Quantity", "1Zi", "1Zi ", true);
    equal("6 what is no quantity differs", "Quantity", "'1 m'", "1m", false);
    equal("6 binary quantities end at 2^63 - 1", "Quantity", "8Ei", "9Ei", true);
    equal("6 60s = 1m0s", "Duration", "60s", "1m0s", true);
    equal("6 1.5h = 90m", "Duration", "1.5h", "90m", true);
    equal("6 a minus of all", "Duration", "'-1m30s'", "'-90s'", true);
    equal("6 zero needs no unit", "Duration", "'0'", "0s", true);
    equal("6 all else does", "Duration", "'60'", "60s", false);
    equal("6 days are no unit", "Duration", "1d", "24h", false);
    equal("6 micro is written thrice", "Duration", "\"1\\u00b5s\"", "\"1\\u03bcs\"", true);
    equal("6 a number is no duration", "Duration", "0", "'0'", false);
    case(
        "6 the path of an equality",
        "equality: [{path: 'spec.*.b', as: Quantity}]",
        "{spec: {a: {b: '1', c: '1'}}}",
        "{spec: {a: {b: 1000m, c: 1000m}}}",
        &["spec.a.c"],
    );
    case(
        "6 the first listed wins",
        "equality: [{path: spec.a, as: Duration}, {path: spec.*, as: Quantity}]",
        "{spec: {a: '1', b: '1'}}",
        "{spec: {a: 1000m, b: 1000m}}",
        &["spec.a"],
    );
    let absent = "equality: [{path: spec.m.t, absentAs: null}, {path: spec.m, absentAs: {}}]";
    case("6 left out = {}", absent, "{spec: {m: {}}}", "{spec: {}}", &[]);
    case("6 from the leaves up", absent, "{spec: {m: {t: null}}}", "{spec: {}}", &[]);
    case(
        "6 another value is not left out",
        absent,
        "{spec: {m: {t: {}}}}",
        "{spec: {}}",
        &["spec.m"],
    );
    case(
        "6 first listed absentAs",
        "equality: [{path: spec.a, absentAs: 0}, {path: spec.*, absentAs: null}]",
        "{spec: {a: null, b: null}}",
        "{spec: {}}",
        &["spec.a"],
    );
    let set_only =
        "{mutable: [{path: spec.a, allow: [Set]}], equality: [{path: spec.a, absentAs: ''}]}";
    case(
        "5 values are normalised before the verb is named",
        set_only,
        "{spec: {a: ''}}",
        "{spec: {a: x}}",
        &[],
    );
}

pub(super) fn lists(case: Case<'_>) {
    let keyed = "equality: [{path: spec.l, key: name}]";
    case(
        "6 elements pair by key",
        keyed,
        "{spec: {l: [{name: a}, {name: b, x: 1}]}}",
        "{spec: {l: [{name: b, x: 2}]}}",
        &["spec.l[name=a]", "spec.l[name=b].x"],
    );
    case(
        "6 reordering is a change of the list",
        keyed,
        "{spec: {l: [{name: a}, {name: b}]}}",
        "{spec: {l: [{name: b}, {name: a}]}}",
        &["spec.l"],
    );
    case(
        "6 of the elements that stay",
        "{mutable: ['spec.l[*]'], equality: [{path: spec.l, key: name}]}",
        "{spec: {l: [{name: a}, {name: b}, {name: c}]}}",
        "{spec: {l: [{name: d}, {name: a}, {name: c}]}}",
        &[],
    );
    case(
        "6 at its own path",
        "{mutable: ['spec.l[*]'], equality: [{path: spec.l, key: name}]}",
        "{spec: {l: [{name: a}, {name: b}]}}",
        "{spec: {l: [{name: b}, {name: c}, {name: a}]}}",
        &["spec.l"],
    );
    case(
        "5 a reordering is Modify",
        "{mutable: [{path: spec.l, allow: [Modify]}], equality: [{path: spec.l, key: name}]}",
        "{spec: {l: [{name: a}, {name: b}]}}",
        "{spec: {l: [{name: b}, {name: a}]}}",
        &[],
    );
    let elements = "{mutable: ['spec.l[*].x'], equality: [{path: spec.l, key: name}]}";
    for (name, bad) in [
        ("6 an old list with a repeated key compares by position", "{name: a, x: 1}"),
        ("6 one with a missing key too", "{x: 1}"),
        ("6 and one whose key is no string, integer or boolean", "{name: 1.5, x: 1}"),
        ("6 and one with an element that is no object", "'a'"),
    ] {
        let list = |x: u8| format!("{{spec: {{l: [{{name: a, x: {x}, y: {x}}}, {bad}]}}}}");
        case(name, elements, &list(1), &list(2), &["spec.l[0].y"]);
    }
    let whole = |path: &str, allow: &str| {
        format!(
            "{{mutable: [{{path: {path}, allow: [{allow}]}}], equality: [{{path: spec.l, key: \
             name}}]}}"
        )
    };
    let all = "Set, Modify, Clear, AddItem, RemoveItem";
    let (old, new) = ("{spec: {l: [{name: a}]}}", "{spec: {l: [{name: a}, {name: a}]}}");
    case("6 a new list that cannot be keyed is a replaced one", elements, old, new, &["spec.l"]);
    case(
        "6 only a bare entry permits it",
        &whole("spec.l", "Set, Modify, AddItem, RemoveItem"),
        old,
        new,
        &["spec.l"],
    );
    case("6 a bare entry at it", &whole("spec.l", all), old, new, &[]);
    case("6 or above it", &whole("spec", all), old, new, &[]);
    case("6 elements alone are not enough", &whole("'spec.l[*]'", all), old, new, &["spec.l"]);
    case("6 a Modify above it is no bare entry", &whole("spec", "Modify"), old, new, &["spec.l"]);
    let composite = "{mutable: ['spec.l[port=80,protocol=TCP].x'], equality: [{path: spec.l, key: \
                     [port, {name: protocol, default: TCP}]}]}";
    case(
        "6 a key may have several members, of which one that is left out has its default",
        composite,
        "{spec: {l: [{port: 80, x: 1}, {port: 80, protocol: UDP, x: 1}]}}",
        "{spec: {l: [{port: 80, x: 2}, {port: 80, protocol: UDP, x: 2}]}}",
        &["spec.l[port=80,protocol=UDP].x"],
    );
    case(
        "6 keys are told apart by type",
        "equality: [{path: spec.l, key: id}]",
        "{spec: {l: [{id: 1}, {id: true}]}}",
        "{spec: {l: [{id: '1'}, {id: true}]}}",
        &["spec.l[id=1]", "spec.l[id='1']"],
    );
    case(
        "6 with order: ignore a reordering is no change",
        "{mutable: [spec.x], equality: [{path: spec.l, key: id, order: ignore}]}",
        "{spec: {l: [{id: 1}, {id: 2}]}}",
        "{spec: {l: [{id: 2}, {id: 1}]}}",
        &[],
    );
    let set = "equality: [{path: spec.l, as: Set}]";
    case(
        "6 order and repetition do not matter",
        set,
        "{spec: {l: [1, {a: 1}, 1]}}",
        "{spec: {l: [{a: 1.0}, 1]}}",
        &[],
    );
    case(
        "6 members come and go",
        set,
        "{spec: {l: [1, 2]}}",
        "{spec: {l: [4, 1, 3]}}",
        &["spec.l[0]", "spec.l[1]", "spec.l[2]"],
    );
    let grow = "{mutable: [{path: spec.l, allow: [AddItem]}], equality: [{path: spec.l, as: Set}]}";
    case(
        "5 in a Set AddItem means membership",
        grow,
        "{spec: {l: [b, c]}}",
        "{spec: {l: [a, c]}}",
        &["spec.l[0]"],
    );
    let member =
        "{mutable: [{path: 'spec.l[*]', allow: [Set]}], equality: [{path: spec.l, as: Set}]}";
    case(
        "6 x[*] reaches the members",
        member,
        "{spec: {l: [b, c]}}",
        "{spec: {l: [a, b, c]}}",
        &[],
    );
    case(
        "6 elements compare exactly",
        set,
        "{spec: {l: [1m]}}",
        "{spec: {l: [60s]}}",
        &["spec.l[0]", "spec.l[0]"],
    );
}
