//! Field paths as a rule writes them: `spec.tasks[*].replicas`,
//! `metadata.labels['app.kubernetes.io/name']`.
//!
//! A path is a sequence of [`Step`]s from the root of an object. It covers the whole subtree below
//! it.

use std::fmt;

use super::bare::{continues_bare, is_bare, starts_bare};
use super::escape_control;
use super::list_key::{KeySelector, KeyValue};

/// One step of a rule's path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// `.name` or `['key']`: the member of that name.
    Name(String),
    /// `['prefix*']`: every member whose name starts so.
    Prefix(String),
    /// `.*`: every member.
    AnyMember,
    /// `[*]`: every element of a list.
    AnyElement,
    /// `[key='value']`: the element of a keyed list.
    Keyed(KeySelector),
}

impl Step {
    /// Whether the step goes to a member of an object.
    pub(crate) fn is_member(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Prefix(_) | Self::AnyMember)
    }

    /// Whether everything that `self` selects is selected by `wider` too.
    pub fn within(&self, wider: &Self) -> bool {
        match (self, wider) {
            (Self::Name(name) | Self::Prefix(name), Self::Prefix(prefix)) => {
                name.starts_with(prefix.as_str())
            }
            (Self::Name(_) | Self::Prefix(_), Self::AnyMember)
            | (Self::Keyed(_), Self::AnyElement) => true,
            _ => self == wider,
        }
    }

    /// Whether some location can be selected by both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Keyed(own), Self::Keyed(other)) => own.meets(other),
            _ => self.within(other) || other.within(self),
        }
    }
}

/// A segment without quotes.
macro_rules! bare {
    () => {
        "[A-Za-z_][A-Za-z0-9_-]*"
    };
}

/// A member of a key and its value, which is no prefix.
macro_rules! key_member {
    () => {
        concat!(bare!(), "=(?:", bare!(), r"|0|-?[1-9][0-9]*|'(?:(?:[^']|'')*(?:[^'*]|''|\*\*))?')")
    };
}

/// `[*]`, a quoted key, or an element by its key.
macro_rules! bracket {
    () => {
        concat!(r"\[(?:\*|'(?:[^']|'')*'|", key_member!(), "(?:,", key_member!(), r")*)\]")
    };
}

/// A parsed path: at least one step, and the text it was parsed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

