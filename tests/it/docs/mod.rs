//! What the documentation shows is what happens: every Markdown file of the repository is read, its
//! rules load, and its commands print what stands below them.
//!
//! | block | what is done with it |
//! | --- | --- |
//! | `yaml` | holds rules, which must load |
//! | `yaml,file=NAME` | is also the file NAME for the commands of the page; may hold any object |
//! | `yaml,append=NAME` | is appended to that file |
//! | `yaml,excerpt` | is only read as YAML |
//! | `console` | its commands run, and print what it shows |
//! | `sh` | holds commands without their output; bash must be able to read it |
//! | `console,cluster`, `sh,cluster` | needs a cluster, so it is only counted |
//!
//! In an output, a line `...` stands for any lines, and `[..]` for any text in a line.
//! `FIELDWARD_BLESS=1` puts in what the commands print, unless the output has such marks.

mod commands;
mod conditions;
mod console;
mod links;
mod page;
mod tables;

use libtest_mimic::Trial;

use page::{Block, Page, pages};

/// Blocks that no test runs, since they need a cluster. A new one is a decision.
const NEED_A_CLUSTER: usize = 25;
const LINES_OF_README: usize = 160;

pub(crate) fn trials() -> Vec<Trial> {
    let blocks = pages().into_iter().map(|page| {
        Trial::test(format!("docs::blocks_of_{}", page.name), move || {
            console::check(&page);
            Ok(())
        })
    });
    let others = [
        Trial::test("docs::links_and_anchors_exist", || {
            links::check(&pages());
            Ok(())
        }),
        Trial::test("docs::a_broken_link_is_found", || {
            links::finds_what_is_broken();
            Ok(())
        }),
        Trial::test("docs::a_different_output_is_found", || {
            console::finds_what_differs();
            Ok(())
        }),
        Trial::test("docs::blocks_that_need_a_cluster_are_counted", || {
            let blocks = pages().iter().flat_map(Page::blocks).collect::<Vec<_>>();
            let marked = |block: &&Block| block.is("console,cluster") || block.is("sh,cluster");
            assert_eq!(blocks.iter().filter(marked).count(), NEED_A_CLUSTER);
            Ok(())
        }),
        Trial::test("docs::readme_is_short", || {
            let lines = Page::read("README.md").text.lines().count();
            assert!(lines <= LINES_OF_README, "{lines} lines");
            Ok(())
        }),
        Trial::test("docs::the_page_of_commands_is_their_help", || {
            commands::check();
            Ok(())
        }),
        Trial::test("docs::it_names_what_conditions_lack", || {
            conditions::check();
            Ok(())
        }),
    ];
    blocks.chain(others).chain(tables::trials()).collect()
}
