//! The wire: an AdmissionReview as the API server sends it. Types of our own over raw JSON, since
//! kube's re-type metadata.
//!
//! The envelope is read without looking into the two objects, so the uid is known even when an
//! object cannot be judged. Of a repeated key the last one counts, everywhere.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::index::IndexedText;
use super::node::Node;
use super::scanner::{scan, scan_prefix};
use super::unjudgeable::{API_VERSION, DEEPEST, NotAReview, Unjudgeable};
use crate::engine::condition::SEEN_BY_CONDITIONS;
use crate::engine::rule::{Target, cut, escape_control};

/// Stack that one level of nesting may take, over parsing, walking and dropping, in an unoptimised
/// build.
pub(super) const STACK_PER_LEVEL: usize = 12 * 1024;

/// Levels that any thread's stack bears.
const SHALLOW: usize = 64;

/// More levels than any part of an API server's request has, apart from the objects.
const DEEPEST_REQUEST: usize = 128;

/// A review whose envelope could be read.
#[derive(Debug)]
pub(crate) struct Review<'a> {
    pub(crate) uid: Cow<'a, str>,
    pub(crate) operation: Operation,
    pub(crate) name: Cow<'a, str>,
    pub(crate) namespace: Cow<'a, str>,
    pub(crate) user: Cow<'a, str>,
    pub(crate) groups: Vec<String>,
    kind: Option<ReviewKind<'a>>,
    resource: Option<ReviewResource<'a>>,
    subresource: Cow<'a, str>,
    /// `request.oldObject` and `request.object` in the document, if they are there.
    old: Option<u32>,
    new: Option<u32>,
    document: IndexedText<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    Update,
    /// CREATE, DELETE, CONNECT: no rule covers it.
    Other,
    /// Not one of Kubernetes' operations.
    Unknown(String),
}

#[derive(Debug)]
struct ReviewKind<'a> {
    group: Cow<'a, str>,
    kind: Cow<'a, str>,
}

#[derive(Debug)]
struct ReviewResource<'a> {
    group: Cow<'a, str>,
    version: Cow<'a, str>,
    plural: Cow<'a, str>,
}