impl Path {
    /// The same language as a regular expression (RE2), for those who cannot ask [`Path::parse`]. It
    /// also accepts a key in which a member repeats, and integers of more than 64 bits.
    pub const PATTERN: &'static str = concat!(
        "^(?:",
        bare!(),
        r"|\*|",
        bracket!(),
        r")(?:\.(?:",
        bare!(),
        r"|\*)|",
        bracket!(),
        ")*$"
    );

    /// Parses a path.
    ///
    /// # Errors
    /// The first character that does not fit, with its column.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        PathParser { text: text.chars().collect(), at: 0 }
            .path()
            .map(|steps| Self { text: text.to_owned(), steps })
    }

    /// The path of these steps, written as a rule's author would; none if there are none, or a
    /// prefix that no rule can write.
    pub fn from_steps(steps: &[Step]) -> Option<Self> {
        Self::parse(&written(steps)).ok().filter(|path| path.steps == steps)
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The member that it names last, if its last step names one.
    pub(crate) fn last_name(&self) -> Option<&str> {
        if let Some(Step::Name(name)) = self.steps.last() { Some(name) } else { None }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Steps as a rule's author would write them.
pub(crate) fn written(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        write_step(step, &mut text);
    }
    text
}

fn write_step(step: &Step, text: &mut String) {
    let separator = if text.is_empty() { "" } else { "." };
    let quote = |key: &str| key.replace('\'', "''");
    text.push_str(&match step {
        Step::Name(name) if is_bare(name) => format!("{separator}{name}"),
        Step::Name(name) => {
            format!("['{}{}']", quote(name), if name.ends_with('*') { "*" } else { "" })
        }
        Step::Prefix(prefix) => format!("['{}*']", quote(prefix)),
        Step::AnyMember => format!("{separator}*"),
        Step::AnyElement => "[*]".to_owned(),
        Step::Keyed(selector) => format!("[{selector}]"),
    });
}

/// Whether both have the same length and `holds` for each pair.
pub(crate) fn steps_pair(one: &[Step], two: &[Step], holds: fn(&Step, &Step) -> bool) -> bool {
    one.len() == two.len() && one.iter().zip(two).all(|(a, b)| holds(a, b))
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found} at column {column} of the path")]
pub struct PathError {
    /// Counted in characters from 1.
    pub column: usize,
    expected: &'static str,
    found: String,
}

struct PathParser {
    text: Vec<char>,
    at: usize,
}

impl PathParser {
    fn path(mut self) -> Result<Vec<Step>, PathError> {
        let mut steps = Vec::new();
        if self.peek() != Some('[') {
            steps.push(self.segment("a field name, `*` or `['key']`")?);
        }
        loop {
            match self.peek() {
                None => return Ok(steps),
                Some('[') => {
                    self.at += 1;
                    steps.push(self.bracket()?);
                }
                Some('.') => {
                    self.at += 1;
                    steps.push(self.segment("a field name or `*`")?);
                }
                Some(_) => return Err(self.unexpected("`.`, `[` or the end")),
            }
        }
    }

    fn segment(&mut self, expected: &'static str) -> Result<Step, PathError> {
        if self.peek() == Some('*') {
            self.at += 1;
            return Ok(Step::AnyMember);
        }
        self.bare(expected).map(Step::Name)
    }

    fn bare(&mut self, expected: &'static str) -> Result<String, PathError> {
        if !self.peek().is_some_and(starts_bare) {
            return Err(self.unexpected(expected));
        }
        let mut name = String::new();
        while let Some(letter) = self.peek().filter(|letter| continues_bare(*letter)) {
            name.push(letter);
            self.at += 1;
        }
        Ok(name)
    }

    fn bracket(&mut self) -> Result<Step, PathError> {
        let step = match self.peek() {
            Some('*') => {
                self.at += 1;
                Step::AnyElement
            }
            Some('\'') => match self.quoted()? {
                Quoted::Whole(key) => Step::Name(key),
                Quoted::Prefix(prefix) => Step::Prefix(prefix),
            },
            _ => self.keyed()?,
        };
        self.expect(']', "`]`")?;
        Ok(step)
    }

    fn keyed(&mut self) -> Result<Step, PathError> {
        let mut expected = "`*`, a quoted key or `key=value` (elements have no index here)";
        let mut members = Vec::new();
        loop {
            let start = self.at;
            let name = self.bare(expected)?;
            if members.iter().any(|(known, _)| *known == name) {
                self.at = start;
                return Err(self.unexpected("each member of a key once"));
            }
            self.expect('=', "`=` (a map key is quoted: `['key']`)")?;
            members.push((name, self.key_value()?));
            if self.peek() != Some(',') {
                return Ok(Step::Keyed(KeySelector::new(members)));
            }
            self.at += 1;
            expected = "another `key=value`";
        }
    }

    fn key_value(&mut self) -> Result<KeyValue<'static>, PathError> {
        let start = self.at;
        match self.peek() {
            Some('\'') => match self.quoted()? {
                Quoted::Whole(value) => Ok(KeyValue::Text(value.into())),
                Quoted::Prefix(_) => {
                    self.at = start;
                    Err(self.unexpected(
                        "a whole value (a prefix selects map keys only; a \
                                                literal trailing `*` is doubled)",
                    ))
                }
            },
            Some('-' | '0'..='9') => self.integer(),
            _ => self
                .bare("a name, an integer, or a quoted text")
                .map(|word| KeyValue::from_word(&word)),
        }
    }

    fn integer(&mut self) -> Result<KeyValue<'static>, PathError> {
        let start = self.at;
        let mut word = String::new();
        while let Some(letter) = self.peek().filter(|letter| matches!(letter, '-' | '0'..='9')) {
            word.push(letter);
            self.at += 1;
        }
        match KeyValue::from_word(&word) {
            KeyValue::Text(_) => {
                self.at = start;
                Err(self
                    .unexpected("an integer of 64 bits without leading zeros, or a quoted text"))
            }
            integer => Ok(integer),
        }
    }

    fn quoted(&mut self) -> Result<Quoted, PathError> {
        self.at += 1;
        let mut key = String::new();
        loop {
            match (self.peek(), self.text.get(self.at + 1)) {
                (Some('\''), Some('\'')) => {
                    key.push('\'');
                    self.at += 2;
                }
                (Some('\''), _) => break self.at += 1,
                (Some(letter), _) => {
                    key.push(letter);
                    self.at += 1;
                }
                (None, _) => return Err(self.unexpected("a closing `'`")),
            }
        }
        Ok(match key.strip_suffix('*') {
            Some(rest) if rest.ends_with('*') => Quoted::Whole(rest.to_owned()),
            Some(rest) => Quoted::Prefix(rest.to_owned()),
            None => Quoted::Whole(key),
        })
    }

    fn expect(&mut self, letter: char, expected: &'static str) -> Result<(), PathError> {
        if self.peek() == Some(letter) {
            self.at += 1;
            return Ok(());
        }
        Err(self.unexpected(expected))
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn unexpected(&self, expected: &'static str) -> PathError {
        let found = self.peek().map_or_else(
            || "the end".to_owned(),
            |letter| format!("`{}`", escape_control(&letter.to_string())),
        );
        PathError { column: self.at + 1, expected, found }
    }
}

enum Quoted {
    Whole(String),
    Prefix(String),
}

#[cfg(test)]
mod tests {
    use crate::engine::rule::*;

    fn name(text: &str) -> Step {
        Step::Name(text.to_owned())
    }

