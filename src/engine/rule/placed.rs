//! Parts of a document with the places where they stand.

use serde_saphyr::Location;

use super::equality::{Equality, Meaning};
use super::path::Path;

/// A parsed path of the document, and where it stands.
pub(crate) struct Placed {
    pub(crate) path: Path,
    pub(crate) at: Location,
}

/// An equality entry with its path parsed.
pub(crate) struct PlacedEquality {
    pub(crate) placed: Placed,
    pub(crate) meaning: Option<Meaning>,
    pub(crate) absent_as: Option<serde_json::Value>,
    pub(crate) key: Option<String>,
}

impl PlacedEquality {
    pub(crate) fn declared(self) -> Equality {
        Equality {
            path: self.placed.path,
            meaning: self.meaning,
            absent_as: self.absent_as,
            key: self.key,
        }
    }
}
