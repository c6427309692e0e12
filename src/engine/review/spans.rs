//! Where the containers of a JSON text start and end, found in one pass that checks the text as it
//! goes.

use std::ops::Range;

/// Levels of nesting that are taken, the review's own included: what any thread's stack bears.
pub(crate) const DEEPEST: usize = 64;

/// Digits of a number that are taken: fewer than a float's range has.
const LONGEST_NUMBER: usize = 300;

/// A container: where its text starts and ends, and the number of the first container behind it.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
    next: u32,
}

/// A text and its containers, in the order in which they start.
#[derive(Debug)]
pub(crate) struct SpannedText<'t> {
    text: &'t str,
    spans: Vec<Span>,
}

/// A value in a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'t> {
    pub(crate) text: &'t str,
    /// Its number, if it is a container.
    span: Option<u32>,
}

/// Numbers of containers that may turn out to be equal to those that come.
pub(crate) type Candidates = Range<u32>;

/// A pass through a text.
pub(crate) struct Scanner<'t> {
    spans: SpannedText<'t>,
    at: usize,
}

impl<'t> Scanner<'t> {
    /// None if positions in the text would not fit.
    pub(crate) fn new(text: &'t str) -> Option<Self> {
        u32::try_from(text.len()).ok()?;
        // A container in about forty bytes is usual.
        Some(Self {
            spans: SpannedText { text, spans: Vec::with_capacity(text.len() / 40) },
            at: 0,
        })
    }

