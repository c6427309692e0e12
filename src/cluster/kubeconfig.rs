//! Loads kubeconfigs, and the files that they name, through a reader that has limits. The client
//! library would read them without any.

use std::env;
use std::path::{Path, PathBuf};

use k8s_openapi::ByteString;
use kube::config::{Context, Kubeconfig, KubeconfigError};
use serde_json::Value;

use crate::engine::escape_control;

/// Why a kubeconfig cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError<E> {
    /// The file cannot be read. It is a kubeconfig, or a kubeconfig names it.
    #[error("cannot read {file}: {reason}")]
    Unreadable { file: String, reason: E },
    /// The file is no kubeconfig. The parser's message is left out: it quotes lines, which may hold
    /// credentials.
    #[error("expected a kubeconfig as {file}, found something else{place}")]
    Malformed {
        file: String,
        /// ` at line 1, column 2`, or empty.
        place: String,
    },
    /// Two of the kubeconfigs cannot be merged.
    #[error("the files of KUBECONFIG do not fit together: {0}")]
    Unmergeable(KubeconfigError),
    /// The context does not exist, or its cluster does not.
    #[error("{0}")]
    NoContext(String),
}

/// The kubeconfigs that are used if none is named: those of `KUBECONFIG`, or else `~/.kube/config`.
/// As with kubectl, files that do not exist are skipped.
pub(crate) fn default_paths() -> Vec<PathBuf> {
    let listed = env::var_os("KUBECONFIG").unwrap_or_default();
    let mut paths: Vec<PathBuf> =
        env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty()).collect();
    if paths.is_empty() {
        paths.extend(env::home_dir().map(|home| home.join(".kube/config")));
    }
    paths.retain(|path| !matches!(path.try_exists(), Ok(false)));
    paths
}

/// Reads the files with `read` and merges them; the first file that sets a value wins. Also reads
/// the certificates and keys that the used context names. Errors show a file as `name` returns it.
pub(crate) fn load<E>(
    paths: &[PathBuf],
    context: Option<&str>,
    name: impl Fn(&Path) -> String,
    read: impl Fn(&Path) -> Result<Vec<u8>, E>,
) -> Result<Kubeconfig, LoadError<E>> {
    let read = |path: &Path| {
        read(path).map_err(|reason| LoadError::Unreadable { file: name(path), reason })
    };
    let mut merged = Kubeconfig::default();
    for path in paths {
        let bytes = read(path)?;
        let parsed =
            parse(&bytes).map_err(|place| LoadError::Malformed { file: name(path), place })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        merged = merged.merge(resolved(parsed, folder)).map_err(LoadError::Unmergeable)?;
    }
    let used = used_context(&merged, context).map_err(LoadError::NoContext)?;
    let clusters = merged.clusters.iter_mut().filter(|named| named.name == used.cluster);
    for cluster in clusters.filter_map(|named| named.cluster.as_mut()) {
        if let (None, Some(path)) =
            (&cluster.certificate_authority_data, cluster.certificate_authority.take())
        {
            cluster.certificate_authority_data = Some(base64(read(Path::new(&path))?));
        }
    }
    let users =
        merged.auth_infos.iter_mut().filter(|named| Some(&named.name) == used.user.as_ref());
    for user in users.filter_map(|named| named.auth_info.as_mut()) {
        if let (None, Some(path)) = (&user.client_certificate_data, user.client_certificate.take())
        {
            user.client_certificate_data = Some(base64(read(Path::new(&path))?));
        }
        if let (None, Some(path)) = (&user.client_key_data, user.client_key.take()) {
            user.client_key_data = Some(base64(read(Path::new(&path))?).into());
        }
        // The token stays a file, since the client reads it again whenever it has changed.
        if let Some(path) = &user.token_file {
            read(Path::new(path))?;
        }
    }
    Ok(merged)
}

/// The context of that name, or else the current one. Its cluster must exist. The error does not
/// quote the kubeconfig.
fn used_context(kubeconfig: &Kubeconfig, name: Option<&str>) -> Result<Context, String> {
    let current = kubeconfig.current_context.as_deref();
    let used = name
        .or(current)
        .ok_or("the kubeconfig has no current context; choose one with --context")?;
    let named = kubeconfig.contexts.iter().find(|named| named.name == used);
    let Some(context) = named.and_then(|named| named.context.clone()) else {
        return Err(match name {
            Some(name) => format!("the kubeconfig has no context `{}`", escape_control(name)),
            None => "the kubeconfig lacks its current context; choose one with --context".into(),
        });
    };
    if kubeconfig.clusters.iter().any(|named| named.name == context.cluster) {
        Ok(context)
    } else {
        Err("the kubeconfig lacks the cluster of the context".to_owned())
    }
}

/// Parses a kubeconfig. The error is a place, and quotes nothing.
fn parse(bytes: &[u8]) -> Result<Kubeconfig, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| String::new())?;
    Kubeconfig::from_yaml(text).map_err(|error| match error {
        KubeconfigError::Parse(cause) => cause
            .location()
            .map(|at| format!(" at line {}, column {}", at.line(), at.column()))
            .unwrap_or_default(),
        _ => String::new(),
    })
}

