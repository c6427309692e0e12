//! Points in time by value: `2026-01-01T00:00:00Z` = `2026-01-01T01:00:00+01:00`.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What Go writes of a point in time that nobody set.
pub(crate) const ZERO: &str = "0001-01-01T00:00:00Z";

/// The nanoseconds since 1970 that `text` names, or none if it is no time of RFC 3339.
pub(super) fn instant(text: &str) -> Option<i128> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp_nanos)
}
