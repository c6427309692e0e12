//! The budget of evaluations: what is spent is counted by functions that the rewritten expression
//! calls.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use cel::common::types::{
    CelBool, CelBytes, CelInt, CelList, CelMap, CelOptional, CelString, DYN_TYPE, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

use crate::engine::rule::Pattern;

/// What all conditions of one review may spend: about the values that are visited. A string counts
/// as one for every 16 bytes, an object that is read as nine.
pub(crate) const BUDGET: u64 = 2_000_000;

/// What they may spend where others wait for it.
pub(crate) const AT_ONCE: u64 = 20_000;

/// The variable that holds the budget; no expression can name it.
pub(crate) const BUDGET_VARIABLE: &str = "@meter";

/// Charges a value and returns it.
pub(crate) const CHARGE: &str = "@charge";
/// The same for a string whose every character becomes a value.
pub(crate) const SPREAD: &str = "@spread";
/// The same, and refuses optional values, so that none is ever stored (selecting from a stored one
/// would copy it).
pub(crate) const PLAIN: &str = "@plain";
/// Charges one turn of a loop, by its nodes and its element. Returns true.
pub(crate) const TURN: &str = "@turn";
/// An error if the budget is spent, else true.
pub(crate) const WITHIN_BUDGET: &str = "@within_budget";
/// What a loop runs over: of a map the keys, in order.
pub(crate) const RANGE: &str = "@range";
/// `matches` with a pattern compiled at load.
pub(crate) const MATCHES: &str = "@matches";

static BUDGET_TYPE: Type = Type::new_unspecified_type("fieldward.meter");
static PATTERN_TYPE: Type = Type::new_unspecified_type("fieldward.pattern");

/// The functions and macros that conditions have.
pub(crate) static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // Each name is declared once, so nothing here can conflict; a missing function would be an
    // error of every condition that calls it.
    let _: Result<(), DeclarationError> = declare(&mut env);
    Arc::new(env)
});

fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    let any = |count: usize| (0..count).map(|_| DYN_TYPE).collect();
    env.add_overload(CHARGE, CHARGE, any(2), charge)?;
    env.add_overload(SPREAD, SPREAD, any(2), spread)?;
    env.add_overload(PLAIN, PLAIN, any(2), plain)?;
    env.add_overload(TURN, TURN, any(3), turn)?;
    env.add_overload(WITHIN_BUDGET, WITHIN_BUDGET, any(1), within_budget)?;
    env.add_overload(RANGE, RANGE, any(2), range)?;
    env.add_overload(MATCHES, MATCHES, any(3), matches)?;
    env.add_extension(cel::extensions::strings).map(drop)
}

#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<AtomicU64>);

impl Budget {
    pub(crate) fn new(budget: u64) -> Self {
        Self(Arc::new(AtomicU64::new(budget)))
    }

    /// Takes this cost; false once nothing is left, from then on for good.
    pub(crate) fn charge(&self, amount: u64) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(amount), Ordering::Relaxed);
        left > amount
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn charge_for(&self, value: &dyn Val) -> Result<(), ExecutionError> {
        if self.charge_each(value) { Ok(()) } else { Err(spent()) }
    }

    /// Charges a value and all that is in it, until nothing is left.
    fn charge_each(&self, value: &dyn Val) -> bool {
        if let Some(text) = value.downcast_ref::<CelString>() {
            return self.charge(1 + text.inner().len() as u64 / 16);
        }
        if let Some(bytes) = value.downcast_ref::<CelBytes>() {
            return self.charge(1 + bytes.inner().len() as u64 / 16);
        }
        if let Some(list) = value.downcast_ref::<CelList>() {
            return self.charge(1)
                && list.inner().iter().all(|element| self.charge_each(element.as_ref()));
        }
        if let Some(map) = value.downcast_ref::<CelMap>() {
            return self.charge(1)
                && map
                    .inner()
                    .values()
                    .all(|member| self.charge(2) && self.charge_each(member.as_ref()));
        }
        if let Some(optional) = value.downcast_ref::<CelOptional>() {
            return self.charge(1) && optional.option().is_none_or(|value| self.charge_each(value));
        }
        self.charge(1)
    }
}

impl Pattern {
    /// Compiles it, within what may ever be worth its cost.
    pub(crate) fn new(text: &str) -> Result<Self, regex::Error> {
        let sized = |size: usize| {
            regex::RegexBuilder::new(text).size_limit(size).dfa_size_limit(1 << 20).build()
        };
        let mut size = 4 * 1024;
        loop {
            match sized(size) {
                Err(regex::Error::CompiledTooBig(_)) if size < 256 * 1024 => size *= 2,
                Err(error) => return Err(error),
                Ok(regex) => return Ok(Self { regex, weight: size as u64 / 128 }),
            }
        }
    }
}

