//! The wire: an AdmissionReview as the API server sends it. Types of our own over raw JSON, since kube's re-type metadata.
//!
//! The envelope is read without looking into the two objects, so the uid is known even when an object cannot be judged.
//! Of a repeated key the last one counts, everywhere.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::rules::{Rule, Target};
use super::sparse::{Objects, Read};

/// The `apiVersion` of every review that is understood.
pub(super) const API_VERSION: &str = "admission.k8s.io/v1";

/// Levels of nesting up to which an object is judged: the API server's own limit.
const DEEPEST: usize = 10_000;

/// Stack that one level of nesting may take, over parsing, walking and dropping, in an unoptimised build.
const STACK_PER_LEVEL: usize = 12 * 1024;

/// The parts of a request that ValidatingAdmissionPolicy shows to its expressions, each with its members if it has those and no others.
pub(super) const SEEN_BY_CONDITIONS: [(&str, &[&str]); 12] = [
    ("kind", &["group", "version", "kind"]),
    ("resource", &["group", "version", "resource"]),
    ("subResource", &[]),
    ("requestKind", &["group", "version", "kind"]),
    ("requestResource", &["group", "version", "resource"]),
    ("requestSubResource", &[]),
    ("name", &[]),
    ("namespace", &[]),
    ("operation", &[]),
    ("userInfo", &["username", "uid", "groups", "extra"]),
    ("dryRun", &[]),
    ("options", &[]),
];

/// Levels that any thread's stack bears.
const SHALLOW: usize = 64;

/// A review whose envelope could be read.
#[derive(Debug)]
pub(super) struct Review<'a> {
    pub(super) uid: Cow<'a, str>,
    pub(super) operation: Operation,
    pub(super) name: Cow<'a, str>,
    pub(super) namespace: Cow<'a, str>,
    pub(super) user: Cow<'a, str>,
    pub(super) groups: Vec<String>,
    kind: Option<Kind<'a>>,
    resource: Option<Resource<'a>>,
    subresource: Cow<'a, str>,
    request: Fields<'a>,
    object: Option<&'a str>,
    old_object: Option<&'a str>,
    /// The same, if nothing in the review is out of the ordinary.
    objects: Option<Objects<'a>>,
}

/// Which way a review is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Without what both objects have in common, where that is possible.
    Fast,
    /// In whole: the reference that the other is tested against.
    Plain,
}

/// What the requester does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// Judged.
    Update,
    /// CREATE, DELETE, CONNECT: no rule speaks of it.
    Other,
    /// Not one of Kubernetes' operations.
    Unknown(String),
}

#[derive(Debug)]
struct Kind<'a> {
    group: Cow<'a, str>,
    kind: Cow<'a, str>,
}

#[derive(Debug)]
struct Resource<'a> {
    group: Cow<'a, str>,
    version: Cow<'a, str>,
    plural: Cow<'a, str>,
}

/// Why a body is not a review: it has no uid to answer to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAReview {
    #[error("expected an AdmissionReview as JSON, found something else: {0}")]
    Json(String),
    #[error("expected apiVersion `{API_VERSION}`, found `{0}`")]
    Version(String),
    #[error("expected kind `AdmissionReview`, found `{0}`")]
    Kind(String),
    #[error("expected an AdmissionReview with a `request`, found none")]
    Request,
    #[error("expected an AdmissionReview with a `request.uid`, found none")]
    Uid,
}

