//! Which parts of a typed value a policy compares one by one.
//!
//! The API server cannot compile CEL for every field of a pod template within a request. So of a
//! type of Kubernetes a policy knows only quantities, durations, sets and structs, which a Go
//! client adds or writes in another way. It compares zeros that a client leaves out exactly. Types
//! of other projects are small, so a policy knows every field of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::engine::{CompareAs, Cursor, GoScalar, GoShape, TypeName, TypedLocation};

/// The members that are judged one by one: those that paths name, and those of the type.
pub(super) fn names(cursor: &Cursor<'_>) -> BTreeSet<String> {
    let mut names = cursor.names();
    if let Some(typed) = cursor.typed() {
        let apart = fields(typed).filter(|(_, field)| is_taken_apart(*field));
        names.extend(apart.map(|(name, _)| name.to_owned()));
    }
    names
}

/// Whether the type makes a difference to members of an object here.
pub(super) fn reaches_members(cursor: &Cursor<'_>) -> bool {
    let typed = cursor.typed();
    typed.is_some_and(|typed| match typed.shape() {
        GoShape::Struct(_) => fields(typed).any(|(_, field)| is_taken_apart(field)),
        GoShape::Map(_) => typed.member("").is_some_and(is_taken_apart),
        _ => false,
    })
}

/// Whether the type makes a difference to elements of a list here.
pub(super) fn reaches_elements(cursor: &Cursor<'_>) -> bool {
    cursor.typed().and_then(TypedLocation::element).is_some_and(is_taken_apart)
}

/// The value that counts as left out.
pub(super) enum LeftOutAs<'t> {
    /// As a line of the rule says.
    DeclaredEquality(&'t Value),
    /// The zero of the field's type. Of an object only the empty one counts, not one that consists
    /// of zeros.
    Zero(Value),
}

impl LeftOutAs<'_> {
    pub(super) fn value(&self) -> &Value {
        match self {
            Self::DeclaredEquality(value) => value,
            Self::Zero(value) => value,
        }
    }
}

pub(super) fn left_out_as<'t>(cursor: &Cursor<'t>) -> Option<LeftOutAs<'t>> {
    let declared = cursor.declared();
    match declared.absent_as {
        Some(value) => Some(LeftOutAs::DeclaredEquality(value)),
        None => declared.typed.and_then(zero).map(LeftOutAs::Zero),
    }
}

/// The fields of a struct that an object has below `spec`. Kubernetes has ephemeral containers in
/// pods only: it refuses the pods of a template that lists any. A template has no status either.
fn fields(typed: TypedLocation) -> impl Iterator<Item = (&'static str, TypedLocation)> {
    typed.fields().filter(|(name, _)| !matches!(*name, "ephemeralContainers" | "status"))
}

fn is_taken_apart(typed: TypedLocation) -> bool {
    differs(typed, &mut Vec::new())
}

/// Whether a policy treats several spellings of one value here or below as equal. `above` are the
/// structs around it: one that contains itself has nothing new.
fn differs(typed: TypedLocation, above: &mut Vec<TypeName>) -> bool {
    let has_spellings = typed
        .compare_as()
        .is_some_and(|compare_as| !matches!(compare_as, CompareAs::Time | CompareAs::Float32));
    if has_spellings || zero(typed).is_some() {
        return true;
    }
    match typed.shape() {
        GoShape::Struct(name) if !above.contains(name) => {
            above.push(*name);
            let differs = fields(typed).any(|(_, field)| differs(field, above));
            above.pop();
            differs
        }
        GoShape::Map(_) => typed.member("").is_some_and(|value| differs(value, above)),
        GoShape::List(..) => typed.element().is_some_and(|element| differs(element, above)),
        GoShape::Struct(_) | GoShape::Scalar(_) => false,
    }
}

/// The zero of a field that a policy takes for none.
fn zero(typed: TypedLocation) -> Option<Value> {
    let holder = typed.field_of().filter(|_| !typed.is_pointer())?;
    let is_own = !holder.is_of_kubernetes();
    match typed.shape() {
        GoShape::Struct(_) => Some(json!({})),
        GoShape::Scalar(GoScalar::Time) => Some(json!(null)),
        GoShape::Map(_) if is_own => Some(json!({})),
        GoShape::List(..) if is_own => Some(json!([])),
        GoShape::Scalar(GoScalar::String) if is_own => Some(json!("")),
        GoShape::Scalar(GoScalar::Bool) if is_own => Some(json!(false)),
        GoShape::Scalar(GoScalar::Number | GoScalar::Float32 | GoScalar::IntOrString) if is_own => {
            Some(json!(0))
        }
        GoShape::Scalar(_) | GoShape::Map(_) | GoShape::List(..) => None,
    }
}
