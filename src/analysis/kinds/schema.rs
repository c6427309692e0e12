//! How the objects of a kind look: the part of `OpenAPI` v3 that Kubernetes uses, with every
//! reference followed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::engine::ListKey;

use super::object_meta;

/// The schema of a kind's objects: a graph of locations, which goes round where a schema contains
/// itself.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    shapes: Vec<Shape>,
    root: SchemaLocation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SchemaLocation(usize);

impl SchemaLocation {
    /// Where anything may stand, in every schema.
    pub(crate) const ANYTHING: Self = Self(usize::MAX);
}

/// What may stand at a location.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Object(ObjectShape),
    List(ListShape),
    Scalar(Scalar),
    /// Whatever it is, the API server keeps it as it comes.
    Anything,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ObjectShape {
    /// Those that have a schema of their own.
    pub(crate) named: BTreeMap<String, SchemaLocation>,
    /// Those among them that must be there.
    pub(crate) required: BTreeSet<String>,
    /// All others.
    pub(crate) others: Others,
}

impl ObjectShape {
    /// Where a member without a schema of its own leads; none if the API server drops it.
    pub(crate) fn unnamed(&self) -> Option<SchemaLocation> {
        match self.others {
            Others::Dropped => None,
            Others::Kept => Some(SchemaLocation::ANYTHING),
            Others::Of(location) => Some(location),
        }
    }

    pub(crate) fn member(&self, name: &str) -> Option<SchemaLocation> {
        self.named.get(name).copied().or_else(|| self.unnamed())
    }
}

/// The members of an object that have no schema of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Others {
    /// There are none: the API server drops them.
    #[default]
    Dropped,
    /// Whatever comes is kept.
    Kept,
    /// Those of a map.
    Of(SchemaLocation),
}

#[derive(Debug, Clone)]
pub(crate) struct ListShape {
    pub(crate) each: SchemaLocation,
    /// How the elements of two lists pair in server-side apply.
    pub(crate) list_type: ListType,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListType {
    Atomic,
    Set,
    /// `map`: elements pair by this key.
    Map(ListKey),
}

/// What is no container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text,
    Integer,
    Number,
    Boolean,
    /// An integer or a string, such as a port.
    IntegerOrText,
    /// A quantity, such as `500m`.
    Quantity,
    /// A duration, such as `1m30s`.
    Duration,
}

impl Schema {
    /// The schema of objects of a kind: what `value` says, with the metadata that all objects have;
    /// `definitions` are what it refers to. Without a `value` nothing is known but the metadata.
    pub(crate) fn of_objects(value: Option<&Value>, definitions: &Map<String, Value>) -> Self {
        let mut reader = SchemaReader { definitions, shapes: Vec::new(), named: BTreeMap::new() };
        let root = reader.location(value.unwrap_or(&Value::Null));
        let metadata = reader.location(&object_meta::schema());
        let text = reader.add(Shape::Scalar(Scalar::Text));
        if let Some(shape) = reader.shapes.get_mut(root.0) {
            if matches!(shape, Shape::Anything) {
                *shape =
                    Shape::Object(ObjectShape { others: Others::Kept, ..ObjectShape::default() });
            }
            if let Shape::Object(members) = shape {
                members.named.insert("metadata".to_owned(), metadata);
                for name in ["apiVersion", "kind"] {
                    members.named.entry(name.to_owned()).or_insert(text);
                }
            }
        }
        Self { shapes: reader.shapes, root }
    }

    /// Whether it names a member below members of these names.
    pub(crate) fn has(&self, names: &[&str]) -> bool {
        let below = |location: SchemaLocation, name: &&str| match self.shape(location) {
            Shape::Object(members) => members.named.get(*name).copied(),
            _ => None,
        };
        names.iter().try_fold(self.root, below).is_some()
    }

    /// Whether it says nothing of any field but those that all objects have.
    pub(crate) fn is_silent(&self) -> bool {
        let common = |name: &String| matches!(name.as_str(), "apiVersion" | "kind" | "metadata");
        matches!(self.shape(self.root), Shape::Object(members) if members.others == Others::Kept
            && members.named.keys().all(common))
    }

    pub(crate) fn root(&self) -> SchemaLocation {
        self.root
    }

    pub(crate) fn shape(&self, location: SchemaLocation) -> &Shape {
        self.shapes.get(location.0).unwrap_or(&Shape::Anything)
    }
}

