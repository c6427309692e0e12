//! The names in an expression, checked against those that exist: the library would find them
//! missing only when it evaluates.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::re2;
use super::reads::{children, read};
use super::variables::VARIABLES;
use crate::engine::rule::Pattern;

/// Names of types, for `type(x) == string`.
const TYPES: [&str; 9] =
    ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type"];

/// Functions by name, with the numbers of arguments that they take.
const GLOBAL: [(&str, &[usize]); 9] = [
    ("size", &[1]),
    ("string", &[1]),
    ("int", &[1]),
    ("uint", &[1]),
    ("double", &[1]),
    ("bool", &[1]),
    ("bytes", &[1]),
    ("type", &[1]),
    ("dyn", &[1]),
];

/// Functions of the namespace `optional`.
const OPTIONAL: [(&str, &[usize]); 3] = [("none", &[0]), ("of", &[1]), ("ofNonZeroValue", &[1])];

/// Functions that are called on a value.
const MEMBER: [(&str, &[usize]); 15] = [
    ("size", &[0]),
    ("contains", &[1]),
    ("startsWith", &[1]),
    ("endsWith", &[1]),
    ("matches", &[1]),
    ("charAt", &[1]),
    ("lowerAscii", &[0]),
    ("upperAscii", &[0]),
    ("trim", &[0]),
    ("substring", &[1, 2]),
    ("split", &[1, 2]),
    ("value", &[0]),
    ("hasValue", &[0]),
    ("or", &[1]),
    ("orValue", &[1]),
];

/// Something in an expression that cannot be, and the node where it stands.
pub(crate) struct Misnomer {
    pub(crate) node: u64,
    pub(crate) message: String,
}

/// Collects what is wrong with the names of an expression, and compiles the patterns of `matches`
/// in the order in which they stand.
pub(crate) fn check(expression: &IdedExpr) -> Result<Vec<Pattern>, Misnomer> {
    let mut check = Check { bound: Vec::new(), patterns: Vec::new(), misnomers: Vec::new() };
    check.visit(expression);
    // The first in the order of the text is found by its node: ids are given as the text is read.
    match check.misnomers.into_iter().min_by_key(|misnomer| misnomer.node) {
        Some(misnomer) => Err(misnomer),
        None => Ok(check.patterns),
    }
}

struct Check<'e> {
    /// The variables of the loops around.
    bound: Vec<&'e str>,
    patterns: Vec<Pattern>,
    misnomers: Vec<Misnomer>,
}

impl<'e> Check<'e> {
    fn visit(&mut self, at: &'e IdedExpr) {
        if let Some(message) = of_nothing(at) {
            return self.refuse(first_of_nothing(at), message);
        }
        match &at.expr {
            Expr::Ident(name) => {
                let known = name.starts_with('@') || self.bound.contains(&name.as_str());
                if !known && !VARIABLES.contains(&name.as_str()) && !TYPES.contains(&name.as_str())
                {
                    self.refuse(
                        at,
                        format!(
                            "undeclared name `{name}`; expected oldObject, object, \
                                             oldValue, value or request"
                        ),
                    );
                }
            }
            Expr::Struct(made) => self.refuse(
                at,
                format!(
                    "undeclared type `{}`; expected a map as `{{'key': value}}`",
                    made.type_name
                ),
            ),
            Expr::Comprehension(each) => self.comprehension(at, each),
            Expr::Call(call) => {
                let target = match call.target.as_deref().map(|target| &target.expr) {
                    Some(Expr::Ident(name)) if name == "optional" => Some(()),
                    _ => None,
                };
                self.function(at, call, target.is_some());
                if let Some(target) = call.target.as_deref().filter(|_| target.is_none()) {
                    self.visit(target);
                }
                for argument in &call.args {
                    self.visit(argument);
                }
            }
            _ => {
                let mut below = Vec::new();
                children(at, &mut |child| below.push(child));
                for child in below {
                    self.visit(child);
                }
            }
        }
    }

    fn comprehension(&mut self, at: &'e IdedExpr, each: &'e cel::common::ast::ComprehensionExpr) {
        for name in [each.iter_var.as_str(), each.accu_var.as_str()] {
            if VARIABLES.contains(&name) || TYPES.contains(&name) || name == "optional" {
                self.refuse(
                    at,
                    format!(
                        "`{name}` is what conditions see; expected another name \
                                         for the variable of a loop"
                    ),
                );
            }
        }
        self.visit(&each.iter_range);
        self.visit(&each.accu_init);
        let depth = self.bound.len();
        self.bound.push(&each.accu_var);
        self.visit(&each.loop_cond);
        self.visit(&each.result);
        self.bound.push(&each.iter_var);
        self.visit(&each.loop_step);
        self.bound.truncate(depth);
    }

    fn function(&mut self, at: &IdedExpr, call: &cel::common::ast::CallExpr, in_namespace: bool) {
        let name = call.func_name.as_str();
        if is_operator(name) {
            return;
        }
        let table: &[(&str, &[usize])] = match &call.target {
            Some(_) if in_namespace => &OPTIONAL,
            Some(_) => &MEMBER,
            None => &GLOBAL,
        };
        match table.iter().find(|(known, _)| *known == name) {
            None => self.refuse(at, unknown(name, call.target.is_some(), call.args.len())),
            Some((_, counts)) if !counts.contains(&call.args.len()) => {
                let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
                let expected = counts.join(" or ");
                self.refuse(
                    at,
                    format!("`{name}` takes {expected} arguments, found {}", call.args.len()),
                );
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
        self.misnomers.push(Misnomer { node: at.id, message });
    }
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
        _ if GLOBAL.iter().any(|(known, _)| *known == name) && is_member => {
            format!("unknown function `{name}` on a value; expected it as `{name}(x)`")
        }
        _ if MEMBER.iter().any(|(known, _)| *known == name) => {
            format!("unknown function `{name}`; expected it on a value, as `x.{name}()`")
        }
        _ => format!("unknown function `{name}`"),
    }
}

/// What the parser makes of operators and macros.
pub(crate) fn is_operator(name: &str) -> bool {
    matches!(
        name,
        operators::CONDITIONAL
            | operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | operators::SUBSTRACT
            | operators::ADD
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::EQUALS
            | operators::NOT_EQUALS
            | operators::GREATER_EQUALS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::LESS
            | operators::NEGATE
            | operators::INDEX
            | operators::OPT_INDEX
            | operators::OPT_SELECT
            | operators::NOT_STRICTLY_FALSE
            | operators::IN
    )
}
