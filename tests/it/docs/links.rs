//! Links of the Markdown files: what they point at is there, with the anchor that they name.

use std::path::{Component, Path, PathBuf};

use super::page::Page;
use crate::corpus::root;

const BOOK: &str = "docs/";

pub(crate) fn check(pages: &[Page]) {
    let broken: Vec<String> = pages.iter().flat_map(|page| broken(page, pages)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    let summary = pages.iter().find(|page| page.name == "docs/SUMMARY.md").unwrap();
    let listed: Vec<String> = links(summary).into_iter().map(|link| link.target).collect();
    for page in pages.iter().filter(|page| page.name.starts_with(BOOK)) {
        let name = page.name.trim_start_matches(BOOK);
        let times = listed.iter().filter(|link| *link == name).count();
        assert_eq!(times, usize::from(name != "SUMMARY.md"), "SUMMARY.md lists {name}");
    }
}

struct Link {
    text: String,
    target: String,
    is_image: bool,
}

fn broken(page: &Page, pages: &[Page]) -> Vec<String> {
    let folder = Path::new(&page.name).parent().unwrap();
    let mut broken = Vec::new();
    for Link { text, target, is_image } in links(page) {
        let mut report = |what: &str| broken.push(format!("{}: ({target}) {what}", page.name));
        if is_image && text.is_empty() {
            report("is an image without alternative text");
        }
        if target.starts_with("https://") {
            continue;
        }
        let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let file = if path.is_empty() {
            page.name.clone()
        } else {
            normal(&folder.join(path)).to_str().unwrap().to_owned()
        };
        if page.name.starts_with(BOOK) && !file.starts_with(BOOK) {
            report("leaves the book");
        }
        if !pages.iter().any(|page| page.name == file) && !root().join(&file).exists() {
            report("does not exist");
        } else if !anchor.is_empty() {
            let there = pages.iter().find(|page| page.name == file);
            if !there.is_some_and(|page| page.anchors().iter().any(|known| known == anchor)) {
                report("has no such heading");
            }
        }
    }
    broken
}

/// `[text](target)` outside of blocks and of code.
fn links(page: &Page) -> Vec<Link> {
    let text = page.prose().join("\n");
    let text: String = text.split('`').step_by(2).collect::<Vec<_>>().join("code");
    let mut links = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("](") {
        let (target, after) = after.split_once(')').unwrap();
        let (before, text) = before.rsplit_once('[').unwrap_or(("", before));
        links.push(Link {
            text: text.to_owned(),
            target: target.to_owned(),
            is_image: before.ends_with('!'),
        });
        rest = after;
    }
    links
}

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            normal.pop();
        } else {
            normal.push(part);
        }
    }
    normal
}

pub(crate) fn finds_what_is_broken() {
    let page = |name: &str, text: &str| Page { name: name.to_owned(), text: text.to_owned() };
    let other = page("docs/lints.md", "# Lints\n\n## Suppress a finding\n");
    for (text, expected) in [
        ("[a](lints.md#suppress-a-finding) and `[b](nowhere.md)`", ""),
        ("```sh\n[a](nowhere.md)\n```", ""),
        ("[a](https://example.com/nowhere)", ""),
        ("# Its own\n[a](#its-own)", ""),
        ("[a](nowhere.md)", "does not exist"),
        ("[a](lints.md#nothing)", "has no such heading"),
        ("[a](../README.md)", "leaves the book"),
        ("![](lints.md)", "is an image without alternative text"),
    ] {
        let page = page("docs/page.md", text);
        let found = broken(&page, std::slice::from_ref(&other));
        let own = broken(&page, &[page_of(&page), page_of(&other)]);
        let found = if text.contains("(#") { own } else { found };
        assert_eq!(found.is_empty(), expected.is_empty(), "{text}: {found:?}");
        assert!(found.iter().all(|line| line.ends_with(expected)), "{text}: {found:?}");
    }
}

fn page_of(page: &Page) -> Page {
    Page { name: page.name.clone(), text: page.text.clone() }
}
