//! The cases that a live request cannot repeat as they are, each with the reason.

/// What becomes of a case on a real API server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Live {
    /// The same verdict in the same words.
    Asis,
    /// No request makes an API server send this.
    NeverSent(&'static str),
    /// The registration does not ask about it, so the API server allows it.
    NotAsked(&'static str),
    /// The API server refuses it itself, before it asks.
    Refused { code: u16, text: &'static str, why: &'static str },
    /// It is refused for other fields than the recorded: one of these lists.
    OtherFields { one_of: &'static [&'static [&'static str]], why: &'static str },
}

impl Live {
    pub(super) fn why(self) -> Option<&'static str> {
        match self {
            Self::Asis => None,
            Self::NeverSent(why)
            | Self::NotAsked(why)
            | Self::Refused { why, .. }
            | Self::OtherFields { why, .. } => Some(why),
        }
    }
}

pub(super) fn live(case: &str) -> Live {
    EXCEPTIONS.iter().find(|(name, _)| *name == case).map_or(Live::Asis, |(_, live)| *live)
}

/// Of which cases something else is true.
pub(super) const EXCEPTIONS: &[(&str, Live)] = &[
    ("envelope/beta-review", Live::NeverSent("it sends a version that the registration lists: v1")),
    ("envelope/no-object", Live::NeverSent("an UPDATE has both objects")),
    ("envelope/no-old-object", Live::NeverSent("an UPDATE has both objects")),
    ("envelope/no-uid", Live::NeverSent("every request has a uid")),
    ("envelope/object-is-no-object", Live::NeverSent("an object is one")),
    ("envelope/unknown-operation", Live::NeverSent("the registration lists UPDATE alone")),
    ("envelope/other-kind", Live::NeverSent("a resource has one kind")),
    ("actions/warn/unjudgeable-warns-only", Live::NeverSent("an UPDATE has both objects")),
    ("envelope/no-rule", Live::NotAsked("no rule, no registration")),
    (
        "envelope/subresource",
        Live::Refused {
            code: 400,
            text: "no kind is registered for the type",
            why: "a widget is sent where a Scale belongs",
        },
    ),
    ("volcano-job/vj-status-subresource", Live::NotAsked("no rule names the subresource")),
    (
        "actions/two-rules/all-must-allow",
        Live::OtherFields {
            one_of: &[&["spec.a", "spec.c"], &["spec.b", "spec.c"]],
            why: "each rule has a webhook of its own, and one denial reaches the user",
        },
    ),
    (
        "protected/replaced-by-a-text",
        Live::Refused {
            code: 422,
            text: "accessor error",
            why: "the scale subresource of the kind reads spec.replicas",
        },
    ),
    (
        "equality/integers-are-exact",
        Live::OtherFields {
            one_of: &[&["spec.a"]],
            why: "it reads an integer beyond 64 bits with a sign as a float, so the two are one",
        },
    ),
];
