//! Text that a user supplied cannot steer a tool that reads messages.

use crate::engine::rule::escape;

/// Without this word nothing is.
const IMMUTABLE: &str = "immutable";

/// Breaks up the words on which Flux deletes and recreates an object: what matches `is\simmutable`
/// or `immutable\sfield`.
pub(crate) fn break_recreate_trigger(text: &str) -> String {
    // The first letter alone rules out most of the text.
    let is_trigger = |word: &[u8]| {
        matches!(word.first(), Some(b'i' | b'I')) && word.eq_ignore_ascii_case(IMMUTABLE.as_bytes())
    };
    if !text.as_bytes().windows(IMMUTABLE.len()).any(is_trigger) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        let after = text.get(at + letter.len_utf8()..).unwrap_or_default();
        let steers = (ends_with(&out, "is") && starts_with(after, IMMUTABLE))
            || (ends_with(&out, IMMUTABLE) && starts_with(after, "field"));
        if letter.is_whitespace() && steers {
            escape(letter, &mut out);
        } else {
            out.push(letter);
        }
    }
    out
}

fn ends_with(text: &str, word: &str) -> bool {
    let start = text.len().checked_sub(word.len());
    start.and_then(|start| text.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::break_recreate_trigger;

    #[test]
    fn what_flux_acts_on_is_broken_up() {
        let table = [
            ("field is immutable", "field is\\u0020immutable"),
            ("this\timmutable", "this\\u0009immutable"),
            ("IMMUTABLE FIELD immutable field", "IMMUTABLE\\u0020FIELD immutable\\u0020field"),
            ("is immutable fields", "is\\u0020immutable\\u0020fields"),
            ("is  immutable", "is  immutable"),
            ("is an immutable one", "is an immutable one"),
            ("isimmutable", "isimmutable"),
            ("is\u{a0}immutable", "is\\u00a0immutable"),
        ];
        for (text, expected) in table {
            assert_eq!(break_recreate_trigger(text), expected);
        }
    }
}
