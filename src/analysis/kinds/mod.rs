//! The kinds that a cluster serves, and how their objects look. One model, whether a CRD or the API
//! server says so.

mod crd;
mod kind;
mod object_meta;
mod openapi;
mod schema;

pub(crate) use crd::in_document;
pub(crate) use kind::{Kind, ResourceScope, Subresource, Version};
pub(crate) use openapi::{ServedVersion, kinds};
pub(crate) use schema::{
    ListShape, ListType, ObjectShape, Others, Scalar, Schema, SchemaLocation, Shape,
};
