//! Text that a user supplied, escaped and shortened: it cannot forge a line or a terminal escape.

use std::fmt::Write;

/// Escapes what a terminal or a line-based log would act on: control characters, line separators,
/// direction overrides.
pub(crate) fn escape_control(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_escaped(letter) {
            escape(letter, &mut out);
        } else {
            out.push(letter);
        }
    }
    out
}

/// JSON with the characters escaped on which a terminal would act: outside of strings it has none
/// but the line feed.
pub(crate) fn escape_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        let mut buffer = [0; 4];
        let text: &str = letter.encode_utf8(&mut buffer);
        if letter == '\n' || escape_control(text) == text {
            out.push(letter);
        } else {
            out.extend(
                letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")),
            );
        }
    }
    out
}

/// At most `most` characters; `…` marks a cut.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// At most `most` bytes; `…` marks a cut.
pub(crate) fn cut_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default())
}

pub(crate) fn escape(letter: char, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\u{:04x}", u32::from(letter));
}

fn is_escaped(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
                | '\u{61c}'
                | '\u{180e}'
        )
}

#[cfg(test)]
mod tests {
    use super::{cut, cut_bytes, escape_control, escape_json};

    #[test]
    fn bytes_are_cut_between_letters() {
        assert_eq!(
            (
                cut_bytes("éééé", 8),
                cut_bytes("ééééé", 9),
                cut_bytes("éééé", 6),
                cut_bytes("aaaa", 3)
            ),
            ("éééé".to_owned(), "ééé…".to_owned(), "é…".to_owned(), "…".to_owned())
        );
        assert_eq!((cut("éé", 2), cut("ééé", 2)), ("éé".to_owned(), "é…".to_owned()));
    }

    #[test]
    fn nothing_that_a_terminal_acts_on_is_left() {
        assert_eq!(
            escape_control("a\u{1b}[31mred\u{1b}[0m\r\nb\tc\u{7f}\u{9b}\u{202e}d\u{2028}é"),
            "a\\u001b[31mred\\u001b[0m\\u000d\\u000ab\\u0009c\\u007f\\u009b\\u202ed\\u2028é"
        );
    }

    #[test]
    fn a_cut_is_told() {
        assert_eq!(cut("añb", 3), "añb");
        assert_eq!(cut("añbc", 3), "añ…");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut_bytes("ééé", 5), "é…");
        assert_eq!(cut_bytes("ééé", 6), "ééé");
    }

    #[test]
    fn json_stays_json_and_acts_on_no_terminal() {
        let value = serde_json::json!({"a\u{9b}": "\u{202e}\u{e0001}\n\u{1b}é"});
        let text = escape_json(&serde_json::to_string_pretty(&value).unwrap_or_default());
        assert_eq!(text, "{\n  \"a\\u009b\": \"\\u202e\\udb40\\udc01\\n\\u001bé\"\n}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value));
    }
}
