//! Questions about rules, answered from their documents, from schemas and from recorded reviews.
//! Pure: values in, values out.
//!
//! What a rule permits is computed in `symbolic`, over formulas instead of objects; [`kinds`] holds
//! what a CRD or an API server says of the objects of a kind. Commands read the files and print the
//! answers.

pub mod diff;
pub(crate) mod expanded;
pub mod explain;
pub(crate) mod kinds;
pub mod learn;
pub(crate) mod lint;
pub(crate) mod paths;
pub(crate) mod resources;
pub(crate) mod symbolic;
pub(crate) mod words;
mod yaml;
