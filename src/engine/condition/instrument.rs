//! Rewrites an expression so that whatever can cost is charged to a budget as it is evaluated.
//!
//! Every value that an operator or a function looks at, copies or stores is charged by its size first,
//! and every turn of a loop is charged by its element and the nodes of its body. No function that is
//! let in (names) makes more of its arguments than they have cost, so what is left unpaid is at
//! most one step. A loop whose budget is spent ends at once; that the library's logical operators
//! swallow errors therefore costs nothing, and a spent budget is an error whatever the result is.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators,
};
use cel::common::types::{CelBool, CelInt};

use super::budget::{BUDGET_VARIABLE, CHARGE, MATCHES, PLAIN, RANGE, SPREAD, TURN, WITHIN_BUDGET};
use super::syntax::{ACCUMULATOR, nodes};

/// The variable that holds the pattern of that number.
pub(crate) fn pattern_name(number: usize) -> String {
    format!("@pattern{number}")
}

/// The expression with what it costs written into it. Patterns are numbered in the order in which
/// names met them.
pub(crate) fn rewrite(expression: IdedExpr) -> IdedExpr {
    Rewriting { patterns: 0 }.expression(expression)
}

struct Rewriting {
    patterns: usize,
}

impl Rewriting {
    fn expression(&mut self, at: IdedExpr) -> IdedExpr {
        let id = at.id;
        let expr = match at.expr {
            Expr::Select(mut select) => {
                select.operand = Box::new(self.expression(*select.operand));
                Expr::Select(select)
            }
            Expr::Call(call) => return self.call(id, call),
            Expr::List(mut list) => {
                let optional = list.optional_indices.clone();
                let elements = list.elements.into_iter().enumerate();
                list.elements = elements
                    .map(|(index, element)| {
                        let element = self.expression(element);
                        if optional.contains(&index) {
                            charged(CHARGE, element)
                        } else {
                            charged(PLAIN, element)
                        }
                    })
                    .collect();
                Expr::List(list)
            }
            Expr::Map(mut map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        entry.key = charged(PLAIN, self.expression(std::mem::take(&mut entry.key)));
                        let kind = if entry.optional { CHARGE } else { PLAIN };
                        entry.value =
                            charged(kind, self.expression(std::mem::take(&mut entry.value)));
                    }
                }
                Expr::Map(map)
            }
            Expr::Comprehension(each) => Expr::Comprehension(Box::new(self.comprehension(*each))),
            other => other,
        };
        IdedExpr { id, expr }
    }

    fn call(&mut self, id: u64, mut call: CallExpr) -> IdedExpr {
        let in_namespace = call
            .target
            .as_deref()
            .is_some_and(|target| matches!(&target.expr, Expr::Ident(name) if name == "optional"));
        if call.func_name == "matches" {
            let pattern = pattern_name(self.patterns);
            self.patterns += 1;
            let text = call
                .target
                .take()
                .map_or_else(IdedExpr::default, |target| self.expression(*target));
            return made(MATCHES, vec![ident(BUDGET_VARIABLE), ident(&pattern), text]);
        }
        let target = call
            .target
            .take()
            .map(|target| if in_namespace { *target } else { self.expression(*target) });
        let args: Vec<IdedExpr> = std::mem::take(&mut call.args)
            .into_iter()
            .map(|argument| self.expression(argument))
            .collect();
        let charge = |kind: &str, args: Vec<IdedExpr>| {
            args.into_iter().map(|argument| charged(kind, argument)).collect::<Vec<_>>()
        };
        match call.func_name.as_str() {
            // What these look at is a bool.
            operators::CONDITIONAL
            | operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | operators::NOT_STRICTLY_FALSE => call.args = args,
            // A member is found by its key, which may be long.
            operators::INDEX => call.args = with_charged_key(args),
            // The member is copied.
            operators::OPT_INDEX | operators::OPT_SELECT => {
                call.args = with_charged_key(args);
                return charged(CHARGE, IdedExpr { id, expr: Expr::Call(call) });
            }
            _ if in_namespace => {
                call.target = target.map(Box::new);
                call.args = charge(PLAIN, args);
            }
            name => {
                let kind = if name == "split" { SPREAD } else { CHARGE };
                call.target = target.map(|target| Box::new(charged(kind, target)));
                call.args = charge(CHARGE, args);
            }
        }
        IdedExpr { id, expr: Expr::Call(call) }
    }

    fn comprehension(&mut self, each: ComprehensionExpr) -> ComprehensionExpr {
        let nodes = i64::try_from(nodes(&each.loop_step).len()).unwrap_or(i64::MAX);
        let is_library = each.accu_var == ACCUMULATOR;
        let turn = made(TURN, vec![ident(BUDGET_VARIABLE), integer(nodes), ident(&each.iter_var)]);
        let guarded = |body: IdedExpr| {
            made(operators::CONDITIONAL, vec![turn.clone(), body, bool_literal(false)])
        };
        let iter_range =
            made(RANGE, vec![ident(BUDGET_VARIABLE), self.expression(each.iter_range)]);
        let accu_init = if is_library {
            each.accu_init
        } else {
            charged(CHARGE, self.expression(each.accu_init))
        };
        // The order in which names met the patterns: condition, result, step.
        let condition = self.expression(each.loop_cond);
        let result = self.expression(each.result);
        let result = if is_library { result } else { charged(CHARGE, result) };
        let (loop_cond, loop_step) = match shape(&each.loop_step, is_library) {
            // `exists`, `all`: errors of the step are put off, so it is the condition that ends the
            // loop.
            MacroKind::Fold => {
                let condition = made(
                    operators::CONDITIONAL,
                    vec![
                        made(WITHIN_BUDGET, vec![ident(BUDGET_VARIABLE)]),
                        condition,
                        bool_literal(false),
                    ],
                );
                (condition, self.with_last_argument(each.loop_step, &guarded))
            }
            // `map`: only in this form does the library append without copying the whole list each
            // time.
            MacroKind::Append => {
                let step = self.append(each.loop_step);
                (
                    condition,
                    made(operators::CONDITIONAL, vec![turn.clone(), step, ident(ACCUMULATOR)]),
                )
            }
            // `filter`, `exists_one`, `map` with a condition.
            MacroKind::Guarded => (condition, self.guarded_step(each.loop_step, &guarded)),
            MacroKind::Other => {
                let step = self.expression(each.loop_step);
                (condition, step)
            }
        };
        ComprehensionExpr { iter_range, accu_init, loop_cond, loop_step, result, ..each }
    }

    fn with_last_argument(
        &mut self,
        step: IdedExpr,
        change: &dyn Fn(IdedExpr) -> IdedExpr,
    ) -> IdedExpr {
        with_arguments(step, |args| {
            let body = args.pop().map(|body| change(self.expression(body)));
            args.extend(body);
        })
    }

    /// `@result + [x]`, whose form stays.
    fn append(&mut self, step: IdedExpr) -> IdedExpr {
        with_arguments(step, |args| {
            let list = args.pop_if(|items| matches!(items.expr, Expr::List(_)));
            args.extend(list.map(|items| self.expression(items)));
        })
    }

    /// `condition ? @result + … : @result`, whose form stays.
    fn guarded_step(&mut self, step: IdedExpr, guarded: &dyn Fn(IdedExpr) -> IdedExpr) -> IdedExpr {
        with_arguments(step, |args| {
            if let [condition, append, _] = args.as_mut_slice() {
                *condition = guarded(self.expression(std::mem::take(condition)));
                *append = self.append(std::mem::take(append));
            }
        })
    }
}

