//! The members by which the elements of a list pair, and their values in one element.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Number, Value};

use super::bare::is_bare;
use super::escape_control;

/// The members by which the elements of a list pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListKey {
    /// At least one. They are sorted by name, so that an element has one selector, whichever order
    /// a rule or a schema lists them in.
    members: Vec<KeyMember>,
    /// Whether the order of the elements is no part of the list's value.
    pub(crate) ignores_order: bool,
    pub(crate) origin: KeyOrigin,
}

/// Who declares the key of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyOrigin {
    /// A line of the rule.
    Line,
    /// A type of Kubernetes.
    Type,
}

/// A member of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyMember {
    pub(crate) name: String,
    /// The value of an element that leaves the member out.
    pub(crate) default: Option<KeyValue<'static>>,
    /// The value that a Go client decodes like a member that is left out.
    pub(crate) zero: Option<KeyValue<'static>>,
}

/// The value of a key's member. Values of different types are different.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyValue<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// An integer that 64 bits hold with a sign.
    Integer(i64),
    /// A larger integer.
    Unsigned(u64),
    /// A string.
    Text(Cow<'a, str>),
}

/// The values of a key's members in one element, in the order of the members' names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ElementKey<'a> {
    /// The value of a key of one member. This is the usual case, and needs no allocation.
    One(KeyValue<'a>),
    /// The values of a key of several members.
    Several(Vec<KeyValue<'a>>),
}

/// The values by which a path selects an element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySelector {
    /// Sorted by name, each name once.
    members: Vec<(String, KeyValue<'static>)>,
}

impl ListKey {
    /// None if there are no members.
    pub(crate) fn new(mut members: Vec<KeyMember>, origin: KeyOrigin) -> Option<Self> {
        members.sort();
        (!members.is_empty()).then_some(Self { members, ignores_order: false, origin })
    }

    /// The key that a schema declares: names of members, and their defaults.
    pub(crate) fn declared_by_schema<'a>(
        members: impl Iterator<Item = (&'a str, Option<Value>)>,
    ) -> Option<Self> {
        // Kubernetes' own documents declare a zero as the default of fields that have none.
        let default = |value: Option<Value>| {
            KeyValue::from_value(&value?).filter(|default| !default.is_zero())
        };
        let member = |(name, value): (&str, Option<Value>)| KeyMember {
            name: name.to_owned(),
            default: default(value),
            zero: None,
        };
        Self::new(members.map(member).collect(), KeyOrigin::Line)
    }

    pub(crate) fn members(&self) -> &[KeyMember] {
        &self.members
    }

    /// Whether both have members of the same names, with any defaults.
    pub(crate) fn has_names_of(&self, other: &Self) -> bool {
        self.names().eq(other.names())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.members.iter().map(|member| &*member.name)
    }

    /// Whether another value of the member is always the value of another element. A member with a
    /// default can be set to it and cleared.
    pub(crate) fn is_fixed(&self, name: &str) -> bool {
        let is_it = |member: &KeyMember| {
            member.name == name && (member.default.is_none() || member.default == member.zero)
        };
        self.members.iter().any(is_it)
    }

    /// Whether the selector names each member of the key, and no other.
    pub(crate) fn fits(&self, selector: &KeySelector) -> bool {
        self.names().eq(selector.names())
    }

    /// The selector of the element with these values.
    pub(crate) fn selector(&self, values: &[KeyValue<'_>]) -> KeySelector {
        let members = self.names().map(str::to_owned).zip(values.iter().map(KeyValue::to_static));
        KeySelector { members: members.collect() }
    }
}

/// As a rule writes it: `name`, or `[port, {name: protocol, default: TCP}]`.
impl fmt::Display for ListKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [KeyMember { name, default: None, .. }] = self.members.as_slice() {
            return out.write_str(&yaml(name));
        }
        for (index, member) in self.members.iter().enumerate() {
            out.write_str(if index == 0 { "[" } else { ", " })?;
            let name = yaml(&member.name);
            match &member.default {
                Some(KeyValue::Text(text)) => {
                    write!(out, "{{name: {name}, default: {}}}", yaml(text))?;
                }
                Some(default) => write!(out, "{{name: {name}, default: {default}}}")?,
                None => out.write_str(&name)?,
            }
        }
        out.write_str("]")
    }
}

