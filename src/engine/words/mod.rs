//! The words: what a requester reads when an update is refused, and what tools find in it.

mod change;
mod escape;
mod field;
mod message;
mod secrecy;

pub use change::{Change, Shown};
pub(crate) use change::{describe, field_of};
pub(crate) use escape::{cut, cut_bytes, defused};
pub use escape::{escape_json, harmless};
pub use message::Piece;
pub(crate) use message::{Part, Warning, audit_fields, cause_text, denial, granted_text, mutable_text, warnings};
pub(crate) use secrecy::{Place, Secrets};
