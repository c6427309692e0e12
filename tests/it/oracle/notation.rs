//! How locations and paths are written (§4, §7).

use super::rule::{At, Path, Step};

/// A location in the notation of `causes[].field` (§7).
pub(crate) fn field(location: &[At]) -> String {
    let mut text = String::new();
    for at in location {
        match at {
            At::Key(key) if is_bare(key) && text.is_empty() => text += key,
            At::Key(key) if is_bare(key) => text += &format!(".{key}"),
            At::Key(key) => text += &format!("[{}]", plain(key)),
            At::Named(key) => {
                let member = |(name, value): (&String, &String)| match string(value) {
                    Some(text) if is_json_word(&text) => format!("{name}={}", quote(&text)),
                    Some(text) => format!("{name}={}", plain(&text)),
                    None => format!("{name}={value}"),
                };
                text += &format!("[{}]", key.iter().map(member).collect::<Vec<_>>().join(","));
            }
            At::Index(index) | At::Member(index) => text += &format!("[{index}]"),
        }
    }
    text
}

/// A path as a rule's author writes it (§4).
pub(crate) fn path(path: &Path) -> String {
    let mut text = String::new();
    for step in &path.0 {
        match step {
            Step::Name { name, quoted: false } if text.is_empty() => text += name,
            Step::Name { name, quoted: false } => text += &format!(".{name}"),
            Step::Name { name, quoted: true } if name.ends_with('*') => {
                text += &format!("[{}]", quote(&format!("{name}*")));
            }
            Step::Name { name, quoted: true } => text += &format!("[{}]", quote(name)),
            Step::AnyMember => text += ".*",
            Step::Prefix(prefix) => text += &format!("[{}]", quote(&format!("{prefix}*"))),
            Step::AnyElement => text += "[*]",
            Step::Keyed { key, quoted } => {
                let member = |(name, value): (&String, &String)| match string(value) {
                    Some(text) if *quoted || !is_bare(&text) || is_json_word(&text) => {
                        format!("{name}={}", quote(&text))
                    }
                    Some(text) => format!("{name}={text}"),
                    None => format!("{name}={value}"),
                };
                text += &format!("[{}]", key.iter().map(member).collect::<Vec<_>>().join(","));
            }
        }
    }
    text
}

/// The text that a JSON string is.
fn string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

/// Whether a word without quotes is no text.
fn is_json_word(text: &str) -> bool {
    let is_integer = text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
        || text.parse::<u64>().is_ok_and(|number| number.to_string() == text);
    is_integer || ["true", "false"].contains(&text)
}

/// Whether a key may stand without brackets or quotes (§4).
pub(crate) fn is_bare(key: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    key.starts_with(letter) && key.chars().all(|c| letter(c) || c.is_ascii_digit() || c == '-')
}

/// Text inside brackets: quoted only where it would be read wrongly.
fn plain(text: &str) -> String {
    let strange = |c: char| "[]'=\",".contains(c) || c.is_whitespace() || c.is_control();
    if text.is_empty() || text.contains(strange) { quote(text) } else { text.to_owned() }
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
