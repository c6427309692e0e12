//! A copy of an object in which tokens stand for the values that nobody may read.
//!
//! The text is copied token by token: numbers stay as they are spelled, and no nesting is too deep.
//! Leaves are masked, and the keys of objects at and below `sensitive` paths, so containers and
//! `null` stay. Equal values get equal tokens and different values different ones, all over a
//! review.

use std::collections::HashMap;

use k8s_openapi::ByteString;
use serde_json::Value;

use super::indented::{Indented, TooLarge};
use crate::engine::alignment::scalar;
use crate::engine::answer::{Secrets, Visibility};

/// What is masked, and which tokens have been given out.
#[derive(Debug)]
pub(crate) struct Mask<'s> {
    secrets: &'s Secrets,
    kind: MaskedKind,
    tokens: HashMap<String, usize>,
}

/// What kind of object is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaskedKind {
    /// Its `data` is base64, and stays so.
    Secret,
    /// Anything else.
    Other,
}

/// Where the copy is.
#[derive(Debug, Clone)]
struct Spot {
    place: Visibility,
    at: MaskedAt,
    is_list: bool,
}

/// Locations that are special whatever the rules say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MaskedAt {
    Root,
    Metadata,
    /// `data` of a Secret, or below.
    Data,
    Elsewhere,
}

impl<'s> Mask<'s> {
    pub(crate) fn new(secrets: &'s Secrets, kind: MaskedKind) -> Self {
        Self { secrets, kind, tokens: HashMap::new() }
    }

    /// Copies JSON that is well-formed.
    pub(crate) fn copy(&mut self, json: &str, out: &mut Indented) -> Result<(), TooLarge> {
        let mut tokens = Tokens(json);
        let mut around: Vec<Spot> = Vec::new();
        // The member whose key has been written.
        let mut member = None;
        while let Some(token) = tokens.next() {
            if matches!(token, "}" | "]") {
                around.pop();
                out.close(token)?;
                continue;
            }
            let spot = match (member.take(), around.last()) {
                (Some(member), _) => member,
                (None, None) => self.root(token),
                (None, Some(list)) if list.is_list => {
                    out.element()?;
                    Spot {
                        place: self.secrets.any_element(&list.place),
                        at: below(list.at),
                        is_list: false,
                    }
                }
                (None, Some(object)) => {
                    let key =
                        serde_json::from_str::<String>(token).unwrap_or_else(|_| token.to_owned());
                    if self.is_dropped(object.at, &key) {
                        tokens.skip_value();
                    } else {
                        if object.place.hides_keys() {
                            out.key(&self.token(token, MaskedAt::Elsewhere))?;
                        } else {
                            out.key(token)?;
                        }
                        member = Some(self.member(object, &key));
                    }
                    continue;
                }
            };
            match token {
                "{" | "[" => {
                    out.open(token)?;
                    around.push(Spot { is_list: token == "[", ..spot });
                }
                leaf if spot.place.is_hidden() && leaf != "null" => {
                    out.scalar(&self.token(leaf, spot.at))?;
                }
                leaf => out.scalar(leaf)?,
            }
        }
        Ok(())
    }

    fn root(&self, token: &str) -> Spot {
        // No path leads into what is no object.
        let place = if token == "{" || self.secrets.are_none() {
            self.secrets.root()
        } else {
            Secrets::everything().root()
        };
        Spot { place, at: MaskedAt::Root, is_list: false }
    }

    fn member(&self, object: &Spot, key: &str) -> Spot {
        let at = match (object.at, key) {
            (MaskedAt::Root, "metadata") => MaskedAt::Metadata,
            (MaskedAt::Root, "data") if self.kind == MaskedKind::Secret => MaskedAt::Data,
            (at, _) => below(at),
        };
        Spot { place: self.secrets.member(&object.place, key), at, is_list: false }
    }

    /// Field sets name the elements of a set by their values.
    fn is_dropped(&self, at: MaskedAt, key: &str) -> bool {
        at == MaskedAt::Metadata && key == "managedFields" && !self.secrets.are_none()
    }

    /// The string that stands for a leaf. It tells nothing but which leaves are equal.
    fn token(&mut self, leaf: &str, at: MaskedAt) -> String {
        let next = self.tokens.len() + 1;
        let number = *self.tokens.entry(by_value(leaf)).or_insert(next);
        let token = format!("masked-{number}");
        match serde_json::to_string(&ByteString(token.clone().into_bytes())) {
            Ok(in_base64) if at == MaskedAt::Data => in_base64,
            _ => format!("\"{token}\""),
        }
    }
}

fn below(at: MaskedAt) -> MaskedAt {
    if at == MaskedAt::Data { MaskedAt::Data } else { MaskedAt::Elsewhere }
}

/// The leaf in the one spelling that equal leaves share.
fn by_value(leaf: &str) -> String {
    serde_json::from_str::<Value>(leaf)
        .map_or_else(|_| leaf.to_owned(), |value| scalar(&value).to_string())
}

/// The tokens of JSON that is well-formed, without commas and colons.
struct Tokens<'t>(&'t str);

impl<'t> Iterator for Tokens<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let rest = self.0.trim_start_matches([' ', '\t', '\n', '\r', ',', ':']);
        let end = match rest.as_bytes().first()? {
            b'{' | b'}' | b'[' | b']' => 1,
            b'"' => string_end(rest),
            _ => rest.find([' ', '\t', '\n', '\r', ',', '}', ']']).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at_checked(end)?;
        self.0 = after;
        Some(token)
    }
}

impl Tokens<'_> {
    fn skip_value(&mut self) {
        let mut open = 0usize;
        for token in self {
            match token {
                "{" | "[" => open += 1,
                "}" | "]" => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
    }
}

/// Where a text ends that begins with a string in quotes.
fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    let closing = text.bytes().enumerate().skip(1).find(|(_, byte)| {
        let closes = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        closes
    });
    closing.map_or(text.len(), |(at, _)| at + 1)
}
