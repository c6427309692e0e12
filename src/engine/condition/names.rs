//! The names in an expression, checked against those that exist: the library would find them
//! missing only when it evaluates.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};

use super::kubernetes::{self, GLOBAL, MEMBER};
use super::re2;
use super::reads::read;
use super::syntax::{Walked, children, walk};
use super::variables::VARIABLES;
use crate::engine::rule::{Fault, Pattern, cut, escape_control};

/// Names of types, for `type(x) == string`.
const TYPES: [&str; 9] =
    ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type"];

/// Whether it is a function that is called on nothing.
fn is_global(name: &str) -> bool {
    matches!(name, "size" | "string" | "int" | "uint" | "double" | "bool" | "bytes")
        || matches!(name, "type" | "dyn")
}

/// Whether it is a function that is called on a value.
fn is_member(name: &str) -> bool {
    matches!(name, "size" | "contains" | "startsWith" | "endsWith" | "matches" | "charAt")
        || matches!(name, "lowerAscii" | "upperAscii" | "trim" | "substring" | "split")
        || matches!(name, "value" | "hasValue" | "or" | "orValue")
}

/// Something in an expression that cannot be, and the node where it stands.
pub(crate) struct Misnomer {
    pub(crate) node: u64,
    pub(crate) message: String,
}

impl Misnomer {
    pub(crate) fn at(node: &IdedExpr, message: String) -> Self {
        Self { node: node.id, message }
    }

    /// The same, with its place in the text that was parsed.
    pub(crate) fn fault(&self, text: &str, program: &cel::Program) -> Fault {
        let place = program.source_info().offset_for(self.node);
        let offset = place.map_or(0, |(start, _)| start as usize);
        Fault::at(text, offset, cut(&escape_control(&self.message), 300))
    }

    /// The first in the order of the text: the parser numbers nodes as it reads.
    pub(crate) fn first(all: Vec<Self>) -> Option<Self> {
        all.into_iter().min_by_key(|misnomer| misnomer.node)
    }
}

/// Collects what is wrong with the names of an expression, and compiles the patterns of `matches`
/// in the order in which they stand.
pub(crate) fn check(expression: &IdedExpr) -> Result<Vec<Pattern>, Misnomer> {
    let mut check = NameCheck::default();
    walk(expression, &mut Vec::new(), &mut |at, bound| check.enter(at, bound));
    Misnomer::first(check.misnomers).map_or(Ok(check.patterns), Err)
}

#[derive(Default)]
struct NameCheck {
    patterns: Vec<Pattern>,
    misnomers: Vec<Misnomer>,
}

impl NameCheck {
    fn enter(&mut self, at: &IdedExpr, bound: &[&str]) -> Walked {
        if let Some(message) = of_nothing(at) {
            self.refuse(first_of_nothing(at), message);
            return Walked::Nothing;
        }
        match &at.expr {
            Expr::Ident(name) => {
                let name = name.as_str();
                let known = name.starts_with('@') || bound.contains(&name);
                if !known && !VARIABLES.contains(&name) && !TYPES.contains(&name) {
                    let expected = "oldObject, object, oldValue, value or request";
                    self.refuse(at, format!("undeclared name `{name}`; expected {expected}"));
                }
            }
            Expr::Struct(made) => {
                self.refuse(at, undeclared_type(&made.type_name));
                return Walked::Nothing;
            }
            Expr::Comprehension(each) => {
                for name in [each.iter_var.as_str(), each.accu_var.as_str()] {
                    if VARIABLES.contains(&name) || TYPES.contains(&name) || name == "optional" {
                        self.refuse(
                            at,
                            format!(
                                "`{name}` is what conditions see; expected another name for the \
                                 variable of a loop"
                            ),
                        );
                    }
                }
            }
            Expr::Call(call) => {
                let target = call.target.as_deref().map(|target| &target.expr);
                let in_namespace = matches!(target, Some(Expr::Ident(name)) if name == "optional");
                self.function(at, call, in_namespace);
                return Walked::Call { without_target: in_namespace, variables: 0 };
            }
            _ => {}
        }
        Walked::All
    }