impl<'a> Review<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, NotAReview> {
        let document = simdutf8::basic::from_utf8(body).ok().and_then(scan);
        let document = document
            .filter(|document| document.root().is_object())
            .ok_or_else(|| NotAReview::Json(not_json(body)))?;
        let [version, kind] = document.root().get_all(["apiVersion", "kind"]);
        let version = version.and_then(|node| document.string(node)).unwrap_or_default();
        if version != API_VERSION {
            return Err(NotAReview::Version(cut(&escape_control(&version), 64)));
        }
        let kind = kind.and_then(|node| document.string(node));
        if let Some(kind) = kind.filter(|kind| kind != "AdmissionReview") {
            return Err(NotAReview::Kind(cut(&escape_control(&kind), 64)));
        }
        Self::from_document(document)
    }

    /// Reads the first bytes of a review. None if they hold no uid. The API server writes the two
    /// objects last, so everything else is known early.
    pub(crate) fn parse_beginning(bytes: &'a [u8]) -> Option<Self> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            // A cut may go through a character.
            Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
        };
        Self::from_document(scan_prefix(text)?).ok()
    }

    fn from_document(document: IndexedText<'a>) -> Result<Self, NotAReview> {
        let text = |node: Option<Node<'_>>| document.string(node?);
        let request = document.root().get("request").filter(|request| request.is_object());
        let request = request.ok_or(NotAReview::Request)?;
        let [uid, operation, name, namespace, user_info, kind, resource, subresource] = request
            .get_all([
                "uid",
                "operation",
                "name",
                "namespace",
                "userInfo",
                "kind",
                "resource",
                "subResource",
            ]);
        let [old, new] =
            request.get_all(["oldObject", "object"]).map(|object| object.map(Node::number));
        let uid = text(uid).filter(|uid| !uid.is_empty()).ok_or(NotAReview::Uid)?;
        let [user, groups] =
            user_info.map(|info| info.get_all(["username", "groups"])).unwrap_or_default();
        let groups = || {
            let names = groups?.elements().map(|group| group.as_str().map(str::to_owned));
            names.collect::<Option<Vec<String>>>()
        };
        let operation = match text(operation).as_deref() {
            Some("UPDATE") => Operation::Update,
            Some("CREATE" | "DELETE" | "CONNECT") => Operation::Other,
            other => Operation::Unknown(other.unwrap_or_default().to_owned()),
        };
        let kind = || {
            let [group, kind] = kind?.get_all(["group", "kind"]);
            Some(ReviewKind { group: text(group)?, kind: text(kind)? })
        };
        let resource = || {
            let [group, version, plural] = resource?.get_all(["group", "version", "resource"]);
            Some(ReviewResource {
                group: text(group)?,
                version: text(version)?,
                plural: text(plural)?,
            })
        };
        Ok(Self {
            uid,
            operation,
            name: text(name).unwrap_or_default(),
            namespace: text(namespace).unwrap_or_default(),
            user: text(user).unwrap_or_default(),
            groups: groups().unwrap_or_default(),
            kind: kind(),
            resource: resource(),
            subresource: text(subresource).unwrap_or_default(),
            old,
            new,
            document,
        })
    }

    /// How many values the body has. A container that repeats another one as a whole counts as one.
    pub(crate) fn values(&self) -> usize {
        self.document.entries.len()
    }

    /// How many bytes the body has.
    pub(crate) fn bytes(&self) -> usize {
        self.document.text.len()
    }

    pub(crate) fn root(&self) -> Node<'_> {
        self.document.root()
    }

    fn in_request(&self, name: &str) -> Option<Node<'_>> {
        self.root().get("request")?.get(name)
    }

    /// The members of the request that conditions see, sorted: without the two objects, and what
    /// ValidatingAdmissionPolicy leaves out too. None if one nests deeper than any request of an
    /// API server, or cannot be read.
    pub(crate) fn seen_by_conditions(&self) -> Option<Vec<(&'static str, Node<'_>)>> {
        let mut parts: Vec<(&'static str, Node<'_>)> = SEEN_BY_CONDITIONS
            .iter()
            .filter_map(|(name, _)| Some((*name, self.in_request(name)?)))
            .collect();
        parts.sort_unstable_by_key(|(name, _)| *name);
        let is_readable =
            |part: &Node<'_>| part.unreadable().is_none() && part.levels() < DEEPEST_REQUEST;
        parts.iter().all(|(_, part)| is_readable(part)).then_some(parts)
    }

    /// The field manager of the requester, if the request names one.
    pub(crate) fn field_manager(&self) -> Option<&str> {
        self.in_request("options")?.get("fieldManager")?.as_str().filter(|name| !name.is_empty())
    }

    /// `metadata.managedFields` of the old object.
    pub(crate) fn managed_fields(&self) -> Option<Node<'_>> {
        self.document.node(self.old?).get("metadata")?.get("managedFields")
    }

    /// What the review is about, converted for the registration; never what the requester's own
    /// version was.
    pub(crate) fn target(&self) -> Option<Target<'_>> {
        let (kind, resource) = (self.kind.as_ref()?, self.resource.as_ref()?);
        Some(Target {
            group: &resource.group,
            version: &resource.version,
            resource: &resource.plural,
            subresource: &self.subresource,
            kind: &kind.kind,
        })
    }

    pub(crate) fn kind(&self) -> &str {
        self.kind.as_ref().map_or("", |kind| &kind.kind)
    }

    pub(crate) fn group(&self) -> &str {
        self.kind.as_ref().map_or("", |kind| &kind.group)
    }

    /// Whether the object is a Secret, whose values are never shown.
    pub(crate) fn is_secret(&self) -> bool {
        self.group().is_empty() && self.kind() == "Secret"
    }

    /// Hands both objects to `judge`, on a stack that their nesting cannot exhaust.
    pub(crate) fn with_objects<'s, T>(
        &'s self,
        judge: impl FnOnce(Node<'s>, Node<'s>) -> Result<T, Unjudgeable>,
    ) -> Result<T, Unjudgeable> {
        let object = |number: Option<u32>, name: &'static str| {
            let object = number.map(|number| self.document.node(number));
            object.filter(|object| !object.is_null()).ok_or(Unjudgeable::Missing(name))
        };
        let (old, new) = (object(self.old, "oldObject")?, object(self.new, "object")?);
        let both = [(old, "oldObject"), (new, "object")];
        for (object, name) in both {
            if self.document.levels(object) > DEEPEST {
                return Err(Unjudgeable::Depth(name));
            }
        }
        for (object, name) in both {
            if let Some(at) = object.unreadable() {
                return Err(Unjudgeable::Content(name, unreadable(object.text(), at)));
            }
            if !object.is_object() {
                return Err(Unjudgeable::NoObject(name));
            }
        }
        let run = || judge(old, new);
        let deepest = self.document.deepest();
        if deepest <= SHALLOW { run() } else { stacker::grow(deepest * STACK_PER_LEVEL, run) }
    }
}

