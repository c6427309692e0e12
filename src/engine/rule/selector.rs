//! What the API server evaluates before it sends a review.

/// A label selector, as in `metav1.LabelSelector`; empty selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LabelSelector {
    /// Labels with their values.
    pub(crate) match_labels: Vec<(String, String)>,
    /// Expressions.
    pub(crate) match_expressions: Vec<SelectorExpression>,
}

/// One expression of a [`LabelSelector`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SelectorExpression {
    /// The label.
    pub(crate) key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub(crate) operator: String,
    /// The values, empty for the last two operators.
    pub(crate) values: Vec<String>,
}

/// A CEL condition of the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchCondition {
    /// Its name.
    pub(crate) name: String,
    /// The expression.
    pub(crate) expression: String,
}
