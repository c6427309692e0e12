//! The certificates of controllers' own webhooks, which the API server reaches at their addresses:
//! nothing resolves Services here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::certificates::{Authority, ecdsa, write};

/// A certificate for 127.0.0.1 in a folder, under the names of a mounted Secret.
pub(crate) struct Serving {
    pub(crate) folder: PathBuf,
    /// The CA that issued it.
    pub(crate) ca: String,
}

impl Serving {
    pub(crate) fn new(folder: &Path) -> Self {
        let (authority, key) = (Authority::new(), ecdsa());
        fs::create_dir_all(folder).unwrap();
        write(folder, "ca.crt", &authority.pem);
        write(folder, "tls.key", &key.serialize_pem());
        write(folder, "tls.crt", &authority.server(&key));
        Self { folder: folder.to_owned(), ca: authority.pem }
    }
}
