//! Groups, versions, resources, kinds and subresources that are not as the rule names them.

use super::target::{Catalogue, Source, Target, asks_for, is_like, is_served, lists, names};
use super::words::{in_yaml, written};
use crate::analysis::kinds::{Kind, Scope, Subresource};
use crate::analysis::lint::finding::{Finding, Severity, covers, finding, is_bare, shown};
use crate::engine::{Entry, Path, ResourceRule, Rule, Step, escape_control};

/// What is wrong with the resources of a rule.
pub(crate) fn of(rule: &Rule, rules: &[&Rule], catalogue: &Catalogue) -> Vec<Finding> {
    let mut found = Vec::new();
    for named in rule.resources() {
        found.extend(unknown(named, catalogue));
        for kind in catalogue.kinds.iter().filter(|kind| names(named, kind)) {
            found.extend(misnamed(named, kind));
            if named.resources.iter().any(|resource| {
                resource.split('/').next().is_some_and(|name| name == "*" || name == kind.plural)
            }) {
                found.extend(other_kinds(named, kind));
                found.extend(versions(named, kind));
            }
        }
    }
    found.extend(unheld(rule, catalogue));
    for target in catalogue.targets(rule) {
        found.extend(untold(&target));
        found.extend(open_scale(rule, rules, &target));
        found.extend(status_apart(rule, &target));
        found.extend(no_namespace(rule, &target));
    }
    found
}

fn wrong(message: String, fix: String) -> Finding {
    Finding { severity: Severity::Wrong, message, fix }
}

