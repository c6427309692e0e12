//! Who last wrote a value, according to `metadata.managedFields` of the old object.
//!
//! Anybody who may write an object may also write this list, so it decides nothing and only serves
//! messages. What is malformed in it is skipped. Each set of fields is read only along the paths
//! that are looked up, and without recursion. So the work is linear in the size of the set times
//! the few paths, and nesting cannot exhaust the stack.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::engine::alignment::scalar;
use crate::engine::review::Node;

/// A step of a path in an object.
#[derive(Debug, Clone, Copy)]
pub(super) enum FieldStep<'v> {
    /// A member of an object.
    Member(&'v str),
    /// An element of a list, with its position if that is known.
    Element { index: Option<usize>, value: Node<'v> },
}

/// The field manager that last wrote a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldWriter {
    pub(crate) manager: String,
    /// The subresource that it wrote through, empty for the object itself.
    pub(crate) subresource: String,
    /// How many steps of the path lead to what it owns. Fewer than the path has: it owns a list or
    /// map as a whole.
    pub(crate) depth: usize,
    /// RFC 3339 in UTC, so that texts compare as times do.
    time: String,
}

/// For each path the other manager that last wrote what is there. A path that the requester's own
/// manager owns has none.
pub(crate) fn last_writers(
    entries: Option<Node<'_>>,
    own: Option<&str>,
    paths: &[Vec<FieldStep<'_>>],
) -> Vec<Option<FieldWriter>> {
    let tree = PathTree::from_paths(paths);
    let mut owners: Vec<Owners> = paths.iter().map(|_| Owners::default()).collect();
    for entry in entries.into_iter().flat_map(Node::elements) {
        let Some(owned) = entry.get("fieldsV1").and_then(|fields| tree.owned(fields)) else {
            continue;
        };
        let member =
            |name: &str| entry.get(name).and_then(Node::as_str).unwrap_or_default().to_owned();
        let (manager, subresource, time) =
            (member("manager"), member("subresource"), member("time"));
        for (path, depth) in owned {
            let Some(owners) = owners.get_mut(path) else { continue };
            if own.is_some_and(|own| is_same_client(own, &manager)) {
                owners.own = owners.own.max(Some(depth));
            } else {
                owners.add(FieldWriter {
                    manager: manager.clone(),
                    subresource: subresource.clone(),
                    depth,
                    time: time.clone(),
                });
            }
        }
    }
    owners.into_iter().map(Owners::other).collect()
}

/// Every command of kubectl is a field manager of its own; to its user they are one.
fn is_same_client(one: &str, other: &str) -> bool {
    let is_kubectl = |name: &str| name == "kubectl" || name.starts_with("kubectl-");
    one == other || (is_kubectl(one) && is_kubectl(other))
}

/// Who owns what is at a path.
#[derive(Debug, Default)]
struct Owners {
    other: Option<FieldWriter>,
    /// How far the requester's own manager's ownership reaches.
    own: Option<usize>,
}

impl Owners {
    /// Keeps the most specific owner, and of several the one that wrote last.
    fn add(&mut self, writer: FieldWriter) {
        let rank = |writer: &FieldWriter| (writer.depth, writer.time.clone());
        if self.other.as_ref().is_none_or(|known| rank(known) <= rank(&writer)) {
            self.other = Some(writer);
        }
    }

    fn other(self) -> Option<FieldWriter> {
        self.other.filter(|other| {
            !other.manager.is_empty() && self.own.is_none_or(|own| own < other.depth)
        })
    }
}

/// The paths that are looked up.
struct PathTree<'v> {
    nodes: Vec<PathNode<'v>>,
}

#[derive(Default)]
struct PathNode<'v> {
    depth: usize,
    members: BTreeMap<&'v str, usize>,
    elements: Vec<(FieldStep<'v>, usize)>,
    /// The paths that end here.
    paths: Vec<usize>,
    /// The paths that end below.
    below: Vec<usize>,
}

/// The paths that a set of fields holds, each with the depth of what is owned.
type Owned = BTreeMap<usize, usize>;

