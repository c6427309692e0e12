//! What is never shown: values of Secrets, and of paths that any rule on the object lists as
//! `sensitive`.
//!
//! A path is followed loosely here: a step into list elements goes into map values too and the
//! other way round, and an element counts as keyed by whatever selects it. So a value that has
//! another shape than its rule expects stays hidden.

use crate::engine::review::Node;
use crate::engine::rule::Rule;
use crate::engine::rule::Step;
use crate::engine::rule::{Reached, Tree};

/// The annotation in which client-side apply keeps the whole object, secrets included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The secrets of one object.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    tree: Tree<()>,
    scope: Scope,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Scope {
    #[default]
    Nothing,
    Paths,
    Everything,
}

/// Where a walk through an object is, and whether it is in a secret.
#[derive(Debug, Clone)]
pub(crate) struct Visibility {
    reached: Reached,
    hidden: bool,
}

impl Secrets {
    /// Those that the rules declare.
    pub(crate) fn declared<'r>(rules: impl Iterator<Item = &'r Rule>) -> Self {
        let mut secrets = Self::default();
        for path in rules.flat_map(|rule| &rule.sensitive) {
            secrets.tree.mark(path.steps(), ());
            secrets.scope = Scope::Paths;
        }
        secrets
    }

    /// With what a Secret keeps.
    pub(crate) fn and_data(mut self) -> Self {
        for name in ["data", "stringData"] {
            self.tree.mark(&[Step::Name(name.to_owned())], ());
        }
        self.scope = Scope::Paths;
        self
    }

    /// All values.
    pub(crate) fn everything() -> Self {
        Self { scope: Scope::Everything, ..Self::default() }
    }

    /// The object itself.
    pub(crate) fn root(&self) -> Visibility {
        Visibility { reached: Tree::<()>::root(), hidden: self.scope == Scope::Everything }
    }

    /// A member of what is at `from`.
    pub(crate) fn member(&self, from: &Visibility, name: &str) -> Visibility {
        let copies_all = name == LAST_APPLIED && self.scope != Scope::Nothing;
        self.place(from, self.tree.loosely_member(&from.reached, name), copies_all)
    }

    /// An element of the list at `from`.
    pub(crate) fn element(&self, from: &Visibility, element: Option<Node<'_>>) -> Visibility {
        let is_selected = |key: &str, value: &str| {
            element.and_then(|element| element.get(key)?.as_str()) == Some(value)
        };
        self.place(from, self.tree.loosely_element(&from.reached, is_selected), false)
    }

    /// An element of the list at `from`, whatever its key.
    pub(crate) fn any_element(&self, from: &Visibility) -> Visibility {
        self.place(from, self.tree.loosely_element(&from.reached, |_, _| true), false)
    }

    /// Whether there are none.
    pub(crate) fn are_none(&self) -> bool {
        self.scope == Scope::Nothing
    }

    fn place(&self, from: &Visibility, reached: Reached, copies_all: bool) -> Visibility {
        let hidden = from.hidden || copies_all || self.tree.marks(&reached).next().is_some();
        Visibility { reached, hidden }
    }
}

impl Visibility {
    /// Whether the value there is never shown.
    pub(crate) fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Both places at once, of an element that has one in the old list and one in the new.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.reached.extend(other.reached);
        self.reached.sort_unstable();
        self.reached.dedup();
        self.hidden |= other.hidden;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn of_two_places_that_are_one_element_either_hides_it() {
        let secrets = Secrets::default().and_data();
        let (shown, hidden) = (secrets.root(), secrets.member(&secrets.root(), "data"));
        for (one, two, is_hidden) in
            [(&shown, &shown, false), (&shown, &hidden, true), (&hidden, &shown, true)]
        {
            let both = one.clone().and(two.clone());
            assert_eq!(
                (both.is_hidden(), secrets.element(&both, None).is_hidden()),
                (is_hidden, is_hidden)
            );
        }
    }
}
