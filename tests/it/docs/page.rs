//! The Markdown files of the repository and their fenced blocks.

use std::path::{Path, PathBuf};

use crate::corpus::{files, root};

pub(crate) struct Page {
    /// Its path in the repository.
    pub(crate) name: String,
    pub(crate) text: String,
}

pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
    /// Where its text begins in the page.
    pub(crate) at: usize,
}

impl Block {
    pub(crate) fn is(&self, language: &str) -> bool {
        self.language == language
    }
}

impl Page {
    pub(crate) fn read(name: &str) -> Page {
        let text = std::fs::read_to_string(root().join(name)).unwrap();
        Page { name: name.to_owned(), text }
    }

    pub(crate) fn path(&self) -> PathBuf {
        root().join(&self.name)
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            at += line.len();
            match (line.trim_start().strip_prefix("```"), open.take()) {
                (Some(_), Some(block)) => blocks.push(block),
                (Some(language), None) => {
                    let language = language.trim().to_owned();
                    open = Some(Block { language, text: String::new(), at });
                }
                (None, Some(mut block)) => {
                    block.text.push_str(line);
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.name);
        blocks
    }

    /// The lines outside of the blocks.
    pub(crate) fn prose(&self) -> Vec<&str> {
        let mut inside = false;
        self.text
            .lines()
            .filter(|line| {
                let fence = line.trim_start().starts_with("```");
                inside ^= fence;
                !inside && !fence
            })
            .collect()
    }

    /// The anchors of its headings, as GitHub and mdBook name them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for line in self.prose() {
            let Some((marks, heading)) = line.split_once(' ') else { continue };
            if marks.is_empty() || marks.bytes().any(|byte| byte != b'#') {
                continue;
            }
            let anchor: String = heading
                .trim()
                .chars()
                .filter_map(|letter| match letter {
                    ' ' => Some('-'),
                    '-' | '_' => Some(letter),
                    _ => letter.is_alphanumeric().then(|| letter.to_ascii_lowercase()),
                })
                .collect();
            let before = anchors.iter().filter(|known| **known == anchor).count();
            anchors.push(if before == 0 { anchor } else { format!("{anchor}-{before}") });
        }
        anchors
    }
}

/// All of them but templates of generated pages.
pub(crate) fn pages() -> Vec<Page> {
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "fuzz/README.md", "tests/README.md"];
    let below = ["certs", "deploy", "docs", "tests/controllers"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), &["md"]))
        .map(|file| relative(&file));
    top.iter().map(|name| (*name).to_owned()).chain(below).map(|name| Page::read(&name)).collect()
}

fn relative(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()
}
