//! The wire: an AdmissionReview as the API server sends it. Types of our own over raw JSON, since
//! kube's re-type metadata.
//!
//! The envelope is read without looking into the two objects, so the uid is known even when an
//! object cannot be judged. Of a repeated key the last one counts, everywhere.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::fields::{Fields, Text, parsed, text};
use super::read::{Objects, ScannedReview};
use super::unjudgeable::{API_VERSION, DEEPEST, NotAReview, Unjudgeable};
use crate::engine::condition::SEEN_BY_CONDITIONS;
use crate::engine::rule::{Entry, Rule, Target, cut, escape_control};

/// Stack that one level of nesting may take, over parsing, walking and dropping, in an unoptimised
/// build.
const STACK_PER_LEVEL: usize = 12 * 1024;

/// Levels that any thread's stack bears.
const SHALLOW: usize = 64;

/// A review whose envelope could be read.
#[derive(Debug)]
pub(crate) struct Review<'a> {
    pub(crate) uid: Cow<'a, str>,
    pub(crate) operation: Operation,
    pub(crate) name: Cow<'a, str>,
    pub(crate) namespace: Cow<'a, str>,
    pub(crate) user: Cow<'a, str>,
    pub(crate) groups: Vec<String>,
    kind: Option<Kind<'a>>,
    resource: Option<Resource<'a>>,
    subresource: Cow<'a, str>,
    request: Fields<'a>,
    object: Option<&'a str>,
    old_object: Option<&'a str>,
    /// The same, if nothing in the review is out of the ordinary.
    objects: Option<Objects<'a>>,
}

/// How a review is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadMode {
    /// Without what both objects have in common, where that is possible.
    Fast,
    /// In whole: the reference that the other is tested against.
    Plain,
}

/// What the requester does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
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

impl<'a> Review<'a> {
    pub(crate) fn parse(body: &'a [u8], mode: ReadMode) -> Result<Self, NotAReview> {
        let read = if mode == ReadMode::Fast { ScannedReview::of(body) } else { None };
        let (top, request, objects) = if let Some(read) = read {
            (read.top, read.request, Some(read.objects))
        } else {
            let top: Fields<'a> = serde_json::from_slice(body)
                .map_err(|error| NotAReview::Json(json_error(&error)))?;
            let request = top.members("request");
            (top, request, None)
        };
        let version = text(&top, "apiVersion").unwrap_or_default();
        if version != API_VERSION {
            return Err(NotAReview::Version(cut(&escape_control(&version), 64)));
        }
        if let Some(kind) = text(&top, "kind").filter(|kind| kind != "AdmissionReview") {
            return Err(NotAReview::Kind(cut(&escape_control(&kind), 64)));
        }
        Self::of(request.ok_or(NotAReview::Request)?, objects)
    }

