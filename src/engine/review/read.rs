//! A review read in one pass: its members unread, as the plain path has them, and where the
//! containers of both objects are.

use serde_json::Value;

use super::compact::Compact;
use super::fields::Fields;
use super::spans::{Candidates, Node, Scanner, SpannedText};
use crate::engine::rule::{Entry, Rule};

/// A review that is nothing out of the ordinary.
#[derive(Debug)]
pub(crate) struct ScannedReview<'t> {
    /// The members of the review.
    pub(crate) top: Fields<'t>,
    /// The members of its request; none if that is no object.
    pub(crate) request: Option<Fields<'t>>,
    pub(crate) objects: Objects<'t>,
}

/// The two objects, as far as there are any.
#[derive(Debug)]
pub(crate) struct Objects<'t> {
    spans: SpannedText<'t>,
    old: Option<Node<'t>>,
    new: Option<Node<'t>>,
}

impl<'t> ScannedReview<'t> {
    /// None if the body is out of the ordinary.
    pub(crate) fn of(body: &'t [u8]) -> Option<Self> {
        let mut scanner = Scanner::new(std::str::from_utf8(body).ok()?)?;
        let (mut top, mut request) = (Fields::default(), None);
        let (mut old, mut new) = (None, None);
        scanner.space();
        scanner.members(|scanner, name| {
            let before = scanner.rest();
            if ordinary(name)? == "request" {
                (old, new, request) = (None, None, None);
                if before.starts_with('{') {
                    let fields = request.insert(Fields::default());
                    scanner.members(|scanner, name| {
                        let mut candidates = match ordinary(name)? {
                            "object" => candidates_in(old.clone()),
                            "oldObject" => candidates_in(new.clone()),
                            _ => 0..0,
                        };
                        let first = scanner.found();
                        let node = scanner.value(2, &mut candidates)?;
                        fields.push(name, node.text);
                        let object = Some((node, first..scanner.found()));
                        match name {
                            "object" => new = object,
                            "oldObject" => old = object,
                            _ => {}
                        }
                        Some(())
                    })?;
                } else {
                    scanner.value(1, &mut (0..0))?;
                }
            } else {
                scanner.value(1, &mut (0..0))?;
            }
            let text = before.get(..before.len() - scanner.rest().len())?;
            top.push(name, text);
            Some(())
        })?;
        let node = |object: Option<(Node<'t>, Candidates)>| object.map(|(node, _)| node);
        let objects = Objects { spans: scanner.finish()?, old: node(old), new: node(new) };
        Some(Self { top, request, objects })
    }
}

impl<'t> Objects<'t> {
    /// The text that the old object has at these members; none inside if it has nothing there.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether the text is left to the plain path"
    )]
    pub(crate) fn old_text(&self, path: &[&str]) -> Option<Option<&'t str>> {
        let mut at = self.old;
        for step in path {
            let mut next = None;
            for (name, node) in
                at.into_iter().filter(Node::is_object).flat_map(|object| self.spans.members(object))
            {
                if ordinary(name)? == *step {
                    next = Some(node);
                }
            }
            at = next;
        }
        Some(at.map(|node| node.text))
    }

    /// The old and the new object without what the verdict of these rules cannot depend on; none if
    /// they are best read whole.
    pub(crate) fn compact(
        &self,
        rules: &[&Rule],
        is_for_requester: impl Fn(&Entry) -> bool,
    ) -> Option<(Value, Value)> {
        let mut entries = rules.iter().flat_map(|rule| rule.entries());
        if entries.any(|entry| entry.when.is_some() && is_for_requester(entry)) {
            return None;
        }
        Compact { spans: &self.spans }.of(self.old?, self.new?, rules)
    }
}

/// A name that is written as it is.
fn ordinary(name: &str) -> Option<&str> {
    (!name.contains('\\')).then_some(name)
}

/// The containers of the other object.
fn candidates_in(other: Option<(Node<'_>, Candidates)>) -> Candidates {
    other.map_or(0..0, |(_, containers)| containers)
}

#[cfg(test)]
mod tests {
    use super::{ScannedReview, Scanner, candidates_in};

    #[test]
    fn a_member_of_the_old_object_is_found_as_the_plain_path_finds_it() {
        let table = [
            (r#"{"a":{"b":[1]},"metadata":{"x":2,"managedFields":[{}]}}"#, Some(Some("[{}]"))),
            (
                r#"{"metadata":{"managedFields":1},"metadata":{"managedFields":2,"managedFields":3}}"#,
                Some(Some("3")),
            ),
            (r#"{"metadata":{"name":"x"},"managedFields":[]}"#, Some(None)),
            (r#"{"metadata":"managedFields"}"#, Some(None)),
            (r#"{"metadata":{"n\u0061me":"x","managedFields":[]}}"#, None),
        ];
        for (old, expected) in table {
            let body = format!(r#"{{"request":{{"object":{{"a":1}},"oldObject":{old}}}}}"#);
            let read = ScannedReview::of(body.as_bytes()).expect("an ordinary review");
            assert_eq!(read.objects.old_text(&["metadata", "managedFields"]), expected, "{old}");
        }
    }

    #[test]
    fn the_models_are_the_containers_of_the_other_object() {
        let mut scanner = Scanner::new("{}").expect("short");
        let node = scanner.value(0, &mut (0..0)).expect("JSON");
        assert_eq!((candidates_in(Some((node, 3..7))), candidates_in(None)), (3..7, 0..0));
    }
}