/// A text in YAML: in quotes unless it can be read as nothing else.
fn yaml(text: &str) -> String {
    let other = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    if is_bare(text) && !other.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        text.to_owned()
    } else {
        escape_control(&Value::from(text).to_string())
    }
}

impl<'a> ElementKey<'a> {
    pub(crate) fn as_slice(&self) -> &[KeyValue<'a>] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }

    pub(crate) fn into_values(self) -> Vec<KeyValue<'a>> {
        match self {
            Self::One(value) => vec![value],
            Self::Several(values) => values,
        }
    }
}

impl KeyMember {
    /// The value by which an element pairs that has this one.
    pub(crate) fn value<'a>(&'a self, found: KeyValue<'a>) -> KeyValue<'a> {
        match &self.default {
            Some(default) if self.zero.as_ref() == Some(&found) => default.clone(),
            _ => found,
        }
    }
}

impl KeyValue<'_> {
    /// The same value, whose text is borrowed from this one.
    pub(crate) fn borrowed(&self) -> KeyValue<'_> {
        match self {
            Self::Bool(value) => KeyValue::Bool(*value),
            Self::Integer(value) => KeyValue::Integer(*value),
            Self::Unsigned(value) => KeyValue::Unsigned(*value),
            Self::Text(text) => KeyValue::Text(Cow::Borrowed(text)),
        }
    }

    /// None if the number is no integer of 64 bits.
    pub(crate) fn from_number(number: &Number) -> Option<Self> {
        let unsigned = || number.as_u64().map(Self::Unsigned);
        number.as_i64().map(Self::Integer).or_else(unsigned)
    }

    /// None if the value is no string, integer or boolean.
    pub(crate) fn from_value(value: &Value) -> Option<KeyValue<'static>> {
        match value {
            Value::Bool(value) => Some(KeyValue::Bool(*value)),
            Value::Number(number) => KeyValue::from_number(number),
            Value::String(text) => Some(KeyValue::Text(Cow::Owned(text.clone()))),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// What a word without quotes means in a path or a field: a boolean, an integer, or a text.
    pub(crate) fn from_word(word: &str) -> KeyValue<'static> {
        let integer = |word: &str| {
            let is_plain = word.parse::<i128>().is_ok_and(|number| number.to_string() == word);
            let unsigned = || word.parse().ok().map(KeyValue::Unsigned);
            word.parse().ok().map(KeyValue::Integer).or_else(unsigned).filter(|_| is_plain)
        };
        match word {
            "true" => KeyValue::Bool(true),
            "false" => KeyValue::Bool(false),
            word => integer(word).unwrap_or_else(|| KeyValue::Text(Cow::Owned(word.to_owned()))),
        }
    }

    /// Whether a Go client may leave it out.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Bool(value) => !value,
            Self::Integer(value) => *value == 0,
            Self::Unsigned(value) => *value == 0,
            Self::Text(text) => text.is_empty(),
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Bool(value) => Value::from(*value),
            Self::Integer(value) => Value::from(*value),
            Self::Unsigned(value) => Value::from(*value),
            Self::Text(text) => Value::from(&**text),
        }
    }

    pub(crate) fn to_static(&self) -> KeyValue<'static> {
        match self {
            Self::Bool(value) => KeyValue::Bool(*value),
            Self::Integer(value) => KeyValue::Integer(*value),
            Self::Unsigned(value) => KeyValue::Unsigned(*value),
            Self::Text(text) => KeyValue::Text(Cow::Owned(text.clone().into_owned())),
        }
    }
}

/// As a rule writes it in YAML and, between brackets, in a path.
impl fmt::Display for KeyValue<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(out),
            Self::Integer(value) => value.fmt(out),
            Self::Unsigned(value) => value.fmt(out),
            Self::Text(text) if is_bare(text) && !matches!(&**text, "true" | "false") => {
                out.write_str(text)
            }
            Self::Text(text) => {
                let star = if text.ends_with('*') { "*" } else { "" };
                write!(out, "'{}{star}'", text.replace('\'', "''"))
            }
        }
    }
}