    fn function(&mut self, at: &IdedExpr, call: &CallExpr, in_namespace: bool) {
        let name = call.func_name.as_str();
        if is_operator(name) {
            return;
        }
        let (is_known, declared) = match &call.target {
            // Conditions have every function of this namespace that Kubernetes has.
            Some(_) if in_namespace => {
                (true, kubernetes::find(GLOBAL, &format!("optional.{name}")))
            }
            Some(_) => (is_member(name), kubernetes::find(MEMBER, name)),
            None => (is_global(name), kubernetes::find(GLOBAL, name)),
        };
        let found = call.args.len();
        match declared.filter(|_| is_known) {
            None => self.refuse(at, unknown(name, call.target.is_some(), found)),
            Some((_, counts, _)) if !counts.contains(&found) => {
                let expected = kubernetes::counted(counts);
                self.refuse(at, format!("`{name}` takes {expected} arguments, found {found}"));
            }
            Some(_) if name == "matches" => self.pattern(call.args.first()),
            Some(_) => {}
        }
    }

    fn pattern(&mut self, pattern: Option<&IdedExpr>) {
        let Some(pattern) = pattern else { return };
        let Expr::Literal(LiteralValue::String(text)) = &pattern.expr else {
            return self.refuse(
                pattern,
                "expected the pattern of `matches` as a text, found an expression".to_owned(),
            );
        };
        let translated = match re2::translated(text.inner()) {
            Ok(translated) => translated,
            Err(reason) => {
                return self.refuse(pattern, format!("expected a regular expression: {reason}"));
            }
        };
        match Pattern::new(&translated) {
            Ok(pattern) => self.patterns.push(pattern),
            Err(regex::Error::CompiledTooBig(_)) => {
                self.refuse(
                    pattern,
                    "expected a smaller pattern: matching this one costs too much".to_owned(),
                );
            }
            Err(error) => {
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.refuse(pattern, format!("expected a regular expression: {reason}"));
            }
        }
    }

    fn refuse(&mut self, at: &IdedExpr, message: String) {
        self.misnomers.push(Misnomer::at(at, message));
    }
}

pub(crate) fn undeclared_type(name: &str) -> String {
    format!("undeclared type `{name}`; expected a map as `{{'key': value}}`")
}

pub(crate) fn of_nothing(at: &IdedExpr) -> Option<String> {
    read(at).and_then(|read| read.of_nothing())
}

/// The node of a chain at which it leaves what there is.
pub(crate) fn first_of_nothing(at: &IdedExpr) -> &IdedExpr {
    let mut operand = None;
    children(at, &mut |child| {
        operand = operand.or(Some(child).filter(|child| of_nothing(child).is_some()));
    });
    operand.map_or(at, first_of_nothing)
}

fn unknown(name: &str, is_member: bool, arguments: usize) -> String {
    match (name, is_member) {
        (
            "all" | "exists" | "exists_one" | "existsOne" | "map" | "filter" | "transformList"
            | "transformMap",
            true,
        ) => {
            format!("`{name}` with {arguments} arguments is not supported: loops have one variable")
        }
        ("matches", false) => {
            "unknown function `matches`; expected it on a text, as `x.matches('…')`".to_owned()
        }
        _ if is_global(name) && is_member => {
            format!("unknown function `{name}` on a value; expected it as `{name}(x)`")
        }
        _ if self::is_member(name) => {
            format!("unknown function `{name}`; expected it on a value, as `x.{name}()`")
        }
        _ => format!("unknown function `{name}`"),
    }
}

/// What the parser makes of operators and macros, as `_+_` or `@in`. A name that is written has
/// only letters, digits, underscores and dots.
pub(crate) fn is_operator(name: &str) -> bool {
    name.contains(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
}
