//! Match conditions: what the API server certainly refuses in a registration.
//!
//! Without a type checker not everything can be told, and the parser of the `cel` crate does not
//! know all that Kubernetes' parser knows. So a condition passes unless it is certainly wrong: an
//! error of the grammar, which both parsers share; a name or a member of the request that Kubernetes
//! does not declare; a result that is no bool. Functions that no known version declares are left to
//! the API server: a newer version may declare them, and arguments may be variables of a macro.
//! Nothing that an API server accepts is refused.

use std::borrow::Cow;

use cel::common::ast::{CallExpr, Expr, IdedExpr, operators};

use super::compile::{LONGEST, never_a_bool, syntax};
use super::kubernetes::{
    Function, GLOBAL, MEMBER, TYPE_NAMESPACES, TYPES, VARIABLES, Yields, counted, find,
    loop_variables,
};
use super::names::{Misnomer, first_of_nothing, is_operator, of_nothing, undeclared_type};
use super::syntax::{ACCUMULATOR, STACK, Walked, nodes, parsed, walk};
use crate::engine::rule::{Condition, Fault};

/// How the messages begin of the parser's errors that Kubernetes' parser has too: first those of
/// the grammar, which is the same.
const CERTAIN: [&str; 6] = [
    "Syntax error: ",
    "reserved identifier: ",
    "invalid argument to has() macro",
    "argument must be a simple name",
    "invalid int literal",
    "invalid uint literal",
];

impl Condition {
    /// Whether a match condition reads `namespaceObject`, which is null where the API server
    /// evaluates a webhook's conditions.
    pub(crate) fn reads_namespace(expression: &str) -> bool {
        let name = "namespaceObject";
        let (mut is_read, mut is_bound) = (false, false);
        ask(expression, |root| {
            for node in nodes(root) {
                is_read |= matches!(&node.expr, Expr::Ident(read) if read == name);
                is_bound |=
                    matches!(&node.expr, Expr::Comprehension(each) if each.iter_var == name);
            }
        });
        is_read && !is_bound
    }

    /// What an expression calls that no version of Kubernetes up to 1.37 declares, in the order of
    /// the text.
    pub(crate) fn unknown_functions(expression: &str) -> Vec<String> {
        let mut unknown = Vec::new();
        ask(expression, |root| unknown = MatchCheck::find(root).unknown);
        unknown.sort_by_key(|misnomer| misnomer.node);
        unknown.into_iter().map(|misnomer| misnomer.message).collect()
    }
}

/// Passes a parsed expression to `question`, unless it is too long or cannot be parsed.
fn ask(text: &str, question: impl FnOnce(&IdedExpr)) {
    if text.len() <= LONGEST {
        stacker::grow(STACK, || {
            if let Some(Ok(program)) = parsed(text) {
                question(program.expression());
            }
        });
    }
}

/// Finds what every API server refuses in a match condition.
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    if text.trim().is_empty() {
        return Err(Fault::start("expected a CEL expression, found an empty text"));
    }
    // Kubernetes knows names in backticks since 1.37.
    if text.len() > LONGEST || text.contains('`') {
        return Ok(());
    }
    let text = &without_space_around(text);
    stacker::grow(STACK, || {
        let program = match parsed(text) {
            Some(Ok(program)) => program,
            Some(Err(errors)) => {
                let mut errors = errors.errors.iter();
                // Kubernetes' parser goes deeper.
                if errors.clone().any(|error| error.msg.contains("Recursion limit")) {
                    return Ok(());
                }
                let is_certain = |error: &&cel::ParseError| {
                    CERTAIN.iter().any(|start| error.msg.starts_with(start))
                };
                return errors.find(is_certain).map_or(Ok(()), |error| Err(syntax(text, error)));
            }
            None => return Ok(()),
        };
        let expression = program.expression();
        if let Some(first) = Misnomer::first(MatchCheck::find(expression).misnomers) {
            return Err(first.fault(text, &program));
        }
        let no_condition =
            |found| Fault::start(format!("expected a condition, true or false, found {found}"));
        result_of(expression).map(no_condition).map_or(Ok(()), Err)
    })
}