/// A resource that a cluster does not serve. Among CRDs nothing says which others there are.
pub(crate) fn unknown(named: &ResourceRule, catalogue: &Catalogue) -> Vec<Finding> {
    let Source::Cluster(address) = &catalogue.source else { return Vec::new() };
    let mut found = Vec::new();
    for group in named.api_groups.iter().filter(|group| *group != "*") {
        for resource in &named.resources {
            let (name, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            let is_known = |kind: &&Kind| {
                kind.group == *group
                    && (name == "*" || is_like(name, kind) || named.kinds.contains(&kind.name))
            };
            let served: Vec<&Kind> = catalogue.kinds.iter().filter(is_known).collect();
            let has = |kind: &&&Kind| {
                kind.served().any(|version| version.subresource(subresource).is_some())
            };
            let shown = format!(
                "{}{}",
                escape_control(resource),
                if group.is_empty() {
                    String::new()
                } else {
                    format!(".{}", escape_control(group))
                }
            );
            if served.is_empty() {
                found.push(finding(
                    format!(
                        "the cluster at {} does not serve `{shown}`, so nothing was held \
                             against its schema",
                        escape_control(address)
                    ),
                    "install what serves it, or correct group and resource",
                ));
            } else if !matches!(subresource, "" | "*") && !served.iter().any(|kind| has(&kind)) {
                found.push(finding(
                    format!(
                        "the cluster at {} serves no `{shown}`: the resource has no such \
                             subresource",
                        escape_control(address)
                    ),
                    "remove it",
                ));
            }
        }
    }
    found
}

/// A rule of none of the kinds whose CRDs were given: the author should not take silence for
/// assent.
fn unheld(rule: &Rule, catalogue: &Catalogue) -> Option<Finding> {
    let speaks = |kind: &Kind| rule.resources().iter().any(|named| names(named, kind));
    if catalogue.source != Source::Files || catalogue.kinds.iter().any(speaks) {
        return None;
    }
    let is_like_it = |kind: &&Kind| {
        let means = |named: &ResourceRule| {
            let by_resource = named
                .resources
                .iter()
                .any(|resource| resource.split('/').next().is_some_and(|name| is_like(name, kind)));
            by_resource && (named.kinds.is_empty() || named.kinds.contains(&kind.name))
        };
        rule.resources().iter().any(means)
    };
    let elsewhere = catalogue.kinds.iter().find(is_like_it);
    Some(Finding {
        severity: Severity::Aside,
        message: "no schema that was given is of its kinds, so its paths were held against none"
            .to_owned(),
        fix: elsewhere.map_or_else(
            || "give the CRD of its kind, or hold it against a cluster with `--live`".to_owned(),
            |kind| {
                format!(
                    "write `apiGroups: [{}]` if the {} of that group is meant",
                    kind.group, kind.name
                )
            },
        ),
    })
}

/// Another name of the resource than its plural.
fn misnamed(named: &ResourceRule, kind: &Kind) -> Option<Finding> {
    let plural = |resource: &String| {
        resource.split('/').next().is_some_and(|name| name == "*" || name == kind.plural)
    };
    if named.resources.iter().any(plural) {
        return None;
    }
    let first = named
        .resources
        .iter()
        .find(|resource| is_like(resource.split('/').next().unwrap_or_default(), kind))
        .or(named.resources.first())?;
    Some(wrong(
        format!(
            "the rule never applies to {}: its resource is `{}`, not `{}`",
            kind.name,
            kind.plural,
            escape_control(first)
        ),
        format!("write `resources: [{}]`", kind.plural),
    ))
}

/// Kinds that are not those of the objects.
fn other_kinds(named: &ResourceRule, kind: &Kind) -> Vec<Finding> {
    if named.kinds.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let listed = escape_control(&named.kinds.join(", "));
    if asks_for(named, &kind.plural, "") && !named.kinds.contains(&kind.name) {
        found.push(wrong(
            format!(
                "the rule never applies to `{}`: their kind is {}, and `kinds` lists {listed}",
                kind.plural, kind.name
            ),
            format!("write `kinds: [{}]`", kind.name),
        ));
    }
    let mut subresources: Vec<&Subresource> =
        kind.served().flat_map(|version| &version.subresources).collect();
    subresources.dedup_by(|one, two| one.name == two.name);
    for subresource in subresources {
        let resource = format!("{}/{}", kind.plural, subresource.name);
        if named.resources.contains(&resource) && !named.kinds.contains(&subresource.kind) {
            found.push(wrong(
                format!(
                    "the rule never applies to `{resource}`: what comes there is of kind {}, and \
                     `kinds` lists {listed}",
                    subresource.kind
                ),
                format!("add `{}` to `kinds`, or leave `kinds` out", subresource.kind),
            ));
        }
    }
    found
}

/// Versions that are named and not served, and the reverse.
fn versions(named: &ResourceRule, kind: &Kind) -> Vec<Finding> {
    if lists(&named.api_versions, "*") {
        return Vec::new();
    }
    let served: Vec<&str> = kind.served().map(|version| version.name.as_str()).collect();
    let (known, gone): (Vec<&String>, Vec<&String>) =
        named.api_versions.iter().partition(|version| is_served(kind, version));
    let list = |names: &[&str]| {
        names
            .iter()
            .map(|name| format!("`{}`", escape_control(name)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let gone: Vec<&str> = gone.into_iter().map(String::as_str).collect();
    if known.is_empty() {
        let message =
            format!("the rule never applies to {}: it is not served as {}", kind.name, list(&gone));
        return vec![wrong(message, format!("write `apiVersions: [{}]`", served.join(", ")))];
    }
    let mut found = Vec::new();
    if !gone.is_empty() {
        let message =
            format!("{} is not served as {}, but as {}", kind.name, list(&gone), list(&served));
        found.push(finding(message, "remove what is not served"));
    }
    let others: Vec<&str> = served
        .into_iter()
        .filter(|version| !named.api_versions.iter().any(|known| known == version))
        .collect();
    if !others.is_empty() {
        let target = known
            .iter()
            .map(|version| format!("`{}`", escape_control(version)))
            .collect::<Vec<_>>()
            .join(" or ");
        found.push(Finding {
            severity: Severity::Aside,
            message: format!(
                "{} is served as {} too: with matchPolicy Equivalent, which the registration has, \
                 the API server converts such updates to {target} before they are judged",
                kind.name,
                list(&others)
            ),
            fix: "nothing needs to be done".to_owned(),
        });
    }
    found
}

/// A kind of whose fields nothing is known: the author should not take silence for assent.
fn untold(target: &Target<'_>) -> Option<Finding> {
    target.schema.is_silent().then(|| Finding {
        severity: Severity::Aside,
        message: format!(
            "no schema says which fields {} has, so no path was held against one",
            target.name()
        ),
        fix: "if the cluster was told of the kind only just now, ask again".to_owned(),
    })
}

/// A scale subresource by which what the rule protects can be changed.
fn open_scale(rule: &Rule, rules: &[&Rule], target: &Target<'_>) -> Option<Finding> {
    let scale = target.version.subresource("scale").filter(|_| target.subresource.is_none())?;
    let (kind, version) = (target.kind, target.version);
    let closes = |named: &ResourceRule| {
        lists(&named.api_groups, &kind.group)
            && lists(&named.api_versions, &version.name)
            && asks_for(named, &kind.plural, "scale")
            && (named.kinds.is_empty() || named.kinds.contains(&scale.kind))
    };
    if rules.iter().any(|other| other.resources().iter().any(closes)) {
        return None;
    }
    let path = scale.replicas.as_deref().and_then(|path| Path::parse(path).ok());
    // What anybody may change anyway needs no other door.
    if path.as_ref().is_some_and(|path| {
        rule.entries().any(|entry| is_bare(entry) && reaches(entry, path.steps()))
    }) {
        return None;
    }
    let field = path.map_or_else(
        || "the number of replicas".to_owned(),
        |path| format!("`{}`", written(path.steps())),
    );
    Some(finding(
        format!(
            "{field} of {} can be changed through `{}/scale`, which no rule names",
            kind.name, kind.plural
        ),
        format!(
            "permit {field} to all, or add a rule for `resources: [{}/scale]`, `kinds: [{}]` with \
             `mutable: []` or who may scale by `spec.replicas`",
            kind.plural, scale.kind
        ),
    ))
}

fn reaches(entry: &Entry, steps: &[Step]) -> bool {
    let own = entry.path.steps();
    steps.get(..own.len()).is_some_and(|start| covers(own, start))
}

/// Entries for a status that never differs in updates of the object itself.
fn status_apart(rule: &Rule, target: &Target<'_>) -> Vec<Finding> {
    if !has_status_apart(rule, target) {
        return Vec::new();
    }
    let found = rule.entries().filter(|entry| is_of_status(entry.path.steps())).map(|entry| {
        finding(
            format!(
                "`{}` never permits anything: {} has the status subresource, and an update of the \
                 object itself leaves its status as it was",
                shown(&entry.path),
                target.name()
            ),
            "remove the entry",
        )
    });
    found.collect()
}

pub(crate) fn is_of_status(steps: &[Step]) -> bool {
    matches!(steps, [Step::Name(status), ..] if status == "status")
}

/// Whether a rule is asked about objects whose status differs in none of the updates that it is
/// asked about.
pub(crate) fn has_status_apart(rule: &Rule, target: &Target<'_>) -> bool {
    target.status_is_apart()
        && !rule.resources().iter().any(|named| asks_for(named, &target.kind.plural, "status"))
}

/// A selector of namespaces, for what is in none.
fn no_namespace(rule: &Rule, target: &Target<'_>) -> Option<Finding> {
    let selector = rule.namespace_selector();
    let selects = !selector.match_labels.is_empty() || !selector.match_expressions.is_empty();
    let is_namespace = target.kind.group.is_empty() && target.kind.plural == "namespaces";
    (selects && target.kind.scope == Scope::Cluster && !is_namespace).then(|| {
        finding(
            format!(
                "the namespaceSelector leaves no {} out: its objects are in no namespace",
                target.kind.name
            ),
            "select by `objectSelector` or `matchConditions`",
        )
    })
}

/// The line that an author pastes into `equality`.
pub(crate) fn equality_line(steps: &[Step], declared: &str) -> String {
    format!("add `- {{path: {}, {declared}}}` to `equality`", in_yaml(steps))
}
