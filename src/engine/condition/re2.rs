//! Regular expressions as Kubernetes' CEL has them: RE2, in which `\d`, `\s`, `\w` and `\b` know
//! ASCII alone.
//!
//! The `regex` library knows a language that is nearly the same, so a pattern is read by the
//! library's own parser, what means something else there is written otherwise, and what RE2 does
//! not know is refused: a rule must not say more here than where it is exported to.

use std::convert::Infallible;

use regex_syntax::ast::{
    AssertionKind, Ast, ClassPerl, ClassPerlKind, ClassSetBinaryOp, ClassSetItem, ClassUnicode,
    ClassUnicodeKind, Flag, Flags, FlagsItemKind, Group, GroupKind, HexLiteralKind, Literal,
    LiteralKind, Repetition, RepetitionKind, RepetitionRange, Span, Visitor, parse::Parser, visit,
};

/// How often RE2 repeats at most, repetitions in repetitions counted together.
const MOST: u32 = 1000;

/// The general categories that both know by these names. (`C` is another set in each: what is not
/// assigned.)
const CATEGORIES: [&str; 33] = [
    "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P", "Pc",
    "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs", "Cc",
    "Cf",
];

/// The pattern in the words of the library, or what RE2 does not know in it.
pub(crate) fn translated(pattern: &str) -> Result<String, String> {
    let ast = Parser::new().parse(pattern).map_err(|error| error.kind().to_string())?;
    let Ok(Translation { replaced, strange, .. }) = visit(
        &ast,
        Translation { pattern, replaced: Vec::new(), strange: None, repeated: Vec::new() },
    );
    if let Some(strange) = strange {
        return Err(format!("{strange} is not of RE2, which Kubernetes has"));
    }
    let mut text = pattern.to_owned();
    for (span, replacement) in replaced.into_iter().rev() {
        text.replace_range(span.start.offset..span.end.offset, replacement);
    }
    Ok(text)
}

struct Translation<'p> {
    pattern: &'p str,
    /// What is written otherwise, in the order of the text.
    replaced: Vec<(Span, &'static str)>,
    /// The first thing that RE2 does not know.
    strange: Option<String>,
    /// How often what stands here is repeated, by each repetition around it.
    repeated: Vec<u32>,
}

