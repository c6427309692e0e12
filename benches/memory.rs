//! How much memory the engine takes at most to judge hostile and ordinary reviews, next to what
//! the server reserves for them: `cargo bench --bench memory`, with a part of a name to run only
//! those reviews.
//!
//! It fails if a review takes more than its estimate.
#![expect(clippy::expect_used, reason = "a benchmark that has no input ends here")]

mod support;

use std::fmt::Write as _;
use std::process::ExitCode;

use fieldward::engine::{Builtin, RuleFile, RuleSet, admit, memory_estimate};
use peak_alloc::PeakAlloc;

use support::{Change, LARGE, MEDIUM};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// The size of each of the two objects of a hostile review.
const OBJECT: usize = 3_400_000;

/// A rule that makes each field of a hostile object as expensive as a rule can.
const RULE: &str = "
apiVersion: fieldward.io/v1alpha1
kind: UpdateRule
metadata: {name: hostile}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [example.com], apiVersions: [v1], resources: [hostiles], kinds: [Hostile]}
  protected: [spec.protected.a]
  mutable:
    - spec.free
    - spec.each.*
    - {path: 'spec.elements[*]'}
    - {path: 'spec.narrowed.*', allow: [Modify]}
    - {path: spec.protected}
    - {path: spec.counted, when: 'object.spec.counted.all(x, x != 7)'}
    - {path: spec.compared, when: 'object.spec.compared != oldObject.spec.compared'}
    - {path: 'spec.asked[*]', when: 'value != oldValue'}
  equality:
    - {path: spec.key, key: k}
    - {path: spec.keys, key: [a, {name: b, default: TCP}]}
    - path: spec.six
      key: [a, {name: b, default: x}, {name: c, default: 1}, {name: d, default: x}, \
            {name: e, default: x}, {name: f, default: x}]
    - {path: spec.unordered, key: k, order: ignore}
    - {path: spec.set, as: Set}
    - {path: 'spec.quantities[*]', as: Quantity}
    - {path: spec.template, as: PodTemplateSpec}
";

