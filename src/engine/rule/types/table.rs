//! The generated tables, parsed.
//!
//! A line without indent names a struct type, and each indented line below it a field: its name in
//! JSON, its Go type, and how the elements pair if it is a list (`key=a,b:DEFAULT` or `set`). `*`
//! stands for a pointer, `[]` for a slice, `{}` for a map.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use super::super::list_key::{KeyMember, KeyOrigin, KeyValue, ListKey};

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

/// A struct type: its place among all types, which are sorted by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TypeName(u16);

impl TypeName {
    /// The type of that name, if a table has it.
    pub(crate) fn find(text: &str) -> Option<Self> {
        TABLE.find(text)
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0u16..).take(TABLE.structs.len()).map(Self)
    }

    /// The type whose name differs least from a text, if it is close; rather one of Kubernetes.
    pub(crate) fn likely(text: &str) -> Option<Self> {
        let distance = |name: &Self| {
            let name = name.as_str();
            let short = name.rsplit('.').next().unwrap_or(name);
            let whole = strsim::damerau_levenshtein(name, text);
            whole.min(strsim::damerau_levenshtein(short, text))
        };
        let likely = Self::all().min_by_key(|name| (distance(name), !name.is_of_kubernetes()))?;
        (distance(&likely) <= text.len() / 4).then_some(likely)
    }

    fn known(self) -> Option<&'static Struct> {
        TABLE.structs.get(usize::from(self.0))
    }

    fn as_str(self) -> &'static str {
        self.known().map_or("", |known| known.name)
    }

    /// The type itself.
    pub(crate) fn go_type(self) -> Option<&'static GoType> {
        self.known().map(|known| &known.go_type)
    }

    /// The fields of the type, by their names in JSON.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'static str, &'static GoType)> {
        let known = self.known().into_iter();
        known.flat_map(|known| &known.fields).map(|(name, field)| (*name, field))
    }

    /// Whether Kubernetes itself has the type.
    pub(crate) fn is_of_kubernetes(self) -> bool {
        self.known().is_some_and(|known| known.table == 0)
    }

    /// The type of a field.
    pub(crate) fn field(self, name: &str) -> Option<&'static GoType> {
        self.known()?.fields.get(name)
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
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
    List(Box<GoType>, ElementPairing),
}

/// How the elements of a list pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ElementPairing {
    ByPosition,
    ByKey(ListKey),
    Set,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GoScalar {
    String,
    Bool,
    Number,
    Float32,
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
    /// Sorted by name.
    structs: Vec<Struct>,
}

#[derive(Debug)]
struct Struct {
    name: &'static str,
    go_type: GoType,
    /// The table that it stands in, by index.
    table: usize,
    fields: BTreeMap<&'static str, GoType>,
}

