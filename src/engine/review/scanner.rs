//! The one scanner of JSON text: it checks a text and builds its index in one pass, without
//! recursion.
//!
//! The crates that index JSON (simd-json, sonic-rs, jiter) build trees of 24 bytes or more per
//! value or unescape in place, and none can take a text as equal to one that was read. That saves
//! most of the work of a usual review: the second object repeats the first one, and the elements
//! of a list resemble each other. The crates rest on `unsafe`; this scanner does not, and every
//! verdict on its index is checked against `serde_json` by properties and fuzzers.

use super::index::{Escaped, FLAG, IndexEntry, IndexedText, NONE, plain, position};
use super::unjudgeable::DEEPEST;

/// A number with fewer bytes than this and no exponent is in the range of a float.
const LONGEST_NUMBER: usize = 300;

/// The index of a text; none if it is not JSON, or 2 GiB or more.
pub(crate) fn scan(text: &str) -> Option<IndexedText<'_>> {
    let mut scanner = Scanner::new(text)?;
    let end = scanner.value(space(scanner.bytes, 0))?;
    (space(scanner.bytes, end) == text.len()).then(|| scanner.finish())
}

/// The index of the values that the beginning of a text holds.
pub(crate) fn scan_prefix(text: &str) -> Option<IndexedText<'_>> {
    let mut scanner = Scanner::new(text)?;
    if scanner.value(space(scanner.bytes, 0)).is_none() {
        while scanner.open != NONE {
            scanner.close(text.len())?;
        }
    }
    Some(scanner.finish()).filter(|document| !document.entries.is_empty())
}

/// Positions in the text are arguments and results, so that the compiler keeps them in registers.
struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    entries: Vec<IndexEntry>,
    escaped: Escaped,
    objects: Vec<(u32, u32)>,
    /// The innermost container that is open. While it is, its `next` is the container around it,
    /// and its `end` is its model; marked, it has none and `end` is the candidate that was left for
    /// its siblings.
    open: u32,
    /// The bracket that ends it.
    closing: u8,
    depth: u32,
    deepest: u32,
    /// Where the name of the value that comes starts.
    key: u32,
    /// The object of the review that is being read.
    reviewed: u32,
    /// The first object of the review, once it is read.
    first: u32,
    /// The entry that the next value may repeat, and the one that the value after it may repeat.
    /// In the second object it is the counterpart in the first one; before that, the element
    /// before, or its counterpart in an element before.
    model: u32,
    candidate: u32,
    /// The model of the element before, if that differs from it. The element may be a new one.
    passed: u32,
    agreement: Agreement,
}

/// Up to where the text is known to be repeated `distance` bytes further on.
#[derive(Clone, Copy, Default)]
struct Agreement {
    distance: usize,
    until: usize,
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
            // A value usually takes thirteen bytes, and the second object mostly repeats the first.
            // Memory that is reserved but never written costs nothing.
            entries: Vec::with_capacity(bytes.len() / 8),
            escaped: Escaped::default(),
            objects: Vec::new(),
            open: NONE,
            closing: 0,
            depth: 0,
            deepest: 0,
            key: NONE,
            reviewed: NONE,
            first: NONE,
            model: NONE,
            candidate: NONE,
            passed: NONE,
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

    /// Reads the value that starts at `at`, with all that is in it. Where it ends.
    fn value(&mut self, mut at: usize) -> Option<usize> {
        let bytes = self.bytes;
        loop {
            let start = at;
            match *bytes.get(at)? {
                b'"' => {
                    let end = self.string(at)?;
                    at = (end & !FLAG) as usize;
                    self.push(start, end);
                }
                bracket @ (b'{' | b'[') => {
                    if let Some(end) = self.repeated(at) {
                        at = end;
                    } else {
                        self.open(start, if bracket == b'{' { b'}' } else { b']' });
                        at = space(bytes, at + 1);
                        if *bytes.get(at)? != self.closing {
                            let Some(end) = self.taken(at) else {
                                at = self.child(at)?;
                                continue;
                            };
                            at = end;
                        }
                    }
                }
                b'-' | b'0'..=b'9' => {
                    at = self.number(at)?;
                    self.push(start, position(at));
                }
                _ => {
                    at = literal(bytes, at)?;
                    self.push(start, position(at));
                }
            }
            // A value has ended, and with it perhaps the containers around it.
            loop {
                if self.open == NONE {
                    return Some(at);
                }
                at = space(bytes, at);
                let byte = *bytes.get(at)?;
                at += 1;
                if byte == self.closing {
                    self.close(at)?;
                } else if byte == b',' {
                    at = space(bytes, at);
                    match self.taken(at) {
                        Some(end) => at = end,
                        None => break,
                    }
                } else {
                    return None;
                }
            }
            at = self.child(at)?;
        }
    }