/// Makes the paths in a kubeconfig, which are relative to its folder, relative to the working
/// directory.
fn resolved(mut kubeconfig: Kubeconfig, folder: &Path) -> Kubeconfig {
    let resolve = |path: &mut Option<String>| {
        if let Some(path) = path {
            *path = folder.join(&*path).to_string_lossy().into_owned();
        }
    };
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        resolve(&mut cluster.certificate_authority);
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        for path in [&mut user.client_certificate, &mut user.client_key, &mut user.token_file] {
            resolve(path);
        }
        // A command without a slash is looked up in PATH.
        if let Some(exec) = user.exec.as_mut().filter(|exec| has_slash(exec.command.as_deref())) {
            resolve(&mut exec.command);
        }
    }
    kubeconfig
}

fn has_slash(command: Option<&str>) -> bool {
    command.is_some_and(|command| command.contains('/'))
}

fn base64(bytes: Vec<u8>) -> String {
    match serde_json::to_value(ByteString(bytes)) {
        Ok(Value::String(text)) => text,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn loaded(
        files: &[(&str, &str)],
        paths: &[&str],
        context: Option<&str>,
    ) -> Result<Kubeconfig, String> {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        let read = |path: &Path| {
            let text = files.get(path.to_str().unwrap()).ok_or("none");
            text.map(|text| text.as_bytes().to_vec())
        };
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        load(&paths, context, |path| path.display().to_string(), read)
            .map_err(|error| error.to_string())
    }

    const ONE: &str = "\
current-context: one
contexts:
- {name: one, context: {cluster: c1, user: u1}}
- {name: two, context: {cluster: c2, user: u2}}
clusters:
- {name: c1, cluster: {server: 'https://one', certificate-authority: ca.crt}}
- {name: c2, cluster: {server: 'https://two', certificate-authority: /elsewhere/ca.crt}}
users:
- name: u1
  user: {client-certificate: tls.crt, client-key: tls.key, tokenFile: token}
- name: u2
  user: {exec: {apiVersion: v1, command: bin/login}}
";

    #[test]
    fn the_files_of_the_used_context_are_read_relative_to_the_kubeconfig() {
        let files = [
            ("a/config", ONE),
            ("a/ca.crt", "CA"),
            ("a/tls.crt", "chain"),
            ("a/tls.key", "key"),
            ("a/token", "t"),
            ("/elsewhere/ca.crt", "CA 2"),
        ];
        let one = loaded(&files, &["a/config"], None).unwrap();
        let cluster = |config: &Kubeconfig, number: usize| {
            config.clusters[number].cluster.clone().unwrap().certificate_authority_data
        };
        let user = |config: &Kubeconfig, number: usize| {
            config.auth_infos[number].auth_info.clone().unwrap()
        };
        assert_eq!(cluster(&one, 0).as_deref(), Some("Q0E="));
        assert_eq!(cluster(&one, 1), None, "it is not used");
        let first = user(&one, 0);
        assert_eq!(first.client_certificate_data.as_deref(), Some("Y2hhaW4="));
        assert!(first.client_key_data.is_some() && first.client_key.is_none());
        assert_eq!(first.token_file.as_deref(), Some("a/token"));
        let command = user(&one, 1).exec.unwrap().command;
        assert_eq!(command.as_deref(), Some("a/bin/login"));
        let two = loaded(&files, &["a/config"], Some("two")).unwrap();
        assert_eq!((cluster(&two, 0), cluster(&two, 1).as_deref()), (None, Some("Q0EgMg==")));
        for missing in ["a/ca.crt", "a/tls.crt", "a/tls.key", "a/token"] {
            let others: Vec<_> = files.into_iter().filter(|(path, _)| *path != missing).collect();
            let error = loaded(&others, &["a/config"], None).unwrap_err();
            assert_eq!(error, format!("cannot read {missing}: none"));
        }
    }

    #[test]
    fn the_first_file_that_sets_a_value_wins() {
        let other = "current-context: two\nclusters: [{name: c2, cluster: {server: 'https://x'}}]";
        let files = [("a", other), ("b", ONE), ("/elsewhere/ca.crt", "CA")];
        let config = loaded(&files, &["a", "b"], Some("one")).unwrap_err();
        assert_eq!(config, "cannot read ca.crt: none", "it is relative to the second file");
        let config = loaded(&files, &["a", "b"], None).unwrap();
        assert_eq!(config.current_context.as_deref(), Some("two"));
        let server = |name: &str| {
            let named = config.clusters.iter().find(|named| named.name == name).unwrap();
            named.cluster.clone().unwrap().server
        };
        assert_eq!(server("c2").as_deref(), Some("https://x"));
        assert_eq!(server("c1").as_deref(), Some("https://one"));
    }

    #[test]
    fn a_context_that_cannot_be_used_is_not_quoted() {
        let no_cluster =
            "current-context: x\ncontexts: [{name: x, context: {cluster: hunter2, user: u}}]";
        for (text, context, expected) in [
            ("", None, "has no current context"),
            ("current-context: hunter2", None, "lacks its current context"),
            (ONE, Some("a\u{9b}"), "no context `a\\u009b`"),
            (no_cluster, None, "lacks the cluster of the context"),
        ] {
            let error = loaded(&[("f", text)], &["f"], context).unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_is_no_kubeconfig_is_not_quoted() {
        for (text, place) in [
            ("clusters: hunter2", " at line 1, column 11"),
            ("a: b\n c: *hunter2", " at line 2, column 3"),
        ] {
            let error = loaded(&[("f", text)], &["f"], None).unwrap_err();
            assert_eq!(error, format!("expected a kubeconfig as f, found something else{place}"));
        }
    }
}
