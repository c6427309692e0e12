//! What Kubernetes declares for the CEL of match conditions: variables, functions, and which of
//! their results can be a bool.
//!
//! The tables hold the functions of every version from 1.28 to 1.37, with any argument types. An
//! API server that lacks one refuses it itself.

use Yields::{Bool, Other};

/// What a match condition of a webhook can read. In a webhook `namespaceObject` is declared and
/// always null.
pub(crate) const VARIABLES: [&str; 5] =
    ["object", "oldObject", "request", "authorizer", "namespaceObject"];

/// Names of types without a dot.
pub(crate) const TYPES: [&str; 12] = [
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "list",
    "map",
    "null_type",
    "type",
    "dyn",
    "optional_type",
];

/// What the names of all other types begin with.
pub(crate) const TYPE_NAMESPACES: [&str; 3] = ["google", "kubernetes", "net"];

/// Whether a result can be a bool, which the result of a match condition must be. A value of type
/// `dyn` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Yields {
    Bool,
    Other,
}

/// A function: its name, the numbers of arguments that it takes besides the value that it is called
/// on, and its result.
pub(crate) type Function = (&'static str, &'static [usize], Yields);

/// Functions that are called on nothing.
pub(crate) const GLOBAL: &[Function] = &[
    // The language.
    ("has", &[1], Bool),
    ("matches", &[2], Bool),
    ("size", &[1], Other),
    ("type", &[1], Other),
    ("dyn", &[1], Other),
    ("bool", &[1], Bool),
    ("bytes", &[1], Other),
    ("double", &[1], Other),
    ("duration", &[1], Other),
    ("int", &[1], Other),
    ("string", &[1], Other),
    ("timestamp", &[1], Other),
    ("uint", &[1], Other),
    // Since 1.25.
    ("url", &[1], Other),
    ("isURL", &[1], Bool),
    // Since 1.28.
    ("quantity", &[1], Other),
    ("isQuantity", &[1], Bool),
    ("sign", &[1], Other),
    ("optional.none", &[0], Other),
    ("optional.of", &[1], Other),
    ("optional.ofNonZeroValue", &[1], Other),
    // Since 1.29.
    ("sets.contains", &[2], Bool),
    ("sets.equivalent", &[2], Bool),
    ("sets.intersects", &[2], Bool),
    ("strings.quote", &[1], Other),
    // Since 1.30.
    ("ip", &[1], Other),
    ("isIP", &[1], Bool),
    ("ip.isCanonical", &[1], Bool),
    ("cidr", &[1], Other),
    ("isCIDR", &[1], Bool),
    // Since 1.31.
    ("format.named", &[1], Other),
    ("format.dns1123Label", &[0], Other),
    ("format.dns1123Subdomain", &[0], Other),
    ("format.dns1035Label", &[0], Other),
    ("format.qualifiedName", &[0], Other),
    ("format.dns1123LabelPrefix", &[0], Other),
    ("format.dns1123SubdomainPrefix", &[0], Other),
    ("format.dns1035LabelPrefix", &[0], Other),
    ("format.labelValue", &[0], Other),
    ("format.uri", &[0], Other),
    ("format.uuid", &[0], Other),
    ("format.byte", &[0], Other),
    ("format.date", &[0], Other),
    ("format.datetime", &[0], Other),
    // Since 1.33.
    ("semver", &[1, 2], Other),
    ("isSemver", &[1, 2], Bool),
    // Since 1.34.
    ("lists.range", &[1], Other),
];

