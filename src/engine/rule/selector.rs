//! What the API server evaluates before it sends a review.

/// A label selector, as in `metav1.LabelSelector`; empty selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    /// Labels with their values.
    pub match_labels: Vec<(String, String)>,
    /// Expressions.
    pub match_expressions: Vec<SelectorExpression>,
}

/// One expression of a [`LabelSelector`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorExpression {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values, empty for the last two operators.
    pub values: Vec<String>,
}

/// A CEL condition of the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchCondition {
    /// Its name.
    pub name: String,
    /// The expression.
    pub expression: String,
}
