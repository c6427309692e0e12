//! A copy of an object in which tokens stand for the values that nobody may read.
//!
//! Numbers stay as they are spelled, and no nesting is too deep, because nothing here recurses. Leaves are masked, and the keys of objects at and below `sensitive` paths, so containers and
//! `null` stay. Equal values get equal tokens and different values different ones, all over a
//! review.

use std::collections::HashMap;

use k8s_openapi::ByteString;
use serde_json::Value;

use super::indented::{Indented, TooLarge};
use crate::engine::alignment::scalar;
use crate::engine::answer::{Secrets, Visibility};
use crate::engine::review::{Members, Node, NodeElements, NodeKind};

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
}

/// A container of which the beginning is written.
struct OpenContainer<'t> {
    spot: Spot,
    children: Children<'t>,
}

enum Children<'t> {
    Members(Members<'t>),
    Elements(NodeElements<'t>),
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

    /// Copies a value, with the members of each object in the order of their names.
    pub(crate) fn copy(&mut self, value: Node<'_>, out: &mut Indented) -> Result<(), TooLarge> {
        let root = self.root(value);
        let mut open: Vec<OpenContainer<'_>> = Vec::new();
        open.extend(self.enter(value, root, out)?);
        while let Some(container) = open.last_mut() {
            let (value, spot) = match &mut container.children {
                Children::Members(members) => {
                    let Some((name, value)) = members.next() else {
                        out.close("}")?;
                        open.pop();
                        continue;
                    };
                    if self.is_dropped(container.spot.at, name) {
                        continue;
                    }
                    let key = Value::from(name).to_string();
                    let spot = self.member(&container.spot, name);
                    if container.spot.place.hides_keys() {
                        out.key(&self.token(&key, MaskedAt::Elsewhere))?;
                    } else {
                        out.key(&key)?;
                    }
                    (value, spot)
                }
                Children::Elements(elements) => {
                    let Some(value) = elements.next() else {
                        out.close("]")?;
                        open.pop();
                        continue;
                    };
                    out.element()?;
                    let place = self.secrets.any_element(&container.spot.place);
                    (value, Spot { place, at: below(container.spot.at) })
                }
            };
            open.extend(self.enter(value, spot, out)?);
        }
        Ok(())
    }

    /// Writes a leaf, or the beginning of a container, whose content follows.
    fn enter<'t>(
        &mut self,
        value: Node<'t>,
        spot: Spot,
        out: &mut Indented,
    ) -> Result<Option<OpenContainer<'t>>, TooLarge> {
        let children = match value.kind() {
            NodeKind::Object => Children::Members(value.members()),
            NodeKind::List => Children::Elements(value.elements()),
            kind if spot.place.is_hidden() && kind != NodeKind::Null => {
                out.scalar(&self.token(value.text(), spot.at))?;
                return Ok(None);
            }
            _ => {
                out.scalar(value.text())?;
                return Ok(None);
            }
        };
        out.open(if value.is_list() { "[" } else { "{" })?;
        Ok(Some(OpenContainer { spot, children }))
    }

    fn root(&self, value: Node<'_>) -> Spot {
        // No path leads into what is no object.
        let place = if value.is_object() || self.secrets.are_none() {
            self.secrets.root()
        } else {
            Secrets::everything().root()
        };
        Spot { place, at: MaskedAt::Root }
    }

    fn member(&self, object: &Spot, key: &str) -> Spot {
        let at = match (object.at, key) {
            (MaskedAt::Root, "metadata") => MaskedAt::Metadata,
            (MaskedAt::Root, "data") if self.kind == MaskedKind::Secret => MaskedAt::Data,
            (at, _) => below(at),
        };
        Spot { place: self.secrets.member(&object.place, key), at }
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
