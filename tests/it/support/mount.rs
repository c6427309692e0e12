//! A folder whose files change all at once, as those of a mounted Secret do.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

/// Each file is a link through `..data`, itself a link to the folder of a version; the kubelet
/// renames another link over it.
pub(crate) struct Mount {
    folder: TempDir,
    versions: AtomicUsize,
}

impl Mount {
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        let mount = Self { folder: tempfile::tempdir().unwrap(), versions: AtomicUsize::new(0) };
        mount.publish(files);
        for (name, _) in files {
            symlink(Path::new("..data").join(name), mount.folder.path().join(name)).unwrap();
        }
        mount
    }

    /// A certificate and its key, by the names that they have in a Secret.
    pub(crate) fn of_certificate(certificate: &str, key: &str) -> Self {
        Self::new(&[("tls.crt", certificate.as_bytes()), ("tls.key", key.as_bytes())])
    }

    /// Another certificate and its key in place of those that there are.
    pub(crate) fn publish_certificate(&self, certificate: &str, key: &str) {
        self.publish(&[("tls.crt", certificate.as_bytes()), ("tls.key", key.as_bytes())]);
    }

    /// The path of a file, whatever its version.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Other content of all files, at once.
    pub(crate) fn publish(&self, files: &[(&str, &[u8])]) {
        let data = self.folder.path().join("..data");
        let before = fs::read_link(&data).ok();
        let version = format!("..{}", self.versions.fetch_add(1, Ordering::Relaxed));
        fs::create_dir(self.folder.path().join(&version)).unwrap();
        for (name, content) in files {
            fs::write(self.folder.path().join(&version).join(name), content).unwrap();
        }
        let link = self.folder.path().join("..data_tmp");
        symlink(&version, &link).unwrap();
        fs::rename(link, data).unwrap();
        if let Some(before) = before {
            fs::remove_dir_all(self.folder.path().join(before)).unwrap();
        }
    }
}
