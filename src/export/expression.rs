//! CEL as a tree that folds what is known, and is printed for people.

use crate::engine::Algebra;

/// A CEL expression; all but [`Expr::Text`] are conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expr {
    True,
    False,
    /// Binds at least as tight as a comparison.
    Text(String),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    /// `test ? yes : no`; the test is never a grant, which may err.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `range.name(variables, body)`.
    Macro {
        range: String,
        name: &'static str,
        variables: String,
        body: Box<Expr>,
    },
}

/// The longest line that is not broken, without the indent.
const LINE: usize = 100;

/// Beyond this nothing is indented further: deep trees would consist of blanks.
const INDENT: usize = 12;

impl Expr {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn and(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::fold(parts, &Self::True, &Self::False, Self::And)
    }

    pub(super) fn or(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::fold(parts, &Self::False, &Self::True, Self::Or)
    }

    fn fold(
        parts: impl IntoIterator<Item = Self>,
        neutral: &Self,
        decided: &Self,
        join: fn(Vec<Self>) -> Self,
    ) -> Self {
        let mut kept: Vec<Self> = Vec::new();
        for part in parts {
            let inner = match part {
                Self::And(inner) if join(Vec::new()) == Self::And(Vec::new()) => inner,
                Self::Or(inner) if join(Vec::new()) == Self::Or(Vec::new()) => inner,
                other => vec![other],
            };
            for part in inner {
                if part == *decided {
                    return part;
                }
                if part != *neutral && !kept.contains(&part) {
                    kept.push(part);
                }
            }
        }
        match kept.len() {
            0 => neutral.clone(),
            1 => kept.remove(0),
            _ => join(kept),
        }
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// `self ? yes : no`.
    pub(super) fn choose(self, yes: Self, no: Self) -> Self {
        if yes == no {
            return yes;
        }
        match (self, yes, no) {
            (Self::True, yes, _) => yes,
            (Self::False, _, no) => no,
            (test, Self::True, no) => Self::or([test, no]),
            (test, yes, Self::False) => Self::and([test, yes]),
            (test, Self::False, no) => Self::and([test.negated(), no]),
            (test, yes, Self::True) => Self::or([test.negated(), yes]),
            (test, yes, no) => Self::If(Box::new(test), Box::new(yes), Box::new(no)),
        }
    }

    /// Whether `body` holds for each of the range.
    pub(super) fn all(range: impl Into<String>, variables: impl Into<String>, body: Self) -> Self {
        if body == Self::True { body } else { Self::each(range, "all", variables, body) }
    }

    /// Whether `body` holds for one of the range at least.
    pub(super) fn exists(
        range: impl Into<String>,
        variables: impl Into<String>,
        body: Self,
    ) -> Self {
        if body == Self::False { body } else { Self::each(range, "exists", variables, body) }
    }

    pub(super) fn each(
        range: impl Into<String>,
        name: &'static str,
        variables: impl Into<String>,
        body: Self,
    ) -> Self {
        let (range, variables) = (range.into(), variables.into());
        Self::Macro { range, name, variables, body: Box::new(body) }
    }

    /// `body` with a name for a value, of which CEL's type checker shall know nothing; else it
    /// infers a type from one use, and refuses the next.
    pub(super) fn bind(value: &str, name: &str, body: Self) -> Self {
        match body {
            Self::True | Self::False => body,
            body => Self::all(format!("[dyn({value})]"), name, body),
        }
    }

    /// Prints it, broken into lines where it is long.
    pub(super) fn print(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, Some(0), Rank::Whole);
        out
    }

    fn rank(&self) -> Rank {
        match self {
            Self::True | Self::False | Self::Text(_) | Self::Not(_) | Self::Macro { .. } => {
                Rank::Operand
            }
            Self::And(_) => Rank::And,
            Self::Or(_) => Rank::Or,
            Self::If(..) => Rank::Whole,
        }
    }

    fn flat(&self, within: Rank) -> String {
        let mut out = String::new();
        self.write(&mut out, None, within);
        out
    }

    /// Without an indent it stays on one line.
    fn write(&self, out: &mut String, indent: Option<usize>, within: Rank) {
        let is_long = |flat: String| flat.contains('\n') || flat.len() > LINE;
        let around = indent.filter(|_| is_long(self.flat(within)));
        let is_enclosed = self.rank() > within;
        let indent = around.map(|indent| indent + if is_enclosed { 2 } else { 0 });
        let inner = indent.map(|indent| indent + 2);
        if is_enclosed {
            *out += "(";
            line(out, indent, "");
        }
        match self {
            Self::True => *out += "true",
            Self::False => *out += "false",
            Self::Text(text) => *out += text,
            Self::Not(negated) => {
                *out += "!(";
                line(out, inner, "");
                negated.write(out, inner, Rank::Whole);
                line(out, indent, "");
                *out += ")";
            }
            Self::And(parts) => joined(out, indent, parts, "&& ", Rank::Operand),
            Self::Or(parts) => joined(out, indent, parts, "|| ", Rank::And),
            Self::If(test, yes, no) => {
                test.write(out, indent, Rank::Or);
                line(out, indent, " ");
                *out += "? ";
                yes.write(out, inner, Rank::Or);
                line(out, indent, " ");
                *out += ": ";
                no.write(out, inner, Rank::Whole);
            }
            Self::Macro { range, name, variables, body } => {
                *out += &format!("{range}.{name}({variables},");
                line(out, inner, " ");
                body.write(out, inner, Rank::Whole);
                line(out, indent, "");
                *out += ")";
            }
        }
        if is_enclosed {
            line(out, around, "");
            *out += ")";
        }
    }
}

