//! The folder of case files: nobody else reads them, no reader sees half of one, and there are only
//! so many.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::engine::Recording;

/// A folder that can be written to.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    most: usize,
    files: usize,
    /// What the names end in of the reviews that are there.
    ids: BTreeSet<String>,
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is a file now.
    New,
    /// Its review was there already, and stays as it is.
    Already,
}

impl Folder {
    /// Creates the folder if it is missing, tries to write to it, and counts the cases in it.
    pub(super) fn open(path: &Path, most: usize) -> io::Result<Self> {
        if !path.is_dir() {
            DirBuilder::new().mode(0o700).recursive(true).create(path)?;
        }
        let mut folder = Self { path: path.to_owned(), most, files: 0, ids: BTreeSet::new() };
        let probe = folder.path.join(".fieldward.new");
        create(&probe)?;
        fs::remove_file(&probe)?;
        for entry in fs::read_dir(path)? {
            let name = entry?.file_name();
            folder.count(Path::new(&name));
        }
        Ok(folder)
    }

    /// How many cases there are.
    pub(super) fn files(&self) -> usize {
        self.files
    }

    /// Whether there are as many as there may be.
    pub(super) fn is_full(&self) -> bool {
        self.files >= self.most
    }

    /// Writes a case under a temporary name and renames it.
    pub(super) fn keep(&mut self, case: &Recording) -> io::Result<Kept> {
        if self.ids.contains(&case.id) {
            return Ok(Kept::Already);
        }
        let name = format!("{}.json", case.name);
        // Hidden, so that nobody takes it for a case.
        let beside = self.path.join(format!(".{name}.new"));
        let written = create(&beside)
            .and_then(|mut file| file.write_all(case.document.as_bytes()))
            .and_then(|()| fs::rename(&beside, self.path.join(&name)));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written?;
        self.count(Path::new(&name));
        Ok(Kept::New)
    }

    fn count(&mut self, name: &Path) {
        let is_hidden = name.as_os_str().as_encoded_bytes().starts_with(b".");
        if is_hidden || name.extension() != Some(OsStr::new("json")) {
            return;
        }
        self.files += 1;
        let stem = name.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        self.ids.extend(stem.rsplit_once('-').map(|(_, id)| id.to_owned()));
    }
}

/// A new file in the place of any that a crash has left; a link there is not followed.
fn create(path: &Path) -> io::Result<fs::File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn case(name: &str, id: &str) -> Recording {
        Recording { name: format!("{name}-{id}"), id: id.to_owned(), document: name.to_owned() }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn nobody_else_reads_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let mut folder = Folder::open(&path, 2).unwrap();
        folder.keep(&case("deny-job", "0123456789ab")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("deny-job-0123456789ab.json"))), (0o700, 0o600));
        assert_eq!(names(&path), ["deny-job-0123456789ab.json"]);
    }

    #[test]
    fn a_review_is_kept_once_also_after_a_restart() {
        let parent = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(parent.path(), 9).unwrap();
        assert_eq!(folder.keep(&case("deny-job", "0123456789ab")).unwrap(), Kept::New);
        assert_eq!(folder.keep(&case("allow-job", "0123456789ab")).unwrap(), Kept::Already);
        let mut folder = Folder::open(parent.path(), 9).unwrap();
        assert_eq!(folder.keep(&case("allow-job", "0123456789ab")).unwrap(), Kept::Already);
        assert_eq!(names(parent.path()), ["deny-job-0123456789ab.json"]);
        assert_eq!(folder.files(), 1);
    }

    #[test]
    fn what_is_there_counts_unless_it_is_no_case() {
        let parent = tempfile::tempdir().unwrap();
        for name in [
            "mine.json",
            "deny-job-0123456789ab.json",
            "rules.yaml",
            ".deny-job-1.json.new",
            ".hidden.json",
        ] {
            fs::write(parent.path().join(name), "").unwrap();
        }
        let mut folder = Folder::open(parent.path(), 3).unwrap();
        assert_eq!((folder.files(), folder.is_full()), (2, false));
        folder.keep(&case("deny-job", "aaaaaaaaaaaa")).unwrap();
        assert!(folder.is_full());
    }

    #[test]
    fn links_are_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let (target, path) = (parent.path().join("target"), parent.path().join("recordings"));
        fs::write(&target, "precious").unwrap();
        let mut folder = Folder::open(&path, 9).unwrap();
        for name in [".deny-job-0123456789ab.json.new", "deny-job-0123456789ab.json"] {
            symlink(&target, path.join(name)).unwrap();
        }
        folder.keep(&case("deny-job", "0123456789ab")).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(
            fs::read_to_string(path.join("deny-job-0123456789ab.json")).unwrap(),
            "deny-job"
        );
        assert_eq!(names(&path), ["deny-job-0123456789ab.json"]);
    }
}