/// Whether no message type has that name. All but two of them have a dot in their name.
fn is_undeclared(name: &str) -> bool {
    !name.contains('.') && !["timestamp", "duration"].contains(&name)
}

/// The API server trims what it compiles. Every character keeps its line and column.
fn without_space_around(text: &str) -> String {
    let trimmed = text.trim_start();
    let before = text.get(..text.len() - trimmed.len()).unwrap_or_default();
    let before = before.chars().map(|letter| if letter == '\n' { letter } else { ' ' });
    before.chain(trimmed.trim_end().chars()).collect()
}

#[derive(Default)]
struct MatchCheck {
    misnomers: Vec<Misnomer>,
    /// The calls of functions that are not known.
    unknown: Vec<Misnomer>,
}

impl MatchCheck {
    fn find(expression: &IdedExpr) -> Self {
        let mut check = Self::default();
        walk(expression, &mut Vec::new(), &mut |at, bound| check.enter(at, bound));
        check
    }

    fn enter(&mut self, at: &IdedExpr, bound: &[&str]) -> Walked {
        let root = root(at).map(bare);
        let is_bound = root.is_some_and(|root| bound.contains(&root));
        if let Some(message) = of_nothing(at).filter(|_| !is_bound) {
            self.misnomers.push(Misnomer::at(first_of_nothing(at), message));
            return Walked::Nothing;
        }
        match &at.expr {
            Expr::Ident(name) => {
                let name = bare(name);
                let is_declared = is_bound
                    || name.starts_with(['@', '_', '#'])
                    || VARIABLES.contains(&name)
                    || TYPES.contains(&name);
                if !is_declared {
                    let expected = VARIABLES.join(", ");
                    let message = format!("undeclared name `{name}`; expected {expected}");
                    self.misnomers.push(Misnomer::at(at, message));
                }
                Walked::All
            }
            Expr::Select(_)
                if !is_bound && root.is_some_and(|root| TYPE_NAMESPACES.contains(&root)) =>
            {
                Walked::Nothing
            }
            Expr::Struct(made) if is_undeclared(bare(&made.type_name)) => {
                self.misnomers.push(Misnomer::at(at, undeclared_type(&made.type_name)));
                Walked::Nothing
            }
            Expr::Call(call) => self.call(at, call, bound),
            _ => Walked::All,
        }
    }

    fn call(&mut self, at: &IdedExpr, call: &CallExpr, bound: &[&str]) -> Walked {
        let name = bare(&call.func_name);
        if is_operator(name) || name.starts_with(['@', '_']) {
            return Walked::Call { without_target: true, variables: 0 };
        }
        let Some(known) = known(call, bound) else {
            self.unknown.push(Misnomer::at(at, unknown(name, call)));
            return Walked::Nothing;
        };
        let variables = call.target.as_ref().map_or(0, |_| loop_variables(name, call.args.len()));
        Walked::Call { without_target: matches!(known, KnownFunction::InNamespace(_)), variables }
    }
}

/// A function that is declared with the number of arguments that a call has.
enum KnownFunction {
    /// In a namespace, as in `optional.of(1)`.
    InNamespace(Function),
    /// On a value or on nothing.
    Plain(Function),
}

fn known(call: &CallExpr, bound: &[&str]) -> Option<KnownFunction> {
    let name = bare(&call.func_name);
    let takes = |(_, counts, _): &Function| counts.contains(&call.args.len());
    let declared = |table, name: &str| find(table, name).filter(takes);
    let Some(target) = call.target.as_deref() else {
        return declared(GLOBAL, name).map(KnownFunction::Plain);
    };
    let namespace = match &target.expr {
        Expr::Ident(namespace) => Some(bare(namespace)).filter(|name| !bound.contains(name)),
        _ => None,
    };
    let in_namespace =
        namespace.and_then(|namespace| declared(GLOBAL, &format!("{namespace}.{name}")));
    in_namespace
        .map(KnownFunction::InNamespace)
        .or_else(|| declared(MEMBER, name).map(KnownFunction::Plain))
}