/// Why the content of a review cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unjudgeable {
    #[error("expected the operation UPDATE, CREATE, DELETE or CONNECT, found `{0}`")]
    Operation(String),
    #[error("expected `request.resource` with group, version and resource, and `request.kind`, found none")]
    Target,
    #[error("expected both `object` and `oldObject` of the update, found no `{0}`")]
    Missing(&'static str),
    #[error("expected an object as `{0}`, found something else")]
    NoObject(&'static str),
    #[error("expected at most {DEEPEST} levels of nesting in `{0}`, found more")]
    Depth(&'static str),
    #[error("expected text and numbers that JSON can carry in `{0}`, found {1}")]
    Content(&'static str, String),
    #[error("{0}")]
    Difference(#[from] super::diff::StrayOperation),
}

impl<'a> Review<'a> {
    pub(super) fn parse(body: &'a [u8], way: Way) -> Result<Self, NotAReview> {
        let read = if way == Way::Fast { Read::of(body) } else { None };
        let (top, request, objects) = if let Some(read) = read {
            (read.top, read.request, Some(read.objects))
        } else {
            let top: Fields<'a> = serde_json::from_slice(body).map_err(|error| NotAReview::Json(json_error(&error)))?;
            let request = top.members("request");
            (top, request, None)
        };
        let version = text(&top, "apiVersion").unwrap_or_default();
        if version != API_VERSION {
            return Err(NotAReview::Version(super::words::cut(&super::words::harmless(&version), 64)));
        }
        if let Some(kind) = text(&top, "kind").filter(|kind| kind != "AdmissionReview") {
            return Err(NotAReview::Kind(super::words::cut(&super::words::harmless(&kind), 64)));
        }
        let request = request.ok_or(NotAReview::Request)?;
        let uid = text(&request, "uid").filter(|uid| !uid.is_empty()).ok_or(NotAReview::Uid)?;
        let user_info = request.members("userInfo").unwrap_or_default();
        let operation = match text(&request, "operation").as_deref() {
            Some("UPDATE") => Operation::Update,
            Some("CREATE" | "DELETE" | "CONNECT") => Operation::Other,
            other => Operation::Unknown(other.unwrap_or_default().to_owned()),
        };
        let object = |name: &str| request.get(name).filter(|raw| *raw != "null");
        Ok(Self {
            uid,
            operation,
            name: text(&request, "name").unwrap_or_default(),
            namespace: text(&request, "namespace").unwrap_or_default(),
            user: text(&user_info, "username").unwrap_or_default(),
            groups: parsed(&user_info, "groups").unwrap_or_default(),
            kind: Kind::parse(&request),
            resource: Resource::parse(&request),
            subresource: text(&request, "subResource").unwrap_or_default(),
            object: object("object"),
            old_object: object("oldObject"),
            objects,
            request,
        })
    }

    /// The request as conditions see it: without the two objects, and what ValidatingAdmissionPolicy leaves out too. None if it nests
    /// deeper than any request of an API server.
    pub(super) fn request_value(&self) -> Option<Value> {
        let parts = self.request.iter().filter(|(name, _)| SEEN_BY_CONDITIONS.iter().any(|(seen, _)| seen == name));
        let parts: Option<serde_json::Map<String, Value>> =
            parts.map(|(name, raw)| Some((name.to_owned(), serde_json::from_str(raw).ok()?))).collect();
        parts.map(Value::Object)
    }

    /// The field manager of the requester, if the request names one.
    pub(super) fn field_manager(&self) -> Option<Cow<'a, str>> {
        text(&self.request.members("options")?, "fieldManager").filter(|name| !name.is_empty())
    }

    /// The text of `metadata.managedFields` of the old object.
    pub(super) fn managed_fields(&self) -> Option<&'a str> {
        if let Some(found) = self.objects.as_ref().and_then(|objects| objects.old_text(&["metadata", "managedFields"])) {
            return found;
        }
        let object: Fields<'a> = serde_json::from_str(self.old_object?).ok()?;
        object.members("metadata")?.get("managedFields")
    }

    /// The texts of the new and of the old object.
    #[cfg(test)]
    pub(super) fn texts(&self) -> (Option<&'a str>, Option<&'a str>) {
        (self.object, self.old_object)
    }

    /// What the review is about, converted for the registration; never what the requester's own version was.
    pub(super) fn target(&self) -> Option<Target<'_>> {
        let (kind, resource) = (self.kind.as_ref()?, self.resource.as_ref()?);
        Some(Target {
            group: &resource.group,
            version: &resource.version,
            resource: &resource.plural,
            subresource: &self.subresource,
            kind: &kind.kind,
        })
    }

    pub(super) fn kind(&self) -> &str {
        self.kind.as_ref().map_or("", |kind| &kind.kind)
    }

    pub(super) fn group(&self) -> &str {
        self.kind.as_ref().map_or("", |kind| &kind.group)
    }

    /// Whether the object is a Secret, whose values are never shown.
    pub(super) fn is_secret(&self) -> bool {
        self.group().is_empty() && self.kind() == "Secret"
    }

    /// Parses both objects, as far as the rules may ask for them, and hands them to `judge`, on a stack that their nesting cannot exhaust.
    pub(super) fn with_objects<T>(
        &self,
        rules: &[&Rule],
        judge: impl FnOnce(&Value, &Value) -> Result<T, Unjudgeable>,
    ) -> Result<T, Unjudgeable> {
        let old = self.old_object.ok_or(Unjudgeable::Missing("oldObject"))?;
        let new = self.object.ok_or(Unjudgeable::Missing("object"))?;
        if let Some((old, new)) = self.objects.as_ref().and_then(|objects| objects.trees(rules)) {
            return judge(&old, &new);
        }
        let deepest = depth(old, "oldObject")?.max(depth(new, "object")?);
        let run = || judge(&parse(old, "oldObject")?, &parse(new, "object")?);
        if deepest <= SHALLOW { run() } else { stacker::grow(deepest * STACK_PER_LEVEL, run) }
    }
}

impl<'a> Kind<'a> {
    fn parse(request: &Fields<'a>) -> Option<Self> {
        let fields = request.members("kind")?;
        Some(Self { group: text(&fields, "group")?, kind: text(&fields, "kind")? })
    }
}

impl<'a> Resource<'a> {
    fn parse(request: &Fields<'a>) -> Option<Self> {
        let fields = request.members("resource")?;
        Some(Self { group: text(&fields, "group")?, version: text(&fields, "version")?, plural: text(&fields, "resource")? })
    }
}

/// The members of an object, unread. A derived struct would refuse a repeated key; of these the last one stays.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Fields<'a> {
    pub(super) fn push(&mut self, name: &'a str, text: &'a str) {
        self.0.push((Cow::Borrowed(name), text));
    }

    /// The text of a member.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|(candidate, _)| candidate == name).map(|(_, text)| *text)
    }

    /// The members of a member, if it is an object.
    pub(super) fn members(&self, name: &str) -> Option<Self> {
        parsed(self, name)
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, text)| (&**name, *text))
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(AllFields)
    }
}

