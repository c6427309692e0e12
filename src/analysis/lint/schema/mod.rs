//! The schemas of kinds, as lints ask them.

pub(crate) mod catalogue;
pub(crate) mod exact;
pub(crate) mod lists;
pub(crate) mod path;
pub(crate) mod suggestion;
pub(crate) mod versions;
