//! What an expression reads of its variables: only that is converted, and lint compares it with
//! what the rule lets change.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::syntax::children;
use super::variables::{SEEN_BY_CONDITIONS, VARIABLES};
use crate::engine::rule::{Read, Reads};

impl Read {
    /// What it expects of the request although no request has it, in words.
    pub(crate) fn of_nothing(&self) -> Option<String> {
        let (name, rest) = self.members.split_first().filter(|_| self.variable == "request")?;
        let no_member = |of: &str, name: &str, expected: Vec<&str>| {
            format!("`{of}` has no member `{name}`; expected {}", expected.join(", "))
        };
        match SEEN_BY_CONDITIONS.iter().find(|(seen, _)| seen == name) {
            None if matches!(name.as_str(), "object" | "oldObject") => {
                Some(format!("`request` has no member `{name}`; expected `{name}` alone"))
            }
            None => Some(no_member(
                "request",
                name,
                SEEN_BY_CONDITIONS.iter().map(|(seen, _)| *seen).collect(),
            )),
            Some((_, [])) => None,
            Some((_, members)) => {
                let member = rest.first().filter(|member| !members.contains(&member.as_str()))?;
                Some(no_member(&format!("request.{name}"), member, members.to_vec()))
            }
        }
    }
}

impl Reads {
    fn note(&mut self, chain: &Chain, whole: bool) {
        let end =
            chain.members.iter().fold(
                self.members.entry(chain.variable.to_owned()).or_default(),
                |reads, member| reads.members.entry(member.clone()).or_default(),
            );
        end.is_whole |= whole;
    }
}

struct Chain {
    variable: &'static str,
    members: Vec<String>,
}

impl From<Chain> for Read {
    fn from(chain: Chain) -> Self {
        Self { variable: chain.variable.to_owned(), members: chain.members, is_compared: false }
    }
}

impl Chain {
    /// A variable, or a member of a chain, however it is selected.
    fn find(expression: &IdedExpr) -> Option<Self> {
        let (operand, member) = match &expression.expr {
            Expr::Ident(name) => {
                let variable = VARIABLES.into_iter().find(|variable| variable == name)?;
                return Some(Self { variable, members: Vec::new() });
            }
            Expr::Select(select) if !select.test => (select.operand.as_ref(), select.field.clone()),
            Expr::Call(call)
                if matches!(
                    call.func_name.as_str(),
                    operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT
                ) =>
            {
                let [operand, member] = call.args.as_slice() else { return None };
                let Expr::Literal(LiteralValue::String(member)) = &member.expr else { return None };
                (operand, member.inner().to_owned())
            }
            _ => return None,
        };
        let mut chain = Self::find(operand)?;
        chain.members.push(member);
        Some(chain)
    }
}

/// What an expression reads of its variables, as a tree and as chains. No variable is shadowed
/// (names sees to that).
pub(crate) fn find_all(expression: &IdedExpr) -> (Reads, Vec<Read>) {
    let (mut reads, mut chains) = (Reads::default(), Vec::new());
    collect(expression, &mut |chain, whole, is_compared| {
        reads.note(&chain, whole);
        chains.push(Read { is_compared, ..chain.into() });
    });
    // Of one chain the occurrence that is not compared comes first, and stays.
    chains.sort();
    chains
        .dedup_by(|one, other| (&one.variable, &one.members) == (&other.variable, &other.members));
    (reads, chains)
}

fn collect(expression: &IdedExpr, note: &mut dyn FnMut(Chain, bool, bool)) {
    if let Some(sides) = compared(expression) {
        for side in sides {
            note(side, true, true);
        }
        return;
    }
    match chain(expression) {
        Some((chain, whole)) => note(chain, whole, false),
        None => children(expression, &mut |child| collect(child, note)),
    }
}

/// The sides of an expression that asks whether one field of both objects is the same.
fn compared(expression: &IdedExpr) -> Option<[Chain; 2]> {
    let Expr::Call(call) = &expression.expr else { return None };
    let ([one, other], operators::EQUALS | operators::NOT_EQUALS) =
        (call.args.as_slice(), call.func_name.as_str())
    else {
        return None;
    };
    let (one, other) = (Chain::find(one)?, Chain::find(other)?);
    let are_counterparts = matches!(
        (one.variable, other.variable),
        ("object", "oldObject")
            | ("oldObject", "object")
            | ("value", "oldValue")
            | ("oldValue", "value")
    );
    (are_counterparts && one.members == other.members).then_some([one, other])
}

/// The chain that an expression is, and whether more is read of its end than that it is there.
fn chain(expression: &IdedExpr) -> Option<(Chain, bool)> {
    if let Some(chain) = Chain::find(expression) {
        return Some((chain, true));
    }
    let Expr::Select(select) = &expression.expr else { return None };
    let mut chain = Chain::find(&select.operand)?;
    chain.members.push(select.field.clone());
    Some((chain, false))
}

/// The chain that an expression is.
pub(crate) fn read(expression: &IdedExpr) -> Option<Read> {
    chain(expression).map(|(chain, _)| chain.into())
}
