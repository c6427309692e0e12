//! What is never shown: values of Secrets, and of paths that any rule on the object lists as
//! `sensitive`.
//!
//! A path is followed loosely here: a step into list elements goes into map values too and the
//! other way round, and an element counts as keyed by whatever selects it. So a value that has
//! another shape than its rule expects stays hidden. If an element appears, disappears or changes
//! the key by which a path selects it, the path selects it with any key. Otherwise renaming an
//! element would show its hidden value.

use crate::engine::alignment::{exact, key_value};
use crate::engine::review::Node;
use crate::engine::rule::{KeySelector, Rule, Step};
use crate::engine::rule::{ReachedNodes, Tree};

/// The annotation in which client-side apply keeps the whole object, secrets included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The secrets of one object.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    tree: Tree<Hidden>,
    scope: Scope,
}

/// What of a value is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hidden {
    /// All but the keys of its objects.
    Values,
    /// The keys, too; a message still names them, as parts of a path.
    KeysToo,
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
    reached: ReachedNodes,
    hidden: Option<Hidden>,
}

impl Secrets {
    /// Those that the rules declare.
    pub(crate) fn declared<'r>(rules: impl Iterator<Item = &'r Rule>) -> Self {
        let mut secrets = Self::default();
        for path in rules.flat_map(|rule| &rule.sensitive) {
            secrets.tree.mark(path.steps(), Hidden::KeysToo);
            secrets.scope = Scope::Paths;
        }
        secrets
    }

    /// With what a Secret keeps.
    pub(crate) fn and_data(mut self) -> Self {
        for name in ["data", "stringData"] {
            self.tree.mark(&[Step::Name(name.to_owned())], Hidden::Values);
        }
        self.scope = Scope::Paths;
        self
    }

    pub(crate) fn everything() -> Self {
        Self { scope: Scope::Everything, ..Self::default() }
    }

    /// The object itself.
    pub(crate) fn root(&self) -> Visibility {
        let hidden = (self.scope == Scope::Everything).then_some(Hidden::Values);
        Visibility { reached: Tree::<Hidden>::root(), hidden }
    }

    /// A member of what is at `from`.
    pub(crate) fn member(&self, from: &Visibility, name: &str) -> Visibility {
        let copies_all = name == LAST_APPLIED && self.scope != Scope::Nothing;
        let place = self.place(from, self.tree.loosely_member(&from.reached, name));
        Visibility { hidden: place.hidden.max(copies_all.then_some(Hidden::Values)), ..place }
    }

    /// An element of the list at `from`, as it is in the old list and in the new.
    pub(crate) fn element(
        &self,
        from: &Visibility,
        old: Option<Node<'_>>,
        new: Option<Node<'_>>,
    ) -> Visibility {
        let (Some(old), Some(new)) = (old, new) else { return self.any_element(from) };
        // A member that is left out, zero or no key may have any default.
        let is_selected = |selector: &KeySelector| {
            let changes = selector.members().any(|(name, _)| {
                let (old, new) = (old.get(name), new.get(name));
                old.map(exact) != new.map(exact)
            });
            changes
                || selector.members().all(|(name, value)| {
                    let found = old.get(name).and_then(key_value);
                    found.is_none_or(|found| found.is_zero() || found == *value)
                })
        };
        self.place(from, self.tree.loosely_element(&from.reached, is_selected))
    }

    /// An element of the list at `from`, whatever its key.
    pub(crate) fn any_element(&self, from: &Visibility) -> Visibility {
        self.place(from, self.tree.loosely_element(&from.reached, |_| true))
    }

    /// Whether there are none.
    pub(crate) fn are_none(&self) -> bool {
        self.scope == Scope::Nothing
    }

    fn place(&self, from: &Visibility, reached: ReachedNodes) -> Visibility {
        let hidden = from.hidden.max(self.tree.marks(&reached).copied().max());
        Visibility { reached, hidden }
    }
}

impl Visibility {
    /// Whether the value there is never shown.
    pub(crate) fn is_hidden(&self) -> bool {
        self.hidden.is_some()
    }

    /// Whether nobody may read the keys of the object there from a recording.
    pub(crate) fn hides_keys(&self) -> bool {
        self.hidden == Some(Hidden::KeysToo)
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;
    use crate::engine::review::{Node, scan};
    use crate::engine::rule::Path;

    #[test]
    fn an_element_that_changes_its_key_hides_what_its_key_selected() {
        let mut secrets = Secrets::default();
        let path = Path::parse("users[name='root'].password").expect("a path");
        secrets.tree.mark(path.steps(), super::Hidden::KeysToo);
        let users = secrets.member(&secrets.root(), "users");
        let document = scan(r#"[{"name": "root"}, {"name": "o"}, {"x": 1}]"#).expect("JSON");
        let elements: Vec<Node<'_>> = document.root().elements().collect();
        let [root, other, none] = elements.as_slice() else { panic!("three elements") };
        for (old, new, is_hidden) in [
            (Some(*root), Some(*root), true),
            (Some(*other), Some(*other), false),
            (Some(*none), Some(*none), true),
            (Some(*root), Some(*other), true),
            (Some(*other), Some(*root), true),
            (Some(*other), Some(*none), true),
            (Some(*other), None, true),
            (None, Some(*none), true),
        ] {
            let element = secrets.element(&users, old, new);
            assert_eq!(
                (element.is_hidden(), secrets.member(&element, "password").is_hidden()),
                (false, is_hidden),
                "{old:?} {new:?}"
            );
        }
    }

    #[test]
    fn an_element_whose_key_may_be_a_default_hides_what_any_key_selects() {
        let mut secrets = Secrets::default();
        let path = Path::parse("ports[port=80,protocol=TCP].password").expect("a path");
        secrets.tree.mark(path.steps(), super::Hidden::KeysToo);
        let ports = secrets.member(&secrets.root(), "ports");
        for (element, is_hidden) in [
            (r#"{"port": 80, "protocol": "TCP"}"#, true),
            (r#"{"port": 80.0}"#, true),
            (r#"{"port": 80, "protocol": null}"#, true),
            (r#"{"port": 80, "protocol": ""}"#, true),
            (r#"{"port": 80, "protocol": ["TCP"]}"#, true),
            (r#"{"port": "80", "protocol": "TCP"}"#, false),
            (r#"{"port": 80, "protocol": "UDP"}"#, false),
        ] {
            let document = scan(element).expect("JSON");
            let at = secrets.element(&ports, Some(document.root()), Some(document.root()));
            assert_eq!(secrets.member(&at, "password").is_hidden(), is_hidden, "{element}");
        }
    }
}
