//! The kinds that a cluster serves, and how their objects look. One model, whether a CRD or the API
//! server says so.

mod crd;
mod kind;
mod object_meta;
mod openapi;
mod schema;

pub use crd::{NotACrd, in_document};
pub use kind::{Kind, Scope, Serving, Subresource, Version};
pub use openapi::{ServedVersion, kinds};
pub use schema::{Elements, ListType, Members, Others, Scalar, Schema, SchemaLocation, Shape};
