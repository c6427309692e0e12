//! Parsing shared by all parts of a rule document. Every error has a position.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use super::raw::Texts;
use crate::engine::rule::condition::{Compiler, Fault};
use crate::engine::rule::equality::{CompareAs, Equality};
use crate::engine::rule::error::{RuleError, yaml_error};
use crate::engine::rule::list_key::ListKey;
use crate::engine::rule::path::Path;
use crate::engine::rule::types::TypeName;

/// Reads the shape of a document.
pub(crate) fn read<T: DeserializeOwned>(origin: &str, text: &str) -> Result<T, Vec<RuleError>> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| vec![yaml_error(origin, text, &error)])
}

/// Collects errors while it parses, so that one run shows all of them.
pub(crate) struct DocumentParser<'a> {
    pub(crate) origin: &'a str,
    pub(crate) text: &'a str,
    pub(crate) compiler: Compiler,
    pub(crate) errors: Vec<RuleError>,
}

/// A parsed path of the document, and where it stands.
pub(crate) struct Placed {
    pub(crate) path: Path,
    pub(crate) at: Location,
}

/// An equality entry with its path parsed.
pub(crate) struct PlacedEquality {
    pub(crate) placed: Placed,
    pub(crate) compare_as: Option<CompareAs>,
    pub(crate) type_name: Option<TypeName>,
    pub(crate) absent_as: Option<Value>,
    pub(crate) key: Option<Arc<ListKey>>,
}

impl PlacedEquality {
    pub(crate) fn declared(self) -> Equality {
        Equality {
            path: self.placed.path,
            compare_as: self.compare_as,
            type_name: self.type_name,
            absent_as: self.absent_as,
            key: self.key,
        }
    }
}

impl DocumentParser<'_> {
    pub(crate) fn path_list(&mut self, raw: &Spanned<String>) -> Vec<Placed> {
        let paths: Vec<_> = raw.value.split(',').map(str::trim).map(Path::parse).collect();
        let mut placed = Vec::new();
        for path in paths {
            match path {
                Ok(path) => placed.push(Placed { path, at: raw.referenced }),
                Err(error) => self.refuse(raw.referenced, format!("in a list of paths: {error}")),
            }
        }
        placed
    }

    pub(crate) fn path(&mut self, raw: &Spanned<String>) -> Option<Placed> {
        match Path::parse(&raw.value) {
            Ok(path) => Some(Placed { path, at: raw.referenced }),
            Err(error) => {
                let at = raw.referenced;
                let column = at.column()
                    + u64::from(self.is_quoted(at))
                    + u64::try_from(error.column - 1).unwrap_or_default();
                self.errors.push(RuleError::new(
                    self.origin,
                    at.line(),
                    column,
                    format!("in path `{}`: {error}", raw.value),
                ));
                None
            }
        }
    }

    /// A CEL expression; what is wrong with it is placed in the text where it stands there as it
    /// was read.
    pub(crate) fn cel<T>(
        &mut self,
        field: &str,
        raw: &Spanned<String>,
        parse: fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        match parse(&raw.value) {
            Ok(parsed) => Some(parsed),
            Err(fault) => {
                let (line, column) = self.inside(raw, &fault);
                self.errors.push(RuleError::new(
                    self.origin,
                    line,
                    column,
                    format!("in `{field}`: {}", fault.message),
                ));
                None
            }
        }
    }

    /// The place of a fault in the file: exact if the faulty line stands there as it was read, else
    /// where the text begins.
    fn inside(&self, raw: &Spanned<String>, fault: &Fault) -> (u64, u64) {
        let at = raw.referenced;
        let start = (at.line(), at.column());
        let Some(faulty) =
            raw.value.lines().nth(fault.line - 1).filter(|line| !line.trim().is_empty())
        else {
            return start;
        };
        let line = at.line() + u64::try_from(fault.line - 1).unwrap_or_default();
        let Some(text) = usize::try_from(line)
            .ok()
            .and_then(|line| self.text.lines().nth(line.saturating_sub(1)))
        else {
            return start;
        };
        let from = if line == at.line() {
            usize::try_from(at.column()).unwrap_or_default().saturating_sub(1)
        } else {
            0
        };
        let after: String = text.chars().skip(from).collect();
        let Some(found) = after.find(faulty) else { return start };
        let before = from + after.get(..found).unwrap_or_default().chars().count();
        (line, u64::try_from(before + fault.column).unwrap_or_default())
    }

    fn is_quoted(&self, at: Location) -> bool {
        let line = usize::try_from(at.line())
            .ok()
            .and_then(|line| self.text.lines().nth(line.saturating_sub(1)));
        let letter = line.and_then(|line| {
            line.chars().nth(usize::try_from(at.column()).unwrap_or(usize::MAX).saturating_sub(1))
        });
        matches!(letter, Some('\'' | '"'))
    }

    pub(crate) fn choice<T>(
        &mut self,
        raw: &Spanned<String>,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let parsed = parse(&raw.value);
        if parsed.is_none() {
            self.refuse(raw.referenced, format!("expected {expected}, found `{}`", raw.value));
        }
        parsed
    }

    pub(crate) fn refuse(&mut self, at: Location, message: impl Into<String>) {
        self.errors.push(RuleError::new(self.origin, at.line(), at.column(), message));
    }
}

pub(crate) fn plain(texts: Texts) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

/// RFC 1123, as Kubernetes names objects.
pub(crate) fn is_dns_subdomain(text: &str) -> bool {
    let label = |label: &str| {
        let ends = |byte: Option<u8>| {
            byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        ends(label.bytes().next())
            && ends(label.bytes().last())
            && label.bytes().all(|byte| byte == b'-' || ends(Some(byte)))
    };
    text.len() <= 253 && text.split('.').all(label)
}
