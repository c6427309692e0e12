//! What an expression reads of its variables: only that is converted, and lint compares it with what the rule lets change.

use std::collections::BTreeMap;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::names::VARIABLES;

/// A chain of members that a condition reads: `oldObject.spec.suspend`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The variable it starts from.
    pub variable: String,
    /// The members named on the way.
    pub members: Vec<String>,
}

/// What is read of a value: the whole, or only its kind and some members.
#[derive(Debug, Clone, Default)]
pub(super) struct Reads {
    whole: bool,
    members: BTreeMap<String, Reads>,
}

impl Reads {
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    pub(super) fn members(&self) -> &BTreeMap<String, Reads> {
        &self.members
    }

    /// What is read of a variable; none if it is not named.
    pub(super) fn of_variable(&self, name: &str) -> Option<&Self> {
        self.members.get(name)
    }

    fn note(&mut self, chain: &Chain, whole: bool) {
        let end = chain.members.iter().fold(self.members.entry(chain.variable.to_owned()).or_default(), |reads, member| {
            reads.members.entry(member.clone()).or_default()
        });
        end.whole |= whole;
    }
}

struct Chain {
    variable: &'static str,
    members: Vec<String>,
}

impl Chain {
    /// A variable, or a member of a chain, however it is selected.
    fn of(expression: &IdedExpr) -> Option<Self> {
        let (operand, member) = match &expression.expr {
            Expr::Ident(name) => {
                let variable = VARIABLES.into_iter().find(|variable| variable == name)?;
                return Some(Self { variable, members: Vec::new() });
            }
            Expr::Select(select) if !select.test => (select.operand.as_ref(), select.field.clone()),
            Expr::Call(call) if matches!(call.func_name.as_str(), operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT) => {
                let [operand, member] = call.args.as_slice() else { return None };
                let Expr::Literal(LiteralValue::String(member)) = &member.expr else { return None };
                (operand, member.inner().to_owned())
            }
            _ => return None,
        };
        let mut chain = Self::of(operand)?;
        chain.members.push(member);
        Some(chain)
    }
}

/// What an expression reads of its variables, as a tree and as chains. No variable is shadowed (names sees to that).
pub(super) fn of(expression: &IdedExpr) -> (Reads, Vec<Read>) {
    let (mut reads, mut chains) = (Reads::default(), Vec::new());
    collect(expression, &mut |chain, whole| {
        reads.note(&chain, whole);
        chains.push(Read { variable: chain.variable.to_owned(), members: chain.members });
    });
    chains.sort();
    chains.dedup();
    (reads, chains)
}

fn collect(expression: &IdedExpr, note: &mut dyn FnMut(Chain, bool)) {
    if let Some(chain) = Chain::of(expression) {
        return note(chain, true);
    }
    // Whether a member is there takes no look into it.
    if let Expr::Select(select) = &expression.expr
        && let Some(mut chain) = Chain::of(&select.operand)
    {
        chain.members.push(select.field.clone());
        return note(chain, false);
    }
    children(expression, &mut |child| collect(child, note));
}

/// The expressions directly below one.
pub(super) fn children<'e>(expression: &'e IdedExpr, visit: &mut dyn FnMut(&'e IdedExpr)) {
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Select(select) => visit(&select.operand),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).for_each(visit),
        Expr::List(list) => list.elements.iter().for_each(visit),
        Expr::Map(map) => map.entries.iter().for_each(|entry| of_entry(&entry.expr, visit)),
        Expr::Struct(made) => made.entries.iter().for_each(|entry| of_entry(&entry.expr, visit)),
        Expr::Comprehension(each) => {
            [&each.iter_range, &each.accu_init, &each.loop_cond, &each.loop_step, &each.result].into_iter().for_each(visit);
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