    fn push(&mut self, start: usize, end: u32) {
        let next = position(self.entries.len()) + 1;
        self.entries.push(IndexEntry { key: self.key, start: position(start), end, next });
    }

    fn open(&mut self, start: usize, closing: u8) {
        let end = if self.model == NONE { self.candidate + FLAG } else { self.model };
        let own = position(self.entries.len());
        let start = position(start);
        self.entries.push(IndexEntry { key: self.key, start, end, next: self.open });
        (self.open, self.closing) = (own, closing);
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        self.candidate = self.first_like(start, self.model);
        self.passed = NONE;
    }

    fn close(&mut self, end: usize) -> Option<()> {
        if self.depth == 2 {
            self.reviewed();
        }
        let (own, next) = (self.open, position(self.entries.len()));
        let entry = self.entries.get_mut(own as usize)?;
        let (around, model) = (entry.next, entry.end);
        (entry.end, entry.next) = (position(end), next);
        self.open = around;
        self.depth -= 1;
        (self.passed, self.candidate) =
            if model & FLAG == 0 { (model, self.behind(model)) } else { (NONE, model & !FLAG) };
        if let Some(around) = self.entries.get(around as usize) {
            let is_object = self.bytes.get(around.start as usize) == Some(&b'{');
            self.closing = if is_object { b'}' } else { b']' };
            // Elements of the first object mostly resemble the ones before them.
            if !is_object && around.is_marked() && self.first == NONE {
                (self.passed, self.candidate) = (NONE, own);
            }
        }
        Some(())
    }

    /// Reads up to the value of the member or element that comes.
    fn child(&mut self, at: usize) -> Option<usize> {
        if self.closing == b'}' {
            return self.name(at);
        }
        self.key = position(at);
        self.model = self.candidate;
        self.candidate = self.behind(self.model);
        Some(at)
    }

    fn name(&mut self, start: usize) -> Option<usize> {
        // The names in `request` are read, since they tell which values are the objects.
        let models = [self.candidate, self.behind(self.candidate)];
        for model in models.into_iter().filter(|_| self.depth != 2) {
            if let Some(at) = self.repeated_name(model, start) {
                (self.key, self.model) = (position(start), model);
                self.candidate = self.behind(model);
                return Some(at);
            }
        }
        self.model = NONE;
        if *self.bytes.get(start)? != b'"' {
            return None;
        }
        let string = self.string(start)?;
        let end = (string & !FLAG) as usize;
        let at = space(self.bytes, end);
        if *self.bytes.get(at)? != b':' {
            return None;
        }
        self.key = position(start) + (string & FLAG);
        if self.depth == 2 {
            self.reviewed();
            if self.is_object_of_review(self.bytes.get(start + 1..end - 1)?) {
                self.reviewed = position(self.entries.len());
                self.deepest = self.depth;
                self.model = self.first;
            }
        }
        Some(space(self.bytes, at + 1))
    }

    /// Where the value of a member starts, if the text from the name to the value is that of the
    /// model. None for a name with an escape.
    fn repeated_name(&self, model: u32, start: usize) -> Option<usize> {
        let model = self.entries.get(model as usize)?;
        let name = self.bytes.get(model.key as usize..model.start as usize)?;
        let is_repeated = self.bytes.get(start..)?.starts_with(name);
        is_repeated.then(|| space(self.bytes, start + name.len()))
    }

