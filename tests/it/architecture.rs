//! The top-level modules, the layers of the engine, and the imports between files: `main → cli → {server, cluster,
//! export, analysis} → engine`. Read from the sources.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use libtest_mimic::Trial;
use syn::Item;

use crate::corpus::{files, root};
use imports::{Import, cycles, imports};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("architecture::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("no_file_names_what_its_module_must_not", no_file_names_what_its_module_must_not),
        trial("modules_import_only_allowed_modules", modules_import_only_allowed_modules),
        trial("layers_import_only_lower_layers", layers_import_only_lower_layers),
        trial("no_file_imports_itself_through_others", no_file_imports_itself_through_others),
        trial("no_two_types_share_a_name", no_two_types_share_a_name),
        trial("a_forbidden_name_is_found", a_forbidden_name_is_found),
        trial("a_repeated_type_name_is_found", a_repeated_type_name_is_found),
        trial(
            "an_import_is_followed_to_the_file_that_defines_the_item",
            an_import_is_followed_to_the_file_that_defines_the_item,
        ),
        trial("a_wrong_import_is_found", a_wrong_import_is_found),
    ]
}

/// The top-level modules, and the modules that each may import.
const ALLOWED: [(&str, &[&str]); 6] = [
    ("engine/", &[]),
    ("analysis/", &["engine/"]),
    ("export/", &["engine/"]),
    ("server/", &["engine/"]),
    ("cluster/", &["engine/"]),
    ("cli/", &["engine/", "analysis/", "export/", "server/", "cluster/"]),
];

/// The layers of the engine, the lowest first. The entry point and recording use all others.
const LAYERS: [&str; 9] = [
    "engine/rule/",
    "engine/condition/",
    "engine/review/",
    "engine/activation/",
    "engine/alignment/",
    "engine/verdict/",
    "engine/answer/",
    "engine/admit.rs",
    "engine/record/",
];

/// A top-level module, and what no file in it may name.
struct Module {
    folder: &'static str,
    forbidden: &'static [&'static str],
}

/// What a module without IO, clock, environment and logging does not name.
const PURE: &[&str] = &[
    "anyhow",
    "tokio",
    "axum",
    "hyper",
    "rustls",
    "tracing",
    "kube::",
    "reqwest",
    "clap",
    "anstream",
    "std::fs",
    "std::env",
    "std::time",
    "std::net",
    "std::io",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "dbg!",
    "env!(",
    "async fn",
    ".await",
    "rand::",
];

const MODULES: [Module; 7] = [
    Module { folder: "engine/", forbidden: PURE },
    Module { folder: "analysis/", forbidden: PURE },
    Module { folder: "export/", forbidden: PURE },
    Module { folder: "server/", forbidden: &["anyhow", "clap", "kube::", "println!", "eprintln!"] },
    Module { folder: "cluster/", forbidden: &["anyhow", "clap", "axum", "println!", "eprintln!"] },
    Module { folder: "cli/", forbidden: &["println!", "json_patch", "kube::"] },
    Module { folder: "main.rs", forbidden: &["engine", "server", "cluster", "tokio"] },
];

/// The files below src, with their text.
fn sources() -> Vec<(String, String)> {
    let folder = root().join("src");
    let name =
        |file: &std::path::Path| file.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
    let sources: Vec<_> = files(&folder, &["rs"])
        .iter()
        .map(|file| (name(file), fs::read_to_string(file).unwrap()))
        .collect();
    assert!(sources.len() > 40, "only {} sources were found", sources.len());
    sources
}

