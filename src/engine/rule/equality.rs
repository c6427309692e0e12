//! What a rule declares to be equal, one by one.

use std::sync::Arc;

use serde_json::Value;

use super::list_key::ListKey;
use super::path::Path;
use super::types::TypeName;

/// An entry of `equality`: at least one of the four is declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Equality {
    /// The locations that it is about.
    pub path: Path,
    /// What their values mean (`as`).
    pub(crate) compare_as: Option<CompareAs>,
    /// Their type (also `as`).
    pub(crate) type_name: Option<TypeName>,
    /// The value that left out counts as (`absentAs`).
    pub(crate) absent_as: Option<Value>,
    /// The members by which the elements of the list pair (`key`, `order`).
    pub(crate) key: Option<Arc<ListKey>>,
}

/// What values mean, so that several spellings are one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompareAs {
    /// Kubernetes quantities.
    Quantity,
    /// Go durations.
    Duration,
    /// A list without order and repetition.
    Set,
    /// Points in time, as a type of Kubernetes declares them.
    Time,
    /// Numbers of which a 32-bit float keeps about seven digits, as a type declares them.
    Float32,
}

/// What counts as equal at the locations that a path selects.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Declaration {
    pub(crate) path: Path,
    /// What counts as equal there.
    pub(crate) equal: Equal,
}

/// One kind of equality.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Equal {
    /// Spellings of one Kubernetes quantity.
    Quantity,
    /// Spellings of one Go duration.
    Duration,
    /// Lists with the same members.
    Set,
    /// Spellings of one point in time.
    Time,
    /// Numbers that are the same 32-bit float.
    Float32,
    /// What a Go client reads as the same value of that type.
    Type(TypeName),
    /// This value, and none at all.
    AbsentAs(Value),
    /// Lists whose elements pair by that key.
    Key(Arc<ListKey>),
}

impl From<CompareAs> for Equal {
    fn from(compare_as: CompareAs) -> Self {
        match compare_as {
            CompareAs::Quantity => Self::Quantity,
            CompareAs::Duration => Self::Duration,
            CompareAs::Set => Self::Set,
            CompareAs::Time => Self::Time,
            CompareAs::Float32 => Self::Float32,
        }
    }
}

impl Declaration {
    /// Everything that one entry of `equality` declares.
    pub(crate) fn all_of(entry: &Equality) -> impl Iterator<Item = Self> {
        let compare_as = entry.compare_as.map(Equal::from);
        let type_name = entry.type_name.map(Equal::Type);
        let (absent, key) =
            (entry.absent_as.clone().map(Equal::AbsentAs), entry.key.clone().map(Equal::Key));
        [compare_as, type_name, absent, key]
            .into_iter()
            .flatten()
            .map(|equal| Self { path: entry.path.clone(), equal })
    }
}