    /// Reads the first bytes of a review: those members of `request` that are whole. None if they
    /// hold no uid. The API server writes the two objects last, so everything else is known early.
    pub(crate) fn parse_beginning(bytes: &'a [u8]) -> Option<Self> {
        // The cut may go through a character.
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
        };
        let found = RefCell::default();
        // The text ends in the middle, so this usually fails; what it found before counts.
        let _ = Beginning { found: &found, in_request: false }
            .deserialize(&mut serde_json::Deserializer::from_str(valid));
        Self::of(found.into_inner(), None).ok()
    }

    fn of(request: Fields<'a>, objects: Option<Objects<'a>>) -> Result<Self, NotAReview> {
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

    /// The request as conditions see it: without the two objects, and what
    /// ValidatingAdmissionPolicy leaves out too. None if it nests deeper than any request of an API
    /// server.
    pub(crate) fn request_value(&self) -> Option<Value> {
        let parts = self
            .request
            .iter()
            .filter(|(name, _)| SEEN_BY_CONDITIONS.iter().any(|(seen, _)| seen == name));
        let parts: Option<serde_json::Map<String, Value>> = parts
            .map(|(name, raw)| Some((name.to_owned(), serde_json::from_str(raw).ok()?)))
            .collect();
        parts.map(Value::Object)
    }

    /// The field manager of the requester, if the request names one.
    pub(crate) fn field_manager(&self) -> Option<Cow<'a, str>> {
        text(&self.request.members("options")?, "fieldManager").filter(|name| !name.is_empty())
    }

    /// The text of `metadata.managedFields` of the old object.
    pub(crate) fn managed_fields(&self) -> Option<&'a str> {
        if let Some(found) = self
            .objects
            .as_ref()
            .and_then(|objects| objects.old_text(&["metadata", "managedFields"]))
        {
            return found;
        }
        let object: Fields<'a> = serde_json::from_str(self.old_object?).ok()?;
        object.members("metadata")?.get("managedFields")
    }

    /// The texts of the new and of the old object.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> (Option<&'a str>, Option<&'a str>) {
        (self.object, self.old_object)
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

    /// Parses both objects, as far as the rules may ask for them, and hands them to `judge`, on a
    /// stack that their nesting cannot exhaust.
    pub(crate) fn with_objects<T>(
        &self,
        rules: &[&Rule],
        judge: impl FnOnce(&Value, &Value) -> Result<T, Unjudgeable>,
    ) -> Result<T, Unjudgeable> {
        let old = self.old_object.ok_or(Unjudgeable::Missing("oldObject"))?;
        let new = self.object.ok_or(Unjudgeable::Missing("object"))?;
        let is_for_requester = |entry: &Entry| entry.is_for(&self.user, &self.groups);
        let compact =
            self.objects.as_ref().and_then(|objects| objects.compact(rules, is_for_requester));
        if let Some((old, new)) = compact {
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
        Some(Self {
            group: text(&fields, "group")?,
            version: text(&fields, "version")?,
            plural: text(&fields, "resource")?,
        })
    }
}

fn parse(json: &str, what: &'static str) -> Result<Value, Unjudgeable> {
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader)
        .map_err(|error| Unjudgeable::Content(what, json_error(&error)))?;
    if value.is_object() { Ok(value) } else { Err(Unjudgeable::NoObject(what)) }
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

/// Collects the members of `request`, in a text that may end anywhere.
struct Beginning<'f, 'a> {
    found: &'f RefCell<Fields<'a>>,
    in_request: bool,
}

impl<'de> DeserializeSeed<'de> for Beginning<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Beginning<'_, 'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.in_request {
            self.found.take();
        }
        while let Some(Text(name)) = map.next_key()? {
            if self.in_request {
                let value: &RawValue = map.next_value()?;
                self.found.borrow_mut().push(name, value.get());
            } else if name == "request" {
                map.next_value_seed(Beginning { found: self.found, in_request: true })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Operation, ReadMode, Review, depth};

    #[test]
    fn of_a_repeated_key_the_last_one_counts() {
        let body = br#"{"apiVersion":"x","request":1,"apiVersion":"admission.k8s.io/v1","request":{"uid":"a","operation":"CREATE","uid":"b","operation":"UPDATE"}}"#;
        let review =
            Review::parse(body, ReadMode::Plain).map(|review| (review.uid, review.operation));
        assert_eq!(review, Ok(("b".into(), Operation::Update)));
    }

    #[test]
    fn depth_counts_containers_outside_strings() {
        assert_eq!(depth(r#"{"a":[{"b":"[[[\"{{"}],"c":{}}"#, "object"), Ok(3));
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(depth(&nested(10_000), "object"), Ok(10_000));
        assert!(depth(&nested(10_001), "object").is_err());
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
        let review = Review::parse_beginning(whole.as_bytes()).unwrap();
        assert_eq!((&*review.user, &review.operation), ("alice", &Operation::Update));
        assert_eq!(review.target().map(|target| target.resource), Some("deployments"));
        let cut = whole.split_once(r#","groups"#).unwrap().0;
        let review = Review::parse_beginning(cut.as_bytes()).unwrap();
        assert_eq!((&*review.user, &review.operation), ("", &Operation::Update));
    }
}
