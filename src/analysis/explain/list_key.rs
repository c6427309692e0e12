//! The member by which the elements of a list pair: with another one an element is another element.

use crate::analysis::symbolic::{ChangeClass, Entries, Formula, Permits};
use crate::analysis::words::{key_words, quoted};
use crate::engine::{Algebra, Cursor, ListKey, Rule, Step};

pub(crate) struct PairingKey {
    key: ListKey,
    /// Whether nothing but the key was asked for.
    pub(crate) is_exact: bool,
    /// Where the whole list may become anything.
    replace: Formula,
    /// Where one element may vanish and another appear.
    pub(crate) swap: Formula,
    /// Where it may get another value in some way.
    pub(crate) modify: Formula,
}

impl PairingKey {
    /// None if no list pairs by what the steps lead to.
    pub(crate) fn find(rule: &Rule, entries: &Entries, steps: &[Step]) -> Option<Self> {
        let [list @ .., element, member] = steps else { return None };
        let key = key(rule, list, element, member)?.clone();
        let any = [list, &[Step::AnyElement]].concat();
        let one = [list, std::slice::from_ref(element)].concat();
        let some = |steps: &[Step]| Permits::of(rule, entries, steps, Cursor::step_for_some);
        let swap = some(&one)
            .get(ChangeClass::ClearContainer)
            .and(some(&any).get(ChangeClass::SetContainer));
        let modify = some(steps).get(ChangeClass::Modify).or(&swap);
        let whole = Permits::of(rule, entries, list, Cursor::step_for_all);
        let is_exact = matches!(member, Step::Name(_));
        Some(Self { is_exact, replace: whole.get(ChangeClass::Replace).clone(), swap, modify, key })
    }

    /// What is permitted however the list is: where anything is.
    pub(crate) fn certain(&self) -> Permits {
        Permits::all(&self.replace)
    }

    /// In which cases a change is permitted, given those of a list by position.
    pub(super) fn cases(&self, change: ChangeClass, by_position: &Formula) -> String {
        let always = (!self.replace.is_never()).then(|| self.replace.to_string());
        let is_more = !by_position.is_never() && *by_position != self.replace;
        let unpaired = is_more.then(|| {
            format!(
                "{by_position}, only while the list cannot be paired by {}",
                key_words(&self.key)
            )
        });
        let is_swap =
            change == ChangeClass::Modify && !self.swap.is_never() && self.swap != self.replace;
        let swapped =
            is_swap.then(|| format!("{}, as one element removed and another added", self.swap));
        always.into_iter().chain(unpaired).chain(swapped).collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn note(&self) -> String {
        let (key, any) =
            (key_words(&self.key), quoted(&self.key.names().collect::<Vec<_>>(), " or "));
        format!(
            "elements pair by {key}: with another {any} it is another element, one removed and one \
             added"
        )
    }
}

/// The key by which the list's elements pair, if the last step leads to it; of several declarations
/// the first listed counts.
fn key<'r>(rule: &'r Rule, list: &[Step], element: &Step, member: &Step) -> Option<&'r ListKey> {
    let (all, some) = (Cursor::of_all(rule, list), Cursor::of_some(rule, list));
    // One that all these lists have hides those after it.
    let decided = all.keys().first().map_or(usize::MAX, |(order, _)| *order);
    let is_meant = |key: &&ListKey| {
        let is_element = match element {
            Step::AnyElement => true,
            Step::Keyed(selector) => key.fits(selector),
            _ => false,
        };
        is_element && key.names().any(|name| member.meets(&Step::Name(name.to_owned())))
    };
    let keys = some.keys().into_iter().take_while(|(order, _)| *order <= decided);
    keys.map(|(_, key)| key).find(is_meant)
}
