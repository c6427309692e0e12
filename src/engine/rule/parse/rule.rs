//! From the document's shape to a [`Rule`]: every text becomes a parsed value, every error keeps
//! its place.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use serde_saphyr::Spanned;

use super::parser::{DocumentParser, Placed, PlacedEquality, is_dns_subdomain, plain, read};
use super::raw::{RawEntry, RawEquality, RawRequesters, RawRule, Texts};
use super::{checks, tree};
use crate::engine::rule::actions::{Actions, Effect, FailurePolicy, Reason};
use crate::engine::rule::annotations::{ABSENT, DEFAULTED, LINT_IGNORE, SOURCE, is_unknown};
use crate::engine::rule::condition::Compiler;
use crate::engine::rule::definition::{
    Entry, EntryOrigin, LONGEST_NAME, Protection, ProtectionOrigin, Rule, RuleName,
};
use crate::engine::rule::equality::CompareAs;
use crate::engine::rule::error::RuleError;
use crate::engine::rule::escape::{cut, escape_control};
use crate::engine::rule::list_key::{KeyMember, KeyOrigin, KeyValue, ListKey};
use crate::engine::rule::mutable_text::mutable_text;
use crate::engine::rule::requesters::Requesters;
use crate::engine::rule::types::TypeName;
use crate::engine::rule::verbs::{Verb, Verbs};

/// Parses one document; `text` has the lines of the whole file, so that places are the file's.
pub(crate) fn rule(origin: &str, text: &str, compiler: Compiler) -> Result<Rule, Vec<RuleError>> {
    raw_rule(origin, text, read(origin, text)?, compiler)
}

/// Parses what was read of `text`.
pub(crate) fn raw_rule(
    origin: &str,
    text: &str,
    raw: RawRule,
    compiler: Compiler,
) -> Result<Rule, Vec<RuleError>> {
    DocumentParser { origin, text, compiler, errors: Vec::new() }.rule(raw)
}

