//! The two classes of reviews. Large ones take nothing that ordinary ones need.

/// The largest size of an ordinary review, in bytes.
pub(super) const ORDINARY: usize = 64 * 1024;

/// By the size of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SizeClass {
    Ordinary,
    Large,
}

impl SizeClass {
    /// The class of a review of this size.
    pub(super) fn from_bytes(size: usize) -> Self {
        if size <= ORDINARY { Self::Ordinary } else { Self::Large }
    }
}
