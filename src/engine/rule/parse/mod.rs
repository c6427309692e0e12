//! From the text of a rule document to a [`Rule`](crate::engine::rule::Rule): raw shapes with
//! positions, then parsed values. Every error has a position.

mod checks;
mod matching;
pub(super) mod parser;
pub(super) mod raw;
mod raw_resource;
mod rule;
pub(super) mod rule_file;
mod schema;
pub(super) mod source_map;
mod tree;
