//! What the types that a rule declares say of each field below.

use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::analysis::words::{equality, shown};
use crate::engine::{
    Equal, GoScalar, GoShape, Rule, Step, TypeName, TypedLocation, ZERO_TIME, written,
};

/// A line of `equality` that declares a type.
#[derive(Debug, Serialize)]
pub(crate) struct ExpandedType {
    pub(crate) path: String,
    #[serde(rename = "as")]
    pub(crate) type_name: String,
    pub(crate) fields: Vec<ExpandedField>,
}

/// A location below the path of that line, and how the type compares its values.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ExpandedField {
    pub(crate) path: String,
    pub(crate) compared: Vec<String>,
}

/// What each type that the rule declares says, in the order of `equality`.
pub(crate) fn expanded(rule: &Rule) -> Vec<ExpandedType> {
    let declared = rule.equality().iter().enumerate().filter_map(|(order, entry)| {
        let name = entry.type_name?;
        let mut walk = TypeWalk::default();
        walk.below(TypedLocation::declared(order, name)?);
        Some(ExpandedType {
            path: shown(&entry.path),
            type_name: name.to_string(),
            fields: walk.fields,
        })
    });
    declared.collect()
}

#[derive(Default)]
struct TypeWalk {
    steps: Vec<Step>,
    /// The structs around the location. A struct that is one of them is not entered again: types
    /// may contain themselves.
    above: Vec<TypeName>,
    fields: Vec<ExpandedField>,
}

impl TypeWalk {
    fn below(&mut self, at: TypedLocation) {
        if let Some(name) = at.name() {
            if self.above.contains(&name) {
                return;
            }
            self.above.push(name);
            for (field, below) in at.fields() {
                self.visit(Step::Name(field.to_owned()), below);
            }
            self.above.pop();
        }
        for step in [Step::AnyElement, Step::AnyMember] {
            if let Some(below) = at.next(&step) {
                self.visit(step, below);
            }
        }
    }

    fn visit(&mut self, step: Step, at: TypedLocation) {
        self.steps.push(step);
        let compared = compared(at);
        if !compared.is_empty() {
            self.fields.push(ExpandedField { path: written(&self.steps), compared });
        }
        self.below(at);
        self.steps.pop();
    }
}

/// How values at a location compare, as its type says.
pub(crate) fn compared(at: TypedLocation) -> Vec<String> {
    let key = at.key().map(|key| Equal::Key(Arc::new(key.clone())));
    let zero = if at.is_field() { zero(at).map(Equal::AbsentAs) } else { None };
    [key, at.compare_as().map(Equal::from), zero].iter().flatten().map(equality).collect()
}

/// The value that a field has when it is left out.
fn zero(at: TypedLocation) -> Option<Value> {
    let zero = match at.shape() {
        _ if at.is_pointer() => Value::Null,
        GoShape::Struct(_) | GoShape::Map(_) => json!({}),
        GoShape::List(..) => json!([]),
        GoShape::Scalar(scalar) => match scalar {
            GoScalar::String => json!(""),
            GoScalar::Bool => json!(false),
            GoScalar::Number | GoScalar::Float32 | GoScalar::IntOrString => json!(0),
            GoScalar::Quantity => json!("0"),
            GoScalar::Duration => json!("0s"),
            GoScalar::Time => json!(ZERO_TIME),
            GoScalar::Any => return None,
        },
    };
    Some(zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(walk: &TypeWalk) -> Vec<String> {
        let line = |field: &ExpandedField| format!("{}: {}", field.path, field.compared.join(", "));
        walk.fields.iter().map(line).collect()
    }

    fn walked(mut walk: TypeWalk, name: &str) -> Vec<String> {
        let name = TypeName::find(name).unwrap();
        walk.below(TypedLocation::declared(0, name).unwrap());
        lines(&walk)
    }

    #[test]
    fn each_field_has_what_its_type_declares() {
        assert_eq!(
            walked(TypeWalk::default(), "ResourceRequirements"),
            [
                "claims: elements paired by `name`, left out = []",
                "claims[*].name: left out = \"\"",
                "claims[*].request: left out = \"\"",
                "limits: left out = {}",
                "limits.*: as Quantity",
                "requests: left out = {}",
                "requests.*: as Quantity",
            ]
        );
    }

    #[test]
    fn a_type_that_stands_above_is_not_entered_again() {
        let above = TypeName::find("LabelSelectorRequirement").unwrap();
        assert_eq!(
            walked(TypeWalk { above: vec![above], ..TypeWalk::default() }, "LabelSelector"),
            ["matchExpressions: left out = []", "matchLabels: left out = {}"]
        );
    }
}