    fn keyed(key: &str, value: &str) -> Step {
        Step::Keyed(KeySelector::by_text(key, value))
    }

    #[test]
    fn every_form_of_the_table_parses() {
        let prefix = |text: &str| Step::Prefix(text.to_owned());
        let table = [
            ("spec.replicas", vec![name("spec"), name("replicas")]),
            ("_a-b", vec![name("_a-b")]),
            (
                "spec.tasks[*].replicas",
                vec![name("spec"), name("tasks"), Step::AnyElement, name("replicas")],
            ),
            ("spec.a.*.b", vec![name("spec"), name("a"), Step::AnyMember, name("b")]),
            ("*", vec![Step::AnyMember]),
            ("m['app.kubernetes.io/name']", vec![name("m"), name("app.kubernetes.io/name")]),
            ("m['it''s']", vec![name("m"), name("it's")]),
            ("m['']", vec![name("m"), name("")]),
            ("['a.b'].c", vec![name("a.b"), name("c")]),
            ("m['example.com/*']", vec![name("m"), prefix("example.com/")]),
            ("m['*']", vec![name("m"), prefix("")]),
            ("m['a**']", vec![name("m"), name("a*")]),
            ("m['a***']", vec![name("m"), name("a**")]),
            ("t[name='worker']", vec![name("t"), keyed("name", "worker")]),
            ("t[name=worker].r", vec![name("t"), keyed("name", "worker"), name("r")]),
            ("t[name='a b**']", vec![name("t"), keyed("name", "a b*")]),
            ("a[*][*]", vec![name("a"), Step::AnyElement, Step::AnyElement]),
        ];
        for (text, steps) in table {
            assert_eq!(Path::parse(text).map(|path| path.steps), Ok(steps), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_at_its_column() {
        let table = [
            ("", 1),
            (".", 1),
            ("a.", 3),
            ("a..b", 3),
            (".a", 1),
            ("a[0]", 3),
            ("a[", 3),
            ("a[*", 4),
            ("a['x", 5),
            ("a['x'", 6),
            ("**", 2),
            ("a.**", 4),
            ("a[**]", 4),
            ("a[b]", 4),
            ("a[b=]", 5),
            ("a[b='x*']", 5),
            ("a b", 2),
            ("1a", 1),
            ("a.1", 3),
            ("a[]", 3),
            ("a]", 2),
            ("a[*]b", 5),
            ("é", 1),
        ];
        for (text, column) in table {
            assert_eq!(Path::parse(text).map_err(|error| error.column), Err(column), "{text}");
        }
        let error = Path::parse("spec.tasks[0].name").map_err(|error| error.to_string());
        assert_eq!(
            error,
            Err("expected `*`, a quoted key or `key=value` (elements have no index here), found \
                 `0` at column 12 of the path"
                .to_owned())
        );
    }

    #[test]
    fn steps_are_written_as_they_are_read() {
        let table = [
            "spec.tasks[*].replicas",
            "*",
            "['a b'].*",
            "m['it''s']",
            "m['a**']",
            "m['a***']",
            "m['']",
            "t[name=a].b",
            "t[name='a b**'][*]",
            "m['x/*']",
        ];
        for text in table {
            let path = Path::parse(text).unwrap();
            assert_eq!(Path::from_steps(path.steps()), Some(path.clone()), "{text}");
        }
        assert_eq!(Path::from_steps(&[]), None);
        assert_eq!(Path::from_steps(&[Step::Prefix("a*".into())]), None);
    }

    #[test]
    fn a_path_lies_within_one_that_selects_as_much_or_more() {
        let within = |narrow: &str, wide: &str| {
            steps_pair(
                Path::parse(narrow).unwrap().steps(),
                Path::parse(wide).unwrap().steps(),
                Step::within,
            )
        };
        assert!(
            within("spec.a", "spec.a")
                && within("spec.a", "spec.*")
                && within("spec[name=x].b", "spec[*].b")
        );
        assert!(
            !within("spec.*", "spec.a") && !within("spec.a", "spec") && !within("spec", "spec.a")
        );
    }

    #[test]
    fn containment_and_intersection_go_step_by_step() {
        let (any, prefix, long) =
            (Step::AnyMember, Step::Prefix("ab".into()), Step::Prefix("abc".into()));
        assert!(
            name("abc").within(&prefix)
                && name("abc").within(&any)
                && long.within(&prefix)
                && prefix.within(&any)
        );
        assert!(
            !prefix.within(&long)
                && !any.within(&prefix)
                && !name("x").within(&prefix)
                && !Step::AnyElement.within(&any)
        );
        assert!(
            prefix.meets(&long)
                && long.meets(&prefix)
                && any.meets(&name("x"))
                && !name("x").meets(&prefix)
        );
        assert!(
            keyed("n", "a").meets(&Step::AnyElement)
                && !keyed("n", "a").meets(&keyed("n", "b"))
                && keyed("n", "a").meets(&keyed("m", "b"))
        );
    }
}