/// Makes a type one whose values expressions can hand on, and nothing else.
macro_rules! opaque {
    ($type:ty, $cel_type:ident) => {
        impl Val for $type {
            fn get_type(&self) -> &Type {
                &$cel_type
            }

            fn cel_type() -> &'static Type {
                &$cel_type
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
                Box::new(self.clone())
            }

            fn as_any(&self) -> Option<&dyn Any> {
                Some(self)
            }
        }

        impl StaticVal for $type {}
    };
}

opaque!(Budget, BUDGET_TYPE);
opaque!(Pattern, PATTERN_TYPE);

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type CallResult<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn spent() -> ExecutionError {
    ExecutionError::InternalError("the budget is spent".to_owned())
}

fn mismatch() -> ExecutionError {
    ExecutionError::InternalError("another type of argument".to_owned())
}

/// The budget, and the last argument, which is handed on.
fn budget_and_value<'b, 'v>(
    mut arguments: Arguments<'b, 'v>,
) -> Result<(Budget, CowVal<'b, 'v>), ExecutionError> {
    let budget = arguments
        .first()
        .and_then(|budget| budget.downcast_ref::<Budget>())
        .cloned()
        .ok_or_else(mismatch)?;
    Ok((budget, arguments.pop().ok_or_else(mismatch)?))
}

fn charge<'b, 'v>(arguments: Arguments<'b, 'v>) -> CallResult<'b, 'v> {
    let (budget, value) = budget_and_value(arguments)?;
    budget.charge_for(value.as_ref()).map(|()| value)
}

fn spread<'b, 'v>(arguments: Arguments<'b, 'v>) -> CallResult<'b, 'v> {
    let (budget, value) = budget_and_value(arguments)?;
    let length = value.downcast_ref::<CelString>().map_or(0, |text| text.inner().len());
    if !budget.charge(length as u64) {
        return Err(spent());
    }
    budget.charge_for(value.as_ref()).map(|()| value)
}

fn plain<'b, 'v>(arguments: Arguments<'b, 'v>) -> CallResult<'b, 'v> {
    let (budget, value) = budget_and_value(arguments)?;
    if value.downcast_ref::<CelOptional>().is_some() {
        return Err(mismatch());
    }
    budget.charge_for(value.as_ref()).map(|()| value)
}

fn turn<'b, 'v>(arguments: Arguments<'b, 'v>) -> CallResult<'b, 'v> {
    let nodes = arguments
        .get(1)
        .and_then(|nodes| nodes.downcast_ref::<CelInt>())
        .map_or(0, |nodes| *nodes.inner());
    let (budget, element) = budget_and_value(arguments)?;
    if !budget.charge(u64::try_from(nodes).unwrap_or_default()) {
        return Err(spent());
    }
    budget.charge_for(element.as_ref()).map(|()| CowVal::owned(CelBool::from(true)))
}

#[expect(clippy::needless_pass_by_value, reason = "the library's signature")]
fn within_budget<'b, 'v>(arguments: Arguments<'b, 'v>) -> CallResult<'b, 'v> {
    let is_spent = arguments
        .first()
        .and_then(|budget| budget.downcast_ref::<Budget>())
        .is_none_or(Budget::is_spent);
    if is_spent { Err(spent()) } else { Ok(CowVal::owned(CelBool::from(true))) }
}

/// The library runs over a map's keys in the order of their hashes, which differs from run to run.
fn range<'b, 'v>(arguments: Arguments<'b, 'v>) -> CallResult<'b, 'v> {
    let (budget, value) = budget_and_value(arguments)?;
    budget.charge_for(value.as_ref())?;
    let Some(map) = value.downcast_ref::<CelMap>() else { return Ok(value) };
    let keys: BTreeSet<_> = map.inner().keys().cloned().collect();
    let keys: Vec<Box<dyn Val + 'v>> =
        keys.into_iter().map(|key| key.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

#[expect(clippy::needless_pass_by_value, reason = "the library's signature")]
fn matches<'b, 'v>(arguments: Arguments<'b, 'v>) -> CallResult<'b, 'v> {
    let [budget, pattern, text] = arguments.as_slice() else { return Err(mismatch()) };
    let budget = budget.downcast_ref::<Budget>().ok_or_else(mismatch)?;
    let pattern = pattern.downcast_ref::<Pattern>().ok_or_else(mismatch)?;
    let text = text.downcast_ref::<CelString>().ok_or_else(mismatch)?;
    if !budget.charge((1 + text.inner().len() as u64 / 16) * pattern.weight) {
        return Err(spent());
    }
    Ok(CowVal::owned(CelBool::from(pattern.regex.is_match(text.inner()))))
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn who_takes_all_that_is_left_has_spent_too_much() {
        for (amount, is_paid) in [(4, true), (5, false), (6, false)] {
            assert_eq!(Budget::new(5).charge(amount), is_paid, "{amount}");
        }
    }
}