fn main() -> ExitCode {
    let wanted = std::env::args().skip(1).find(|argument| argument != "--bench");
    let rule = |name: &str| RuleFile {
        origin: format!("{name}.yaml"),
        text: RULE.replace("{name: hostile}", &format!("{{name: {name}}}")),
    };
    let load = |rules: &[RuleFile]| RuleSet::load(Builtin::Excluded, rules).expect("rules");
    let hostile = load(&[rule("hostile")]);
    let twice = load(&[rule("hostile"), rule("again")]);
    let volcano = support::rules(1).expect("rules that load");
    let ordinary = [MEDIUM, LARGE].into_iter().flat_map(|size| {
        let changes = [
            ("unchanged", Change::Nothing),
            ("leaf", Change::LeafAllowed),
            ("many_allowed", Change::ManyAllowed),
            ("many_denied", Change::ManyDenied),
            ("moved", Change::Moved),
        ];
        changes.map(|(name, change)| (format!("{name} {size}"), support::review(size, change)))
    });
    let mut exceeded = false;
    println!(
        "{:<32} {:>8} {:>9} {:>9} {:>8} {:>9}",
        "review", "MB", "peak, MB", "estimate", "used", "per byte"
    );
    let all = ordinary.map(|(name, review)| (name, review, &volcano));
    let by_one = hostile_reviews().map(|(name, review)| (name, review, &hostile));
    let by_two = hostile_reviews()
        .filter(|(name, _)| name.starts_with("refused") || name.starts_with("key:"))
        .map(|(name, review)| (format!("two rules, {name}"), review, &twice));
    for (name, review, rules) in all.chain(by_one).chain(by_two) {
        if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted.as_str())) {
            continue;
        }
        let (peak, estimate) = (peak(rules, &review), memory_estimate(rules, review.as_bytes()));
        let of_it = ratio(peak, estimate);
        println!(
            "{name:<32} {:>8.2} {:>9.1} {:>9.1} {:>7.0}% {:>9.1}",
            ratio(review.len(), 1_000_000),
            ratio(peak, 1_000_000),
            ratio(estimate, 1_000_000),
            of_it * 100.0,
            ratio(peak, review.len()),
        );
        exceeded |= peak > estimate;
    }
    if exceeded {
        println!("\na review takes more memory than its estimate");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The most that judging takes, in addition to the review. Such a review must be judged.
fn peak(rules: &RuleSet, review: &str) -> usize {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let reply = admit(rules, review.as_bytes());
    assert!(reply.allowed().is_some() && reply.error_code().is_none(), "it was not judged");
    drop(reply);
    ALLOCATED.peak_usage().saturating_sub(before)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// Reviews of two objects whose `spec` has one member, with as many small, differing values as fit
/// into [`OBJECT`] bytes.
fn hostile_reviews() -> impl Iterator<Item = (String, String)> {
    type Unit = fn(usize, usize) -> String;
    let units: [(&str, char, Unit); 12] = [
        ("digits", '[', |_, object| format!("{object}")),
        ("objects", '[', |_, object| format!(r#"{{"":{{"":{object}}}}}"#)),
        ("empty", '[', |_, object| if object == 0 { "[]" } else { "{}" }.to_owned()),
        ("members", '{', |number, object| format!(r#""{number:x}":{object}"#)),
        ("keyed", '[', |number, object| format!(r#"{{"k":{number},"v":{object}}}"#)),
        ("other keys", '[', |number, object| format!(r#"{{"k":{}}}"#, number * 2 + object)),
        ("moved", '[', |number, object| format!(r#"{{"k":{}}}"#, number ^ object)),
        ("composite", '[', |number, object| format!(r#"{{"a":{number},"v":{object}}}"#)),
        ("renamed", '[', |number, object| format!(r#"{{"a":{}}}"#, number * 2 + object)),
        ("set", '[', |number, object| format!(r#""{:x}""#, number * 2 + object)),
        ("escapes", '[', |_, object| format!(r#""\n{object}""#)),
        ("quantities", '[', |number, object| format!(r#""{number}{object}m""#)),
    ];
    let fields = [
        "refused",
        "free",
        "each",
        "elements",
        "narrowed",
        "protected",
        "counted",
        "compared",
        "asked",
        "key",
        "keys",
        "six",
        "unordered",
        "set",
        "quantities",
        "template",
    ];
    let text = |object: &str| format!(r#""{}""#, object.repeat(OBJECT));
    let texts = ["refused", "free", "set"].map(|field| {
        let elements =
            |object| if field == "set" { format!("[{}]", text(object)) } else { text(object) };
        (format!("{field}: text"), review(field, &elements("y"), &elements("x")))
    });
    let lists = fields.into_iter().flat_map(move |field| {
        units.into_iter().map(move |(name, bracket, unit)| {
            let [old, new] = [0, 1].map(|object| values(bracket, object, unit));
            (format!("{field}: {name}"), review(field, &new, &old))
        })
    });
    texts.into_iter().chain(lists)
}

fn values(bracket: char, object: usize, unit: fn(usize, usize) -> String) -> String {
    let mut text = String::with_capacity(OBJECT + 64);
    text.push(bracket);
    for number in 0.. {
        // Writing to a text does not fail.
        let _ = write!(text, "{}", unit(number, object));
        if text.len() >= OBJECT {
            break;
        }
        text.push(',');
    }
    text.push(if bracket == '{' { '}' } else { ']' });
    text
}

fn review(field: &str, new: &str, old: &str) -> String {
    let object = |value: &str| {
        format!(
            r#"{{"apiVersion":"example.com/v1","kind":"Hostile","spec":{{"{field}":{value}}}}}"#
        )
    };
    let kind = r#"{"group":"example.com","version":"v1","kind":"Hostile"}"#;
    let resource = r#"{"group":"example.com","version":"v1","resource":"hostiles"}"#;
    let request = format!(
        r#""uid":"u","kind":{kind},"resource":{resource},"operation":"UPDATE","object":{},"#,
        object(new)
    );
    let version = r#""apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview""#;
    format!(r#"{{{version},"request":{{{request}"oldObject":{}}}}}"#, object(old))
}
