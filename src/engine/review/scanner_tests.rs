use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::node::{Node, NodeKind};
use super::scanner::{scan, scan_prefix};

/// A value, built from the index alone; none if it holds what no text or number can.
fn built(node: Node<'_>) -> Option<Value> {
    Some(match node.kind() {
        NodeKind::Object => {
            let members = node.members().map(|(name, member)| {
                assert_eq!(node.get(name), Some(member), "{}", node.text());
                Some((name.to_owned(), built(member)?))
            });
            Value::Object(members.collect::<Option<Map<_, _>>>()?)
        }
        NodeKind::List => Value::Array(node.elements().map(built).collect::<Option<_>>()?),
        NodeKind::String => Value::String(node.as_str()?.to_owned()),
        _ => serde_json::from_str(node.text()).ok()?,
    })
}

/// Reads a text as `serde_json` does; both refuse it, or both see the same value.
fn agree(text: &str) {
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let Some(document) = scan(text) else {
        assert!(!is_json, "refused: {text}");
        return;
    };
    assert!(is_json, "taken: {text}");
    let value = serde_json::from_str::<Value>(text).ok();
    let root = document.root();
    assert_eq!(root.unreadable().is_none(), value.is_some(), "{text}");
    if let Some(value) = value {
        assert_eq!(root.to_value(), value, "{text}");
        assert_eq!(built(root), Some(value), "{text}");
    }
}

const TEXTS: [&str; 58] = [
    "",
    " ",
    "1",
    "-0.5",
    "0",
    "-0",
    "1e3",
    "1E+3",
    "1.5e-3",
    "1e400",
    "-1e400",
    "[1e400]",
    "1e-400",
    "01",
    "1.",
    ".5",
    "+1",
    "-",
    "1e",
    "1e+",
    "0e0",
    "00",
    "\"\\u00e9\\n\\/\\\"\\\\\\b\\f\\r\\t\"",
    "\"é\u{7f}\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\\ud83dx\"",
    "\"\\ude00\\ud83d\"",
    "\"\\ud83d\\n\"",
    "\"\\ud83d\\ud83d\\ude00\"",
    "{\"\\ud83d\":1}",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u+123\"",
    "\"\\x\"",
    "\"\t\"",
    "\"\\n\t\"",
    "\"",
    "\"\\",
    "nul",
    "null",
    "nullx",
    "true",
    " { \"a\" :\t[ ] , \"\" : { } } ",
    "[true,false,null,{}]",
    "{\"a\"}",
    "{\"a\":1,}",
    "{a:1}",
    "{,}",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[",
    "]",
    "{]",
    "1 1",
    "\u{feff}1",
    "{\"b\":1,\"a\":2,\"b\":{\"c\":3,\"\\u0063\":4,\"c\":5},\"\\u0061\":[6],\"a\\n\":7}",
];

/// Reviews whose second object repeats parts of the first one.
fn reviews() -> Vec<String> {
    let objects = [
        r#"{"a":[1,{"b":2},[3],{"c":[{}]}],"d":{"e":"x","f":{"g":[]}}}"#,
        r#"{"a":[1,{"b":3},[3],{"c":[{}]}],"d":{"e":"x","f":{"g":[]}}}"#,
        r#"{"a":[{"b":2},[3],{"c":[{}]}],"d":{"e":"y","f":{"g":[]}}}"#,
        r#"{"a":[1,[3],{"c":[{}]}],"aa":{"e":"x"},"d":{"ee":"x","f":{"g":[]}}}"#,
        r#"{"d":{"f":{"g":[]},"e":"x"},"a":[1,{"b":2},[3],{"c":[{}]}]}"#,
        r#"{"d":{"e":"\ud800","f":{"g":[1e400]}},"x":{"f":{"g":[1e400]}}}"#,
        r#"{"d":{"e":"\u0041","\u0066":{"g":["\n"]}}}"#,
        r#"{"a":[{"n":"x\n","v":[1,{"k":2}]},{"n":"x\n","v":[1,{"k":2}]},
            {"n":"yy\n","v":[1,{"k":2},"\u0041"],"\u0062":3},{"n":"y","v":[1,{"k":2},"\u0041"]},
            {"n":"y","v":[1,{"k":2},"\u0041"],"\u0062":33},[1,{"k":2},1e400],[1,{"k":2},1e400]]}"#,
        "[[1],[[1],[1]],[2]]",
        "[[[1],[1]],[2]]",
        "1",
    ];
    let mut reviews = Vec::new();
    for one in objects {
        for two in objects {
            for other in ["null", one] {
                reviews.push(format!(
                    r#"{{"kind":"x","request":{{"uid":"u","object":{one},"oldObject":{two}}}}}"#
                ));
                reviews.push(format!(
                    r#"{{"request":{{"oldObject":{one}, "object": {two},"oldObject":{other}}}}}"#
                ));
            }
        }
    }
    reviews
}

