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

/// Functions: the numbers of arguments that they take besides the value that they are called on,
/// their result, and their names.
pub(crate) type Functions = (&'static [usize], Yields, &'static str);

/// One of them, its name first.
pub(crate) type Function = (&'static str, &'static [usize], Yields);

/// Functions that are called on nothing.
pub(crate) const GLOBAL: &[Functions] = &[
    // The language.
    (&[1], Bool, "has bool"),
    (&[2], Bool, "matches"),
    (&[1], Other, "size type dyn bytes double duration int string timestamp uint"),
    // Since 1.25.
    (&[1], Other, "url"),
    (&[1], Bool, "isURL"),
    // Since 1.28.
    (&[1], Other, "quantity sign optional.of optional.ofNonZeroValue"),
    (&[1], Bool, "isQuantity"),
    (&[0], Other, "optional.none"),
    // Since 1.29.
    (&[2], Bool, "sets.contains sets.equivalent sets.intersects"),
    (&[1], Other, "strings.quote"),
    // Since 1.30.
    (&[1], Other, "ip cidr"),
    (&[1], Bool, "isIP ip.isCanonical isCIDR"),
    // Since 1.31.
    (&[1], Other, "format.named"),
    (
        &[0],
        Other,
        "format.dns1123Label format.dns1123Subdomain format.dns1035Label \
         format.qualifiedName format.dns1123LabelPrefix format.dns1123SubdomainPrefix \
         format.dns1035LabelPrefix format.labelValue format.uri format.uuid format.byte \
         format.date format.datetime",
    ),
    // Since 1.33.
    (&[1, 2], Other, "semver"),
    (&[1, 2], Bool, "isSemver"),
    // Since 1.34.
    (&[1], Other, "lists.range"),
];

/// Functions and macros that are called on a value.
pub(crate) const MEMBER: &[Functions] = &[
    // The language. The forms of the macros with one variable have been expanded by the parser.
    (&[2, 3], Bool, "all exists exists_one existsOne"),
    (&[2, 3], Other, "map"),
    (&[2], Other, "filter"),
    (&[0], Other, "size"),
    (&[1], Bool, "contains startsWith endsWith matches"),
    (
        &[0, 1],
        Other,
        "getFullYear getMonth getDayOfYear getDayOfMonth getDate getDayOfWeek getHours \
         getMinutes getSeconds getMilliseconds",
    ),
    // Since 1.25.
    (&[1], Other, "charAt find"),
    (&[1, 2], Other, "indexOf lastIndexOf split substring findAll"),
    (
        &[0],
        Other,
        "lowerAscii upperAscii trim sum getScheme getHost getHostname getPort \
         getEscapedPath getQuery",
    ),
    (&[2, 3], Other, "replace"),
    (&[0, 1], Other, "join"),
    (&[0], Bool, "isSorted max min"),
    // Since 1.27.
    (&[1], Other, "path group resource subresource namespace name check"),
    (&[2], Other, "serviceAccount"),
    (&[0], Bool, "allowed errored"),
    (&[0], Other, "error reason"),
    // Since 1.28.
    (&[2], Other, "optMap optFlatMap"),
    (&[0], Bool, "value hasValue isInteger"),
    (&[1], Other, "or compareTo add sub"),
    (&[1], Bool, "orValue isGreaterThan isLessThan"),
    (&[0], Other, "first last sign asApproximateFloat asInteger"),
    // Since 1.29.
    (&[1], Other, "format"),
    // Since 1.30.
    (&[0], Other, "family ip prefixLength masked"),
    (
        &[0],
        Bool,
        "isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast",
    ),
    (&[1], Bool, "containsIP containsCIDR"),
    // Since 1.31.
    (&[1], Other, "validate fieldSelector labelSelector"),
    // Since 1.32.
    (&[3, 4], Other, "transformList transformMap transformMapEntry"),
    // Since 1.33.
    (&[0], Other, "major minor patch"),
    // Since 1.34.
    (&[2], Other, "slice sortBy"),
    (&[0, 1], Other, "flatten"),
    (&[0], Other, "sort reverse distinct"),
    // Since 1.37.
    (&[1], Bool, "includes"),
];

pub(crate) fn find(table: &[Functions], name: &str) -> Option<Function> {
    table.iter().find_map(|(counts, yields, names)| {
        let known = names.split(' ').find(|known| *known == name)?;
        Some((known, *counts, *yields))
    })
}

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
