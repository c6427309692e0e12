//! docs/commands.md is what `--help` of every command prints.

use std::fmt::Write as _;

use clap::CommandFactory;
use fieldward::cli::Cli;

use crate::corpus::root;
use crate::golden;
use crate::support::server::fieldward;

pub(crate) fn check() {
    let mut page = include_str!("commands.md").to_owned();
    for name in names() {
        let title = if name.is_empty() { "fieldward" } else { &name };
        write!(page, "\n## {title}\n\n```text\n{}```\n", help(&name)).unwrap();
    }
    golden::compare(&root().join("docs/commands.md"), &page);
}

/// What the help of all commands prints.
pub(crate) fn all() -> String {
    names().iter().map(|name| help(name)).collect()
}

fn names() -> Vec<String> {
    let command = Cli::command();
    let subcommands = command.get_subcommands().map(|command| command.get_name().to_owned());
    [String::new()].into_iter().chain(subcommands).collect()
}

fn help(name: &str) -> String {
    let output = fieldward()
        .args([name].iter().filter(|name| !name.is_empty()))
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}");
    String::from_utf8(output.stdout).unwrap()
}