impl Algebra for Expr {
    fn never() -> Self {
        Self::False
    }

    fn always() -> Self {
        Self::True
    }

    fn or(&self, other: &Self) -> Self {
        Self::or([self.clone(), other.clone()])
    }

    fn and(&self, other: &Self) -> Self {
        Self::and([self.clone(), other.clone()])
    }
}

/// What may stand where without parentheses: all that ranks no higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Operand,
    And,
    Or,
    Whole,
}

fn joined(out: &mut String, indent: Option<usize>, parts: &[Expr], operator: &str, within: Rank) {
    for (index, part) in parts.iter().enumerate() {
        let mut own = indent;
        if index > 0 {
            line(out, indent, " ");
            *out += operator;
            own = indent.map(|indent| indent + operator.len());
        }
        part.write(out, own, within);
    }
}

/// A new line with an indent; without one, what stands there instead.
fn line(out: &mut String, indent: Option<usize>, instead: &str) {
    match indent {
        Some(indent) => {
            *out += "\n";
            out.extend(std::iter::repeat_n(' ', indent.min(INDENT)));
        }
        None => *out += instead,
    }
}

/// Lists, put together; not one after another, since every `+` nests what stands before it.
pub(super) fn concatenated(lists: &[String]) -> String {
    const FEW: usize = 8;
    if lists.len() <= FEW {
        return lists.join("\n+ ");
    }
    let groups: Vec<String> = lists
        .chunks(lists.len().div_ceil(FEW))
        .map(|group| format!("({})", concatenated(group)))
        .collect();
    groups.join("\n+ ")
}

/// How deep an expression nests brackets.
pub(super) fn nesting(text: &str) -> usize {
    let (mut open, mut deepest, mut quoted, mut escaped) = (0usize, 0, None, false);
    for letter in text.chars() {
        match (letter, quoted) {
            _ if escaped => escaped = false,
            ('\\', Some(_)) => escaped = true,
            (quote, Some(open)) if quote == open => quoted = None,
            ('"' | '\'', None) => quoted = Some(letter),
            ('(' | '[' | '{', None) => {
                open += 1;
                deepest = deepest.max(open);
            }
            (')' | ']' | '}', None) => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::Expr;

    fn text(text: &str) -> Expr {
        Expr::text(text)
    }

    #[test]
    fn what_is_known_is_folded() {
        let (a, b) = (|| text("a"), || text("b"));
        assert_eq!(Expr::and([a(), Expr::True, a()]), a());
        assert_eq!(Expr::and([a(), Expr::False]), Expr::False);
        assert_eq!(Expr::or([Expr::or([a(), b()]), b()]), Expr::or([a(), b()]));
        assert_eq!(Expr::or([a(), Expr::True]), Expr::True);
        assert_eq!((Expr::and([]), Expr::or([])), (Expr::True, Expr::False));
        assert_eq!(a().choose(Expr::True, Expr::False), a());
        assert_eq!(a().choose(Expr::False, b()).print(), "!(a) && b");
        assert_eq!(a().choose(b(), b()), b());
        assert_eq!(a().negated().negated(), a());
        assert_eq!(Expr::all("x", "e", Expr::True), Expr::True);
        assert_eq!(Expr::exists("x", "e", Expr::False), Expr::False);
        assert_eq!(Expr::all("x", "e", Expr::False).print(), "x.all(e, false)");
    }

    #[test]
    fn parentheses_stand_where_they_must() {
        let (a, b, c) = (text("a"), text("b"), text("c"));
        let or = Expr::or([a.clone(), b.clone()]);
        assert_eq!(Expr::and([or.clone(), c.clone()]).print(), "(a || b) && c");
        assert_eq!(Expr::or([Expr::and([a.clone(), b.clone()]), c.clone()]).print(), "a && b || c");
        let choice = a.clone().choose(b.clone(), c.clone());
        assert_eq!(choice.print(), "a ? b : c");
        assert_eq!(Expr::or([choice.clone(), c.clone()]).print(), "(a ? b : c) || c");
        assert_eq!(choice.choose(a.clone(), c.clone()).print(), "(a ? b : c) ? a : c");
        assert_eq!(or.negated().print(), "!(a || b)");
    }

    #[test]
    fn long_ones_are_broken_and_mean_the_same() {
        let long = |letter: &str| text(&letter.repeat(60));
        let whole = Expr::all(
            "list",
            "e",
            Expr::and([Expr::or([long("a"), long("b")]), long("c").choose(long("d"), long("e"))]),
        );
        let flat = whole.flat(super::Rank::Whole);
        let printed = whole.print();
        assert!(printed.lines().all(|line| line.len() <= super::LINE + super::INDENT), "{printed}");
        assert_eq!((super::nesting(&flat), super::nesting("('((' + \"\\\"((\")")), (2, 1));
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(bare(&printed), bare(&flat));
    }
}