impl DocumentParser<'_> {
    fn rule(mut self, raw: RawRule) -> Result<Rule, Vec<RuleError>> {
        self.choice(&raw.api_version, "`fieldward.io/v1alpha1`", |text| {
            (text == "fieldward.io/v1alpha1").then_some(())
        });
        self.choice(&raw.kind, "`UpdateRule`", |text| (text == "UpdateRule").then_some(()));
        let name = self.name(&raw.metadata.name);
        let annotation =
            |key: &str| raw.metadata.annotations.get(key).map(|text| text.value.clone());
        let source = annotation(SOURCE);
        let lint_ignore = annotation(LINT_IGNORE);
        let defaulted = raw
            .metadata
            .annotations
            .get(DEFAULTED)
            .map(|text| self.path_list(text))
            .unwrap_or_default();
        let absent = raw
            .metadata
            .annotations
            .get(ABSENT)
            .map(|text| self.path_list(text))
            .unwrap_or_default();
        let unknown_annotations =
            raw.metadata.annotations.keys().filter(|name| is_unknown(name)).cloned().collect();
        let spec = raw.spec;

        let resources = self.resources(spec.match_constraints.resource_rules);
        let (namespace_selector, object_selector) = (
            self.selector(spec.match_constraints.namespace_selector),
            self.selector(spec.match_constraints.object_selector),
        );
        let conditions = self.conditions(spec.match_conditions);
        let actions = spec
            .validation_actions
            .map_or(Actions { effect: Effect::Deny, audit: false }, |actions| {
                self.actions(&actions)
            });
        let failure_policy = spec
            .failure_policy
            .and_then(|text| self.choice(&text, "`Fail` or `Ignore`", FailurePolicy::find))
            .unwrap_or(FailurePolicy::Fail);
        let reason = spec
            .reason
            .and_then(|text| self.choice(&text, "`Forbidden` or `Invalid`", Reason::find))
            .unwrap_or(Reason::Forbidden);
        let exempt =
            spec.exempt.map(|requesters| self.requesters("exempt", requesters)).unwrap_or_default();
        let mut mutable: Vec<(Placed, Entry)> =
            spec.mutable.into_iter().filter_map(|entry| self.entry(entry)).collect();
        self.mark_absent(&absent, &mut mutable);
        let equality: Vec<PlacedEquality> =
            spec.equality.into_iter().filter_map(|entry| self.equality(entry)).collect();
        let sensitive: Vec<Placed> =
            spec.sensitive.iter().filter_map(|text| self.path(text)).collect();

        let protected = self.distinct_paths(&spec.protected);

        let others = protected.iter().chain(&sensitive).chain(&defaulted);
        checks::together(
            &mut self,
            mutable.iter().map(|(placed, _)| placed).chain(others),
            &equality,
        );
        self.errors.sort_by_key(RuleError::place);
        let Some(name) = name.filter(|_| self.errors.is_empty()) else { return Err(self.errors) };

        let mut entries: Vec<Entry> = mutable.into_iter().map(|(_, entry)| entry).collect();
        entries.extend(checks::lifecycle_entries());
        let listed = protected.into_iter().map(|placed| (placed.path, ProtectionOrigin::Listed));
        let labels = object_selector.label_paths().into_iter();
        let protected: Vec<Protection> = listed
            .chain(labels.map(|path| (path, ProtectionOrigin::ObjectSelector)))
            .map(|(path, origin)| Protection { path, origin })
            .collect();
        let tree = tree::tree(&entries, &equality, &protected);
        let mutable_for_everybody =
            mutable_text(entries.iter().filter(|entry| entry.by.is_none() && !entry.is_absent))
                .into();
        let equality = equality.into_iter().map(PlacedEquality::declared).collect();
        Ok(Rule {
            name,
            origin: self.origin.to_owned(),
            text: self.text.trim_start_matches('\n').to_owned(),
            source,
            lint_ignore,
            unknown_annotations,
            resources,
            namespace_selector,
            object_selector,
            conditions,
            actions,
            failure_policy,
            reason,
            entries,
            equality,
            protected,
            sensitive: sensitive.into_iter().map(|placed| placed.path).collect(),
            defaulted: defaulted.into_iter().map(|placed| placed.path).collect(),
            exempt,
            tree,
            mutable_for_everybody,
        })
    }

    fn distinct_paths(&mut self, raw: &Texts) -> Vec<Placed> {
        let mut paths: Vec<Placed> = Vec::new();
        for placed in raw.iter().filter_map(|text| self.path(text)).collect::<Vec<_>>() {
            if paths.iter().any(|other| other.path.steps() == placed.path.steps()) {
                let path = escape_control(&placed.path.to_string());
                self.refuse(placed.at, format!("expected each path once, found `{path}` again"));
            } else {
                paths.push(placed);
            }
        }
        paths
    }

    fn name(&mut self, raw: &Spanned<String>) -> Option<RuleName> {
        let length = raw.value.len();
        if is_dns_subdomain(&raw.value) && length > LONGEST_NAME {
            let message = format!(
                "expected a name of at most {LONGEST_NAME} characters, found {length}: its webhook \
                 is called NAME.fieldward.io"
            );
            self.refuse(raw.referenced, message);
            return None;
        }
        self.choice(raw, "a lower-case DNS subdomain", |text| {
            is_dns_subdomain(text).then(|| RuleName(text.into()))
        })
    }

    fn actions(&mut self, raw: &Spanned<Texts>) -> Actions {
        let (mut deny, mut warn, mut audit) = (false, false, false);
        for text in &raw.value {
            let slot = match text.value.as_str() {
                "Deny" => &mut deny,
                "Warn" => &mut warn,
                "Audit" => &mut audit,
                other => {
                    self.refuse(
                        text.referenced,
                        format!("expected `Deny`, `Warn` or `Audit`, found `{other}`"),
                    );
                    continue;
                }
            };
            if std::mem::replace(slot, true) {
                self.refuse(
                    text.referenced,
                    format!("expected each action once, found `{}` again", text.value),
                );
            }
        }
        if raw.value.is_empty() {
            self.refuse(
                raw.referenced,
                "expected at least one of `Deny`, `Warn`, `Audit`, found none",
            );
        }
        if deny && warn {
            self.refuse(
                raw.referenced,
                "expected `Deny` or `Warn`, found both: a denial already carries the message",
            );
        }
        let effect = match (deny, warn) {
            (true, _) => Effect::Deny,
            (false, true) => Effect::Warn,
            (false, false) => Effect::Nothing,
        };
        Actions { effect, audit }
    }

    fn entry(&mut self, raw: RawEntry) -> Option<(Placed, Entry)> {
        let when = raw.when.and_then(|when| self.cel("when", &when, self.compiler.condition));
        let verbs = raw.allow.map_or(Verbs::ALL, |allow| self.verbs(&allow));
        let by = raw.by.map(|by| self.requesters("by", by));
        let placed = self.path(&raw.path)?;
        let (path, line) = (placed.path.clone(), Some(placed.at.line()));
        let entry =
            Entry { path, verbs, by, when, is_absent: false, line, origin: EntryOrigin::RuleFile };
        Some((placed, entry))
    }

    fn verbs(&mut self, raw: &Spanned<Texts>) -> Verbs {
        let mut verbs = Verbs::default();
        for text in &raw.value {
            let verb =
                Verb::ALL.into_iter().find(|(_, name)| *name == text.value).map(|(verb, _)| verb);
            match verb {
                None => self.refuse(
                    text.referenced,
                    format!(
                        "expected `Set`, `Modify`, `Clear`, `AddItem` or `RemoveItem`, found `{}`",
                        text.value
                    ),
                ),
                Some(verb) if verbs.has(verb) => {
                    self.refuse(
                        text.referenced,
                        format!("expected each verb once, found `{}` again", text.value),
                    );
                }
                Some(verb) => verbs = verbs.with(verb),
            }
        }
        if raw.value.is_empty() {
            self.refuse(
                raw.referenced,
                "expected at least one verb in `allow`, found none (leave \
                                         `allow` out to permit every change)",
            );
        }
        verbs
    }

    fn requesters(&mut self, what: &str, raw: Spanned<RawRequesters>) -> Requesters {
        let lists = raw.value;
        if lists.users.is_empty() && lists.groups.is_empty() && lists.service_accounts.is_empty() {
            self.refuse(
                raw.referenced,
                format!(
                    "expected at least one of `users`, `groups`, \
                                                 `serviceAccounts` in `{what}`, found none"
                ),
            );
        }
        for text in lists.users.iter().chain(&lists.groups).filter(|text| text.value.is_empty()) {
            self.refuse(text.referenced, "expected a name, found an empty text");
        }
        for text in &lists.service_accounts {
            let fits = text.value.split_once('/').is_some_and(|(namespace, name)| {
                is_dns_subdomain(namespace) && is_dns_subdomain(name)
            });
            if !fits {
                self.refuse(
                    text.referenced,
                    format!(
                        "expected a service account as `namespace/name`, found `{}`",
                        text.value
                    ),
                );
            }
        }
        Requesters {
            users: plain(lists.users),
            groups: plain(lists.groups),
            service_accounts: plain(lists.service_accounts),
        }
    }

    fn equality(&mut self, raw: Spanned<RawEquality>) -> Option<PlacedEquality> {
        let at = raw.referenced;
        let raw = raw.value;
        let (compare_as, type_name) =
            match raw.spelled_as.as_ref().and_then(|text| self.spelled_as(text)) {
                Some(SpelledAs::CompareAs(compare_as)) => (Some(compare_as), None),
                Some(SpelledAs::Type(name)) => (None, Some(name)),
                None => (None, None),
            };
        let placed = self.path(&raw.path)?;
        if raw.spelled_as.is_none() && raw.absent_as.is_none() && raw.key.is_none() {
            self.refuse(at, "expected `as`, `absentAs` or `key` beside the path, found none");
        }
        let ignores_order = raw.order.as_ref().is_some_and(|order| self.ignores(order));
        if let Some(order) = raw.order.filter(|_| raw.key.is_none()) {
            self.refuse(order.referenced, "expected `order` only beside `key`, found no `key`");
        }
        let key = raw.key.and_then(|key| self.list_key(&key, ignores_order)).map(Arc::new);
        Some(PlacedEquality { placed, compare_as, type_name, absent_as: raw.absent_as, key })
    }

    fn ignores(&mut self, order: &Spanned<String>) -> bool {
        if order.value != "ignore" {
            self.refuse(
                order.referenced,
                format!("expected `ignore` for `order`, found `{}`", escape_control(&order.value)),
            );
        }
        true
    }

    /// `name`, or a list of names and of names with their defaults.
    fn list_key(&mut self, raw: &Spanned<Value>, ignores_order: bool) -> Option<ListKey> {
        let listed = match &raw.value {
            Value::Array(listed) => listed.as_slice(),
            one => std::slice::from_ref(one),
        };
        let members: Vec<KeyMember> = listed.iter().filter_map(key_member).collect();
        let names: BTreeSet<&str> = members.iter().map(|member| &*member.name).collect();
        let is_wrong = names.len() != listed.len();
        let key = ListKey::new(members, KeyOrigin::Line).filter(|_| !is_wrong);
        if key.is_none() {
            let found = escape_control(&cut(&raw.value.to_string(), LONGEST_FOUND));
            let expected = "expected the name of a member, or a list of different members such as \
                            `[port, {name: protocol, default: TCP}]`";
            let hint = if listed.iter().any(Value::is_boolean) {
                "; quote a name that YAML reads as a boolean"
            } else {
                ""
            };
            self.refuse(raw.referenced, format!("{expected}, found `{found}`{hint}"));
        }
        let mut key = key?;
        key.ignores_order = ignores_order;
        Some(key)
    }

    fn spelled_as(&mut self, text: &Spanned<String>) -> Option<SpelledAs> {
        let found = match compare_as(&text.value) {
            Some(compare_as) => Some(SpelledAs::CompareAs(compare_as)),
            None => TypeName::find(&text.value).map(SpelledAs::Type),
        };
        if found.is_none() {
            let likely = TypeName::likely(&text.value)
                .map(|name| format!("; did you mean `{name}`?"))
                .unwrap_or_default();
            let expected = "`Quantity`, `Duration`, `Set` or a type such as `PodTemplateSpec`";
            self.refuse(
                text.referenced,
                format!("expected {expected}, found `{}`{likely}", text.value),
            );
        }
        found
    }

    /// Marks the entries of these paths, each of which `mutable` must list.
    fn mark_absent(&mut self, absent: &[Placed], mutable: &mut [(Placed, Entry)]) {
        for Placed { path, at } in absent {
            let mut is_listed = false;
            for (_, entry) in mutable.iter_mut().filter(|(_, entry)| entry.path == *path) {
                entry.is_absent = true;
                is_listed = true;
            }
            if !is_listed {
                let path = escape_control(&path.to_string());
                self.refuse(
                    *at,
                    format!(
                        "expected in `{ABSENT}` only paths that `mutable` lists, found `{path}`"
                    ),
                );
            }
        }
    }
}

/// How many characters of a wrong value an error quotes.
const LONGEST_FOUND: usize = 100;

/// What `as` may say.
enum SpelledAs {
    CompareAs(CompareAs),
    Type(TypeName),
}

/// A name that is not empty, or `{name, default}`.
fn key_member(value: &Value) -> Option<KeyMember> {
    let (name, default) = match value {
        Value::String(name) => (name, None),
        Value::Object(long) => {
            let only = |name: &String| name == "name" || name == "default";
            if !long.keys().all(only) {
                return None;
            }
            let default = match long.get("default") {
                Some(default) => Some(KeyValue::from_value(default)?),
                None => None,
            };
            match long.get("name")? {
                Value::String(name) => (name, default),
                _ => return None,
            }
        }
        _ => return None,
    };
    (!name.is_empty()).then(|| KeyMember { name: name.clone(), default, zero: None })
}

fn compare_as(text: &str) -> Option<CompareAs> {
    match text {
        "Quantity" => Some(CompareAs::Quantity),
        "Duration" => Some(CompareAs::Duration),
        "Set" => Some(CompareAs::Set),
        _ => None,
    }
}
