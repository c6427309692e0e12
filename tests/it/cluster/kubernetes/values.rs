//! Other values of the same type, so that an edit says something about fields and not about
//! spelling.

use serde_json::{Value, json};

use crate::properties::dice::Dice;

/// What fields take that do not take any word, by the end of their place.
const WORDS: [(&str, &[&str]); 33] = [
    ("/restartPolicy", &["Always", "OnFailure", "Never"]),
    ("/imagePullPolicy", &["Always", "IfNotPresent", "Never"]),
    ("/protocol", &["TCP", "UDP", "SCTP"]),
    ("/scheme", &["HTTP", "HTTPS"]),
    ("/effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    ("/tolerations/*/operator", &["Equal", "Exists"]),
    ("/operator", &["In", "NotIn"]),
    ("/dnsPolicy", &["ClusterFirst", "Default", "ClusterFirstWithHostNet"]),
    ("/terminationMessagePolicy", &["File", "FallbackToLogsOnError"]),
    ("/whenUnsatisfiable", &["ScheduleAnyway", "DoNotSchedule"]),
    ("/preemptionPolicy", &["PreemptLowerPriority", "Never"]),
    ("/fsGroupChangePolicy", &["Always", "OnRootMismatch"]),
    ("/seccompProfile/type", &["RuntimeDefault", "Unconfined"]),
    ("/updateStrategy/type", &["RollingUpdate", "OnDelete"]),
    ("/podManagementPolicy", &["OrderedReady", "Parallel"]),
    ("/whenDeleted", &["Retain", "Delete"]),
    ("/whenScaled", &["Retain", "Delete"]),
    ("/accessModes/*", &["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"]),
    ("/volumeMode", &["Filesystem", "Block"]),
    ("/completionMode", &["NonIndexed", "Indexed"]),
    ("/podReplacementPolicy", &["Failed", "TerminatingOrFailed"]),
    ("/action", &["FailJob", "Ignore", "Count"]),
    ("/status", &["True", "False", "Unknown"]),
    ("/succeededIndexes", &["0", "0-1", "1-2"]),
    ("/capabilities/drop/*", &["ALL", "KILL", "CHOWN"]),
    ("/capabilities/add/*", &["KILL", "CHOWN", "SYSLOG"]),
    ("/status/phase", &["Pending", "Bound", "Running"]),
    ("/qosClass", &["Burstable", "BestEffort"]),
    ("/fieldRef/fieldPath", &["spec.nodeName", "metadata.name", "status.podIP"]),
    ("/resourceFieldRef/resource", &["limits.memory", "requests.memory"]),
    ("/sysctls/*/name", &["net.core.somaxconn", "kernel.shm_rmid_forced"]),
    ("/serviceAccountName", &["default", "builder"]),
    ("/dnsConfig/nameservers/*", &["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
];

/// Another value for the leaf at a place.
pub(super) fn other(dice: &mut Dice<'_>, place: &str, value: &Value) -> Value {
    match value {
        Value::Bool(yes) => json!(!yes),
        Value::Number(number) => json!(number_beside(dice, number.as_i64().unwrap_or_default())),
        Value::String(text) if is_quantity(place) => json!(quantity(dice, text)),
        Value::String(text) => json!(word(dice, place, text)),
        other => other.clone(),
    }
}

/// Makes a copy of a list's item another item.
pub(super) fn rename(dice: &mut Dice<'_>, list: &str, item: &mut Value) {
    let element = format!("{list}/*");
    if !item.is_object() {
        *item = other(dice, &element, item);
        return;
    }
    for name in [
        "name",
        "key",
        "containerPort",
        "mountPath",
        "uid",
        "topologyKey",
        "conditionType",
        "devicePath",
        "ip",
        "weight",
        "path",
    ] {
        if let Some(value) = item.get(name).cloned() {
            item[name] = other(dice, &format!("{element}/{name}"), &value);
        }
    }
}

/// A new entry for a map.
pub(super) fn entry(dice: &mut Dice<'_>, map: &str) -> (&'static str, Value) {
    if ["limits", "requests", "overhead", "capacity"].contains(&map) {
        return (["memory", "ephemeral-storage", "cpu"][dice.below(3)], json!("3"));
    }
    (["example.com/new", "new", "fresh"][dice.below(3)], json!(format!("v{}", dice.below(9))))
}

/// Mostly less: some fields may only shrink.
fn number_beside(dice: &mut Dice<'_>, number: i64) -> i64 {
    match dice.below(8) {
        _ if number > i64::from(i32::MAX) - 8 => number - 1,
        0 => number + 7,
        2 | 3 if number > 2 => number / 2,
        _ if number > 0 => number - 1,
        _ => number + 1,
    }
}

fn is_quantity(place: &str) -> bool {
    let mut tokens = place.rsplit('/');
    let (name, above) = (tokens.next().unwrap_or_default(), tokens.next().unwrap_or_default());
    ["sizeLimit", "divisor"].contains(&name)
        || ["limits", "requests", "overhead", "capacity", "allocatedResources"].contains(&above)
}

/// The same amount spelled otherwise, or mostly more: some fields may only grow.
fn quantity(dice: &mut Dice<'_>, text: &str) -> String {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().unwrap_or(1);
    match (dice.below(10), unit) {
        (0..=3, "Gi") => (number << 30).to_string(),
        (0..=3, "Mi") => (number << 20).to_string(),
        (0..=1, "") => format!("{number}000m"),
        (2..=3, "") if number.is_multiple_of(1024) => format!("{}Ki", number / 1024),
        (4, _) if number > 1 => format!("{}{unit}", number - 1),
        (5, _) => format!("{}{unit}", number * 2),
        _ => format!("{}{unit}", number + 1),
    }
}

fn word(dice: &mut Dice<'_>, place: &str, text: &str) -> String {
    if let Some((_, words)) =
        WORDS.iter().find(|(end, words)| place.ends_with(end) && words.contains(&text))
    {
        let others: Vec<&&str> = words.iter().filter(|word| **word != text).collect();
        return (**dice.pick(&others)).to_owned();
    }
    if place.ends_with("/image") {
        return format!("registry.example.com/other:{}", dice.between(1, 9));
    }
    if text.len() == 20 && text.ends_with('Z') {
        return "2026-01-02T03:04:05Z".to_owned();
    }
    if text.split('.').count() == 4 && text.split('.').all(|part| part.parse::<u8>().is_ok()) {
        return format!("192.0.2.{}", dice.between(20, 250));
    }
    if let Ok(number) = text.parse::<u32>() {
        return (number + 1).to_string();
    }
    if text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) {
        return format!("{}{}", &text[..35], if text.ends_with('a') { 'b' } else { 'a' });
    }
    if text.ends_with('-') { format!("{text}2-") } else { format!("{text}-{}", dice.between(2, 9)) }
}