/// Functions and macros that are called on a value.
pub(crate) const MEMBER: &[Function] = &[
    // The language. The forms of the macros with one variable have been expanded by the parser.
    ("all", &[2, 3], Bool),
    ("exists", &[2, 3], Bool),
    ("exists_one", &[2, 3], Bool),
    ("existsOne", &[2, 3], Bool),
    ("map", &[2, 3], Other),
    ("filter", &[2], Other),
    ("size", &[0], Other),
    ("contains", &[1], Bool),
    ("startsWith", &[1], Bool),
    ("endsWith", &[1], Bool),
    ("matches", &[1], Bool),
    ("getFullYear", &[0, 1], Other),
    ("getMonth", &[0, 1], Other),
    ("getDayOfYear", &[0, 1], Other),
    ("getDayOfMonth", &[0, 1], Other),
    ("getDate", &[0, 1], Other),
    ("getDayOfWeek", &[0, 1], Other),
    ("getHours", &[0, 1], Other),
    ("getMinutes", &[0, 1], Other),
    ("getSeconds", &[0, 1], Other),
    ("getMilliseconds", &[0, 1], Other),
    // Since 1.25.
    ("charAt", &[1], Other),
    ("indexOf", &[1, 2], Other),
    ("lastIndexOf", &[1, 2], Other),
    ("lowerAscii", &[0], Other),
    ("upperAscii", &[0], Other),
    ("replace", &[2, 3], Other),
    ("split", &[1, 2], Other),
    ("substring", &[1, 2], Other),
    ("trim", &[0], Other),
    ("join", &[0, 1], Other),
    ("find", &[1], Other),
    ("findAll", &[1, 2], Other),
    ("isSorted", &[0], Bool),
    ("sum", &[0], Other),
    ("max", &[0], Bool),
    ("min", &[0], Bool),
    ("getScheme", &[0], Other),
    ("getHost", &[0], Other),
    ("getHostname", &[0], Other),
    ("getPort", &[0], Other),
    ("getEscapedPath", &[0], Other),
    ("getQuery", &[0], Other),
    // Since 1.27.
    ("path", &[1], Other),
    ("group", &[1], Other),
    ("serviceAccount", &[2], Other),
    ("resource", &[1], Other),
    ("subresource", &[1], Other),
    ("namespace", &[1], Other),
    ("name", &[1], Other),
    ("check", &[1], Other),
    ("allowed", &[0], Bool),
    ("errored", &[0], Bool),
    ("error", &[0], Other),
    ("reason", &[0], Other),
    // Since 1.28.
    ("optMap", &[2], Other),
    ("optFlatMap", &[2], Other),
    ("value", &[0], Bool),
    ("hasValue", &[0], Bool),
    ("or", &[1], Other),
    ("orValue", &[1], Bool),
    ("first", &[0], Other),
    ("last", &[0], Other),
    ("sign", &[0], Other),
    ("isGreaterThan", &[1], Bool),
    ("isLessThan", &[1], Bool),
    ("compareTo", &[1], Other),
    ("asApproximateFloat", &[0], Other),
    ("asInteger", &[0], Other),
    ("isInteger", &[0], Bool),
    ("add", &[1], Other),
    ("sub", &[1], Other),
    // Since 1.29.
    ("format", &[1], Other),
    // Since 1.30.
    ("family", &[0], Other),
    ("isUnspecified", &[0], Bool),
    ("isLoopback", &[0], Bool),
    ("isLinkLocalMulticast", &[0], Bool),
    ("isLinkLocalUnicast", &[0], Bool),
    ("isGlobalUnicast", &[0], Bool),
    ("containsIP", &[1], Bool),
    ("containsCIDR", &[1], Bool),
    ("ip", &[0], Other),
    ("prefixLength", &[0], Other),
    ("masked", &[0], Other),
    // Since 1.31.
    ("validate", &[1], Other),
    ("fieldSelector", &[1], Other),
    ("labelSelector", &[1], Other),
    // Since 1.32.
    ("transformList", &[3, 4], Other),
    ("transformMap", &[3, 4], Other),
    ("transformMapEntry", &[3, 4], Other),
    // Since 1.33.
    ("major", &[0], Other),
    ("minor", &[0], Other),
    ("patch", &[0], Other),
    // Since 1.34.
    ("slice", &[2], Other),
    ("flatten", &[0, 1], Other),
    ("sort", &[0], Other),
    ("sortBy", &[2], Other),
    ("reverse", &[0], Other),
    ("distinct", &[0], Other),
    // Since 1.37.
    ("includes", &[1], Bool),
];

pub(crate) fn find(table: &[Function], name: &str) -> Option<Function> {
    table.iter().find(|(known, ..)| *known == name).copied()
}

/// Numbers of arguments in words.
pub(crate) fn counted(counts: &[usize]) -> String {
    counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

/// How many variables a macro declares that the parser of the `cel` crate leaves as a call.
pub(crate) fn loop_variables(name: &str, arguments: usize) -> usize {
    match (name, arguments) {
        ("all" | "exists" | "exists_one" | "existsOne", 3)
        | ("transformList" | "transformMap" | "transformMapEntry", 3 | 4) => 2,
        ("sortBy", 2) => 1,
        _ => 0,
    }
}