struct AllFields;

impl<'de> Visitor<'de> for AllFields {
    type Value = Fields<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields(Vec::with_capacity(16));
        while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            fields.0.push((name, value.get()));
        }
        Ok(fields)
    }
}

/// A string, borrowed where it is written as it is.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A member, if it can be read as that.
fn parsed<'a, T: Deserialize<'a>>(fields: &Fields<'a>, name: &str) -> Option<T> {
    fields.get(name).and_then(|raw| serde_json::from_str(raw).ok())
}

/// A member, if it is a string.
pub(super) fn text<'a>(fields: &Fields<'a>, name: &str) -> Option<Cow<'a, str>> {
    parsed(fields, name).map(|Text(text)| text)
}

fn parse(json: &str, what: &'static str) -> Result<Value, Unjudgeable> {
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader).map_err(|error| Unjudgeable::Content(what, json_error(&error)))?;
    if value.is_object() { Ok(value) } else { Err(Unjudgeable::NoObject(what)) }
}

/// What is wrong with a text, without any of the text.
fn json_error(error: &serde_json::Error) -> String {
    let place = format!("at line {} column {}", error.line(), error.column());
    match error.classify() {
        // Of a value of another kind the library quotes the value.
        serde_json::error::Category::Data => format!("another kind of value {place}"),
        _ => super::words::cut(&super::words::harmless(&error.to_string()), 200),
    }
}

/// The levels of nesting of a JSON text that is known to be well-formed.
fn depth(json: &str, what: &'static str) -> Result<usize, Unjudgeable> {
    let (mut now, mut deepest) = (0usize, 0usize);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' => now = now.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    if deepest > DEEPEST { Err(Unjudgeable::Depth(what)) } else { Ok(deepest) }
}

fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

/// The uid of a review of which only the first bytes are there.
pub(super) fn uid_in_prefix(prefix: &[u8]) -> Option<String> {
    let found = RefCell::new(None);
    let text = match std::str::from_utf8(prefix) {
        Ok(text) => text,
        // A cut may go through a character.
        Err(error) => std::str::from_utf8(prefix.get(..error.valid_up_to())?).ok()?,
    };
    // The text ends in the middle, so the result is an error as a rule; what was met before is what counts.
    let _ = Seek { at: "request", then: Some("uid"), found: &found }.deserialize(&mut serde_json::Deserializer::from_str(text));
    found.into_inner().filter(|uid: &String| !uid.is_empty())
}

/// Finds a member by name, and in it another.
struct Seek<'f> {
    at: &'static str,
    then: Option<&'static str>,
    found: &'f RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match self.then {
                _ if key != self.at => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(then) => map.next_value_seed(Seek { at: then, then: None, found: self.found })?,
                None => *self.found.borrow_mut() = Some(map.next_value::<String>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Operation, Review, Way, depth, uid_in_prefix};

    #[test]
    fn of_a_repeated_key_the_last_one_counts() {
        let body = br#"{"apiVersion":"x","request":1,"apiVersion":"admission.k8s.io/v1","request":{"uid":"a","operation":"CREATE","uid":"b","operation":"UPDATE"}}"#;
        let review = Review::parse(body, Way::Plain).map(|review| (review.uid, review.operation));
        assert_eq!(review, Ok(("b".into(), Operation::Update)));
    }

    #[test]
    fn depth_counts_containers_outside_strings() {
        assert_eq!(depth(r#"{"a":[{"b":"[[[\"{{"}],"c":{}}"#, "object"), Ok(3));
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(depth(&nested(10_000), "object"), Ok(10_000));
        assert!(depth(&nested(10_001), "object").is_err());
    }

    #[test]
    fn a_uid_is_found_in_what_there_is() {
        let whole = r#"{"kind":"AdmissionReview","request":{"extra":{"uid":"no"},"uid":"yes","object":{"uid":"no"#;
        assert_eq!(uid_in_prefix(whole.as_bytes()), Some("yes".to_owned()));
        for text in [
            "",
            "{",
            r#"{"request":{"uid":"ye"#,
            r#"{"request":[{"uid":"x"}]}"#,
            r#"{"uid":"x"}"#,
            r#"{"request":{"uid":""}}"#,
            "\u{feff}{}",
        ] {
            assert_eq!(uid_in_prefix(text.as_bytes()), None, "{text}");
        }
    }
}