fn unknown(name: &str, call: &CallExpr) -> String {
    let is_member = call.target.is_some();
    let (own, other) = if is_member { (MEMBER, GLOBAL) } else { (GLOBAL, MEMBER) };
    match (find(own, name), find(other, name)) {
        (Some((_, counts, _)), _) => {
            let (plural, found) = (if counts == [1] { "" } else { "s" }, call.args.len());
            format!("expected {} argument{plural} of `{name}`, found {found}", counted(counts))
        }
        (None, Some(_)) if is_member => {
            format!("unknown function `{name}` on a value; expected it as `{name}(x)`")
        }
        (None, Some(_)) => {
            format!("unknown function `{name}`; expected it on a value, as `x.{name}()`")
        }
        (None, None) => {
            format!("unknown function `{name}`; Kubernetes 1.37 declares none of this name")
        }
    }
}

/// A leading dot only says that a name is resolved from the root.
fn bare(name: &str) -> &str {
    name.trim_start_matches('.')
}

/// The name that a chain of members and indexes starts from.
fn root(at: &IdedExpr) -> Option<&str> {
    match &at.expr {
        Expr::Ident(name) => Some(name),
        Expr::Select(select) => root(&select.operand),
        Expr::Call(call)
            if matches!(
                call.func_name.as_str(),
                operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT
            ) =>
        {
            root(call.args.first()?)
        }
        _ => None,
    }
}

/// What an expression is whose result certainly is no bool. Outside of loops, so that every root is
/// a declared name.
fn result_of(expression: &IdedExpr) -> Option<Cow<'static, str>> {
    if let Expr::Call(call) = &expression.expr
        && !is_operator(&call.func_name)
    {
        let (KnownFunction::InNamespace((name, _, yields))
        | KnownFunction::Plain((name, _, yields))) = known(call, &[])?;
        return (yields == Yields::Other).then(|| format!("the result of `{name}`").into());
    }
    if let Some(found) = never_a_bool(expression) {
        return Some(found.into());
    }
    match &expression.expr {
        Expr::Select(select) if select.test => None,
        Expr::Select(_) | Expr::Ident(_) => member(expression),
        Expr::Call(call) if call.func_name == operators::INDEX => member(expression),
        Expr::Call(call) if call.func_name == operators::CONDITIONAL => {
            let [_, one, other] = call.args.as_slice() else { return None };
            result_of(one).or_else(|| result_of(other))
        }
        Expr::Comprehension(each)
            if each.accu_var == ACCUMULATOR && matches!(each.accu_init.expr, Expr::List(_)) =>
        {
            Some("a list".into())
        }
        _ => None,
    }
}

