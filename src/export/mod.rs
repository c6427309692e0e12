//! A rule as a ValidatingAdmissionPolicy, which the API server evaluates itself: for a cluster
//! without the webhook, or as a net under it.
//!
//! The definition of the verdict becomes CEL over both objects: a location is permitted if both
//! sides are equal, or its entries permit the change, or both are containers of one kind and every
//! child is permitted. As data flows: entries (who and when), judge, equality, granted and walk (a
//! location as an expression), `named_ancestors` (which of them messages name), expression (print).

#![expect(
    clippy::many_single_char_names,
    reason = "the variables of an expression have one letter and a number"
)]

mod any_location;
mod entries;
mod equality;
mod expression;
mod granted;
mod limitations;
mod literal;
mod named_ancestors;
mod permitted;
mod protected;
#[cfg(test)]
mod tests;
mod types;

use k8s_openapi::api::admissionregistration::v1 as api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use crate::engine::{Condition, Cursor, Entry, Requesters, ResourceRule, Rule, escape_control};

use entries::{CelEntries, text, texts};
use expression::{concatenated, nesting};
use named_ancestors::NamedAncestors;
use permitted::Judge;

/// The longest expression that the API server's CEL parser takes, in characters.
const MAX_EXPRESSION_BYTES: usize = 100_000;

/// The most characters in all expressions. kube-apiserver 1.37 compiles 100,000 in seconds; 320,000
/// exceed the time of a request on a busy machine.
const MAX_POLICY_BYTES: usize = 150_000;

/// The brackets in brackets that the parser takes, of whose 250 levels each may need two.
const DEEPEST: usize = 120;

/// The annotation of a policy that lists the parts of its rule that the policy cannot express.
pub(crate) const LIMITATIONS: &str = "fieldward.io/limitations";

/// How many of the refused fields a message names.
const NAMED: usize = 16;

/// The longest list of mutable fields that a message repeats, in bytes.
const LISTED: usize = 1_024;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Export {
    pub(crate) policy: api::ValidatingAdmissionPolicy,
    /// That it is in force, and what follows from a violation.
    pub(crate) binding: api::ValidatingAdmissionPolicyBinding,
    /// What the policy cannot keep of the rule, each a sentence.
    pub(crate) limitations: Vec<String>,
}

/// Why there is no policy for a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rule `{rule}` does not fit into a policy: {obstacle}")]
pub(crate) struct Unexportable {
    rule: String,
    obstacle: Obstacle,
}

/// What the API server does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Obstacle {
    #[error(
        "expected at most {MAX_EXPRESSION_BYTES} characters in `{variable}`, found {found}; split the rule"
    )]
    Long { variable: String, found: usize },
    /// More than it compiles within the time of a request.
    #[error(
        "expected at most {MAX_POLICY_BYTES} characters in all variables, found {found}; split the rule"
    )]
    Large { found: usize },
    /// A condition that its type checker refuses.
    #[error(
        "the condition of `{path}` has a list or map with literals of several types, which \
         Kubernetes' CEL refuses; put each into dyn(), as in [dyn(1), dyn('50%')]"
    )]
    Mixed { path: String },
    #[error(
        "expected at most {DEEPEST} levels of brackets in `{variable}`, found {found}; shorten its \
         paths"
    )]
    Deep { variable: String, found: usize },
}

pub(crate) fn export(rule: &Rule) -> Result<Export, Unexportable> {
    let variables = variables(rule)
        .map_err(|obstacle| Unexportable { rule: rule.name().to_string(), obstacle })?;
    let limitations = limitations::limitations(rule);
    let name = rule.name().to_string();
    let annotations = [(LIMITATIONS.to_owned(), limitations.join(";\n"))].into_iter();
    let source = rule.source().map(|source| ("fieldward.io/source".to_owned(), source.to_owned()));
    let labels = [("app.kubernetes.io/name".to_owned(), "fieldward".to_owned())];
    let metadata = meta::ObjectMeta {
        name: Some(name.clone()),
        labels: Some(labels.into_iter().collect()),
        ..meta::ObjectMeta::default()
    };
    Ok(Export {
        policy: api::ValidatingAdmissionPolicy {
            metadata: meta::ObjectMeta {
                annotations: Some(annotations.chain(source).collect()),
                ..metadata.clone()
            },
            spec: Some(api::ValidatingAdmissionPolicySpec {
                // What cannot be evaluated must not pass.
                failure_policy: Some("Fail".to_owned()),
                match_conditions: Some(conditions(rule))
                    .filter(|conditions| !conditions.is_empty()),
                match_constraints: Some(api::MatchResources {
                    match_policy: Some("Equivalent".to_owned()),
                    namespace_selector: Some(
                        rule.namespace_selector().without_system_namespaces(None),
                    ),
                    object_selector: rule.object_selector().to_api(),
                    resource_rules: Some(rule.resources().iter().map(resources).collect()),
                    exclude_resource_rules: None,
                }),
                validations: Some(vec![validation(rule)]),
                variables: Some(variables),
                ..api::ValidatingAdmissionPolicySpec::default()
            }),
            status: None,
        },
        binding: api::ValidatingAdmissionPolicyBinding {
            metadata,
            spec: api::ValidatingAdmissionPolicyBindingSpec {
                policy_name: name,
                validation_actions: rule.actions().names().map(str::to_owned).collect(),
                ..api::ValidatingAdmissionPolicyBindingSpec::default()
            },
        },
        limitations,
    })
}

