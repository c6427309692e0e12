//! Types of Kubernetes, by which a rule compares values (`as: PodTemplateSpec`).
//!
//! The tables beside this file are generated from the Go types of Kubernetes and of the projects
//! that the packs are about. They are parsed once for the whole process; a rule only refers to
//! them.
//!
//! A Go client decodes a value into its type and encodes it again. Where the type does not tell a
//! zero from a missing field, the field may be left out, null, or zero: these are equal here.

mod location;
mod table;

pub(crate) use location::{TypedLocation, TypedLocationId};
pub use table::TypeName;
pub(crate) use table::{GoScalar, GoShape};