/// What a chain of members is: of all that is declared only `request.dryRun` is a bool, and members
/// of the objects are of any type. What is no variable is a type.
fn member(chain: &IdedExpr) -> Option<Cow<'static, str>> {
    match root(chain).map(bare)? {
        "object" | "oldObject" => {
            Some("a value of any type; `== true` makes a condition of it".into())
        }
        "request" => {
            let is_dry_run = matches!(&chain.expr, Expr::Select(select) if select.field == "dryRun"
                && matches!(select.operand.expr, Expr::Ident(_)));
            (!is_dry_run).then(|| "another member of the request than `dryRun`".into())
        }
        name @ ("authorizer" | "namespaceObject") => Some(format!("a value of `{name}`").into()),
        _ => Some("a type".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, LONGEST, check};

    /// Each is accepted by an API server, or cannot be told without a type checker.
    #[test]
    fn what_an_api_server_accepts_passes() {
        let deep = format!("{}true{}", "(".repeat(120), ")".repeat(120));
        let long = format!("object.a == '{}'", "x".repeat(5000));
        let table = [
            "true",
            " \n true \u{a0}",
            "object.a == 1 && !has(oldObject.b)",
            "has(object.metadata.labels) && 'a' in object.metadata.labels",
            "has(object.metadata.labels.`example.com/a`)",
            "request.dryRun",
            "has(object.metadata.labels)",
            "dyn(object.spec).paused",
            "request.namespace == 'a' && request.options.kind == 'b' && \
             request.userInfo.extra['x'][0] == 'y'",
            "authorizer.requestResource.check('get').allowed()",
            "authorizer.group('').resource('pods').namespace('a').name('b').fieldSelector('a=b').check('get').errored()",
            "namespaceObject.metadata.name == 'a'",
            "quantity(object.a).isGreaterThan(quantity('1'))",
            "object.a.all(value, value > 0)",
            "object.a.all(object, object > 0) && object.a.exists(request, request.any == 1)",
            "object.a.all(i, v, i < v)",
            "object.a.sortBy(.e, e.name)[0].name == 'a'",
            "timestamp{} == object.a || duration{} == object.a",
            "object.a.transformList(i, v, i > 0, v).size() == 1 && object.a.sortBy(e, \
             e.name)[0].name == 'a'",
            "object.?a.orValue(false)",
            "object.?a.optMap(x, x == 1).orValue(false)",
            "optional.of(1).hasValue() && optional.none().hasValue()",
            "sets.contains([1], [1]) && ip.isCanonical('127.0.0.1') && lists.range(3).size() == 3",
            "!format.dns1123Label().validate(object.metadata.name).hasValue()",
            "type(object.a) == google.protobuf.Timestamp || type(object.a) == string",
            "google.protobuf.Int32Value{value: 1} == 1",
            "object.namespace == '' && object.if == 1",
            r#"object.a == r'\d' && object.b == b'\xff' && object.c == """x""""#,
            "object.a ? request.dryRun : object.b == 1",
            ".object.a == 1",
            "object.a == 1 // why",
            "[1, 2].max() == 2",
            // A newer version of Kubernetes may declare these.
            "frob(object.a)",
            "object.a.frob(x, x > 1)",
            "math.greatest(1, 2) == 2",
            "optional.frob()",
            "contains('a', 'b')",
            "object.a.isURL()",
            "object.a.contains('a', true)",
            "object.a.indexOf('x', 1, 2)",
            &deep,
            &long,
        ];
        for expression in table {
            assert_eq!(check(expression), Ok(()), "{expression}");
        }
    }

    #[test]
    fn what_an_api_server_refuses_is_found_with_its_place() {
        let table = [
            (" ", "1:1 expected a CEL expression, found an empty text"),
            ("object.a == ", "1:12 no CEL: mismatched input '<EOF>'"),
            ("(object.a == 1", "1:15 no CEL: missing ')' at '<EOF>'"),
            ("\n object.a = 1", "2:11 no CEL: token recognition error at: '= '"),
            ("'a' == 'b", "1:8 no CEL: token recognition error at: ''b'"),
            ("for == 1", "1:1 no CEL: reserved identifier: for"),
            ("has(object)", "1:5 no CEL: invalid argument to has() macro"),
            (
                "self.a == 1",
                "1:1 undeclared name `self`; expected object, oldObject, request, authorizer, \
                 namespaceObject",
            ),
            (
                "true &&\n params.x",
                "2:2 undeclared name `params`; expected object, oldObject, request, authorizer, \
                 namespaceObject",
            ),
            (
                "object.a.all(x, y == 1)",
                "1:17 undeclared name `y`; expected object, oldObject, request, authorizer, \
                 namespaceObject",
            ),
            (
                "object.a.all(i, v, w)",
                "1:20 undeclared name `w`; expected object, oldObject, request, authorizer, \
                 namespaceObject",
            ),
            (
                "Widget{a: 1} == 1",
                "1:7 undeclared type `Widget`; expected a map as `{'key': value}`",
            ),
            (
                "request.object.a == 1",
                "1:8 `request` has no member `object`; expected `object` alone",
            ),
            (
                "request.userInfo.name == 'a'",
                "1:17 `request.userInfo` has no member `name`; expected username, uid, groups, \
                 extra",
            ),
            ("1", "1:1 expected a condition, true or false, found a number"),
            ("object.a + 1", "1:1 expected a condition, true or false, found a sum"),
            (
                "object.a",
                "1:1 expected a condition, true or false, found a value of any type; `== true` \
                 makes a condition of it",
            ),
            (
                "object['a'].b",
                "1:1 expected a condition, true or false, found a value of any type; `== true` \
                 makes a condition of it",
            ),
            (
                "object.a['b']",
                "1:1 expected a condition, true or false, found a value of any type; `== true` \
                 makes a condition of it",
            ),
            (
                "request.name",
                "1:1 expected a condition, true or false, found another member of the request than \
                 `dryRun`",
            ),
            (
                "authorizer",
                "1:1 expected a condition, true or false, found a value of `authorizer`",
            ),
            ("string", "1:1 expected a condition, true or false, found a type"),
            ("google.protobuf.Timestamp", "1:1 expected a condition, true or false, found a type"),
            ("object.a.map(x, x)", "1:1 expected a condition, true or false, found a list"),
            (
                "object.a.indexOf('x')",
                "1:1 expected a condition, true or false, found the result of `indexOf`",
            ),
            (
                "optional.of(true)",
                "1:1 expected a condition, true or false, found the result of `optional.of`",
            ),
            ("object.a ? true : 2", "1:1 expected a condition, true or false, found a number"),
            ("object.a.all(x.y, true)", "1:15 no CEL: argument must be a simple name"),
            ("9223372036854775808 == 1", "1:1 no CEL: invalid int literal"),
        ];
        for (expression, expected) in table {
            let found = check(expression)
                .map_err(|fault| format!("{}:{} {}", fault.line, fault.column, fault.message));
            assert_eq!(found, Err(expected.to_owned()), "{expression}");
        }
    }

    #[test]
    fn an_expression_that_is_too_long_is_not_looked_at() {
        let padded = |length| format!("{:length$}", "1 +");
        assert!(check(&padded(LONGEST)).is_err());
        assert_eq!(check(&padded(LONGEST + 1)), Ok(()));
    }

    #[test]
    fn calls_of_functions_that_are_not_known_are_told() {
        for (expression, expected) in [
            ("frob(1)", "unknown function `frob`; Kubernetes 1.37 declares none of this name"),
            (
                "object.a.frob() && true",
                "unknown function `frob`; Kubernetes 1.37 declares none of this name",
            ),
            (
                "contains('a', 'b')",
                "unknown function `contains`; expected it on a value, as `x.contains()`",
            ),
            ("object.a.isURL()", "unknown function `isURL` on a value; expected it as `isURL(x)`"),
            ("object.a.contains()", "expected 1 argument of `contains`, found 0"),
            ("object.a.split() == []", "expected 1 or 2 arguments of `split`, found 0"),
        ] {
            assert_eq!(Condition::unknown_functions(expression), [expected], "{expression}");
        }
        assert_eq!(Condition::unknown_functions("frob(1) || object.a.contains(brof(1))").len(), 2);
        for known in ["sets.contains([1], [1])", "object.l.all(x, x.size() > 1)", "object.a ("] {
            assert_eq!(Condition::unknown_functions(known), [""; 0], "{known}");
        }
    }

    #[test]
    fn reading_the_namespace_is_told_from_a_variable_of_that_name() {
        assert!(Condition::reads_namespace("namespaceObject.metadata.name == 'a'"));
        assert!(!Condition::reads_namespace("object.a.all(namespaceObject, namespaceObject > 1)"));
        assert!(
            !Condition::reads_namespace("object.a == 'namespaceObject'")
                && !Condition::reads_namespace("namespaceObject (")
        );
    }
}
