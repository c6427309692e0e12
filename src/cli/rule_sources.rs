//! Rule documents from files and folders.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::engine::Document;

/// Reads files as they are, and of a folder its `*.yaml` and `*.yml` in the order of their names.
///
/// What begins with a dot is passed over: a mounted `ConfigMap` keeps its versions in such folders,
/// and shows links to their files.
pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Document>> {
    let mut documents = Vec::new();
    for path in paths {
        if path.is_dir() {
            for file in rule_files(path)? {
                documents.push(document(&file)?);
            }
        } else {
            documents.push(document(path)?);
        }
    }
    Ok(documents)
}

fn rule_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot read the folder `{}`", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let yaml =
            path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        // Asked of what a link leads to; a link to nothing is read, so that it is reported.
        if yaml && !hidden && !path.is_dir() {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("no rule in the folder `{}`; expected *.yaml or *.yml files", folder.display());
    }
    files.sort();
    Ok(files)
}

fn document(path: &Path) -> anyhow::Result<Document> {
    let origin = path.display().to_string();
    let bytes = fs::read(path).with_context(|| format!("cannot read the rule file `{origin}`"))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Document { origin, text }),
        Err(_) => bail!("the rule file `{origin}` is not UTF-8; save it as UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

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
        fs::create_dir(mount.path().join("folder.yaml")).unwrap();

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
    }
}