impl<'v> PathTree<'v> {
    fn from_paths(paths: &[Vec<FieldStep<'v>>]) -> Self {
        let mut tree = Self { nodes: vec![PathNode::default()] };
        for (index, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
            let end = path.iter().fold(0, |at, step| {
                if let Some(node) = tree.nodes.get_mut(at) {
                    node.below.push(index);
                }
                tree.step(at, *step)
            });
            if let Some(node) = tree.nodes.get_mut(end) {
                node.paths.push(index);
            }
        }
        tree
    }

    fn step(&mut self, at: usize, step: FieldStep<'v>) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let known = match step {
            FieldStep::Member(name) => *node.members.entry(name).or_insert(next),
            FieldStep::Element { value, .. } => {
                let is_it = |other: &FieldStep<'_>| {
                    matches!(other, FieldStep::Element { value: other, .. }
                    if *other == value)
                };
                let known =
                    node.elements.iter().find(|(other, _)| is_it(other)).map(|(_, node)| *node);
                known.unwrap_or_else(|| {
                    node.elements.push((step, next));
                    next
                })
            }
        };
        if known == next {
            let depth = node.depth + 1;
            self.nodes.push(PathNode { depth, ..PathNode::default() });
        }
        known
    }

    /// The paths that a set of fields (`fieldsV1`) holds; none if the set is malformed.
    fn owned(&self, fields: Node<'_>) -> Option<Owned> {
        let mut owned = Owned::new();
        let mut pending = vec![(fields, vec![0])];
        while let Some((set, from)) = pending.pop() {
            if !set.is_object() {
                return None;
            }
            let below = set.members().map(|(key, below)| (below, self.below(&from, key)));
            pending.extend(below.filter(|(_, at)| !at.is_empty()));
            deepest(&mut owned, self.ends(&from, set.is_empty()));
        }
        Some(owned)
    }

    /// Where a key of a set leads: `f:NAME`, `k:{"KEY":VALUE}`, `v:VALUE` or `i:INDEX`.
    fn below(&self, from: &[usize], key: &str) -> Vec<usize> {
        let Some((kind, text)) = key.split_once(':') else { return Vec::new() };
        let nodes = from.iter().filter_map(|at| self.nodes.get(*at));
        if kind == "f" {
            return nodes.filter_map(|node| node.members.get(text).copied()).collect();
        }
        let elements: Vec<&(FieldStep<'v>, usize)> =
            nodes.flat_map(|node| &node.elements).collect();
        if elements.is_empty() {
            return Vec::new();
        }
        let Some(selector) = Selector::parse(kind, text) else { return Vec::new() };
        elements
            .into_iter()
            .filter(|(step, _)| selector.selects(step))
            .map(|(_, node)| *node)
            .collect()
    }

    /// What is owned at these nodes. An empty set of members means that everything below is owned
    /// as one.
    fn ends(&self, at: &[usize], is_whole: bool) -> Owned {
        let mut owned = Owned::new();
        for node in at.iter().filter_map(|at| self.nodes.get(*at)).filter(|node| node.depth > 0) {
            let below = node.below.iter().filter(|_| is_whole);
            deepest(&mut owned, node.paths.iter().chain(below).map(|path| (*path, node.depth)));
        }
        owned
    }
}

/// Adds paths; of one that is there already the deeper owner counts.
fn deepest(owned: &mut Owned, more: impl IntoIterator<Item = (usize, usize)>) {
    for (path, depth) in more {
        let known = owned.entry(path).or_default();
        *known = depth.max(*known);
    }
}

/// How a set of fields selects elements of a list.
enum Selector {
    Keys(Map<String, Value>),
    Value(Value),
    Index(usize),
}

impl Selector {
    fn parse(kind: &str, text: &str) -> Option<Self> {
        match kind {
            "k" => serde_json::from_str(text)
                .ok()
                .filter(|keys: &Map<_, _>| !keys.is_empty())
                .map(Self::Keys),
            "v" => serde_json::from_str(text).ok().map(Self::Value),
            "i" => text.parse().ok().map(Self::Index),
            _ => None,
        }
    }

