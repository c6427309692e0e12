//! The type of a location according to the schemas of its kind.

use serde::Serialize;

use crate::analysis::kinds::{ListShape, ListType, Shape};
use crate::analysis::lint::schema::catalogue::{MatchedKind, Mismatch, ResolvedPath, resolve};
use crate::analysis::lint::schema::suggestion::{instead, reason};
use crate::analysis::words::{key_words, what};
use crate::engine::Step;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum InSchema {
    /// The type of the value; several joined by `or` if versions of the kind differ.
    Type(String),
    /// No object has the field: why not, and similar fields.
    Missing(String),
}

impl InSchema {
    /// None where no schema is known.
    pub(crate) fn find(targets: &[MatchedKind<'_>], steps: &[Step]) -> Option<Self> {
        match resolve(targets, steps) {
            Ok(resolved) => {
                let mut types: Vec<String> = Vec::new();
                for resolved in resolved {
                    let shown = type_of(resolved);
                    if !types.contains(&shown) {
                        types.push(shown);
                    }
                }
                (!types.is_empty()).then(|| Self::Type(types.join(" or ")))
            }
            Err(Mismatch { target, misfit }) => {
                let instead = instead(target.schema, steps, &misfit);
                let instead = instead.map(|instead| format!("; {instead}")).unwrap_or_default();
                Some(Self::Missing(format!("{}{instead}", reason(target, steps, &misfit))))
            }
        }
    }
}

/// As `an integer`, or a list with its key.
fn type_of(resolved: ResolvedPath<'_>) -> String {
    match resolved.shape() {
        Shape::List(ListShape { list_type: ListType::Map(keys), .. }) => {
            format!("a list with the key {}", key_words(keys))
        }
        Shape::List(ListShape { list_type: ListType::Set, .. }) => {
            "a list that is a set".to_owned()
        }
        shape => what(shape).to_owned(),
    }
}
