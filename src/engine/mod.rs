//! The decision: bytes and values in, values out. No async, no IO, no clock, no logging.

use std::fmt;

/// One rule document and where it came from.
#[derive(Debug, Clone)]
pub struct Document {
    /// What errors call it: a file name, usually.
    pub origin: String,
    /// YAML; may hold several documents, separated by `---`.
    pub text: String,
}

/// Every reason why a set of rule documents was refused, each with file, line and column. `Display` prints one per line.
#[derive(Debug)]
pub struct RuleErrors(Vec<String>);

impl fmt::Display for RuleErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for RuleErrors {}

/// The parsed rules in force, taken whole or not at all. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RuleSet;

impl RuleSet {
    /// The rules compiled in, replaced by documents of the same name; then all other documents.
    pub fn load(_builtin: Builtin, _documents: &[Document]) -> Result<Self, RuleErrors> {
        Ok(Self)
    }

    /// The set that holds only the rule of that name (digest of the whole set), or none if there is no such rule.
    pub fn only(&self, _name: &str) -> Option<Self> {
        None
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names of the rules, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    /// SHA-256 over the documents in force, in hex.
    pub fn digest(&self) -> &str {
        ""
    }
}

/// Whether the rules compiled in are part of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// They are.
    Included,
    /// They are not (`--no-builtin-rules`).
    Left,
}

/// What one rule decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing outside the mutable fields changed.
    Allow,
    /// The update is refused.
    Deny,
    /// Something outside changed; the rule only warns.
    Warn,
    /// Something outside changed; the rule only records it.
    Audit,
    /// The requester is exempt.
    Exempt,
}

impl Decision {
    /// The word in audit annotations, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Warn => "warn",
            Self::Audit => "audit",
            Self::Exempt => "exempt",
        }
    }
}

/// One rule's part in a reply, for metrics.
#[derive(Debug, Clone)]
pub struct RuleOutcome {
    /// The rule's name.
    pub rule: String,
    /// What it decided.
    pub decision: Decision,
    /// How many violations it found.
    pub violations: usize,
}

/// Whom and what a review is about, for the log. Control characters are escaped already.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// `request.kind.kind`.
    pub kind: String,
    /// `request.namespace`, empty for a cluster-scoped object.
    pub namespace: String,
    /// `request.name`.
    pub name: String,
    /// `request.userInfo.username`.
    pub user: String,
    /// `request.uid`.
    pub uid: String,
}

/// What one request body is answered with.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    body: Vec<u8>,
}

impl Reply {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// `application/json` for an admission review, `text/plain; charset=utf-8` for one sentence.
    pub fn content_type(&self) -> &'static str {
        "text/plain; charset=utf-8"
    }

    /// The HTTP body.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The code of the error that this reply reports (400, 404, 413), if the review was not judged.
    pub fn error_code(&self) -> Option<u16> {
        Some(self.status)
    }

    /// What each rule that matched decided.
    pub fn rules(&self) -> &[RuleOutcome] {
        &[]
    }

    /// Whom and what it is about, once the envelope could be read.
    pub fn subject(&self) -> Option<&Subject> {
        None
    }

    /// The violating field paths, at most 256; values never.
    pub fn fields(&self) -> &[String] {
        &[]
    }
}

/// Judges one request body. Total over all bytes.
pub fn admit(_rules: &RuleSet, _body: &[u8]) -> Reply {
    Reply {
        status: 400,
        body: b"expected an AdmissionReview, found something else\n".to_vec(),
    }
}

/// Answers a body over the cap from its first bytes (the server keeps up to [`PREFIX`] of them).
pub fn refuse_oversized(_rules: &RuleSet, _prefix: &[u8], _cap: usize) -> Reply {
    Reply {
        status: 413,
        body: b"the body is larger than the cap\n".to_vec(),
    }
}

/// How many bytes of an oversized body are worth keeping.
pub const PREFIX: usize = 64 * 1024;
