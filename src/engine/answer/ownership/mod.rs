//! Whose value a refused change touches: the field manager that last wrote it, and the requesters
//! to whom the rule grants the field.

mod managed_fields;
mod notes;

pub(crate) use notes::{list_faults, notes};
