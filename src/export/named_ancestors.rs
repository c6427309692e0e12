//! The objects that every path passes by name, such as `metadata` and `spec`: each has a variable
//! that lists which of its members changed and may not, so that the message can name them.

use k8s_openapi::api::admissionregistration::v1::Variable;

use super::entries::text;
use super::expression::{Expr, concatenated};
use super::permitted::{Judge, Local, keys, names_have};
use super::types;
use crate::engine::Cursor;

/// What of a member's name is shown: nothing that could end a line or be read as a sentence.
const BARE: &str = "^[A-Za-z_][A-Za-z0-9_-]{0,62}$";
const PLAIN: &str = "^[A-Za-z0-9_./-]{1,120}$";

/// The variables of all these objects, and those of them that list fields.
pub(super) struct NamedAncestors {
    pub(super) variables: Vec<Variable>,
    pub(super) lists: Vec<String>,
}

impl NamedAncestors {
    pub(super) fn find(judge: Judge<'_>, root: &Cursor<'_>) -> Self {
        let variable = |name: &str, expression: &str| Variable {
            name: name.to_owned(),
            expression: expression.to_owned(),
        };
        let mut named_ancestors = Self {
            // Without the types of a schema, so that an expression is the same for the API server's
            // type checker as when it is evaluated.
            variables: vec![
                variable("old", "dyn(oldObject)"),
                variable("new", "dyn(object)"),
                variable(
                    "deleting",
                    "variables.old.?metadata.?deletionTimestamp.orValue(null) != null",
                ),
            ],
            lists: Vec::new(),
        };
        named_ancestors.object(judge, root, "", "", &Expr::True);
        named_ancestors
    }

    /// `is_open`: whether this object's members are judged one by one.
    fn object(
        &mut self,
        judge: Judge<'_>,
        cursor: &Cursor<'_>,
        field: &str,
        suffix: &str,
        is_open: &Expr,
    ) {
        let (x, y) = (format!("variables.old{suffix}"), format!("variables.new{suffix}"));
        let sides = (x.as_str(), y.as_str());
        let here = judge.deeper();
        let k = here.name('k');
        let mut inside = Vec::new();
        let mut parts = Vec::new();
        for name in types::names(cursor) {
            let (below, key) = (cursor.member(&name), text(&name));
            let permitted = if below.is_named_ancestor() {
                let (a, b) = (format!("{x}[?{key}]"), format!("{y}[?{key}]"));
                let is_inner_open = Expr::and([is_open.clone(), opened(here, &below, (&a, &b))]);
                let suffix = self.suffix(suffix, &name);
                self.variables.push(Variable {
                    name: format!("open{suffix}"),
                    expression: is_inner_open.print(),
                });
                for (side, value) in [("old", &a), ("new", &b)] {
                    self.variables.push(Variable {
                        name: format!("{side}{suffix}"),
                        expression: format!("dyn({value}.orValue({{}}))"),
                    });
                }
                let is_open = Expr::text(format!("variables.open{suffix}"));
                inside.push((
                    below,
                    format!("{field}{}", shown(field, &name)),
                    suffix,
                    is_open.clone(),
                ));
                Expr::or([Expr::text(format!("{a} == {b}")), is_open])
            } else {
                here.member(&below, &Local::none(), &key, sides)
            };
            match permitted {
                Expr::True => {}
                permitted => {
                    let permitted = self.short(permitted.print(), suffix, &name);
                    parts.push(format!(
                        "({permitted} ? [] : [{}])",
                        text(&format!("{field}{}", shown(field, &name)))
                    ));
                }
            }
        }
        let other = here.other_member(cursor, &Local::none(), &k, sides);
        let refused = Expr::and([names_have(cursor, &k).negated(), other.negated()]);
        let refused = Expr::each(keys(&k, sides), "filter", &k, refused).print();
        parts.insert(0, format!("{refused}.map({k}, {})", named(field, &k)));
        let list = concatenated(&parts);
        let expression = if *is_open == Expr::True {
            list
        } else {
            format!("!{} ? [] :\n{list}", is_open.print())
        };
        self.variables.push(Variable { name: format!("refused{suffix}"), expression });
        self.lists.push(format!("variables.refused{suffix}"));
        for (cursor, field, suffix, is_open) in inside {
            self.object(judge, &cursor, &field, &suffix, &is_open);
        }
    }

    /// The test in parentheses, or a variable with it where it is long: the API server limits what
    /// each variable may cost.
    fn short(&mut self, test: String, above: &str, name: &str) -> String {
        const SHORT: usize = 200;
        if test.len() <= SHORT {
            return format!("({test})");
        }
        let name = format!("kept{}", self.suffix(above, name));
        self.variables.push(Variable { name: name.clone(), expression: test });
        format!("variables.{name}")
    }

    /// What the variables of the member are called by; two members may be called alike when letters
    /// are left out.
    fn suffix(&self, above: &str, name: &str) -> String {
        let plain: String = name
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
            .collect();
        let suffix = format!("{above}_{plain}");
        let taken = |suffix: &str| {
            self.variables.iter().any(|variable| {
                ["open", "kept"].iter().any(|kind| variable.name.strip_prefix(kind) == Some(suffix))
            })
        };
        let mut free = suffix.clone();
        let mut count = 1;
        while taken(&free) {
            count += 1;
            free = format!("{suffix}_{count}");
        }
        free
    }
}

/// Whether both sides are objects, or one is an intermediate object that the other lacks.
fn opened(judge: Judge<'_>, cursor: &Cursor<'_>, (a, b): (&str, &str)) -> Expr {
    let is_map = |side: &str| format!("type({side}.orValue(null)) == map");
    let is_empty_or_map = |side: &str| format!("type({side}.orValue({{}})) == map");
    let both = Expr::and([is_map(a), is_map(b)].map(Expr::Text));
    let intermediate = judge.is_intermediate(cursor, (a, b));
    let one = Expr::text(format!("{a}.hasValue() != {b}.hasValue()"));
    Expr::or([
        both,
        Expr::and([
            one,
            Expr::text(is_empty_or_map(a)),
            Expr::text(is_empty_or_map(b)),
            intermediate,
        ]),
    ])
}

/// The member as a message writes it after the field.
fn shown(field: &str, name: &str) -> String {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    let bare = name
        .chars()
        .next()
        .is_some_and(|first| letter(first) && !first.is_ascii_digit() && first != '-')
        && name.chars().all(letter);
    match (bare, field.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!(".{name}"),
        (false, _) => {
            let plain: String = name
                .chars()
                .map(|each| if letter(each) || "./".contains(each) { each } else { '?' })
                .collect();
            format!("[{plain}]")
        }
    }
}

/// The same for a member that is known when it is there.
fn named(field: &str, k: &str) -> String {
    let dot = if field.is_empty() { "" } else { "." };
    let (dotted, opened) = (text(&format!("{field}{dot}")), text(&format!("{field}[")));
    let other = text(&format!("{field}[?]"));
    format!(
        "{k}.matches({}) ? {dotted} + {k} : {k}.matches({}) ? {opened} + {k} + \"]\" : {other}",
        text(BARE),
        text(PLAIN)
    )
}
