//! The arrows between the rooms: `main → cli → {server, cluster} → engine`. Read from the sources.

use std::fs;

use libtest_mimic::Trial;

use crate::corpus::{files, root};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("architecture::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![trial("arrows_point_down", arrows_point_down), trial("a_bad_sample_is_found", a_bad_sample_is_found)]
}

/// A room, and what no file of it may name.
struct Room {
    folder: &'static str,
    forbidden: &'static [&'static str],
}

const ENGINE: Room = Room {
    folder: "engine/",
    forbidden: &[
        "crate::cli",
        "crate::server",
        "crate::cluster",
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
    ],
};

const ROOMS: [Room; 5] = [
    ENGINE,
    Room { folder: "server/", forbidden: &["crate::cli", "crate::cluster", "anyhow", "clap", "kube::", "println!", "eprintln!"] },
    Room { folder: "cluster/", forbidden: &["crate::cli", "crate::server", "anyhow", "clap", "axum", "println!", "eprintln!"] },
    Room { folder: "cli/", forbidden: &["println!", "json_patch", "kube::"] },
    Room { folder: "main.rs", forbidden: &["engine", "server", "cluster", "tokio"] },
];

fn arrows_point_down() {
    let sources = root().join("src");
    let mut seen = 0;
    let mut found = Vec::new();
    for file in files(&sources, &["rs"]) {
        let name = file.strip_prefix(&sources).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        seen += 1;
        found.extend(offences(&name, &text));
        if name == "main.rs" {
            assert!(text.lines().count() < 70, "main.rs has grown");
        }
    }
    assert!(seen > 40, "only {seen} sources were found");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn a_bad_sample_is_found() {
    let table = [
        ("engine/admit.rs", "use std::time::Instant;", Some("std::time")),
        ("engine/mod.rs", "use std::{fmt, fs};", Some("std::fs")),
        ("engine/rules/set.rs", "    let now = std::time::SystemTime::now();", Some("std::time")),
        ("engine/review.rs", "use crate::{server::Config, engine::admit};", Some("crate::server")),
        ("engine/words/mod.rs", "println!(\"{x}\");", Some("println!")),
        ("engine/words/mod.rs", "// println!(\"{x}\") would be wrong here", None),
        ("engine/words/mod.rs", "//! No tokio, no clock.", None),
        ("engine/words/mod.rs", "    let text = \"std::fs\"; // words", None),
        ("server/mod.rs", "use crate::cluster::certificates;", Some("crate::cluster")),
        ("server/mod.rs", "use crate::engine::RuleSet;", None),
        ("cluster/registration.rs", "use super::super::server::Config;", Some("crate::server")),
        ("cluster/registration.rs", "use anyhow::Context;", Some("anyhow")),
        ("cli/check.rs", "use anyhow::Context;", None),
        ("cli/rules/lint/kinds.rs", "use kube::Client;", Some("kube::")),
        ("cluster/client.rs", "use kube::Client;", None),
        ("main.rs", "use fieldward::engine::admit;", Some("engine")),
    ];
    for (name, line, expected) in table {
        let found = offences(name, line);
        let expected: Vec<String> = expected.map(|word| format!("{name}:1: `{word}` is not for this room")).into_iter().collect();
        assert_eq!(found.first().cloned().into_iter().collect::<Vec<_>>(), expected, "{name}: {line}");
    }
}

/// What a file names although its room must not. Comments, texts and what only tests use are not looked at.
fn offences(name: &str, text: &str) -> Vec<String> {
    let Some(room) = ROOMS.iter().find(|room| name.starts_with(room.folder)) else { return Vec::new() };
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let mut found = Vec::new();
    if name == "engine/examples.rs" {
        return found;
    }
    for (number, line) in (1..).zip(text[..tests].lines()) {
        let code = expanded(&without_texts(line));
        let offence = room.forbidden.iter().find(|word| names(&code, word));
        found.extend(offence.map(|word| format!("{name}:{number}: `{word}` is not for this room")));
    }
    found
}

/// Whether `word` stands in the code at a boundary of names.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let inside = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
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

/// `use std::{fmt, fs}` names `std::fs`, and `super::super::server` names `crate::server`.
fn expanded(code: &str) -> String {
    let mut expanded = code.replace("super::super::", "crate::");
    if let Some((path, list)) = code.split_once("::{") {
        let root = path.rsplit([' ', '{']).next().unwrap_or_default();
        for name in list.split([',', '{', '}']) {
            expanded.push_str(&format!(" {root}::{}", name.trim()));
        }
    }
    expanded
}