impl Table {
    fn parse(texts: &[&'static str]) -> Self {
        let is_name = |line: &&str| !line.starts_with([' ', '#']) && !line.is_empty();
        let mut names: Vec<(&'static str, usize)> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            names.extend(text.lines().filter(is_name).map(|name| (name, index)));
        }
        names.sort_unstable();
        let of_name = |(index, (name, table))| {
            let go_type = GoType { is_pointer: false, shape: GoShape::Struct(TypeName(index)) };
            Struct { name, go_type, table, fields: BTreeMap::new() }
        };
        let mut table = Self { structs: (0u16..).zip(names).map(of_name).collect() };
        // The fields of all types first: how elements pair depends on the types of their fields.
        for _ in 0..2 {
            let mut current = None;
            for line in texts.iter().flat_map(|text| text.lines()) {
                if is_name(&line) {
                    current = table.find(line);
                } else if let (Some(TypeName(at)), Some(line)) = (current, line.strip_prefix("  "))
                {
                    let field = table.field(line);
                    if let Some(known) = table.structs.get_mut(usize::from(at)) {
                        known.fields.extend(field);
                    }
                }
            }
        }
        table
    }

    fn find(&self, name: &str) -> Option<TypeName> {
        let found = self.structs.binary_search_by_key(&name, |known| known.name).ok()?;
        u16::try_from(found).ok().map(TypeName)
    }

    /// A field and its type; none if the line is not written as the generator writes it.
    fn field(&self, line: &'static str) -> Option<(&'static str, GoType)> {
        let mut words = line.split(' ');
        let (name, text) = (words.next()?, words.next()?);
        let elements = match words.next() {
            None => ElementPairing::ByPosition,
            Some("set") => ElementPairing::Set,
            Some(word) => {
                let element = self.find(text.trim_start_matches(['*', '[', ']']))?;
                self.key(element, word.strip_prefix("key=")?)
                    .map_or(ElementPairing::ByPosition, ElementPairing::ByKey)
            }
        };
        Some((name, self.go_type(text, elements)?))
    }

    /// The key of a list of these elements; none if a member of it is no string, integer or boolean.
    fn key(&self, element: TypeName, text: &str) -> Option<ListKey> {
        let fields = &self.structs.get(usize::from(element.0))?.fields;
        let member = |word: &str| {
            let (name, default) = match word.split_once(':') {
                Some((name, default)) => (name, Some(KeyValue::from_word(default))),
                None => (word, None),
            };
            let go_type = fields.get(name)?;
            let zero = match go_type.shape {
                GoShape::Scalar(GoScalar::String) => KeyValue::Text("".into()),
                GoShape::Scalar(GoScalar::Number) => KeyValue::Integer(0),
                GoShape::Scalar(GoScalar::Bool) => KeyValue::Bool(false),
                _ => return None,
            };
            // A pointer to a zero is another value than no pointer.
            let zero = Some(zero).filter(|_| !go_type.is_pointer);
            let default = default.or_else(|| zero.clone());
            Some(KeyMember { name: name.to_owned(), default, zero })
        };
        ListKey::new(text.split(',').map(member).collect::<Option<_>>()?, KeyOrigin::Type)
    }

    fn go_type(&self, text: &'static str, elements: ElementPairing) -> Option<GoType> {
        let (is_pointer, text) = match text.strip_prefix('*') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let nested = |text| self.go_type(text, ElementPairing::ByPosition).map(Box::new);
        let shape = if let Some(text) = text.strip_prefix("[]") {
            GoShape::List(nested(text)?, elements)
        } else if let Some(text) = text.strip_prefix("{}") {
            GoShape::Map(nested(text)?)
        } else {
            match GoScalar::parse(text) {
                Some(scalar) => GoShape::Scalar(scalar),
                None => GoShape::Struct(self.find(text)?),
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
            "int" => Self::Number,
            "float32" => Self::Float32,
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
    fn a_type_with_a_quarter_of_its_letters_wrong_is_the_likely_one() {
        assert_eq!(TypeName::likely("PodTemplSpec"), TypeName::find("PodTemplateSpec"));
        assert_eq!(TypeName::likely("PodSpek"), TypeName::find("PodSpec"));
        assert_eq!(TypeName::likely("Pxdxpxcx"), None);
    }

    #[test]
    fn a_field_has_its_go_type() {
        let table =
            Table::parse(&["# made up\nA\n  b *B\n  c []B key=name\n  d {}quantity\n  e []B \
             key=port,kind:TCP\n  f []B key=d\nB\n  name string\n  port int\n  kind string\n  \
             d quantity\n"]);
        let field = |name| table.structs[0].fields[name].clone();
        let b = || GoType { is_pointer: false, shape: GoShape::Struct(TypeName(1)) };
        assert_eq!(field("b"), GoType { is_pointer: true, ..b() });
        let key = |name| match field(name).shape {
            GoShape::List(element, ElementPairing::ByKey(key)) if *element == b() => {
                Some(key.to_string())
            }
            _ => None,
        };
        assert_eq!(key("c").as_deref(), Some(r#"[{name: name, default: ""}]"#));
        assert_eq!(
            key("e").as_deref(),
            Some("[{name: kind, default: TCP}, {name: port, default: 0}]")
        );
        assert_eq!(key("f"), None, "a quantity has several spellings");
        let quantity = GoType { is_pointer: false, shape: GoShape::Scalar(GoScalar::Quantity) };
        assert_eq!(field("d").shape, GoShape::Map(Box::new(quantity)));
    }
}