    /// The text with its containers, if nothing but space is left.
    pub(crate) fn finish(mut self) -> Option<SpannedText<'t>> {
        self.space();
        (self.at == self.spans.text.len()).then_some(self.spans)
    }

    /// The value that comes, and what it was found to be. Containers that are equal to one of the
    /// candidates are taken as those are.
    pub(crate) fn value(&mut self, depth: usize, candidates: &mut Candidates) -> Option<Node<'t>> {
        let start = self.at;
        let span = match self.peek()? {
            b'{' | b'[' => Some(self.container(depth, candidates)?),
            b'"' => {
                self.string()?;
                None
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
                None
            }
            _ => {
                self.literal()?;
                None
            }
        };
        Some(Node { text: self.spans.text.get(start..self.at)?, span })
    }

    /// The members of the object that comes: `member` is called with each name where its value
    /// starts, and takes the value.
    pub(crate) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, &'t str) -> Option<()>,
    ) -> Option<()> {
        self.take(b'{')?;
        self.space();
        if self.peek()? == b'}' {
            return self.take(b'}');
        }
        loop {
            self.space();
            let start = self.at + 1;
            self.string()?;
            let name = self.spans.text.get(start..self.at - 1)?;
            self.space();
            self.take(b':')?;
            self.space();
            member(self, name)?;
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.take(b'}'),
            }
        }
    }

    /// The containers found so far.
    pub(crate) fn found(&self) -> u32 {
        position(self.spans.spans.len())
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'t str {
        self.spans.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn container(&mut self, depth: usize, candidates: &mut Candidates) -> Option<u32> {
        if depth == DEEPEST {
            return None;
        }
        let number = self.found();
        let Some((model, span)) =
            candidates.clone().next().and_then(|model| Some((model, self.span(model)?)))
        else {
            self.children(depth, &mut (0..0))?;
            return Some(number);
        };
        candidates.start = span.next;
        if !self.is_next(span) {
            self.children(depth, &mut (model + 1..span.next))?;
            return Some(number);
        }
        let (from, to) = (self.at, span.start as usize);
        let moved = |place: u32| position(place as usize - to + from);
        for copied in model..span.next {
            let Span { start, end, next } = self.span(copied)?;
            self.spans.spans.push(Span {
                start: moved(start),
                end: moved(end),
                next: next - model + number,
            });
        }
        self.at += (span.end - span.start) as usize;
        Some(number)
    }

    /// Whether a container comes that is equal to that one.
    fn is_next(&self, span: Span) -> bool {
        let bytes = self.spans.text.as_bytes();
        let (start, end) = (span.start as usize, span.end as usize);
        let next = bytes.get(self.at..self.at + (end - start));
        next.is_some_and(|next| bytes.get(start..end) == Some(next))
    }

    fn children(&mut self, depth: usize, candidates: &mut Candidates) -> Option<()> {
        let own = self.spans.spans.len();
        self.spans.spans.push(Span { start: position(self.at), end: 0, next: 0 });
        if self.peek()? == b'{' {
            self.members(|scanner, _| scanner.value(depth + 1, candidates).map(drop))?;
        } else {
            self.elements(depth + 1, candidates)?;
        }
        let next = self.found();
        let span = self.spans.spans.get_mut(own)?;
        (span.end, span.next) = (position(self.at), next);
        Some(())
    }

    fn elements(&mut self, depth: usize, candidates: &mut Candidates) -> Option<()> {
        self.take(b'[')?;
        self.space();
        if self.peek()? == b']' {
            return self.take(b']');
        }
        loop {
            self.space();
            self.value(depth, candidates)?;
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.take(b']'),
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            self.at += plain(self.spans.text.as_bytes().get(self.at..)?);
            match self.peek()? {
                b'"' => return self.take(b'"'),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let bytes = self.spans.text.as_bytes();
        match bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let digits = bytes.get(self.at + 2..self.at + 6)?;
                let is_surrogate =
                    matches!(digits, [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
                if is_surrogate || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                self.at += 6;
            }
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let goes_on = matches!(self.peek(), Some(b'e' | b'E' | b'0'..=b'9'));
        (!goes_on && self.at - start <= LONGEST_NUMBER).then_some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn literal(&mut self) -> Option<()> {
        let rest = self.spans.text.as_bytes().get(self.at..)?;
        let word: &[u8] =
            [&b"null"[..], b"true", b"false"].into_iter().find(|word| rest.starts_with(word))?;
        self.at += word.len();
        Some(())
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn peek(&self) -> Option<u8> {
        self.spans.text.as_bytes().get(self.at).copied()
    }

    fn span(&self, number: u32) -> Option<Span> {
        self.spans.spans.get(number as usize).copied()
    }
}

/// Texts are shorter than a position can count.
fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// How many bytes of a string come before its end, an escape or a control character; eight at a
/// time.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES * 0x80;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut at = 0;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        // The lowest bit set tells the first such byte; those above it may be wrong.
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = zeros(word ^ (ONES * u64::from(b'"')))
            | zeros(word ^ (ONES * u64::from(b'\\')))
            | control;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count()
}

impl<'t> SpannedText<'t> {
    /// What is in an object, in the order of the text; nothing if it is none.
    pub(crate) fn members(&self, object: Node<'t>) -> impl Iterator<Item = (&'t str, Node<'t>)> {
        let mut inside = self.inside(object, b'{');
        std::iter::from_fn(move || {
            let name = inside.name()?;
            Some((name, inside.value()?))
        })
    }

    /// What is in a list, in the order of the text; nothing if it is none.
    pub(crate) fn elements(&self, list: Node<'t>) -> impl Iterator<Item = Node<'t>> {
        let mut inside = self.inside(list, b'[');
        std::iter::from_fn(move || inside.value())
    }

    fn inside(&self, node: Node<'t>, bracket: u8) -> Inside<'_, 't> {
        let span = node.span.filter(|_| node.text.as_bytes().first() == Some(&bracket));
        let span = span.and_then(|number| Some((number, self.spans.get(number as usize)?)));
        let (at, child) = span
            .map_or((self.text.len(), 0), |(number, span)| (span.start as usize + 1, number + 1));
        Inside { spans: self, at, child }
    }
}

impl Node<'_> {
    pub(crate) fn is_container(&self) -> bool {
        self.span.is_some()
    }

    pub(crate) fn is_object(&self) -> bool {
        self.text.starts_with('{')
    }

    pub(crate) fn is_list(&self) -> bool {
        self.text.starts_with('[')
    }
}

/// A place between the values of a container, in a text that is known to be well-formed.
struct Inside<'o, 't> {
    spans: &'o SpannedText<'t>,
    at: usize,
    /// The number of the next container.
    child: u32,
}

impl<'t> Inside<'_, 't> {
    fn name(&mut self) -> Option<&'t str> {
        self.separators();
        let start = self.at + 1;
        self.string()?;
        self.spans.text.get(start..self.at - 1)
    }

    fn value(&mut self) -> Option<Node<'t>> {
        self.separators();
        let start = self.at;
        let span = match self.peek()? {
            b'}' | b']' => return None,
            b'{' | b'[' => {
                let span = self.spans.spans.get(self.child as usize)?;
                self.at = span.end as usize;
                Some(std::mem::replace(&mut self.child, span.next))
            }
            b'"' => {
                self.string()?;
                None
            }
            _ => {
                let is_part =
                    |byte: &u8| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
                self.at += self
                    .spans
                    .text
                    .as_bytes()
                    .get(self.at..)?
                    .iter()
                    .take_while(|byte| is_part(byte))
                    .count();
                None
            }
        };
        Some(Node { text: self.spans.text.get(start..self.at)?, span })
    }

    fn separators(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':') = self.peek() {
            self.at += 1;
        }
    }

    fn string(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            self.at += plain(self.spans.text.as_bytes().get(self.at..)?);
            match self.peek()? {
                b'"' => break self.at += 1,
                _ => self.at += 2,
            }
        }
        Some(())
    }

    fn peek(&self) -> Option<u8> {
        self.spans.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{Scanner, plain};

    /// Nothing but the time that it takes depends on this.
    #[test]
    fn what_is_equal_to_a_model_is_told() {
        let text = r#"[{"a":[1]},{"a":[1]},{"a":[2]}]"#;
        let mut scanner = Scanner::new(text).expect("short");
        scanner.value(0, &mut (0..0)).expect("JSON");
        let spans: Vec<_> =
            (0..scanner.found()).map(|number| scanner.span(number).expect("found")).collect();
        let [_, first, _, second, _, third, _] = spans[..] else { panic!("{spans:?}") };
        scanner.at = first.start as usize;
        assert!(scanner.is_next(first) && scanner.is_next(second) && !scanner.is_next(third));
        scanner.at = third.start as usize;
        assert!(scanner.is_next(third) && !scanner.is_next(first));
        // At the end there is no room for it.
        scanner.at = text.len() - 2;
        assert!(!scanner.is_next(first));
        assert!(scanner.span(scanner.found()).is_none());
    }

    #[test]
    fn a_string_is_plain_up_to_what_ends_it_or_must_be_looked_at() {
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        for filler in [b'a', b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff] {
            for length in [0, 7, 8, 9, 16, 23] {
                assert_eq!(plain(&vec![filler; length]), length, "{filler} {length}");
                for at in 0..length {
                    for byte in 0..=u8::MAX {
                        let mut bytes = vec![filler; length];
                        bytes[at] = byte;
                        let expected = bytes.iter().position(ends).unwrap_or(length);
                        assert_eq!(plain(&bytes), expected, "{filler} {length} {at} {byte}");
                        // Of two the first counts.
                        bytes.push(b'"');
                        bytes.push(byte);
                        assert_eq!(plain(&bytes), expected, "{filler} {length} {at} {byte}");
                    }
                }
            }
        }
    }
}