/// Why a body is no JSON object.
fn not_json(body: &[u8]) -> String {
    match serde_json::from_slice::<BTreeMap<Cow<'_, str>, &RawValue>>(body) {
        Err(error) => json_error(&error),
        Ok(_) => "text that is not UTF-8, or too long".to_owned(),
    }
}

/// What is wrong with the string or number that starts at `at`.
fn unreadable(text: &str, at: usize) -> String {
    let (before, rest) = text.split_at_checked(at).unwrap_or_default();
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let Some(Err(error)) = values.next() else { return String::new() };
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = error.to_string();
    let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before.len() - line_start + error.column();
    let reason = reason.strip_suffix(&place).unwrap_or(&reason);
    cut(&escape_control(&format!("{reason} at line {line} column {column}")), 200)
}

/// What is wrong with a text, without any of the text.
fn json_error(error: &serde_json::Error) -> String {
    let place = format!("at line {} column {}", error.line(), error.column());
    match error.classify() {
        // Of a value of another kind the library quotes the value.
        serde_json::error::Category::Data => format!("another kind of value {place}"),
        _ => cut(&escape_control(&error.to_string()), 200),
    }
}

#[cfg(test)]
mod tests {
    use super::{DEEPEST_REQUEST, Operation, Review};

    #[test]
    fn of_a_repeated_key_the_last_one_counts() {
        let body = br#"{"apiVersion":"x","request":1,"apiVersion":"admission.k8s.io/v1","request":{"uid":"a","operation":"CREATE","uid":"b","operation":"UPDATE"}}"#;
        let review = Review::parse(body).map(|review| (review.uid, review.operation));
        assert_eq!(review, Ok(("b".into(), Operation::Update)));
    }

    #[test]
    fn conditions_see_no_request_that_is_unreadable_or_deeper_than_an_api_server_sends() {
        let is_seen = |options: &str| {
            let request = format!(r#"{{"uid":"u","operation":"UPDATE","options":{options}}}"#);
            let body = format!(r#"{{"apiVersion":"admission.k8s.io/v1","request":{request}}}"#);
            Review::parse(body.as_bytes()).unwrap().seen_by_conditions().is_some()
        };
        let nested = |levels| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_seen(&nested(DEEPEST_REQUEST - 1)));
        assert!(!is_seen(&nested(DEEPEST_REQUEST)));
        assert!(!is_seen(r#"{"fieldManager":"\ud800"}"#));
    }

    fn uid_in_beginning(text: &str) -> Option<String> {
        Review::parse_beginning(text.as_bytes()).map(|review| review.uid.into_owned())
    }

    #[test]
    fn a_uid_is_found_in_what_there_is() {
        let whole = r#"{"kind":"AdmissionReview","request":{"extra":{"uid":"no"},"uid":"yes","object":{"uid":"no"#;
        assert_eq!(uid_in_beginning(whole), Some("yes".to_owned()));
        for text in [
            "",
            "{",
            r#"{"request":{"uid":"ye"#,
            r#"{"request":[{"uid":"x"}]}"#,
            r#"{"uid":"x"}"#,
            r#"{"request":{"uid":""}}"#,
            "\u{feff}{}",
        ] {
            assert_eq!(uid_in_beginning(text), None, "{text}");
        }
    }

    #[test]
    fn what_stands_before_the_objects_is_known_without_them() {
        let whole = concat!(
            r#"{"kind":"AdmissionReview","request":{"uid":"u","kind":{"group":"apps","version":"v1","#,
            r#""kind":"Deployment"},"resource":{"group":"apps","version":"v1","resource":"deployments"},"#,
            r#""operation":"UPDATE","userInfo":{"username":"alice","groups":["g"]},"object":{"#,
        );
        let review = Review::parse_beginning(whole.as_bytes()).expect("a uid");
        assert_eq!((&*review.user, &review.operation), ("alice", &Operation::Update));
        assert_eq!(review.target().map(|target| target.resource), Some("deployments"));
        let cut = whole.split_once(r#"ce","groups"#).expect("a user").0;
        let review = Review::parse_beginning(cut.as_bytes()).expect("a uid");
        assert_eq!((&*review.user, &review.operation), ("", &Operation::Update));
    }
}
