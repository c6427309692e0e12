//! What a type of Kubernetes says of one location.

use super::super::equality::CompareAs;
use super::super::list_key::ListKey;
use super::super::path::Step;
use super::table::{ElementPairing, GoScalar, GoShape, GoType, TypeName};

/// A location of which a rule declares the type, here or above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TypedLocation {
    /// The place of the declaration in the rule's list of equalities.
    pub(crate) order: usize,
    go_type: &'static GoType,
    held: HeldBy,
}

/// What holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeldBy {
    /// A struct of that type: a zero and nothing are the same.
    Struct(TypeName),
    /// A map, a list, or what the tables do not know: null is a zero, but nothing is not.
    Otherwise,
}

/// What tells a typed location from others.
pub(crate) type TypedLocationId = (usize, *const GoType, bool);

impl TypedLocation {
    /// The location that the declaration itself is about.
    pub(crate) fn declared(order: usize, name: TypeName) -> Option<Self> {
        Some(Self { order, go_type: name.go_type()?, held: HeldBy::Otherwise })
    }

    pub(crate) fn identity(&self) -> TypedLocationId {
        (self.order, std::ptr::from_ref(self.go_type), self.is_field())
    }

    /// Of two declarations for one location the first listed.
    pub(crate) fn or_earlier(self, other: Self) -> Self {
        if other.order < self.order { other } else { self }
    }

    /// The member `name` of an object here, if the type has it.
    pub(crate) fn member(self, name: &str) -> Option<Self> {
        match &self.go_type.shape {
            GoShape::Struct(own) => Some(self.of_field(*own, own.field(name)?)),
            GoShape::Map(value) => Some(Self { go_type: value, held: HeldBy::Otherwise, ..self }),
            GoShape::List(..) | GoShape::Scalar(_) => None,
        }
    }

    fn of_field(self, holder: TypeName, go_type: &'static GoType) -> Self {
        Self { go_type, held: HeldBy::Struct(holder), ..self }
    }

    /// The fields of a struct here.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'static str, Self)> {
        let own = self.name();
        own.into_iter().flat_map(move |own| {
            own.fields().map(move |(name, field)| (name, self.of_field(own, field)))
        })
    }

    /// An element of a list here.
    pub(crate) fn element(self) -> Option<Self> {
        match &self.go_type.shape {
            GoShape::List(element, _) => {
                Some(Self { go_type: element, held: HeldBy::Otherwise, ..self })
            }
            _ => None,
        }
    }

    /// What the type says of all locations that the step selects.
    pub(crate) fn next(self, step: &Step) -> Option<Self> {
        match step {
            Step::Name(name) => self.member(name),
            Step::AnyMember | Step::Prefix(_) => match self.go_type.shape {
                GoShape::Map(_) => self.member(""),
                _ => None,
            },
            Step::AnyElement | Step::Keyed(_) => self.element(),
        }
    }

    /// The type of a struct here.
    pub(crate) fn name(&self) -> Option<TypeName> {
        if let GoShape::Struct(name) = self.go_type.shape { Some(name) } else { None }
    }

    pub(crate) fn shape(&self) -> &'static GoShape {
        &self.go_type.shape
    }

    /// The key by which the elements of a list here pair.
    pub(crate) fn key(&self) -> Option<&'static ListKey> {
        match &self.go_type.shape {
            GoShape::List(_, ElementPairing::ByKey(key)) => Some(key),
            _ => None,
        }
    }

    /// Whether elements of a list here or below pair by key.
    pub(crate) fn leads_to_keyed_list(self) -> bool {
        self.leads_to_key(&mut Vec::new())
    }

    /// `above` are the structs around: one that contains itself has nothing new.
    fn leads_to_key(self, above: &mut Vec<TypeName>) -> bool {
        match &self.go_type.shape {
            GoShape::List(_, ElementPairing::ByKey(_)) => true,
            GoShape::List(..) => self.element().is_some_and(|below| below.leads_to_key(above)),
            GoShape::Map(_) => self.member("").is_some_and(|below| below.leads_to_key(above)),
            GoShape::Struct(name) if !above.contains(name) => {
                above.push(*name);
                let leads = self.fields().any(|(_, field)| field.leads_to_key(above));
                above.pop();
                leads
            }
            GoShape::Struct(_) | GoShape::Scalar(_) => false,
        }
    }

    /// What the values here mean.
    pub(crate) fn compare_as(&self) -> Option<CompareAs> {
        match self.go_type.shape {
            GoShape::Scalar(GoScalar::Quantity) => Some(CompareAs::Quantity),
            GoShape::Scalar(GoScalar::Duration) => Some(CompareAs::Duration),
            GoShape::Scalar(GoScalar::Time) => Some(CompareAs::Time),
            GoShape::Scalar(GoScalar::Float32) => Some(CompareAs::Float32),
            GoShape::List(_, ElementPairing::Set) => Some(CompareAs::Set),
            _ => None,
        }
    }

    /// Whether a struct holds the value, so that a zero and nothing are the same.
    pub(crate) fn is_field(&self) -> bool {
        self.field_of().is_some()
    }

    /// The type of the struct that holds the value.
    pub(crate) fn field_of(&self) -> Option<TypeName> {
        if let HeldBy::Struct(holder) = self.held { Some(holder) } else { None }
    }

    /// Whether the value stands behind a pointer, so that a zero is a value of its own.
    pub(crate) fn is_pointer(&self) -> bool {
        self.go_type.is_pointer
    }
}