fn no_file_names_what_its_module_must_not() {
    let sources = sources();
    let found: Vec<String> = sources.iter().flat_map(|(name, text)| offences(name, text)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    let main =
        sources.iter().find(|(name, _)| name == "main.rs").map(|(_, text)| text.lines().count());
    assert!(main.is_some_and(|lines| lines < 70), "main.rs has grown");
}

fn modules_import_only_allowed_modules() {
    let found = between_modules(&imports(&sources()));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn layers_import_only_lower_layers() {
    let imports = imports(&sources());
    for layer in LAYERS {
        assert!(
            imports.iter().any(|import| import.from.starts_with(layer)),
            "no import by a file of {layer} was found"
        );
    }
    let found = upward(&imports);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn no_file_imports_itself_through_others() {
    let imports = imports(&sources());
    assert!(imports.len() > 500, "only {} imports were found", imports.len());
    let found: Vec<String> =
        cycles(&imports).iter().map(|cycle| described(cycle, &imports)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// `Args` is what each command calls its flags, as `run` is what it calls its function.
fn no_two_types_share_a_name() {
    let sources = sources();
    let args = sources.iter().filter(|(name, _)| name.starts_with("cli/")).count();
    let found = repeated_types(&sources);
    let (of_commands, other): (Vec<_>, Vec<_>) =
        found.iter().partition(|text| text.starts_with("`Args`"));
    assert!(of_commands.len() == 1 && args > 10, "the commands have no `Args`");
    assert!(other.is_empty(), "{other:#?}");
}

/// The types that several files define, with these files.
fn repeated_types(sources: &[(String, String)]) -> Vec<String> {
    let mut files: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, text) in sources {
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        for ident in parsed.items.iter().filter_map(type_name) {
            files.entry(ident).or_default().push(name);
        }
    }
    files.retain(|_, files| files.len() > 1);
    files.iter().map(|(ident, files)| format!("`{ident}` in {}", files.join(", "))).collect()
}

fn type_name(item: &Item) -> Option<String> {
    match item {
        Item::Enum(item) => Some(item.ident.to_string()),
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Trait(item) => Some(item.ident.to_string()),
        Item::Type(item) => Some(item.ident.to_string()),
        _ => None,
    }
}

fn a_repeated_type_name_is_found() {
    let sources = [
        ("engine/a.rs".to_owned(), "struct Pair; enum Other {}".to_owned()),
        ("server/b.rs".to_owned(), "type Pair = (u8, u8); mod x { struct Other; }".to_owned()),
    ];
    assert_eq!(repeated_types(&sources), ["`Pair` in engine/a.rs, server/b.rs"]);
}

/// A cycle, with the imports that close it.
fn described(cycle: &BTreeSet<&str>, imports: &BTreeSet<Import>) -> String {
    let inside = imports.iter().filter(|import| {
        cycle.contains(import.from.as_str()) && cycle.contains(import.to.as_str())
    });
    inside
        .map(|import| {
            format!("{} imports `{}` of {}, in a cycle\n", import.from, import.item, import.to)
        })
        .collect()
}

fn between_modules(imports: &BTreeSet<Import>) -> Vec<String> {
    let module = |file: &str| ALLOWED.iter().find(|(module, _)| file.starts_with(module));
    let wrong = |import: &&Import| match (module(&import.from), module(&import.to)) {
        (Some((from, allowed)), Some((to, _))) => from != to && !allowed.contains(to),
        _ => false,
    };
    imports
        .iter()
        .filter(wrong)
        .map(|import| format!("{} must not import `{}` of {}", import.from, import.item, import.to))
        .collect()
}

fn upward(imports: &BTreeSet<Import>) -> Vec<String> {
    let layer = |file: &str| LAYERS.iter().position(|layer| file.starts_with(layer));
    let wrong = |import: &&Import| {
        layer(&import.from).zip(layer(&import.to)).is_some_and(|(from, to)| from < to)
    };
    imports
        .iter()
        .filter(wrong)
        .map(|import| format!("{} imports `{}` of {}, upward", import.from, import.item, import.to))
        .collect()
}

/// Files that name each other in every way that is followed: re-exports, renames, globs, paths,
/// macros and attributes.
fn sample() -> Vec<(String, String)> {
    let files = [
        ("lib.rs", "pub mod engine; pub mod server; pub use engine::Rule;"),
        ("engine/mod.rs", "mod rule; mod verdict; pub use rule::Rule; pub use verdict::*;"),
        (
            "engine/rule/mod.rs",
            "mod path; mod tree; pub use path::Path; pub struct Rule(tree::Tree);",
        ),
        ("engine/rule/path.rs", "use super::tree::Tree as Forest; pub struct Path(Forest);"),
        (
            "engine/rule/tree.rs",
            "pub struct Tree; #[cfg(test)] mod tests { use crate::server::Server; }",
        ),
        (
            "engine/verdict.rs",
            "use super::rule; pub fn judge(rule: &rule::Rule) { assert!(matches!(rule, \
             crate::engine::rule::Path(_))) }",
        ),
        (
            "server/mod.rs",
            "use crate::Rule; pub struct Server; #[derive(Debug)] #[arg(value_parser = \
             limit::parse)] struct Args; mod limit;",
        ),
        (
            "server/limit.rs",
            "pub fn parse() { crate::engine::judge(); helper::help() } mod helper { pub fn help() \
             {} }",
        ),
    ];
    files.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec()
}

fn an_import_is_followed_to_the_file_that_defines_the_item() {
    let found: Vec<String> = imports(&sample())
        .iter()
        .map(|import| format!("{} → {} {}", import.from, import.to, import.item))
        .collect();
    let expected = [
        "engine/rule/mod.rs → engine/rule/path.rs Path",
        "engine/rule/mod.rs → engine/rule/tree.rs Tree",
        "engine/rule/path.rs → engine/rule/tree.rs Tree",
        "engine/verdict.rs → engine/rule/mod.rs Rule",
        "engine/verdict.rs → engine/rule/path.rs Path",
        "server/limit.rs → engine/verdict.rs judge",
        "server/mod.rs → engine/rule/mod.rs Rule",
        "server/mod.rs → server/limit.rs parse",
    ];
    assert_eq!(found, expected);
}

fn a_wrong_import_is_found() {
    let with = |name: &str, text: &str| {
        let mut sources = sample();
        sources.retain(|(known, _)| known != name);
        sources.push((name.to_owned(), text.to_owned()));
        imports(&sources)
    };
    let sound = imports(&sample());
    assert_eq!(
        (between_modules(&sound), upward(&sound), cycles(&sound)),
        (Vec::new(), Vec::new(), Vec::new())
    );

    let wrong_module =
        with("engine/rule/tree.rs", "pub struct Tree; fn serve(_: crate::server::Server) {}");
    assert_eq!(
        between_modules(&wrong_module),
        ["engine/rule/tree.rs must not import `Server` of server/mod.rs"]
    );
    assert_eq!(cycles(&wrong_module).len(), 1, "a cycle through both modules");

    let up = imports(&[
        ("lib.rs".to_owned(), "pub mod engine;".to_owned()),
        ("engine/mod.rs".to_owned(), "mod rule; mod answer; pub use answer::escape;".to_owned()),
        (
            "engine/rule/mod.rs".to_owned(),
            "pub fn name() -> String { crate::engine::escape() }".to_owned(),
        ),
        (
            "engine/answer/mod.rs".to_owned(),
            "pub fn escape() -> String { String::new() }".to_owned(),
        ),
    ]);
    assert_eq!(
        upward(&up),
        ["engine/rule/mod.rs imports `escape` of engine/answer/mod.rs, upward"]
    );

    // A re-export closes a cycle only if the file that has it defines something.
    let cycle = with("engine/rule/tree.rs", "pub struct Tree(Box<super::Path>);");
    assert_eq!(cycles(&cycle), [BTreeSet::from(["engine/rule/path.rs", "engine/rule/tree.rs"])]);
    let through_mod = with("engine/rule/tree.rs", "pub struct Tree(Option<Box<super::Rule>>);");
    assert_eq!(
        cycles(&through_mod),
        [BTreeSet::from(["engine/rule/mod.rs", "engine/rule/path.rs", "engine/rule/tree.rs"])]
    );
}

fn a_forbidden_name_is_found() {
    let table = [
        ("engine/admit.rs", "use std::time::Instant;", Some("std::time")),
        ("engine/mod.rs", "use std::{fmt, fs};", Some("std::fs")),
        ("engine/rule/set.rs", "    let now = std::time::SystemTime::now();", Some("std::time")),
        ("analysis/lint/mod.rs", "use anyhow::bail;", Some("anyhow")),
        ("export/mod.rs", "println!(\"{x}\");", Some("println!")),
        ("engine/answer/mod.rs", "println!(\"{x}\");", Some("println!")),
        ("engine/answer/mod.rs", "// println!(\"{x}\") would be wrong here", None),
        ("engine/answer/mod.rs", "//! No tokio, no clock.", None),
        ("engine/answer/mod.rs", "    let text = \"std::fs\"; // words", None),
        ("server/mod.rs", "use kube::Client;", Some("kube::")),
        ("cluster/registration.rs", "use anyhow::Context;", Some("anyhow")),
        ("cli/check.rs", "use anyhow::Context;", None),
        ("cli/kinds.rs", "use kube::Client;", Some("kube::")),
        ("cluster/client.rs", "use kube::Client;", None),
        ("main.rs", "use fieldward::engine::admit;", Some("engine")),
    ];
    for (name, line, expected) in table {
        let found = offences(name, line);
        let expected: Vec<String> = expected
            .map(|word| format!("{name}:1: `{word}` is not for this module"))
            .into_iter()
            .collect();
        assert_eq!(
            found.first().cloned().into_iter().collect::<Vec<_>>(),
            expected,
            "{name}: {line}"
        );
    }
}

/// What a file names although its module must not. Comments, texts and what only tests use are not
/// looked at.
fn offences(name: &str, text: &str) -> Vec<String> {
    let Some(module) = MODULES.iter().find(|module| name.starts_with(module.folder)) else {
        return Vec::new();
    };
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let mut found = Vec::new();
    if name == "engine/tests.rs" || name.starts_with("engine/tests/") {
        return found;
    }
    for (number, line) in (1..).zip(text[..tests].lines()) {
        let code = expanded(&without_texts(line));
        let offence = module.forbidden.iter().find(|word| names(&code, word));
        found.extend(
            offence.map(|word| format!("{name}:{number}: `{word}` is not for this module")),
        );
    }
    found
}

/// Whether `word` stands in the code at a boundary of names.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let inside = |letter: Option<char>| {
            letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
        };
        let starts = !word.starts_with(char::is_alphanumeric) || !inside(before);
        starts && (!word.ends_with(char::is_alphanumeric) || !inside(after))
    })
}

/// The line without comment and without what stands in quotes.
fn without_texts(line: &str) -> String {
    let mut code = String::new();
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if quoted => {
                letters.next();
            }
            '"' => quoted = !quoted,
            '/' if !quoted && letters.peek() == Some(&'/') => break,
            _ if quoted => {}
            _ => code.push(letter),
        }
    }
    code
}

/// `use std::{fmt, fs}` names `std::fs`.
fn expanded(code: &str) -> String {
    let mut expanded = code.to_owned();
    if let Some((path, list)) = code.split_once("::{") {
        let root = path.rsplit([' ', '{']).next().unwrap_or_default();
        for name in list.split([',', '{', '}']) {
            expanded.push_str(&format!(" {root}::{}", name.trim()));
        }
    }
    expanded
}
