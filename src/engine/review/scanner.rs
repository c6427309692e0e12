//! The one scanner of JSON text: it checks a text and builds its index in one pass, without
//! recursion.
//!
//! The crates that index JSON (simd-json, sonic-rs, jiter) build trees of 24 bytes or more per
//! value or unescape in place, and none can take the second object's text as equal to the first's,
//! which saves half the work of a usual review. They rest on `unsafe`; this scanner does not, and
//! every verdict on its index is checked against `serde_json` by properties and fuzzers.

use super::index::{Escaped, FLAG, IndexEntry, IndexedText, NONE, plain, position};
use super::unjudgeable::DEEPEST;

/// A number with at most this many bytes and no exponent is in the range of a float.
const LONGEST_NUMBER: usize = 300;

/// The index of a text; none if it is not JSON, or 2 GiB or more.
pub(crate) fn scan(text: &str) -> Option<IndexedText<'_>> {
    let mut scanner = Scanner::new(text)?;
    scanner.document()?;
    Some(scanner.finish())
}

/// The index of the values that the beginning of a text holds.
pub(crate) fn scan_prefix(text: &str) -> Option<IndexedText<'_>> {
    let mut scanner = Scanner::new(text)?;
    if scanner.document().is_none() {
        while scanner.open != NONE {
            scanner.close()?;
        }
    }
    Some(scanner.finish()).filter(|document| !document.entries.is_empty())
}

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    entries: Vec<IndexEntry>,
    escaped: Escaped,
    objects: Vec<(u32, u32)>,
    /// The innermost container that is open. While it is, its `next` is the container around it,
    /// marked if its names are known to be irregular, and its `end` is its model; marked, it has
    /// none and `end` is the candidate that was left for its siblings.
    open: u32,
    is_object: bool,
    depth: u32,
    deepest: u32,
    /// Where the name of the value that comes starts; where the previous one of this object did,
    /// and where it ended.
    key: u32,
    previous: (u32, u32),
    /// The object of the review that is being read.
    reviewed: u32,
    /// The first object of the review.
    first: u32,
    /// The entry that the next value may repeat, and the one that the value after it may repeat.
    model: u32,
    candidate: u32,
    agreement: Agreement,
}

/// How far the text is known to be that of a model.
#[derive(Clone, Copy, Default)]
struct Agreement {
    distance: usize,
    until: usize,
}

