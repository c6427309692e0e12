//! Parses CEL expressions and walks their syntax trees.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::{ParseErrors, Program};

use super::budget::ENVIRONMENT;

/// Bytes of stack for parsing. The parser recurses deeply, and each level is large in a debug build.
pub(crate) const STACK: usize = 134_217_728;

/// The accumulator of a loop that the parser has expanded.
pub(crate) const ACCUMULATOR: &str = "@result";

/// Parses an expression; none if the library's parser panics.
pub(crate) fn parsed(text: &str) -> Option<Result<Program, ParseErrors>> {
    catch_unwind(AssertUnwindSafe(|| ENVIRONMENT.compile(text))).ok()
}

/// The expressions directly below one.
pub(crate) fn children<'e>(expression: &'e IdedExpr, visit: &mut dyn FnMut(&'e IdedExpr)) {
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Select(select) => visit(&select.operand),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).for_each(visit),
        Expr::List(list) => list.elements.iter().for_each(visit),
        Expr::Map(map) => map.entries.iter().for_each(|entry| of_entry(&entry.expr, visit)),
        Expr::Struct(made) => made.entries.iter().for_each(|entry| of_entry(&entry.expr, visit)),
        Expr::Comprehension(each) => {
            [&each.iter_range, &each.accu_init, &each.loop_cond, &each.loop_step, &each.result]
                .into_iter()
                .for_each(visit);
        }
    }
}

fn of_entry<'e>(entry: &'e EntryExpr, visit: &mut dyn FnMut(&'e IdedExpr)) {
    match entry {
        EntryExpr::StructField(field) => visit(&field.value),
        EntryExpr::MapEntry(entry) => {
            visit(&entry.key);
            visit(&entry.value);
        }
    }
}

/// An expression and all below it.
pub(crate) fn nodes(expression: &IdedExpr) -> Vec<&IdedExpr> {
    let mut all = vec![expression];
    let mut at = 0;
    while let Some(node) = all.get(at).copied() {
        children(node, &mut |child| all.push(child));
        at += 1;
    }
    all
}

/// Which parts of a node [`walk`] goes on to.
pub(crate) enum Walked {
    Nothing,
    All,
    Call {
        /// Whether the target is the name of a namespace, not an expression.
        without_target: bool,
        /// How many of the first arguments name a variable that the others see.
        variables: usize,
    },
}

/// Walks an expression from the root down. `enter` is given each node with the variables of the
/// loops around it.
pub(crate) fn walk<'e>(
    at: &'e IdedExpr,
    bound: &mut Vec<&'e str>,
    enter: &mut dyn FnMut(&'e IdedExpr, &[&'e str]) -> Walked,
) {
    let depth = bound.len();
    match (enter(at, bound), &at.expr) {
        (Walked::Nothing, _) => {}
        (Walked::Call { without_target, variables }, Expr::Call(call)) => {
            if let Some(target) = call.target.as_deref().filter(|_| !without_target) {
                walk(target, bound, enter);
            }
            bound.extend(call.args.iter().take(variables).filter_map(name));
            for argument in &call.args {
                walk(argument, bound, enter);
            }
        }
        (_, Expr::Comprehension(each)) => {
            walk(&each.iter_range, bound, enter);
            walk(&each.accu_init, bound, enter);
            bound.push(&each.accu_var);
            walk(&each.loop_cond, bound, enter);
            walk(&each.result, bound, enter);
            bound.push(&each.iter_var);
            walk(&each.loop_step, bound, enter);
        }
        _ => children(at, &mut |child| walk(child, bound, enter)),
    }
    bound.truncate(depth);
}

fn name(expression: &IdedExpr) -> Option<&str> {
    let Expr::Ident(name) = &expression.expr else { return None };
    // A dot in front means the outermost scope, and declares the same name.
    Some(name.strip_prefix('.').unwrap_or(name))
}