struct SchemaReader<'v> {
    definitions: &'v Map<String, Value>,
    shapes: Vec<Shape>,
    /// The locations of what has been referred to, so that a schema which contains itself ends.
    named: BTreeMap<String, SchemaLocation>,
}

/// How names of definitions end that say more than their schema.
const QUANTITY: &str = ".apimachinery.pkg.api.resource.Quantity";
const DURATION: &str = ".apimachinery.pkg.apis.meta.v1.Duration";

impl SchemaReader<'_> {
    fn add(&mut self, shape: Shape) -> SchemaLocation {
        self.shapes.push(shape);
        SchemaLocation(self.shapes.len() - 1)
    }

    fn location(&mut self, value: &Value) -> SchemaLocation {
        let Some(name) = only_reference(value) else {
            let shape = self.shape(value);
            return self.add(shape);
        };
        if let Some(location) = self.named.get(name) {
            return *location;
        }
        let location = self.add(Shape::Anything);
        self.named.insert(name.to_owned(), location);
        let scalar = if name.ends_with(QUANTITY) {
            Some(Scalar::Quantity)
        } else if name.ends_with(DURATION) {
            Some(Scalar::Duration)
        } else {
            None
        };
        let shape = match (scalar, self.definitions.get(name)) {
            (Some(scalar), _) => Shape::Scalar(scalar),
            (None, Some(definition)) => self.shape(definition),
            (None, None) => Shape::Anything,
        };
        if let Some(slot) = self.shapes.get_mut(location.0) {
            *slot = shape;
        }
        location
    }

    fn shape(&mut self, value: &Value) -> Shape {
        let mut parts = Vec::new();
        flatten(value, self.definitions, &mut parts, &mut BTreeSet::new());
        let says = |keyword: &str| parts.iter().find_map(|part| part.get(keyword));
        let holds =
            |keyword: &str| parts.iter().any(|part| part.get(keyword) == Some(&Value::Bool(true)));
        let keeps_unknown = holds("x-kubernetes-preserve-unknown-fields")
            || holds("x-kubernetes-embedded-resource");
        let format = says("format").and_then(Value::as_str).unwrap_or_default();
        let is_quantity = format == "quantity"
            || says("pattern").and_then(Value::as_str).is_some_and(spells_quantities);
        let is_mixed = holds("x-kubernetes-int-or-string") || format == "int-or-string";
        let type_ = says("type").and_then(Value::as_str);
        match type_ {
            _ if is_mixed && is_quantity => Shape::Scalar(Scalar::Quantity),
            _ if is_mixed => Shape::Scalar(Scalar::IntegerOrText),
            Some("string") if is_quantity => Shape::Scalar(Scalar::Quantity),
            Some("string") if format == "duration" => Shape::Scalar(Scalar::Duration),
            Some("string") => Shape::Scalar(Scalar::Text),
            Some("integer") => Shape::Scalar(Scalar::Integer),
            Some("number") => Shape::Scalar(Scalar::Number),
            Some("boolean") => Shape::Scalar(Scalar::Boolean),
            Some("array") => self.list(&parts),
            None if says("items").is_some() => self.list(&parts),
            Some("object") => self.object(&parts, keeps_unknown),
            None if says("properties").is_some() || says("additionalProperties").is_some() => {
                self.object(&parts, keeps_unknown)
            }
            _ => Shape::Anything,
        }
    }

    fn list(&mut self, parts: &[&Value]) -> Shape {
        let says = |keyword: &str| parts.iter().find_map(|part| part.get(keyword));
        let items = says("items").unwrap_or(&Value::Null);
        let list_type = match says("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("set") => ListType::Set,
            Some("map") => {
                let keys = says("x-kubernetes-list-map-keys").and_then(Value::as_array);
                let names = keys.into_iter().flatten().filter_map(Value::as_str);
                let key = ListKey::declared_by_schema(
                    names.map(|name| (name, self.default_of(items, name))),
                );
                key.map_or(ListType::Atomic, ListType::Map)
            }
            _ => ListType::Atomic,
        };
        Shape::List(ListShape { each: self.location(items), list_type })
    }

    /// The default of a member.
    fn default_of(&self, object: &Value, member: &str) -> Option<Value> {
        let mut parts = Vec::new();
        flatten(object, self.definitions, &mut parts, &mut BTreeSet::new());
        let default = |part: &&Value| part.get("properties")?.get(member)?.get("default").cloned();
        parts.iter().find_map(default)
    }

    fn object(&mut self, parts: &[&Value], keeps_unknown: bool) -> Shape {
        let mut members = ObjectShape::default();
        let mut is_typed = false;
        for part in parts {
            for (name, property) in
                part.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                is_typed = true;
                let location = self.location(property);
                members.named.insert(name.clone(), location);
            }
            let required = part.get("required").and_then(Value::as_array);
            members.required.extend(
                required.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned),
            );
            match part.get("additionalProperties") {
                Some(Value::Bool(true)) => members.others = Others::Kept,
                Some(Value::Bool(false)) => is_typed = true,
                Some(value) => members.others = Others::Of(self.location(value)),
                None => {}
            }
        }
        if members.others == Others::Dropped && (keeps_unknown || !is_typed) {
            members.others = Others::Kept;
        }
        Shape::Object(members)
    }
}