impl KeySelector {
    /// Of a name that occurs more than once any value counts.
    pub fn new(mut members: Vec<(String, KeyValue<'static>)>) -> Self {
        members.sort();
        members.dedup_by(|one, two| one.0 == two.0);
        Self { members }
    }

    /// Selects the element in which one member has a text.
    pub fn by_text(name: &str, text: &str) -> Self {
        let value = KeyValue::Text(Cow::Owned(text.to_owned()));
        Self { members: vec![(name.to_owned(), value)] }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.members().map(|(name, _)| name)
    }

    /// The members by name, with the value of each.
    pub fn members(&self) -> impl Iterator<Item = (&str, &KeyValue<'static>)> {
        self.members.iter().map(|(name, value)| (&**name, value))
    }

    /// The value of a member.
    pub(crate) fn get(&self, name: &str) -> Option<&KeyValue<'static>> {
        self.members().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Whether both name the same members.
    pub(crate) fn has_names_of(&self, other: &Self) -> bool {
        self.names().eq(other.names())
    }

    /// Whether one element may have both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        !self.has_names_of(other) || self == other
    }
}

/// `name=worker`, or `port=80,protocol=TCP`.
impl fmt::Display for KeySelector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.members().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(out, "{separator}{name}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_it_is_written() {
        let table = [
            ("true", KeyValue::Bool(true)),
            ("80", KeyValue::Integer(80)),
            ("-1", KeyValue::Integer(-1)),
            ("18446744073709551615", KeyValue::Unsigned(u64::MAX)),
            ("TCP", KeyValue::Text("TCP".into())),
            ("True", KeyValue::Text("True".into())),
        ];
        for (word, value) in table {
            assert_eq!(KeyValue::from_word(word), value);
            assert_eq!(value.to_string(), word);
        }
        for word in ["080", "+1", "-0", "18446744073709551616", "1.0", ""] {
            assert_eq!(KeyValue::from_word(word), KeyValue::Text(word.into()), "{word}");
        }
        for (text, written) in [("80", "'80'"), ("true", "'true'"), ("a b*", "'a b**'")] {
            assert_eq!(KeyValue::Text(text.into()).to_string(), written);
        }
    }

    #[test]
    fn each_type_has_one_zero() {
        use KeyValue::{Bool, Integer, Text, Unsigned};
        for zero in [Bool(false), Integer(0), Unsigned(0), Text("".into())] {
            assert!(zero.is_zero(), "{zero:?}");
        }
        for other in [Bool(true), Integer(-1), Unsigned(u64::MAX), Text("0".into())] {
            assert!(!other.is_zero(), "{other:?}");
        }
    }

    #[test]
    fn selectors_of_the_same_members_meet_only_if_they_are_equal() {
        let selector = |members: &[(&str, i64)]| {
            let member =
                |(name, value): &(&str, i64)| ((*name).to_owned(), KeyValue::Integer(*value));
            KeySelector::new(members.iter().map(member).collect())
        };
        let one = selector(&[("a", 1), ("b", 2)]);
        assert_eq!(one, selector(&[("b", 2), ("a", 1)]));
        assert!(one.meets(&one) && !one.meets(&selector(&[("a", 1), ("b", 3)])));
        assert!(one.meets(&selector(&[("a", 2)])), "a list pairs by one key at a time");
        assert_eq!(one.to_string(), "a=1,b=2");
        assert_eq!(one.get("b"), Some(&KeyValue::Integer(2)));
        assert_eq!(one.get("c"), None);
    }

    #[test]
    fn a_key_is_written_in_yaml_whatever_its_members_are_called() {
        let key = |members: &[(&str, Option<&str>)]| {
            let members = members.iter().map(|(name, default)| (*name, default.map(Value::from)));
            ListKey::declared_by_schema(members)
        };
        for (members, written) in [
            (&[("name", None)][..], "name"),
            (&[("y", None)], "\"y\""),
            (
                &[("port", None), ("protocol", Some("TCP"))],
                "[port, {name: protocol, default: TCP}]",
            ),
            (
                &[("b", Some("no")), ("a", Some("x*"))],
                r#"[{name: a, default: "x*"}, {name: b, default: "no"}]"#,
            ),
        ] {
            let text = key(members).unwrap().to_string();
            assert_eq!(text, written);
            let read: Value = serde_saphyr::from_str(&text).unwrap();
            assert_eq!(read.is_array(), members.len() > 1, "{text}");
        }
        assert_eq!(key(&[]), None);
        let both = [&[("a", None), ("b", None)], &[("b", None), ("a", None)]];
        assert_eq!(key(both[0]), key(both[1]), "the order of the members says nothing");
        assert_eq!(key(&[("a", Some(""))]), key(&[("a", None)]), "a zero is no default");
    }
}
