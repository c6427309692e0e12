//! How recording a review ends, as its metric counts it.

/// The result of recording a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// It is a case file.
    Written,
    /// Its uid has a case file already.
    Repeated,
    /// Masked, it would get another verdict.
    ChangedByMasking,
    /// The case would have more bytes than it may.
    TooLarge,
    /// Too many reviews waited already.
    Dropped,
    /// The folder holds as many cases as it may.
    Full,
    /// The disk, or a bug; the log says what.
    Failed,
}

impl Recorded {
    pub(crate) const ALL: [Self; 7] = [
        Self::Written,
        Self::Repeated,
        Self::ChangedByMasking,
        Self::TooLarge,
        Self::Dropped,
        Self::Full,
        Self::Failed,
    ];

    /// The word in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Repeated => "repeated",
            Self::ChangedByMasking => "changed_by_masking",
            Self::TooLarge => "too_large",
            Self::Dropped => "dropped",
            Self::Full => "full",
            Self::Failed => "failed",
        }
    }
}