/// A schema with all that it is composed of by `allOf` and references.
fn flatten<'x>(
    value: &'x Value,
    definitions: &'x Map<String, Value>,
    parts: &mut Vec<&'x Value>,
    followed: &mut BTreeSet<&'x str>,
) {
    parts.push(value);
    if let Some(name) = reference(value)
        && followed.insert(name)
        && let Some(definition) = definitions.get(name)
    {
        flatten(definition, definitions, parts, followed);
    }
    for part in value.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        flatten(part, definitions, parts, followed);
    }
}

fn reference(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.rsplit('/').next()
}

/// The name that is all there is to a schema besides words and defaults.
fn only_reference(value: &Value) -> Option<&str> {
    let says_more = |value: &Value| {
        value
            .as_object()
            .is_some_and(|schema| schema.contains_key("properties") || schema.contains_key("type"))
    };
    match value.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        Some([only]) if !says_more(value) => reference(only),
        Some(_) => None,
        None => reference(value),
    }
}

/// Whether a pattern is that of quantities, as controller-gen writes it.
fn spells_quantities(pattern: &str) -> bool {
    pattern.contains("[KMGTPE]i") && pattern.contains("[numkMGTPE]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at<'s>(schema: &'s Schema, names: &[&str]) -> &'s Shape {
        let mut location = schema.root();
        for name in names {
            location = match schema.shape(location) {
                Shape::Object(members) => match (members.named.get(*name), members.others) {
                    (Some(location), _) => *location,
                    (None, Others::Of(location)) => location,
                    other => panic!("{name}: {other:?}"),
                },
                Shape::List(elements) => elements.each,
                other => panic!("{name}: {other:?}"),
            };
        }
        schema.shape(location)
    }

    fn read(spec: &Value) -> Schema {
        let definitions = json!({
            "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"},
                {"type": "number"}]},
            "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"format": "int-or-string",
                "oneOf": [{"type": "integer"}, {"type": "string"}]},
            "Tree": {"type": "object", "properties": {"children": {"type": "array",
                "items": {"$ref": "#/components/schemas/Tree"}}}},
        });
        let object =
            json!({"type": "object", "properties": {"metadata": {"type": "object"}, "spec": spec}});
        Schema::of_objects(Some(&object), definitions.as_object().unwrap())
    }

    #[test]
    fn scalars_are_told_apart() {
        let pattern = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";
        let quantity = "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity";
        let table = [
            (json!({"type": "string"}), Scalar::Text),
            (json!({"type": "string", "format": "date-time"}), Scalar::Text),
            (json!({"type": "string", "format": "duration"}), Scalar::Duration),
            (json!({"type": "string", "format": "quantity"}), Scalar::Quantity),
            (json!({"type": "string", "pattern": pattern}), Scalar::Quantity),
            (
                json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"},
                    {"type": "string"}], "pattern": pattern}),
                Scalar::Quantity,
            ),
            (
                json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"},
                    {"type": "string"}]}),
                Scalar::IntegerOrText,
            ),
            (json!({"$ref": quantity}), Scalar::Quantity),
            (
                json!({"allOf": [{"$ref": quantity}], "description": "some", "default": "1"}),
                Scalar::Quantity,
            ),
            (
                json!({"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString"}),
                Scalar::IntegerOrText,
            ),
            (json!({"type": "integer", "format": "int32"}), Scalar::Integer),
            (json!({"type": "boolean"}), Scalar::Boolean),
            (json!({"type": "number"}), Scalar::Number),
        ];
        for (value, expected) in table {
            let found = read(&value);
            assert!(
                matches!(at(&found, &["spec"]), Shape::Scalar(scalar) if *scalar == expected),
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_kept_is_told_from_what_is_dropped() {
        let table = [
            (json!({"type": "object", "properties": {"a": {"type": "string"}}}), Others::Dropped),
            (json!({"type": "object", "additionalProperties": false}), Others::Dropped),
            (json!({"type": "object"}), Others::Kept),
            (json!({"type": "object", "additionalProperties": true}), Others::Kept),
            (
                json!({"type": "object", "properties": {"a": {}},
                    "x-kubernetes-preserve-unknown-fields": true}),
                Others::Kept,
            ),
            (
                json!({"type": "object", "properties": {"a": {}},
                    "x-kubernetes-embedded-resource": true}),
                Others::Kept,
            ),
        ];
        for (value, expected) in table {
            let found = read(&value);
            assert!(
                matches!(at(&found, &["spec"]), Shape::Object(members)
                    if members.others == expected),
                "{value}"
            );
        }
        assert!(matches!(
            at(&read(&json!({"x-kubernetes-preserve-unknown-fields": true})), &["spec"]),
            Shape::Anything
        ));
        assert!(matches!(
            at(&read(&json!({"$ref": "#/components/schemas/Unknown"})), &["spec"]),
            Shape::Anything
        ));
    }

    #[test]
    fn lists_say_how_they_pair() {
        let table = [
            (json!({"type": "array", "items": {"type": "string"}}), ListType::Atomic),
            (
                json!({"type": "array", "items": {"type": "string"},
                    "x-kubernetes-list-type": "atomic"}),
                ListType::Atomic,
            ),
            (
                json!({"type": "array", "items": {"type": "string"},
                    "x-kubernetes-list-type": "set"}),
                ListType::Set,
            ),
            (
                json!({"type": "array", "items": {}, "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["a", "b"]}),
                ListType::Map(
                    ListKey::declared_by_schema([("a", None), ("b", None)].into_iter()).unwrap(),
                ),
            ),
            (
                json!({"type": "array", "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["a"],
                    "items": {"properties": {"a": {"type": "string", "default": "d"}}}}),
                ListType::Map(
                    ListKey::declared_by_schema([("a", Some(json!("d")))].into_iter()).unwrap(),
                ),
            ),
            (
                json!({"type": "array", "items": {}, "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": []}),
                ListType::Atomic,
            ),
        ];
        for (value, expected) in table {
            let found = read(&value);
            assert!(
                matches!(at(&found, &["spec"]), Shape::List(elements)
                    if elements.list_type == expected),
                "{value}"
            );
        }
    }

    #[test]
    fn a_schema_may_contain_itself() {
        let schema = read(
            &json!({"allOf": [{"$ref": "#/components/schemas/Tree"}], "description": "a tree"}),
        );
        let deep = ["spec", "children", "[]", "children", "[]", "children"];
        assert!(matches!(at(&schema, &deep), Shape::List(_)));
    }

    #[test]
    fn parts_add_up() {
        let schema = read(&json!({
            "allOf": [{"$ref": "#/components/schemas/Tree"}, {"type": "object",
                "required": ["name"], "properties": {"name": {"type": "string"}}}],
        }));
        assert!(matches!(at(&schema, &["spec", "children"]), Shape::List(_)));
        assert!(matches!(at(&schema, &["spec"]), Shape::Object(members)
                if members.required.contains("name")));
    }

    #[test]
    fn every_object_has_the_same_metadata() {
        for schema in [read(&json!({})), Schema::of_objects(None, &Map::new())] {
            assert!(matches!(
                at(&schema, &["metadata", "labels", "a"]),
                Shape::Scalar(Scalar::Text)
            ));
            assert!(matches!(at(&schema, &["metadata"]), Shape::Object(members)
                    if members.others == Others::Dropped));
            assert!(matches!(at(&schema, &["kind"]), Shape::Scalar(Scalar::Text)));
        }
        assert!(Schema::of_objects(None, &Map::new()).is_silent() && !read(&json!({})).is_silent());
    }
}
