//! Zeros and null as a Go client decodes them into a type.

use serde_json::{Value, json};

use super::declared_equality::float32;
use super::{duration, quantity, time};
use crate::engine::review::{Node, NodeKind};
use crate::engine::rule::{Cursor, DeclaredEquality, GoScalar, GoShape, TypedLocation};

impl DeclaredEquality<'_> {
    /// Whether a field has the value that it has when it is left out.
    pub(super) fn is_zero_field(&self, cursor: &Cursor<'_>, value: Node<'_>) -> bool {
        let Some(typed) = self.typed.filter(TypedLocation::is_field) else { return false };
        match (typed.shape(), value.kind()) {
            // A type with its own decoder may have a value for null, and the decoder of a duration
            // refuses null. Go sets a pointer to nil without asking either.
            (GoShape::Scalar(GoScalar::Any | GoScalar::Duration), NodeKind::Null) => {
                typed.is_pointer()
            }
            (_, NodeKind::Null) => true,
            _ if typed.is_pointer() => false,
            (GoShape::Struct(_), NodeKind::Object) => value.members().all(|(name, member)| {
                let below = cursor.member(name);
                below.declared().normalise(&below, Some(member)).is_none()
            }),
            (GoShape::Map(_), NodeKind::Object) | (GoShape::List(..), NodeKind::List) => {
                value.is_empty()
            }
            (GoShape::Scalar(scalar), kind) if !value.is_container() => {
                is_zero(*scalar, kind, value)
            }
            _ => false,
        }
    }

    /// The kind of a value. Null in a list or a map is an empty object or list if Go reads it so.
    pub(super) fn kind(&self, value: Node<'_>) -> NodeKind {
        let kind = value.kind();
        match self.typed.filter(|typed| kind == NodeKind::Null && !typed.is_pointer()) {
            None => kind,
            Some(typed) => match typed.shape() {
                GoShape::Struct(_) | GoShape::Map(_) => NodeKind::Object,
                GoShape::List(..) => NodeKind::List,
                GoShape::Scalar(_) => kind,
            },
        }
    }

    /// The zero that null is in a list or a map.
    pub(super) fn zero_for_null(&self) -> Option<Value> {
        let typed = self.typed.filter(|typed| !typed.is_pointer())?;
        let GoShape::Scalar(scalar) = typed.shape() else { return None };
        match scalar {
            GoScalar::String => Some(json!("")),
            GoScalar::Bool => Some(json!(false)),
            GoScalar::Number | GoScalar::Float32 | GoScalar::IntOrString | GoScalar::Quantity => {
                Some(json!(0))
            }
            GoScalar::Time => Some(json!(time::ZERO)),
            GoScalar::Duration | GoScalar::Any => None,
        }
    }
}

/// Whether a scalar that is not null is the zero of its type.
fn is_zero(scalar: GoScalar, kind: NodeKind, value: Node<'_>) -> bool {
    let text = value.scalar_text();
    match (scalar, kind) {
        (GoScalar::String, NodeKind::String) => text.is_empty(),
        (GoScalar::Bool, NodeKind::Bool) => text == "false",
        (GoScalar::Number | GoScalar::IntOrString, NodeKind::Number) => {
            value.to_value().as_f64() == Some(0.0)
        }
        (GoScalar::Float32, NodeKind::Number) => float32(text) == Some(0.0),
        (GoScalar::Quantity, NodeKind::String | NodeKind::Number) => {
            quantity::spell(text) == quantity::spell("0")
        }
        (GoScalar::Duration, NodeKind::String) => duration::nanoseconds(text) == Some(0),
        (GoScalar::Time, NodeKind::String) => time::instant(text) == time::instant(time::ZERO),
        _ => false,
    }
}
