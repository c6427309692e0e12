//! The generated tables, parsed.
//!
//! A line without indent names a struct type, and each indented line below it a field: its name in
//! JSON, its Go type, and how the elements pair if it is a list (`key=a,b:DEFAULT` or `set`). `*`
//! stands for a pointer, `[]` for a slice, `{}` for a map.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

/// One table per Go module.
const TEXTS: [&str; 6] = [
    include_str!("kubernetes.txt"),
    include_str!("jobset.txt"),
    include_str!("kuberay.txt"),
    include_str!("trainer.txt"),
    include_str!("training-operator.txt"),
    include_str!("volcano.txt"),
];

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(&TEXTS));

/// The name of a struct type, as `PodTemplateSpec` or `batch/v1.JobSpec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TypeName(&'static str);

impl TypeName {
    /// The type of that name, if a table has it.
    pub(crate) fn find(text: &str) -> Option<Self> {
        TABLE.structs.get_key_value(text).map(|(name, _)| Self(name))
    }

    /// The names of all types.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        TABLE.structs.keys().copied().map(Self)
    }

    /// The type whose name differs least from a text, if it is close.
    pub(crate) fn likely(text: &str) -> Option<Self> {
        let short = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
        let distance = |name: &Self| {
            let whole = strsim::damerau_levenshtein(name.0, text);
            whole.min(strsim::damerau_levenshtein(short(name.0), text))
        };
        let likely = Self::all().min_by_key(distance)?;
        (distance(&likely) <= text.len() / 4).then_some(likely)
    }

    /// The type itself.
    pub(crate) fn go_type(self) -> Option<&'static GoType> {
        TABLE.structs.get(self.0).map(|known| &known.go_type)
    }

    /// The fields of the type, by their names in JSON.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'static str, &'static GoType)> {
        let known = TABLE.structs.get(self.0);
        known.into_iter().flat_map(|known| &known.fields).map(|(name, field)| (*name, field))
    }

    /// Whether Kubernetes itself has the type.
    pub(crate) fn is_of_kubernetes(self) -> bool {
        TABLE.structs.get(self.0).is_some_and(|known| known.table == 0)
    }

    /// The type of a field.
    pub(crate) fn field(self, name: &str) -> Option<&'static GoType> {
        TABLE.structs.get(self.0)?.fields.get(name)
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

/// A Go type, as far as it decides what is equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GoType {
    pub(crate) is_pointer: bool,
    pub(crate) shape: GoShape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GoShape {
    Scalar(GoScalar),
    Struct(TypeName),
    Map(Box<GoType>),
    List(Box<GoType>, Elements),
}

/// How the elements of a list pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elements {
    ByPosition,
    /// By this member, which is a string.
    ByKey(&'static str),
    Set,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GoScalar {
    String,
    Bool,
    Number,
    Quantity,
    Duration,
    /// A point in time.
    Time,
    /// A number or a string.
    IntOrString,
    /// Decoded in a way of its own, so it compares exactly.
    Any,
}

#[derive(Debug, Default)]
struct Table {
    structs: BTreeMap<&'static str, Struct>,
}

#[derive(Debug)]
struct Struct {
    go_type: GoType,
    /// The table that it stands in, by index.
    table: usize,
    fields: BTreeMap<&'static str, GoType>,
}

impl Struct {
    fn new(name: &'static str, table: usize) -> Self {
        let go_type = GoType { is_pointer: false, shape: GoShape::Struct(TypeName(name)) };
        Self { go_type, table, fields: BTreeMap::new() }
    }
}

impl Table {
    fn parse(texts: &[&'static str]) -> Self {
        let mut table = Self::default();
        let lines = || texts.iter().flat_map(|text| text.lines());
        let is_name = |line: &&str| !line.starts_with([' ', '#']) && !line.is_empty();
        for (index, text) in texts.iter().enumerate() {
            let names = text.lines().filter(is_name);
            table.structs.extend(names.map(|name| (name, Struct::new(name, index))));
        }
        let mut current = None;
        for line in lines() {
            if is_name(&line) {
                current = Some(line);
            } else if let (Some(name), Some(line)) = (current, line.strip_prefix("  ")) {
                let field = table.field(line);
                if let Some(known) = table.structs.get_mut(name) {
                    known.fields.extend(field);
                }
            }
        }
        table
    }

    /// A field and its type; none if the line is not written as the generator writes it.
    fn field(&self, line: &'static str) -> Option<(&'static str, GoType)> {
        let mut words = line.split(' ');
        let (name, text) = (words.next()?, words.next()?);
        let elements = match words.next() {
            None => Elements::ByPosition,
            Some("set") => Elements::Set,
            // Pairing by several members decides nothing as long as no path of a rule selects
            // elements by them: the order is part of the value.
            Some(word) => match word.strip_prefix("key=")? {
                several if several.contains([',', ':']) => Elements::ByPosition,
                one => Elements::ByKey(one),
            },
        };
        Some((name, self.go_type(text, elements)?))
    }

    fn go_type(&self, text: &'static str, elements: Elements) -> Option<GoType> {
        let (is_pointer, text) = match text.strip_prefix('*') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let nested = |text| self.go_type(text, Elements::ByPosition).map(Box::new);
        let shape = if let Some(text) = text.strip_prefix("[]") {
            GoShape::List(nested(text)?, elements)
        } else if let Some(text) = text.strip_prefix("{}") {
            GoShape::Map(nested(text)?)
        } else {
            match GoScalar::parse(text) {
                Some(scalar) => GoShape::Scalar(scalar),
                None => GoShape::Struct(TypeName(self.structs.get_key_value(text)?.0)),
            }
        };
        Some(GoType { is_pointer, shape })
    }
}

impl GoScalar {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            // Base64 has one spelling of each value.
            "string" | "bytes" => Self::String,
            "bool" => Self::Bool,
            "int" | "float" => Self::Number,
            "quantity" => Self::Quantity,
            "duration" => Self::Duration,
            "time" | "microtime" => Self::Time,
            "intstr" => Self::IntOrString,
            "any" => Self::Any,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        for text in TEXTS {
            for line in text.lines().filter_map(|line| line.strip_prefix("  ")) {
                assert!(TABLE.field(line).is_some(), "{line}");
            }
        }
        assert!(TypeName::all().count() > 200);
    }

    #[test]
    fn a_field_has_its_go_type() {
        let table = Table::parse(&["# made up\nA\n  b *B\n  c []B key=name\n  d {}quantity\nB\n"]);
        let field = |name| table.structs["A"].fields[name].clone();
        let b = || GoType { is_pointer: false, shape: GoShape::Struct(TypeName("B")) };
        assert_eq!(field("b"), GoType { is_pointer: true, ..b() });
        assert_eq!(field("c").shape, GoShape::List(Box::new(b()), Elements::ByKey("name")));
        let quantity = GoType { is_pointer: false, shape: GoShape::Scalar(GoScalar::Quantity) };
        assert_eq!(field("d").shape, GoShape::Map(Box::new(quantity)));
    }
}