#[test]
fn texts_are_read_as_serde_json_reads_them() {
    for text in TEXTS {
        agree(text);
        agree(&format!("[{text}]"));
        agree(&format!("{{\"a\":{text},\"a\":{text}}}"));
        agree(&format!(r#"{{"request":{{"object":[{text}],"oldObject":[{text}]}}}}"#));
    }
    for length in [299, 300, 301, 308, 309, 310, 1000] {
        agree(&"9".repeat(length));
        agree(&format!("0.{}", "9".repeat(length)));
    }
    for review in reviews() {
        agree(&review);
    }
}

#[test]
fn a_repeated_text_repeats_the_escaped_strings_in_it_and_no_other() {
    let one = r#"{"a":["x\n",[1]],"b":"y\n"}"#;
    let two = r#"{"a":["x\n",[1]],"b":"z\n"}"#;
    let longer = r#"{"a":["x\n",[1]],"bb":"z\n","c":"\t"}"#;
    let far = r#"{"a":["x\n",[1]],"b":"a text without an escape","c":["1\n","2\n","3\n"]}"#;
    let near = r#"{"a":["x\n",[1]],"c":["4\n","5\n"]}"#;
    let elements = [one, two, longer, far, near, r#"["x\n",1]"#, r#"["x\n",2]"#];
    for first in elements {
        for second in elements {
            let list = format!("[{first},{second},{first}]");
            agree(&format!(r#"{{"request":{{"object":{list},"oldObject":[{second}]}}}}"#));
        }
    }
}

#[test]
fn only_a_whole_surrogate_pair_is_a_letter() {
    for text in [r"\ud800abdc00", r"\ud800\u0061", r"\udc00\udc00", r"\ud800\n", r"\ud83d\ude00"] {
        agree(&format!(r#"{{"request":{{"object":"{text}"}}}}"#));
    }
}

#[test]
fn damaged_texts_are_read_as_serde_json_reads_them() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    let letters: Vec<char> = "{}[]\",:\\ue019.-ntf aé\n".chars().collect();
    for review in reviews() {
        for _ in 0..100 {
            let mut text: Vec<char> = review.chars().collect();
            for _ in 0..=next(3) {
                let at = next(text.len());
                match next(3) {
                    0 => drop(text.remove(at)),
                    1 => text.insert(at, letters[next(letters.len())]),
                    _ => {
                        let (from, length) = (next(text.len()), next(24));
                        let part: Vec<char> =
                            text.iter().skip(from).take(length).copied().collect();
                        text.splice(at..at, part);
                    }
                }
            }
            agree(&text.into_iter().collect::<String>());
        }
    }
}

#[test]
fn what_the_second_object_repeats_is_one_node() {
    let text = r#"{"request":{"options":{"a":{}},
        "object":{"a":[{"b":1},{"c":2},{"d":3}],"e":{"f":4}},
        "oldObject":{"a":[{"b":1},{"d":3}],"aa":{},"e":{"f":4}}}}"#;
    let document = scan(text).unwrap();
    let request = document.root().get("request").unwrap();
    let object = |name: &str| request.get(name).unwrap();
    let (new, old) = (object("object"), object("oldObject"));
    assert_eq!(new.get("e"), old.get("e"));
    assert_ne!(new.get("a"), old.get("a"));
    let elements = |object: Node<'_>| -> Vec<u32> {
        object.get("a").unwrap().elements().map(Node::number).collect()
    };
    let (new, old) = (elements(new), elements(old));
    assert_eq!((new[0], new[2]), (old[0], old[1]));
    assert_eq!(document.levels(object("object")), 3);
    // Before a difference and behind it, up to what ends the shorter one.
    let text = r#"{"request":{
        "object":{"k":1,"a":{"x":1},"b":1,"c":{"x":2},"d":{"x":3},"e":1},
        "oldObject":{"k":1,"a":{"x":1},"b":2,"c":{"x":2},"d":{"x":3}}}}"#;
    let document = scan(text).unwrap();
    let request = document.root().get("request").unwrap();
    let [new, old] = ["object", "oldObject"].map(|name| request.get(name).unwrap());
    let shared = ["k", "a", "b", "c", "d"].map(|name| new.get(name) == old.get(name));
    assert_eq!(shared, [true, true, false, true, true]);
}

#[test]
fn an_element_that_repeats_the_one_before_counts_with_its_levels() {
    for spelling in ["object", r"obj\u0065ct"] {
        let text =
            format!(r#"{{"request":{{"{spelling}":[[1,[2]],[1,[2]]],"oldObject":[[1],[1]]}}}}"#);
        let document = scan(&text).unwrap();
        let request = document.root().get("request").unwrap();
        let levels = |name| document.levels(request.get(name).unwrap());
        assert_eq!(["object", "oldObject"].map(levels), [3, 2], "{spelling}");
    }
}

#[test]
fn deep_nesting_costs_neither_stack_nor_quadratic_time() {
    let deep = |inner: &str| "[".repeat(100_000) + inner + &",[]]".repeat(100_000);
    let (one, two) = ("1,".repeat(100_000) + "1", "1,".repeat(100_000) + "2");
    let text = format!(r#"{{"request":{{"object":{},"oldObject":{}}}}}"#, deep(&one), deep(&two));
    assert!(scan(&text).is_some());
}

#[test]
fn repetition_costs_no_quadratic_time() {
    let review =
        |one: &str, two: &str| format!(r#"{{"request":{{"object":{one},"oldObject":{two}}}}}"#);
    let mut nested = ["[1]", "[2]", "[1,1]"].map(str::to_owned);
    for _ in 0..13 {
        let [one, two, longer] = &nested;
        nested = [format!("[{one},{one}]"), format!("[{one},{two}]"), format!("[{two},{longer}]")];
    }
    let rows = |elements: [&str; 2]| format!("[{}[]]", (elements.join(",") + ",").repeat(10_000));
    let rows = [
        rows(["[1]", "[1]"]),
        rows(["[1,[2]]", "[11,[2]]"]),
        rows(["[[1],2]", "[[1],3]"]),
        rows(["[1e400]", "[1e400]"]),
        rows([r#"["\ud800"]"#, r#"["\ud800"]"#]),
    ];
    for one in nested.iter().chain(&rows) {
        for two in nested.iter().chain(&rows) {
            assert!(scan(&review(one, two)).is_some());
        }
    }
}

#[test]
fn a_prefix_has_the_values_that_are_complete() {
    let text = r#"{"kind":"x","request":{"uid":"u","name":"n"#;
    let document = scan_prefix(text).unwrap();
    let request = document.root().get("request").unwrap();
    assert_eq!(request.get("uid").and_then(Node::as_str), Some("u"));
    assert_eq!(request.get("name"), None);
    assert!(scan_prefix("").is_none());
}

#[test]
fn no_two_elements_share_a_node() {
    let text = r#"{"request": {
        "oldObject": {"l": [{"x": {"v": 1}, "n": 1}, {"n": 2}]},
        "object": {"l": [{"x": {"v": 1}, "n": 3}, {"x": {"v": 1}, "n": 1}, {"n": 2}]}
    }}"#;
    let document = scan(text).unwrap();
    let object = document.root().get("request").and_then(|request| request.get("object"));
    let list = object.and_then(|object| object.get("l")).unwrap();
    let members = list.elements().filter_map(|element| element.get("x"));
    let numbers: std::collections::BTreeSet<u32> = members.map(Node::number).collect();
    assert_eq!(numbers.len(), 2);
}

#[test]
fn unreadable_values_are_found_in_each_object() {
    for value in ["1e400", r#""\ud800""#] {
        for held in [format!(r#"{{"n":{value}}}"#), format!("[[{value}]]"), value.to_owned()] {
            let object = |k: u8| format!(r#"{{"k":{k},"l":[{held}],"m":[{held},1]}}"#);
            let (new, old) = (object(1), object(2));
            let text = format!(r#"{{"request":{{"object":{new},"oldObject":{old}}}}}"#);
            let document = scan(&text).unwrap();
            let request = document.root().get("request").unwrap();
            let found = ["object", "oldObject"].map(|name| {
                let object = request.get(name).unwrap();
                object.unreadable().map(|at| object.text().find(value) == Some(at))
            });
            assert_eq!(found, [Some(true), Some(true)], "{text}");
        }
    }
}

#[test]
fn each_object_of_the_review_has_its_levels_even_if_its_name_is_repeated() {
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for name in ["object", "oldObject"] {
        for levels in [[1, 3], [3, 1]] {
            let [one, two] = levels.map(|levels| format!(r#""{name}":{{"a":{}}}"#, nested(levels)));
            let text = format!(r#"{{"request":{{{one},{two}}}}}"#);
            let document = scan(&text).unwrap();
            let object = document.root().get("request").unwrap().get(name).unwrap();
            assert_eq!(document.levels(object), levels[1] + 1, "{text}");
        }
    }
}