impl Visitor for Translation<'_> {
    type Output = Self;
    type Err = Infallible;

    fn finish(self) -> Result<Self, Infallible> {
        Ok(self)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Infallible> {
        match ast {
            Ast::Flags(set) => self.flags(&set.flags),
            Ast::Literal(literal) => self.literal(literal),
            Ast::Assertion(assertion) => match assertion.kind {
                AssertionKind::StartLine
                | AssertionKind::EndLine
                | AssertionKind::StartText
                | AssertionKind::EndText => {}
                AssertionKind::WordBoundary => self.replaced.push((assertion.span, r"(?-u:\b)")),
                _ => self.refuse(&assertion.span),
            },
            Ast::ClassUnicode(class) => self.unicode(class),
            Ast::ClassPerl(class) => self.perl(class),
            Ast::Repetition(repetition) => self.repetition(repetition),
            Ast::Group(group) => self.group(group),
            Ast::Empty(_)
            | Ast::Dot(_)
            | Ast::ClassBracketed(_)
            | Ast::Alternation(_)
            | Ast::Concat(_) => {}
        }
        Ok(())
    }

    fn visit_post(&mut self, ast: &Ast) -> Result<(), Infallible> {
        if matches!(ast, Ast::Repetition(_)) {
            self.repeated.pop();
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Infallible> {
        match item {
            ClassSetItem::Literal(literal) => self.literal(literal),
            ClassSetItem::Range(range) => {
                self.literal(&range.start);
                self.literal(&range.end);
            }
            ClassSetItem::Unicode(class) => self.unicode(class),
            ClassSetItem::Perl(class) => self.perl(class),
            // There a bracket stands for itself.
            ClassSetItem::Bracketed(class) => self.refuse(&class.span),
            ClassSetItem::Empty(_) | ClassSetItem::Ascii(_) | ClassSetItem::Union(_) => {}
        }
        Ok(())
    }

    fn visit_class_set_binary_op_pre(
        &mut self,
        operation: &ClassSetBinaryOp,
    ) -> Result<(), Infallible> {
        self.refuse(&operation.span);
        Ok(())
    }
}

impl Translation<'_> {
    fn refuse(&mut self, span: &Span) {
        let text = self.pattern.get(span.start.offset..span.end.offset).unwrap_or_default();
        self.strange.get_or_insert_with(|| format!("`{text}`"));
    }

    fn flags(&mut self, flags: &Flags) {
        for item in &flags.items {
            if matches!(
                item.kind,
                FlagsItemKind::Flag(Flag::Unicode | Flag::CRLF | Flag::IgnoreWhitespace)
            ) {
                self.refuse(&flags.span);
            }
        }
    }

    fn literal(&mut self, literal: &Literal) {
        if let LiteralKind::HexFixed(kind) | LiteralKind::HexBrace(kind) = &literal.kind
            && *kind != HexLiteralKind::X
        {
            self.refuse(&literal.span);
        }
    }

    fn unicode(&mut self, class: &ClassUnicode) {
        let is_known = match &class.kind {
            ClassUnicodeKind::OneLetter(letter) => {
                CATEGORIES.contains(&letter.to_string().as_str())
            }
            ClassUnicodeKind::Named(name) => CATEGORIES.contains(&name.as_str()),
            ClassUnicodeKind::NamedValue { .. } => false,
        };
        if !is_known {
            self.refuse(&class.span);
        }
    }

    fn perl(&mut self, class: &ClassPerl) {
        self.replaced.push((
            class.span,
            match (&class.kind, class.negated) {
                (ClassPerlKind::Digit, false) => "[0-9]",
                (ClassPerlKind::Digit, true) => "[^0-9]",
                (ClassPerlKind::Space, false) => r"[\t\n\f\r ]",
                (ClassPerlKind::Space, true) => r"[^\t\n\f\r ]",
                (ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
                (ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
            },
        ));
    }

    fn repetition(&mut self, repetition: &Repetition) {
        // Only a group of repetitions can be repeated.
        if matches!(*repetition.ast, Ast::Repetition(_)) {
            self.refuse(&repetition.span);
        }
        let times = match &repetition.op.kind {
            RepetitionKind::Range(
                RepetitionRange::Exactly(times)
                | RepetitionRange::AtLeast(times)
                | RepetitionRange::Bounded(_, times),
            ) => *times,
            RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => 1,
        };
        self.repeated.push(times.max(1));
        if self.repeated.iter().fold(1u32, |product, times| product.saturating_mul(*times)) > MOST {
            self.refuse(&repetition.op.span);
        }
    }

    fn group(&mut self, group: &Group) {
        match &group.kind {
            GroupKind::NonCapturing(flags) => self.flags(flags),
            GroupKind::CaptureName { name, .. } => {
                if !name.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    self.refuse(&name.span);
                }
            }
            GroupKind::CaptureIndex(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::translated;

    fn holds(pattern: &str, text: &str) -> bool {
        regex::Regex::new(&translated(pattern).unwrap()).unwrap().is_match(text)
    }

    /// Each checked with Go's regexp.
    #[test]
    fn classes_and_boundaries_know_ascii_alone() {
        let table = [
            (r"^[\w-]+$", "admin", true),
            (r"^[\w-]+$", "\u{430}dmin", false),
            (r"^\d$", "7", true),
            (r"^\d$", "\u{663}", false),
            (r"^\D$", "\u{663}", true),
            (r"^\w$", "é", false),
            (r"^[^\w]$", "é", true),
            (r"^\W$", "é", true),
            (r"^\s$", " ", true),
            (r"^\s$", "\u{a0}", false),
            (r"^\s$", "\u{b}", false),
            (r"^[\S]$", "\u{a0}", true),
            (r"\bx", "éx", true),
            (r"x\b", "xé", true),
            (r"a\bb", "ab", false),
            (r"^.$", "é", true),
            (r"^[[:alpha:]]$", "é", false),
            (r"^\p{Lu}$", "É", true),
            (r"^\PL\pN$", "-\u{663}", true),
            (r"(?i)^É$", "é", true),
            (r"(?i)^\w$", "\u{212a}", true),
            (r"(?i)^\W$", "\u{212a}", false),
            (r"^\x41\x{42}$", "AB", true),
            (r"^[]a]+$", "]a", true),
            (r"^a{2,3}$", "aaa", true),
            (r"^(?:a{10}){100}$", "a", false),
            (r"^a{40}b{40}$", "ab", false),
            (r"(?s)^a.b$", "a\nb", true),
            (r"(?m)^b$", "a\nb", true),
            (r"^(?P<n>a)(?<m>b)$", "ab", true),
            (r"\Aa\z", "a", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(holds(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// Patterns that Go's regexp refuses or reads differently.
    #[test]
    fn what_means_something_else_there_is_refused() {
        let table = [
            (r"(?x) a", "`x`"),
            (r"(?u:a)", "`u`"),
            (r"(?R)a", "`R`"),
            (r"\u006f", r"`\u006f`"),
            (r"[\u006f]", r"`\u006f`"),
            (r"[a-\U0000006f]", r"`\U0000006f`"),
            (r"[a&&b]", "`a&&b`"),
            (r"[a--b]", "`a--b`"),
            (r"[a[b]]", "`[b]`"),
            (r"\p{Alphabetic}", r"`\p{Alphabetic}`"),
            (r"\p{lu}", r"`\p{lu}`"),
            (r"[\p{Cn}]", r"`\p{Cn}`"),
            (r"\pC", r"`\pC`"),
            (r"\p{gc=Lu}", r"`\p{gc=Lu}`"),
            (r"\Bx", r"`\B`"),
            (r"\<x", r"`\<`"),
            (r"\b{start}x", r"`\b{start}`"),
            (r"a**", "`a**`"),
            (r"a{2}{3}", "`a{2}{3}`"),
            (r"a{1001}", "`{1001}`"),
            (r"a{1001,}", "`{1001,}`"),
            (r"(?:a{11}){100}", "`{11}`"),
            (r"(?P<a.b>x)", "`a.b`"),
        ];
        for (pattern, strange) in table {
            assert_eq!(
                translated(pattern),
                Err(format!("{strange} is not of RE2, which Kubernetes has")),
                "{pattern}"
            );
        }
        for pattern in ["(", "[", "*a", "a{,3}", "a{2,1}", r"\Qa", "(?=a)", r"\1"] {
            assert!(translated(pattern).is_err(), "{pattern}");
        }
    }
}