    /// Whether the name of a member is that of an object to be judged. The member may be outside
    /// `request`, or one that a later key overwrites; see [`IndexedText::deepest`].
    fn is_object_of_review(&self, name: &[u8]) -> bool {
        let decoded = self.escaped.get(self.key & !FLAG);
        matches!(decoded.map_or(name, str::as_bytes), b"object" | b"oldObject")
    }

    /// Notes an object of the review if one was read.
    fn reviewed(&mut self) {
        let object = std::mem::replace(&mut self.reviewed, NONE);
        if object == NONE {
            return;
        }
        let levels = self.deepest - self.depth;
        self.objects.push((object, levels));
        if self.first == NONE && (1..=DEEPEST).contains(&(levels as usize)) {
            self.first = object;
        }
    }

    /// The first entry in a model, if it is a container of the kind that starts at `start`.
    fn first_like(&self, start: u32, model: u32) -> u32 {
        let bracket = |start: u32| self.bytes.get(start as usize);
        match self.entries.get(model as usize) {
            Some(entry) if entry.next > model + 1 && bracket(entry.start) == bracket(start) => {
                model + 1
            }
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

    /// Takes all members or elements that follow whose text, names included, is known to be that
    /// of their models. Where the last one ends.
    fn taken(&mut self, at: usize) -> Option<usize> {
        let first = self.candidate;
        let entry = *self.entries.get(first as usize)?;
        let Agreement { distance, until } = self.agreement;
        // A name with an escape is marked, so its member is never taken.
        if entry.key as usize + distance != at {
            return None;
        }
        // An unreadable value is read again, so that each object reports its own.
        let until = self.escaped.unreadable_in(entry.start as usize, until).unwrap_or(until);
        let is_repeated = |entry: IndexEntry| {
            // The byte behind the model tells that a number ends there, too.
            entry.key & FLAG == 0 && entry.end() < until
        };
        if !is_repeated(entry) {
            return None;
        }
        let behind = |model: &u32| {
            let behind = self.behind(*model);
            let entry = self.entries.get(behind as usize);
            entry.is_some_and(|entry| is_repeated(*entry)).then_some(behind)
        };
        let last = std::iter::successors(Some(first), behind).last()?;
        let end = self.entries.get(last as usize)?.end();
        self.key = position(at);
        self.take(first, last, distance)?;
        Some(end + distance)
    }

    /// Takes a container that repeats its model. In a list it may repeat the one behind that, if
    /// an element is gone, or the one before, if there is a new element. Where it ends.
    fn repeated(&mut self, at: usize) -> Option<usize> {
        if self.model == NONE {
            return None;
        }
        if let Some(end) = self.repeats(self.model, at) {
            return Some(end);
        }
        if self.closing == b'}' {
            return None;
        }
        let agreement = self.agreement;
        for model in [self.candidate, self.passed] {
            if let Some(end) = self.repeats(model, at) {
                return Some(end);
            }
        }
        self.agreement = agreement;
        None
    }

    /// Takes a value if it repeats a container. The text is compared up to where it differs, which
    /// mostly is far behind the container, and not again up to there, so nesting does not make the
    /// scan quadratic. An element of a list that differs from its two neighbours differs from each
    /// within the shorter one of both.
    fn repeats(&mut self, model: u32, at: usize) -> Option<usize> {
        let entry = *self.entries.get(model as usize)?;
        let (start, end) = (entry.start as usize, entry.end());
        // An unreadable value is read again, so that each object reports its own.
        if self.escaped.unreadable_in(start, end).is_some() {
            return None;
        }
        let distance = at - start;
        if self.agreement.distance != distance || self.agreement.until <= start {
            let until = start + common(self.bytes.get(start..)?, self.bytes.get(at..)?);
            self.agreement = Agreement { distance, until };
        }
        if self.agreement.until < end {
            return None;
        }
        self.take(model, model, distance)?;
        Some(end + distance)
    }

    /// Adds values whose text is that of models from `first` to `last`, `distance` bytes further on.
    /// In the second object they refer to the models. Otherwise they are copies, so that no two
    /// locations of an object share a node.
    fn take(&mut self, first: u32, last: u32, distance: usize) -> Option<()> {
        let moved = position(distance);
        let own = position(self.entries.len());
        let (entry, end) = (*self.entries.get(first as usize)?, *self.entries.get(last as usize)?);
        // Members of the element before may refer to those of this model.
        if self.first != NONE && first != self.passed {
            let mut model = first;
            while model < end.next {
                let entry = *self.entries.get(model as usize)?;
                let next = position(self.entries.len()) + 1;
                let (key, start) = (entry.key + moved, entry.start + moved + FLAG);
                self.entries.push(IndexEntry { key, start, end: model, next });
                model = entry.next;
            }
        } else {
            self.entries.extend_from_within(first as usize..end.next as usize);
            for copy in self.entries.get_mut(own as usize..)? {
                copy.key += moved;
                copy.start += moved;
                copy.end += moved;
                copy.next += own - first;
            }
            self.escaped.repeat(entry.start as usize..end.end(), moved);
        }
        self.entries.get_mut(own as usize)?.key = self.key;
        self.passed = NONE;
        self.candidate = self.behind(last);
        // The next element of a list of the first object may repeat this one.
        if self.first == NONE && self.entries.get(self.open as usize)?.is_marked() {
            self.candidate = own;
        }
        Some(())
    }

    /// Where the string that starts at `at` ends, marked if it has an escape.
    fn string(&mut self, at: usize) -> Option<u32> {
        let end = plain(self.bytes, at + 1);
        match self.bytes.get(end)? {
            b'"' => Some(position(end + 1)),
            b'\\' => {
                let (text, mut last) = (self.text, end);
                self.escaped.add(at, |decoded| decode(text, at + 1, &mut last, decoded))?;
                Some(position(last) + FLAG)
            }
            _ => None,
        }
    }

    /// Where the number that starts at `start` ends.
    fn number(&mut self, start: usize) -> Option<usize> {
        let bytes = self.bytes;
        let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
        at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(bytes, at)? };
        if bytes.get(at) == Some(&b'.') {
            at = digits(bytes, at + 1)?;
        }
        let has_exponent = matches!(bytes.get(at), Some(b'e' | b'E'));
        if has_exponent {
            let has_sign = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
            at = digits(bytes, at + 1 + usize::from(has_sign))?;
        }
        let number = bytes.get(start..at)?;
        let may_be_too_large = has_exponent || number.get(LONGEST_NUMBER..).is_some();
        if may_be_too_large && serde_json::from_slice::<serde_json::Number>(number).is_err() {
            self.escaped.add_unreadable(start);
        }
        Some(at)
    }
}

fn digits(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    (at > start).then_some(at)
}

fn literal(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let mut words = [&b"null"[..], b"true", b"false"].into_iter();
    Some(at + words.find(|word| rest.starts_with(word))?.len())
}

/// The first position from `at` on that has no white space.
fn space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// How many bytes two texts begin with alike.
fn common(one: &[u8], two: &[u8]) -> usize {
    fn blocks<const SIZE: usize>(one: &[u8], two: &[u8], start: usize) -> usize {
        let blocks = |text| <[u8]>::get(text, start..).unwrap_or_default().as_chunks::<SIZE>().0;
        let pairs = blocks(one).iter().zip(blocks(two));
        start + pairs.take_while(|(one, two)| one == two).map(|_| SIZE).sum::<usize>()
    }
    let start = blocks::<1024>(one, two, 0);
    let start = blocks::<32>(one, two, start);
    let start = blocks::<8>(one, two, start);
    blocks::<1>(one, two, start)
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
                let end = plain(bytes, *at);
                decoded.push_str(text.get(*at..end)?);
                *at = end;
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
            let is_pair = matches!(unit, 0xd800..0xdc00) && bytes.get(*at..*at + 2) == Some(b"\\u");
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
        .try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}
