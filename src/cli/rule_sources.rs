//! Rule documents from files and folders.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::documents;
use crate::engine::RuleFile;
use crate::server::files::{FileReader, MAX_FILE_BYTES, name_of};

/// Reads files as they are, and of a folder its `*.yaml` and `*.yml` in the order of their names.
///
/// What begins with a dot is passed over: a mounted `ConfigMap` keeps its versions in such folders,
/// and shows links to their files.
pub(crate) fn read(paths: &[PathBuf], reader: &FileReader) -> anyhow::Result<Vec<RuleFile>> {
    let mut documents = Vec::new();
    for path in paths {
        if reader.is_folder(path) {
            for file in rule_files(path, reader)? {
                documents.push(document(&file, reader)?);
            }
        } else {
            documents.push(document(path, reader)?);
        }
    }
    Ok(documents)
}

fn rule_files(folder: &Path, reader: &FileReader) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = reader
        .entries(folder)
        .with_context(|| format!("cannot read the folder `{}`", name_of(folder)))?;
    files.retain(|path| {
        let is_yaml =
            path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        is_yaml && !documents::is_hidden(path)
    });
    if files.is_empty() {
        bail!("no rule in the folder `{}`; expected *.yaml or *.yml files", name_of(folder));
    }
    Ok(files)
}

fn document(path: &Path, reader: &FileReader) -> anyhow::Result<RuleFile> {
    let origin = name_of(path);
    let bytes = reader
        .read(path, MAX_FILE_BYTES)
        .with_context(|| format!("cannot read the rule file `{origin}`"))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(RuleFile { origin, text }),
        Err(_) => bail!("the rule file `{origin}` is not UTF-8; save it as UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::server::files::Accepted;

    fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<RuleFile>> {
        super::read(paths, &FileReader::new(Accepted::RegularFiles))
    }

    #[test]
    fn a_mounted_config_map_is_read_once() {
        let mount = tempfile::tempdir().unwrap();
        let version = mount.path().join("..2026_01_01");
        fs::create_dir(&version).unwrap();
        for (name, text) in [("b.yml", "2"), ("a.yaml", "1"), ("README.md", "no")] {
            fs::write(version.join(name), text).unwrap();
            symlink(Path::new("..data").join(name), mount.path().join(name)).unwrap();
        }
        symlink("..2026_01_01", mount.path().join("..data")).unwrap();
        fs::write(mount.path().join(".hidden.yaml"), "no").unwrap();

        let read = read(&[mount.path().to_owned()]).unwrap();
        let texts: Vec<&str> = read.iter().map(|document| document.text.as_str()).collect();
        assert_eq!(texts, ["1", "2"]);
        assert!(read.first().unwrap().origin.ends_with("a.yaml"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "no rule in the folder `{}`; expected *.yaml or *.yml files",
                folder.path().display()
            )
        );
        let file = folder.path().join("latin1.yaml");
        fs::write(&file, b"\xe4").unwrap();
        let error = read(std::slice::from_ref(&file)).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the rule file `{}` is not UTF-8; save it as UTF-8", file.display())
        );
        let error = format!("{:#}", read(&[folder.path().join("none.yaml")]).unwrap_err());
        assert!(error.contains("none.yaml`: No such file"), "{error}");
        // A container runtime creates a folder if a mounted file does not exist.
        let (folder, inner) = (tempfile::tempdir().unwrap(), "rule.yaml");
        fs::create_dir(folder.path().join(inner)).unwrap();
        let error = format!("{:#}", read(&[folder.path().to_owned()]).unwrap_err());
        assert!(error.ends_with("/rule.yaml`: expected a regular file, found a folder"), "{error}");
    }
}
