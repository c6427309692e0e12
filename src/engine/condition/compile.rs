//! From a text to a [`Condition`], or to what is wrong with it and where.

use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::syntax::{STACK, children, nodes, parsed};
use super::{instrument, names, reads};
use crate::engine::rule::{Condition, Fault, Program, Read, cut, escape_control};

/// Bytes of an expression, at most.
pub(crate) const LONGEST: usize = 4096;

/// Levels of an expression, at most: the library evaluates by recursion.
const DEEPEST: usize = 48;

/// Why nothing tells what an expression reads.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    #[error("too deep to be checked: more than {DEEPEST} levels of nesting")]
    Deep,
    /// It is not understood, for this reason.
    #[error("not understood here, so it is not checked: {0}")]
    Fault(String),
}

impl Condition {
    /// What any CEL expression reads of the same variables, whatever else it names.
    ///
    /// # Errors
    /// It is too deep, or not understood: the API server knows more of CEL.
    pub(crate) fn reads_of(expression: &str) -> Result<Vec<Read>, Unread> {
        stacker::grow(STACK, || {
            let program = parse(expression).map_err(|fault| Unread::Fault(fault.message))?;
            if depth(program.expression()) > DEEPEST {
                return Err(Unread::Deep);
            }
            Ok(reads::find_all(program.expression()).1)
        })
    }
}

pub(crate) fn compile(text: &str) -> Result<Condition, Fault> {
    stacker::grow(STACK, || {
        let program = parse(text)?;
        let expression = program.expression();
        if depth(expression) > DEEPEST {
            return Err(Fault::start(format!(
                "expected at most {DEEPEST} levels of nesting, found more"
            )));
        }
        let patterns =
            names::check(expression).map_err(|misnomer| misnomer.fault(text, &program))?;
        if let Some(found) = never_a_bool(expression) {
            return Err(Fault::start(format!(
                "expected a condition, true or false, found {found}"
            )));
        }
        let (reads, chains) = reads::find_all(expression);
        let (nodes, is_mixed) = (nodes(expression).len() as u64, is_mixed(expression));
        let expression = instrument::rewrite(expression.clone());
        let depth = depth(&expression);
        Ok(Condition {
            text: Arc::from(text),
            program: Arc::new(Program {
                expression,
                depth,
                nodes,
                patterns,
                reads,
                chains,
                is_mixed,
            }),
        })
    })
}

/// Whether some list or map is written with literals of several types, which CEL without a type
/// checker takes and Kubernetes' does not.
fn is_mixed(expression: &IdedExpr) -> bool {
    nodes(expression).into_iter().any(|node| match &node.expr {
        Expr::List(list) => differ(list.elements.iter()),
        Expr::Map(map) => {
            let entries = || {
                map.entries.iter().filter_map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => Some(entry),
                    EntryExpr::StructField(_) => None,
                })
            };
            differ(entries().map(|entry| &entry.key)) || differ(entries().map(|entry| &entry.value))
        }
        _ => false,
    })
}

fn differ<'e>(members: impl Iterator<Item = &'e IdedExpr>) -> bool {
    let mut types = members.filter_map(|member| match &member.expr {
        Expr::Literal(literal) => Some(std::mem::discriminant(literal)),
        _ => None,
    });
    types.next().is_some_and(|first| types.any(|other| other != first))
}

fn parse(text: &str) -> Result<cel::Program, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::start("expected a CEL expression, found an empty text"));
    }
    if text.len() > LONGEST {
        return Err(Fault::start(format!(
            "expected at most {LONGEST} bytes, found {}",
            text.len()
        )));
    }
    let unreadable =
        || Fault::start("expected a CEL expression, found something that cannot be read");
    parsed(text).ok_or_else(unreadable)?.map_err(|errors| {
        errors.errors.first().map_or_else(unreadable, |error| syntax(text, error))
    })
}

pub(crate) fn syntax(text: &str, error: &cel::ParseError) -> Fault {
    let (line, column) = (
        usize::try_from(error.pos.0).unwrap_or_default().max(1),
        usize::try_from(error.pos.1).unwrap_or_default().max(1),
    );
    let message = error.msg.trim_start_matches("Syntax error: ");
    // The library lists all that could have stood there.
    let message = message.split(" expecting {").next().unwrap_or(message);
    let column = column.min(text.lines().nth(line - 1).map_or(1, |line| line.chars().count() + 1));
    Fault { line, column, message: format!("no CEL: {}", cut(&escape_control(message), 200)) }
}

fn depth(expression: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut waiting = vec![(expression, 1)];
    while let Some((expression, depth)) = waiting.pop() {
        deepest = deepest.max(depth);
        children(expression, &mut |child| waiting.push((child, depth + 1)));
    }
    deepest
}

/// What an expression is whose result is no bool, whatever the objects are.
pub(crate) fn never_a_bool(expression: &IdedExpr) -> Option<&'static str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(_)) => None,
        Expr::Literal(LiteralValue::String(_)) => Some("a text"),
        Expr::Literal(LiteralValue::Null) => Some("null"),
        Expr::Literal(LiteralValue::Bytes(_)) => Some("bytes"),
        Expr::Literal(_) => Some("a number"),
        Expr::List(_) => Some("a list"),
        Expr::Map(_) => Some("a map"),
        Expr::Call(call) => match call.func_name.as_str() {
            operators::ADD => Some("a sum"),
            operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE
            | "size"
            | "int" => Some("a number"),
            "string" | "lowerAscii" | "upperAscii" | "trim" | "substring" | "charAt" => {
                Some("a text")
            }
            operators::OPT_SELECT | operators::OPT_INDEX => {
                Some("an optional value; `.orValue(false)` makes one of it")
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::compile;
    use crate::engine::rule::Fault;

    #[test]
    fn a_fault_has_its_place() {
        let place = |text: &str| {
            compile(text).map(drop).map_err(|Fault { line, column, .. }| (line, column))
        };
        assert_eq!(place("oldObject.a == 1"), Ok(()));
        assert_eq!(place("é.a == 1").map_err(|(line, _)| line), Err(1));
        assert_eq!(place("true && foo"), Err((1, 9)));
        assert_eq!(place("true &&\n  foo"), Err((2, 3)));
        assert_eq!(place("true &&\n  'é' == foo"), Err((2, 10)));
        assert_eq!(place("true && (1"), Err((1, 11)));
    }
}
