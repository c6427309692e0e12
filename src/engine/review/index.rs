//! The index of a JSON text: 16 bytes for each value, in one vector, and nothing else on the heap
//! but the text of strings that are written with escapes.
//!
//! Entries stand in the order of the text, so a container is followed by what is in it and `next`
//! skips over that. In the second object of a review, a value that repeats the text of its
//! counterpart in the first one has an entry that only refers to that one: equal text is one node,
//! and comparing two nodes by number often settles whether they are equal. In the first object, a
//! value that repeats its counterpart in the list element before has entries of its own, so no two
//! locations of the first object share a node.

use std::ops::Range;

/// Marks an entry's field; positions stay below it.
pub(super) const FLAG: u32 = 1 << 31;

/// No position, or no entry.
pub(super) const NONE: u32 = FLAG - 1;

/// A JSON text with its index.
#[derive(Debug)]
pub(crate) struct IndexedText<'t> {
    pub(super) text: &'t str,
    pub(super) entries: Vec<IndexEntry>,
    pub(super) escaped: Escaped,
    /// The values of `request.object` and `request.oldObject`, each time that one is given, and
    /// the levels of nesting of each.
    pub(super) objects: Vec<(u32, u32)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct IndexEntry {
    /// Where its name starts if it is a member, else where it starts itself; marked if the name
    /// has an escape.
    pub(super) key: u32,
    /// Where its text starts; marked if it only refers to another entry.
    pub(super) start: u32,
    /// Where its text ends, or the entry that it refers to. Marked if it is a string with an
    /// escape.
    pub(super) end: u32,
    /// The entry behind it and all that is in it.
    pub(super) next: u32,
}

impl IndexEntry {
    pub(super) fn refers(self) -> Option<u32> {
        (self.start & FLAG != 0).then_some(self.end)
    }

    pub(super) fn end(self) -> usize {
        (self.end & !FLAG) as usize
    }

    pub(super) fn has_escape(self) -> bool {
        self.is_marked()
    }

    /// Whether its `end` is marked. Of a container that is still open this means that it has no
    /// model.
    pub(super) fn is_marked(self) -> bool {
        self.end & FLAG != 0
    }
}

/// The strings that are written with escapes, decoded.
#[derive(Debug, Default)]
pub(super) struct Escaped {
    text: String,
    strings: Vec<EscapedString>,
    /// Where the strings and numbers start that JSON can spell but nothing can hold: lone
    /// surrogates, numbers beyond the range of a float.
    unreadable: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct EscapedString {
    /// Where it starts in the JSON text.
    at: u32,
    start: u32,
    end: u32,
}

impl Escaped {
    /// Adds a string that starts at `at`. `decode` appends its text, and
    /// returns false if it is unreadable.
    pub(super) fn add(
        &mut self,
        at: usize,
        decode: impl FnOnce(&mut String) -> Option<bool>,
    ) -> Option<()> {
        let start = self.text.len();
        if decode(&mut self.text)? {
            let end = position(self.text.len());
            self.strings.push(EscapedString { at: position(at), start: position(start), end });
        } else {
            self.text.truncate(start);
            self.add_unreadable(at);
        }
        Some(())
    }

    pub(super) fn add_unreadable(&mut self, at: usize) {
        self.unreadable.push(position(at));
    }

    /// The text of the string that starts at `at`, if it has one.
    pub(super) fn get(&self, at: u32) -> Option<&str> {
        let found = self.strings.binary_search_by_key(&at, |string| string.at).ok()?;
        let string = self.strings.get(found)?;
        self.text.get(string.start as usize..string.end as usize)
    }

    /// Adds the strings of a text once more, for the same text `distance` bytes further on.
    pub(super) fn repeat(&mut self, text: Range<usize>, distance: u32) {
        let first = self.strings.partition_point(|string| (string.at as usize) < text.start);
        for index in first..self.strings.len() {
            match self.strings.get(index).copied() {
                Some(string) if text.contains(&(string.at as usize)) => {
                    self.strings.push(EscapedString { at: string.at + distance, ..string });
                }
                _ => return,
            }
        }
    }

    /// The first unreadable string or number between two positions.
    pub(super) fn unreadable_in(&self, start: usize, end: usize) -> Option<usize> {
        let first = self.unreadable.partition_point(|at| (*at as usize) < start);
        self.unreadable.get(first).map(|at| *at as usize).filter(|at| (start..end).contains(at))
    }
}

/// Texts are shorter than [`NONE`].
pub(super) fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

/// Where a string that goes on at `start` has its end, an escape or a control character; eight
/// bytes are read at a time.
#[inline]
pub(super) fn plain(bytes: &[u8], start: usize) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    let mut at = start;
    let (words, rest) = bytes.get(start..).unwrap_or_default().as_chunks();
    for word in words {
        let word = u64::from_le_bytes(*word);
        // A byte without its highest bit gets it by a subtraction if it is smaller. The lowest such
        // byte is the first; those above it may be wrong. Of a quote, 0x02 makes 0x20.
        let end_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
        let escape = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
        let found = (end_or_control | escape) & !word & (ONES * 0x80);
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_string_is_plain_up_to_its_end_an_escape_or_a_control_character() {
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        for filler in [b'a', b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff] {
            for length in [0, 7, 8, 9, 16, 23] {
                assert_eq!(plain(&vec![filler; length], 0), length, "{filler} {length}");
                for at in 0..length {
                    for byte in 0..=u8::MAX {
                        let mut bytes = vec![filler; length];
                        bytes[at] = byte;
                        let expected = bytes.iter().position(ends).unwrap_or(length);
                        assert_eq!(plain(&bytes, 0), expected, "{filler} {length} {at} {byte}");
                        // Of two the first counts.
                        bytes.push(b'"');
                        bytes.push(byte);
                        assert_eq!(plain(&bytes, 0), expected, "{filler} {length} {at} {byte}");
                    }
                }
            }
        }
    }
}