/// A call with its arguments changed.
fn with_arguments(step: IdedExpr, change: impl FnOnce(&mut Vec<IdedExpr>)) -> IdedExpr {
    let Expr::Call(mut call) = step.expr else { return step };
    change(&mut call.args);
    IdedExpr { id: step.id, expr: Expr::Call(call) }
}

/// What the library's macros make of a loop's step.
enum MacroKind {
    Fold,
    Append,
    Guarded,
    /// `optMap`: nothing is looped over.
    Other,
}

fn shape(step: &IdedExpr, is_library: bool) -> MacroKind {
    match &step.expr {
        Expr::Call(call) if is_library => match call.func_name.as_str() {
            operators::LOGICAL_AND | operators::LOGICAL_OR => MacroKind::Fold,
            operators::ADD => MacroKind::Append,
            operators::CONDITIONAL => MacroKind::Guarded,
            _ => MacroKind::Other,
        },
        _ => MacroKind::Other,
    }
}

fn with_charged_key(mut args: Vec<IdedExpr>) -> Vec<IdedExpr> {
    let key = args.pop().map(|key| charged(CHARGE, key));
    args.extend(key);
    args
}

/// A literal costs nothing.
fn charged(kind: &str, expression: IdedExpr) -> IdedExpr {
    if matches!(expression.expr, Expr::Literal(_)) {
        expression
    } else {
        made(kind, vec![ident(BUDGET_VARIABLE), expression])
    }
}

fn made(name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    node(Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }))
}

fn ident(name: &str) -> IdedExpr {
    node(Expr::Ident(name.to_owned()))
}

fn integer(value: i64) -> IdedExpr {
    node(Expr::Literal(LiteralValue::Int(CelInt::from(value))))
}

fn bool_literal(value: bool) -> IdedExpr {
    node(Expr::Literal(LiteralValue::Boolean(CelBool::from(value))))
}

fn node(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}