/// The variables by which the policy judges an update, in an order in which each may refer to those
/// before it.
fn variables(rule: &Rule) -> Result<Vec<api::Variable>, Obstacle> {
    let mixes_types = |entry: &&Entry| entry.when.as_ref().is_some_and(Condition::mixes_types);
    if let Some(mixed) = rule.entries.iter().find(mixes_types) {
        return Err(Obstacle::Mixed { path: escape_control(&mixed.path.to_string()) });
    }
    let entries = CelEntries::new(&rule.entries);
    let judge = Judge { entries: &entries, depth: 0 };
    let named_ancestors = NamedAncestors::find(judge, &Cursor::root(rule));
    let mut refused = named_ancestors.lists;
    refused.extend(protected::lists(rule, judge.depth));
    // Conditions read the objects as they are.
    let mut variables = entries.variables;
    variables.extend(named_ancestors.variables);
    variables
        .push(api::Variable { name: "violations".to_owned(), expression: concatenated(&refused) });
    let mut all = 0;
    for api::Variable { name, expression } in &variables {
        let found = expression.chars().count();
        if found > MAX_EXPRESSION_BYTES {
            return Err(Obstacle::Long { variable: name.clone(), found });
        }
        all += found;
    }
    if all > MAX_POLICY_BYTES {
        return Err(Obstacle::Large { found: all });
    }
    for api::Variable { name, expression } in &variables {
        let found = nesting(expression);
        if found > DEEPEST {
            return Err(Obstacle::Deep { variable: name.clone(), found });
        }
    }
    Ok(variables)
}

fn resources(resource: &ResourceRule) -> api::NamedRuleWithOperations {
    let api::RuleWithOperations { api_groups, api_versions, operations, resources, scope } =
        resource.to_api();
    api::NamedRuleWithOperations {
        api_groups,
        api_versions,
        operations,
        resources,
        scope,
        resource_names: None,
    }
}

/// The rule's own conditions, its kinds, and those who are exempt.
fn conditions(rule: &Rule) -> Vec<api::MatchCondition> {
    let mut conditions = Vec::new();
    if rule.resources().iter().any(|resource| !resource.kinds.is_empty()) {
        let expression = match rule.resources() {
            [one] => format!("request.kind.kind in {}", texts(&one.kinds)),
            several => several.iter().map(covers).collect::<Vec<_>>().join("\n|| "),
        };
        conditions
            .push(api::MatchCondition { name: unused(rule, "fieldward.io/kinds"), expression });
    }
    if *rule.exempt() != Requesters::default() {
        let expression = format!("!({})", entries::by_requester(rule.exempt()));
        let name = unused(rule, "fieldward.io/not-exempt");
        conditions.push(api::MatchCondition { name, expression });
    }
    let own = rule.match_conditions().iter();
    conditions.extend(own.map(|own| api::MatchCondition {
        name: own.name.clone(),
        expression: own.expression.clone(),
    }));
    conditions
}

/// A name for a condition that the rule has no other condition of.
fn unused(rule: &Rule, name: &str) -> String {
    let mut name = name.to_owned();
    while rule.match_conditions().iter().any(|own| own.name == name) {
        name += "-2";
    }
    name
}

/// Whether one element of the resource rules covers the request.
fn covers(resource: &ResourceRule) -> String {
    let mut parts = Vec::new();
    let mut lists = |what: &str, list: &[String]| {
        if !list.iter().any(|entry| entry == "*") {
            parts.push(format!("request.{what} in {}", texts(list)));
        }
    };
    lists("resource.group", &resource.api_groups);
    lists("resource.version", &resource.api_versions);
    if !resource.kinds.is_empty() {
        lists("kind.kind", &resource.kinds);
    }
    let named = |pattern: &String| {
        let (name, subresource) = pattern.split_once('/').unwrap_or((pattern, ""));
        let is = |what: &str, value: &str| {
            if value == "*" { "true".to_owned() } else { format!("{what} == {}", text(value)) }
        };
        let of = "(has(request.subResource) ? request.subResource : \"\")";
        format!("{} && {}", is("request.resource.resource", name), is(of, subresource))
    };
    parts.push(format!(
        "({})",
        resource.resources.iter().map(named).collect::<Vec<_>>().join(" || ")
    ));
    format!("({})", parts.join(" && "))
}

fn validation(rule: &Rule) -> api::Validation {
    let name = rule.name();
    let mutable: Vec<String> = rule.present_entries().map(|entry| entry.path.to_string()).collect();
    let mutable = escape_control(&mutable.join(", "));
    let may = if mutable.len() <= LISTED && !mutable.is_empty() {
        format!("; may be updated: {mutable}")
    } else {
        String::new()
    };
    let before = format!("changes outside the fields that may be updated (rule {name}): ");
    let shown =
        format!("variables.violations.transformList(i, field, i < {NAMED}, field).join(\", \")");
    let more = format!(
        "(size(variables.violations) > {NAMED} ? \" and \" + string(size(variables.violations) - \
         {NAMED}) + \" more\" : \"\")"
    );
    api::Validation {
        expression: "size(variables.violations) == 0".to_owned(),
        message: Some(format!("changes outside the fields that may be updated (rule {name})")),
        message_expression: Some(format!(
            "{}\n+ {shown}\n+ {more}\n+ {}",
            text(&before),
            text(&may)
        )),
        reason: Some(rule.reason().as_str().to_owned()),
    }
}
