//! The kinds that rules are compared with: those of CRD files, or those of a cluster.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{anyhow, bail};
use serde_json::Value;

use crate::analysis::kinds::{self, Kind, ServedVersion};
use crate::analysis::lint::schema::catalogue::{Catalogue, SchemaSource};
use crate::cli::args::{KindArgs, block_on};
use crate::cli::documents;
use crate::cluster::client::{ApiGroup, Cluster};
use crate::engine::{Rule, escape_control};
use crate::server::files::name_of;

/// The kinds that are asked for, as far as these rules need them.
pub(crate) fn catalogue(args: &KindArgs, rules: &[&Rule]) -> anyhow::Result<Catalogue> {
    if args.cluster.live {
        return from_cluster(args, rules);
    }
    if args.crd.is_empty() {
        return Ok(Catalogue::none());
    }
    let mut kinds = Vec::new();
    for path in &args.crd {
        kinds.extend(in_path(path)?);
    }
    Ok(Catalogue::new(kinds, SchemaSource::Files))
}

fn in_path(path: &Path) -> anyhow::Result<Vec<Kind>> {
    if !path.is_dir() {
        return in_file(path);
    }
    let mut kinds = Vec::new();
    for file in documents::entries(path)?
        .iter()
        .filter(|file| file.is_file() && documents::is_document(file))
    {
        kinds.extend(kinds_of(file)?.1);
    }
    if kinds.is_empty() {
        bail!("no CustomResourceDefinition in the folder {}", name_of(path));
    }
    Ok(kinds)
}

/// Of a file that was named itself, something is expected.
fn in_file(path: &Path) -> anyhow::Result<Vec<Kind>> {
    let (found, kinds) = kinds_of(path)?;
    if kinds.is_empty() {
        let found = if found.is_empty() {
            "nothing with a kind".to_owned()
        } else {
            format!("`{}`", found.join("`, `"))
        };
        bail!("{}: expected a CustomResourceDefinition, found {found}", name_of(path));
    }
    Ok(kinds)
}

/// The kinds that a file defines, and those of the documents in it.
fn kinds_of(path: &Path) -> anyhow::Result<(Vec<String>, Vec<Kind>)> {
    let name = name_of(path);
    let (mut found, mut all) = (BTreeSet::new(), Vec::new());
    for document in documents::as_json(&name, documents::read(path)?)? {
        let document: Value = serde_json::from_slice(&document)
            .map_err(|error| anyhow!("{name}:{}", documents::json_error(&error, "")))?;
        found.extend(document.get("kind").and_then(Value::as_str).map(escape_control));
        all.extend(
            kinds::in_document(&document)
                .map_err(|error| anyhow!("{name}: {}", escape_control(&error.to_string())))?,
        );
    }
    Ok((found.into_iter().collect(), all))
}

fn from_cluster(args: &KindArgs, rules: &[&Rule]) -> anyhow::Result<Catalogue> {
    let access = args.cluster.access()?;
    let wanted: BTreeSet<String> = rules
        .iter()
        .flat_map(|rule| rule.resources())
        .flat_map(|named| named.api_groups.iter().cloned())
        .collect();
    let (groups, address) = block_on(async {
        let cluster = Cluster::connect(&access).await?;
        Ok::<_, anyhow::Error>((cluster.groups(&wanted).await?, cluster.address().to_owned()))
    })??;
    Ok(Catalogue::new(served(&groups), SchemaSource::Cluster(address)))
}

/// The kinds of groups that an API server serves.
pub(crate) fn served(groups: &[ApiGroup]) -> Vec<Kind> {
    let kinds = |group: &ApiGroup| {
        let versions = group.versions.iter().map(|version| ServedVersion {
            name: &version.name,
            resources: &version.resources,
            document: version.document.as_ref(),
        });
        kinds::kinds(&group.name, versions)
    };
    groups.iter().flat_map(kinds).collect()
}