#[derive(PartialEq, Eq)]
enum Scanned {
    Value,
    /// A bracket with something behind it.
    Opening,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() >= NONE as usize {
            return None;
        }
        Some(Self {
            text,
            bytes,
            at: 0,
            // A value usually takes thirteen bytes, and the second object mostly repeats the first.
            // Memory that is reserved but never written costs nothing.
            entries: Vec::with_capacity(bytes.len() / 8),
            escaped: Escaped::default(),
            objects: Vec::new(),
            open: NONE,
            is_object: false,
            depth: 0,
            deepest: 0,
            key: NONE,
            previous: (NONE, NONE),
            reviewed: NONE,
            first: NONE,
            model: NONE,
            candidate: NONE,
            agreement: Agreement::default(),
        })
    }

    fn finish(self) -> IndexedText<'t> {
        IndexedText {
            text: self.text,
            entries: self.entries,
            escaped: self.escaped,
            objects: self.objects,
        }
    }

    fn document(&mut self) -> Option<()> {
        self.space();
        while self.value()? == Scanned::Opening || self.goes_on()? {}
        self.space();
        (self.at == self.bytes.len()).then_some(())
    }

    fn value(&mut self) -> Option<Scanned> {
        let start = self.at;
        let end = match self.peek()? {
            bracket @ (b'{' | b'[') => return self.container(bracket == b'{'),
            b'"' => {
                let is_escaped = self.string()?;
                position(self.at) | if is_escaped { FLAG } else { 0 }
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
                position(self.at)
            }
            _ => {
                self.literal()?;
                position(self.at)
            }
        };
        self.push(start, end);
        Some(Scanned::Value)
    }

    fn push(&mut self, start: usize, end: u32) {
        let next = position(self.entries.len()) + 1;
        self.entries.push(IndexEntry { key: self.key, start: position(start), end, next });
    }

    fn container(&mut self, is_object: bool) -> Option<Scanned> {
        let start = self.at;
        if self.model != NONE && self.repeats()? {
            return Some(Scanned::Value);
        }
        let end = if self.model == NONE { self.candidate | FLAG } else { self.model };
        let own = position(self.entries.len());
        self.entries.push(IndexEntry {
            key: self.key,
            start: position(start),
            end,
            next: self.open,
        });
        (self.open, self.is_object) = (own, is_object);
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        self.previous = (NONE, NONE);
        self.candidate = self.first_in(self.model);
        self.at += 1;
        self.space();
        if self.peek()? == if is_object { b'}' } else { b']' } {
            self.at += 1;
            self.close()?;
            return Some(Scanned::Value);
        }
        self.child()?;
        Some(Scanned::Opening)
    }

    /// Whether another value comes; closes the containers that end.
    fn goes_on(&mut self) -> Option<bool> {
        loop {
            if self.depth == 2 && self.reviewed != NONE {
                self.reviewed();
            }
            if self.open == NONE {
                return Some(false);
            }
            self.space();
            match self.peek()? {
                b',' => {
                    self.at += 1;
                    self.space();
                    self.child()?;
                    return Some(true);
                }
                b'}' if self.is_object => self.at += 1,
                b']' if !self.is_object => self.at += 1,
                _ => return None,
            }
            self.close()?;
        }
    }

    fn close(&mut self) -> Option<()> {
        let (next, end) = (position(self.entries.len()), position(self.at));
        let entry = self.entries.get_mut(self.open as usize)?;
        let (around, model) = (entry.next, entry.end);
        entry.end = end | (around & FLAG);
        entry.next = next;
        self.previous = (entry.key, NONE);
        self.open = around & !FLAG;
        self.depth -= 1;
        let around = self.entries.get(self.open as usize);
        self.is_object =
            around.is_some_and(|around| self.bytes.get(around.start as usize) == Some(&b'{'));
        self.candidate = if model & FLAG == 0 { self.behind(model) } else { model & !FLAG };
        Some(())
    }

    /// Reads up to the value of the member or element that comes.
    fn child(&mut self) -> Option<()> {
        if self.is_object {
            return self.name();
        }
        self.key = NONE;
        self.model = self.candidate;
        self.candidate = self.behind(self.model);
        Some(())
    }

    fn name(&mut self) -> Option<()> {
        let start = self.at;
        let is_escaped = self.string()?;
        let end = self.at;
        self.space();
        self.take(b':')?;
        self.space();
        self.key = position(start) | if is_escaped { FLAG } else { 0 };
        let name = self.bytes.get(start + 1..end - 1)?;
        if is_escaped || !self.ascends(name) {
            self.entries.get_mut(self.open as usize)?.next |= FLAG;
        }
        self.previous = (self.key, position(end));
        self.model = NONE;
        if self.candidate != NONE {
            let behind = self.behind(self.candidate);
            let found =
                [self.candidate, behind].into_iter().find(|entry| self.is_named(*entry, name));
            if let Some(model) = found {
                self.model = model;
                self.candidate = self.behind(model);
            }
        }
        if self.depth == 2 {
            self.reviewed = NONE;
            if self.is_object_of_review(name, is_escaped) {
                self.reviewed = position(self.entries.len());
                self.deepest = self.depth;
                self.model = self.first;
            }
        }
        Some(())
    }

    /// Whether a name comes behind the previous one in the order of names.
    fn ascends(&self, name: &[u8]) -> bool {
        let (start, end) = self.previous;
        if start == NONE {
            return true;
        }
        if start & FLAG != 0 {
            return false;
        }
        let previous = self.bytes.get(start as usize + 1..).unwrap_or_default();
        let end = if end == NONE { plain(previous) } else { (end - start) as usize - 2 };
        let previous = previous.get(..end).unwrap_or_default();
        match (previous.first(), name.first()) {
            (Some(one), Some(two)) if one != two => one < two,
            _ => previous < name,
        }
    }

    fn is_named(&self, entry: u32, name: &[u8]) -> bool {
        let Some(key) = self.entries.get(entry as usize).map(|entry| entry.key as usize) else {
            return false;
        };
        // The quote is compared, too, so that the name is as long.
        self.bytes.get(key..).is_some_and(|rest| {
            rest.get(1..)
                .is_some_and(|rest| rest.starts_with(name) && rest.get(name.len()) == Some(&b'"'))
        })
    }

    /// Whether the name of a member is that of an object to be judged. The member may be outside
    /// `request`, or one that a later key overwrites; see [`IndexedText::deepest`].
    fn is_object_of_review(&self, name: &[u8], is_escaped: bool) -> bool {
        let decoded = if is_escaped { self.escaped.get(self.key & !FLAG) } else { None };
        matches!(decoded.map_or(name, str::as_bytes), b"object" | b"oldObject")
    }

    /// Notes an object of the review that was read.
    fn reviewed(&mut self) {
        let object = std::mem::replace(&mut self.reviewed, NONE);
        let levels = self.deepest - self.depth;
        self.objects.push((object, levels));
        if self.first == NONE && (1..=DEEPEST).contains(&(levels as usize)) {
            self.first = object;
        }
    }

    fn first_in(&self, model: u32) -> u32 {
        match self.entries.get(model as usize) {
            Some(entry) if entry.next > model + 1 => model + 1,
            _ => NONE,
        }
    }

    /// The entry behind a model of this container's children, in the container's own model.
    fn behind(&self, model: u32) -> u32 {
        let Some(next) = self.entries.get(model as usize).map(|entry| entry.next) else {
            return NONE;
        };
        let around = self.entries.get(self.open as usize).map_or(FLAG, |open| open.end);
        match self.entries.get(around as usize) {
            Some(around) if next < around.next => next,
            _ => NONE,
        }
    }

    /// Takes a container that repeats its model, or in a list the one behind that.
    fn repeats(&mut self) -> Option<bool> {
        let model = self.model;
        if self.is_repeated(model)? {
            self.refer(model)?;
            return Some(true);
        }
        let behind = self.candidate;
        if self.is_object || behind == NONE {
            return Some(false);
        }
        let agreement = self.agreement;
        if self.is_repeated(behind)? {
            self.candidate = self.behind(behind);
            self.refer(behind)?;
            return Some(true);
        }
        self.agreement = agreement;
        Some(false)
    }

    fn refer(&mut self, model: u32) -> Option<()> {
        let entry = *self.entries.get(model as usize)?;
        let start = self.at | FLAG as usize;
        self.at += entry.end() - entry.start as usize;
        self.push(start, model);
        Some(())
    }

    /// Whether the text from here on repeats that of a container. No text is compared twice with
    /// the same model, so nesting does not make the scan quadratic.
    fn is_repeated(&mut self, model: u32) -> Option<bool> {
        let entry = *self.entries.get(model as usize)?;
        let (start, end) = (entry.start as usize, entry.end());
        if !matches!(self.bytes.get(start), Some(b'{' | b'[')) {
            return Some(false);
        }
        let distance = self.at - start;
        if self.agreement.distance != distance || self.agreement.until <= start {
            let model = self.bytes.get(start..end)?;
            let until = start + common(model, self.bytes.get(self.at..)?);
            self.agreement = Agreement { distance, until };
        }
        let is_readable = || self.escaped.unreadable_in(start, end).is_none();
        Some(self.agreement.until >= end && is_readable())
    }

    /// Reads a string, and whether it has an escape.
    fn string(&mut self) -> Option<bool> {
        let start = self.at;
        self.take(b'"')?;
        self.at += plain(self.bytes.get(self.at..)?);
        match self.peek()? {
            b'"' => {
                self.at += 1;
                Some(false)
            }
            b'\\' => {
                let (text, at) = (self.text, &mut self.at);
                self.escaped.add(start, |decoded| decode(text, start + 1, at, decoded))?;
                Some(true)
            }
            _ => None,
        }
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
        let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        if has_exponent || self.at - start > LONGEST_NUMBER {
            let text = self.text.get(start..self.at)?;
            if serde_json::from_str::<serde_json::Number>(text).is_err() {
                self.escaped.add_unreadable(start);
            }
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn literal(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        let word: &[u8] =
            [&b"null"[..], b"true", b"false"].into_iter().find(|word| rest.starts_with(word))?;
        self.at += word.len();
        Some(())
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

/// How many bytes two texts begin with alike.
fn common(one: &[u8], two: &[u8]) -> usize {
    let (chunks, _) = one.as_chunks::<32>();
    let alike = chunks.iter().zip(two.as_chunks::<32>().0).take_while(|(one, two)| one == two);
    let start = alike.count() * 32;
    let rest = one.iter().zip(two).skip(start);
    start + rest.take_while(|(one, two)| one == two).count()
}

/// Decodes a string whose content starts at `start`; `at` is its first escape, and comes to be
/// where it ends. Whether every escape names a character.
fn decode(text: &str, start: usize, at: &mut usize, decoded: &mut String) -> Option<bool> {
    let bytes = text.as_bytes();
    decoded.push_str(text.get(start..*at)?);
    let mut is_readable = true;
    loop {
        match bytes.get(*at)? {
            b'"' => {
                *at += 1;
                return Some(is_readable);
            }
            b'\\' => match escape(bytes, at)? {
                Ok(letter) => decoded.push(letter),
                Err(NoCharacter) => is_readable = false,
            },
            0..0x20 => return None,
            _ => {
                let length = plain(bytes.get(*at..)?);
                decoded.push_str(text.get(*at..*at + length)?);
                *at += length;
            }
        }
    }
}

/// A lone surrogate.
struct NoCharacter;

fn escape(bytes: &[u8], at: &mut usize) -> Option<Result<char, NoCharacter>> {
    let letter = match bytes.get(*at + 1)? {
        letter @ (b'"' | b'\\' | b'/') => char::from(*letter),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = hex(bytes, *at + 2)?;
            *at += 6;
            if !matches!(unit, 0xd800..0xe000) {
                return Some(char::from_u32(unit).ok_or(NoCharacter));
            }
            let is_pair = unit < 0xdc00 && bytes.get(*at..*at + 2) == Some(b"\\u");
            let Some(low) = (if is_pair { hex(bytes, *at + 2) } else { None }) else {
                return Some(Err(NoCharacter));
            };
            if !matches!(low, 0xdc00..0xe000) {
                return Some(Err(NoCharacter));
            }
            *at += 6;
            let letter = char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
            return Some(letter.ok_or(NoCharacter));
        }
        _ => return None,
    };
    *at += 2;
    Some(Ok(letter))
}

fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .iter()
        .try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}