    fn selects(&self, step: &FieldStep<'_>) -> bool {
        let FieldStep::Element { index, value } = step else { return false };
        let is = |one: Node<'_>, other: &Value| match other {
            Value::String(other) => one.as_str() == Some(other),
            // A set of fields names elements by scalars.
            _ => !one.is_container() && scalar(&one.to_value()) == scalar(other),
        };
        match self {
            Self::Keys(keys) => keys
                .iter()
                .all(|(key, wanted)| value.get(key).is_some_and(|member| is(member, wanted))),
            Self::Value(wanted) => is(*value, wanted),
            Self::Index(wanted) => *index == Some(*wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{FieldStep, last_writers};
    use crate::engine::review::{Node, scan};

    /// A node for as long as the tests run.
    fn node(value: &Value) -> Node<'static> {
        of_text(&value.to_string())
    }

    fn of_text(text: &str) -> Node<'static> {
        let text = Box::leak(text.to_owned().into_boxed_str());
        Box::leak(Box::new(scan(text).unwrap())).root()
    }

    fn writer(
        entries: &Value,
        own: Option<&str>,
        path: &[FieldStep<'_>],
    ) -> Option<(String, String, usize)> {
        let writers = last_writers(Some(node(entries)), own, &[path.to_vec()]);
        writers
            .into_iter()
            .next()
            .flatten()
            .map(|writer| (writer.manager, writer.subresource, writer.depth))
    }

    fn entry(manager: &str, time: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": "Update", "time": time, "fieldsType": "FieldsV1",
            "fieldsV1": fields})
    }

    const QUEUE: [FieldStep<'static>; 2] = [FieldStep::Member("spec"), FieldStep::Member("queue")];

    #[test]
    fn a_field_belongs_to_the_manager_that_wrote_it_last() {
        let queue = json!({"f:spec": {".": {}, "f:queue": {}}});
        let others = json!({"f:spec": {".": {}, "f:tasks": {}}});
        let entries = json!([
            entry("b", "2026-01-03T00:00:00Z", &queue),
            entry("a", "2026-01-02T00:00:00Z", &queue),
            entry("c", "2026-01-04T00:00:00Z", &others)
        ]);
        assert_eq!(writer(&entries, None, &QUEUE), Some(("b".to_owned(), String::new(), 2)));
        assert_eq!(writer(&entries, Some("b"), &QUEUE), None);
        assert_eq!(writer(&entries, Some("a"), &QUEUE), None);
        assert_eq!(
            writer(&entries, Some("c"), &QUEUE).map(|(manager, ..)| manager),
            Some("b".to_owned())
        );
        assert_eq!(
            writer(&entries, None, &[FieldStep::Member("spec"), FieldStep::Member("other")]),
            None
        );
    }

    #[test]
    fn a_value_that_one_command_of_kubectl_wrote_is_not_foreign_to_another() {
        let entries =
            |manager: &str| json!([entry(manager, "", &json!({"f:spec": {"f:queue": {}}}))]);
        for (own, other, is_foreign) in [
            ("kubectl-replace", "kubectl-create", false),
            ("kubectl", "kubectl-client-side-apply", false),
            ("kubectl-edit", "kubectlx", true),
            ("helm", "kubectl", true),
        ] {
            assert_eq!(
                writer(&entries(other), Some(own), &QUEUE).is_some(),
                is_foreign,
                "{own} {other}"
            );
        }
    }

    #[test]
    fn what_is_owned_as_a_whole_is_said_with_its_depth() {
        let volume = json!({"mountPath": "/data", "volumeClaimName": "x"});
        let path = [
            FieldStep::Member("spec"),
            FieldStep::Member("volumes"),
            FieldStep::Element { index: Some(0), value: node(&volume) },
            FieldStep::Member("volumeClaimName"),
        ];
        let atomic = json!([entry("controller", "", &json!({"f:spec": {"f:volumes": {}}}))]);
        assert_eq!(
            writer(&atomic, Some("kubectl-replace"), &path),
            Some(("controller".to_owned(), String::new(), 2))
        );
        // The manager of the field itself is named rather than that of the list, however old its
        // write is.
        let exact = json!({"f:spec": {"f:volumes": {"k:{\"mountPath\":\"/data\"}": {"f:volumeClaimName": {}}}}});
        let both = json!([
            entry("whole", "2026-01-02T00:00:00Z", &json!({"f:spec": {"f:volumes": {}}})),
            entry("exact", "2026-01-01T00:00:00Z", &exact)
        ]);
        let exact = Some(("exact".to_owned(), String::new(), 4));
        assert_eq!(writer(&both, None, &path), exact);
        assert_eq!(writer(&both, Some("whole"), &path), exact);
        assert_eq!(writer(&both, Some("exact"), &path), None);
        // An empty set at the root says nothing.
        assert_eq!(writer(&json!([entry("nothing", "", &json!({}))]), None, &path), None);
    }

    #[test]
    fn elements_are_found_by_keys_value_and_index() {
        let port = json!({"port": 80, "protocol": "TCP", "name": "web"});
        let item = json!("a");
        let table = [
            (r#"k:{"port":80,"protocol":"TCP"}"#, &port, true),
            (r#"k:{"port":80.0}"#, &port, true),
            (r#"k:{"port":81,"protocol":"TCP"}"#, &port, false),
            (r#"k:{"port":80,"host":"x"}"#, &port, false),
            ("k:{}", &port, false),
            ("k:{", &port, false),
            (r#"v:"a""#, &item, true),
            (r#"v:"b""#, &item, false),
            ("i:3", &item, true),
            ("i:2", &item, false),
            ("x:3", &item, false),
            ("3", &item, false),
        ];
        for (key, value, is_owned) in table {
            let path = [
                FieldStep::Member("ports"),
                FieldStep::Element { index: Some(3), value: node(value) },
            ];
            let entries = json!([entry("m", "", &json!({"f:ports": {key: {".": {}}}}))]);
            assert_eq!(writer(&entries, None, &path).is_some(), is_owned, "{key}");
        }
    }

    #[test]
    fn what_is_malformed_is_skipped() {
        let good = entry("good", "", &json!({"f:spec": {"f:queue": {}}}));
        for bad in [
            json!(1),
            json!({}),
            entry("bad", "", &json!(1)),
            entry("bad", "", &json!({"f:spec": 1})),
            entry("", "", &json!({"f:spec": {"f:queue": {}}})),
        ] {
            assert_eq!(
                writer(&json!([bad, good]), None, &QUEUE).map(|(manager, ..)| manager),
                Some("good".to_owned()),
                "{bad}"
            );
        }
        let nested = format!(
            "[{{\"manager\":\"m\",\"fieldsV1\":{}{{}}{}}}]",
            r#"{"f:x":"#.repeat(9_000),
            "}".repeat(9_000)
        );
        let deep: Vec<FieldStep<'_>> = vec![FieldStep::Member("x"); 9_000];
        for text in ["1", "{}", "null", &nested] {
            let writers = last_writers(Some(of_text(text)), None, &[QUEUE.to_vec(), deep.clone()]);
            assert_eq!(writers[0], None, "{text:.20}");
            assert_eq!(writers[1].is_some(), text == nested, "{text:.20}");
        }
        assert_eq!(last_writers(None, None, &[Vec::new()]), [None]);
    }

    #[test]
    fn of_a_repeated_member_the_last_one_counts() {
        let text = r#"[{"manager":"a","manager":"m","subresource":"scale","fieldsV1":{"f:spec":{"f:other":{}}}}]"#;
        let other = vec![FieldStep::Member("spec"), FieldStep::Member("other")];
        let writers = last_writers(Some(of_text(text)), None, &[QUEUE.to_vec(), other]);
        let names: Vec<Option<(&str, &str)>> = writers
            .iter()
            .map(|writer| {
                writer.as_ref().map(|writer| (writer.manager.as_str(), writer.subresource.as_str()))
            })
            .collect();
        assert_eq!(names, [None, Some(("m", "scale"))]);
    }

    #[test]
    fn many_sets_that_own_many_deep_paths_are_cheap() {
        let names: Vec<String> = (0..32).map(|number| number.to_string()).collect();
        let deep = |name| {
            [
                vec![FieldStep::Member("spec")],
                vec![FieldStep::Member("x"); 5_000],
                vec![FieldStep::Member(name)],
            ]
            .concat()
        };
        let paths: Vec<Vec<FieldStep<'_>>> = names.iter().map(|name| deep(name)).collect();
        let entry = r#"{"manager":"m","fieldsV1":{"f:spec":{},"f:spec":{},"f:spec":{}}}"#;
        let text = format!("[{}]", vec![entry; 30_000].join(","));
        let writers = last_writers(Some(of_text(&text)), None, &paths);
        assert!(
            writers.iter().all(|writer| writer.as_ref().is_some_and(|writer| writer.depth == 1))
        );
    }
}
