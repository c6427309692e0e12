//! The file that tells clients which CA to trust.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::engine::escape_control;

/// A CA file that this process wrote; gone again when dropped, unless the user chose its place.
#[derive(Debug)]
pub(crate) struct CaFile {
    path: PathBuf,
    /// What to remove at the end.
    own_folder: Option<PathBuf>,
}

impl CaFile {
    /// Writes the CA where the user said, or into a folder of its own that only this user can write
    /// to.
    pub(crate) fn write(pem: &str, chosen: Option<PathBuf>) -> anyhow::Result<Self> {
        let (path, own_folder) = if let Some(path) = chosen {
            (path, None)
        } else {
            let folder = private_folder().context(
                "cannot make a folder for the CA file; name a file that \
                                          can be written with --ca-out FILE",
            )?;
            (folder.join("ca.pem"), Some(folder))
        };
        replace(&path, pem.as_bytes()).with_context(|| {
            format!(
                "cannot write the CA to `{}`; name a file that can be written with --ca-out FILE",
                escape_control(&path.display().to_string())
            )
        })?;
        Ok(Self { path, own_folder })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        if let Some(folder) = &self.own_folder {
            // If not, a public certificate stays in a temporary folder.
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_dir(folder);
        }
    }
}

/// A new folder, so that nobody else can have put a link there.
fn private_folder() -> io::Result<PathBuf> {
    let parent = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|runtime| runtime.is_dir())
        .unwrap_or_else(std::env::temp_dir);
    let process = std::process::id();
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..100 {
        let name = match attempt {
            0 => format!("fieldward-{process}"),
            _ => format!("fieldward-{process}-{attempt}"),
        };
        let folder = parent.join(name);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Writes a new file beside and renames it: a link in its place is replaced, never followed, and no
/// reader sees half of it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(&beside)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&beside, path));
    if written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::AlreadyExists) {
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("ca.pem"));
        fs::write(&target, "precious").unwrap();
        symlink(&target, &link).unwrap();
        let file = CaFile::write("ca", Some(link.clone())).unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&link).unwrap(), "ca");
        assert!(!link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_folder_of_its_own_is_private_and_goes_again() {
        let file = CaFile::write("ca", None).unwrap();
        let folder = file.path().parent().unwrap().to_owned();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "ca");
        drop(file);
        assert!(!folder.exists());
    }
}
