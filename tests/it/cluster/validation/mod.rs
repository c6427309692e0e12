//! What the API server refuses in a registration, held against what is refused before: never more,
//! and how much less.

pub(crate) mod candidates;

use std::collections::BTreeMap;
use std::time::Instant;

use fieldward::engine::{Builtin, RuleFile, RuleSet};
use libtest_mimic::Trial;

use self::candidates::{Candidate, Candidates};
use super::alone;
use super::api::Api;
use super::assets::Assets;
use super::control_plane::{ControlPlane, Controllers};
use super::objects::define;
use crate::corpus::root;

pub(crate) const CONFIGURATIONS: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
pub(crate) const RULES: &str = "/apis/fieldward.io/v1alpha1/updaterules";

/// How many candidates are tried.
const TRIED: usize = 800;

pub(crate) fn trials() -> Vec<Trial> {
    vec![alone("validation::nothing_is_refused_that_the_api_server_accepts", never_stricter)]
}

/// Why the API server refuses a registration, if it does. Nothing is stored.
pub(crate) async fn refused_by_the_api_server(api: &Api, candidate: &Candidate) -> Option<String> {
    let answer =
        api.create(&format!("{CONFIGURATIONS}?dryRun=All"), &candidate.configuration()).await;
    assert!(answer.is_ok() || answer.code == 422, "{} {}", answer.code, answer.body);
    (!answer.is_ok()).then(|| answer.message().to_owned())
}

/// Why the rule's own checks refuse it, if they do.
pub(crate) fn refused_here(candidate: &Candidate) -> Option<String> {
    let document =
        RuleFile { origin: "rule.json".to_owned(), text: candidate.rule("candidate").to_string() };
    RuleSet::load(Builtin::Excluded, &[document]).err().map(|errors| errors.to_string())
}

/// How many candidates of a class both accept, both refuse, and only the API server refuses; and
/// how many the schema refuses.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    only_there: usize,
    by_schema: usize,
}

async fn never_stricter(assets: Assets) {
    let plane = ControlPlane::start_with(&assets, Controllers::None, &[]).await;
    let api = plane.api();
    define(&plane, &std::fs::read_to_string(root().join("deploy/crd.yaml")).unwrap(), RULES).await;
    let started = Instant::now();
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut stricter = Vec::new();
    for candidate in Candidates::new(1).take(TRIED) {
        let there = refused_by_the_api_server(&api, &candidate).await;
        let here = refused_here(&candidate);
        let created =
            api.create(&format!("{RULES}?dryRun=All"), &candidate.rule("candidate")).await;
        let schema = (!created.is_ok()).then(|| created.message().to_owned());
        let tally = tallies.entry(candidate.class).or_default();
        match (&there, &here) {
            (None, None) => tally.accepted += 1,
            (Some(_), Some(_)) => tally.refused += 1,
            (Some(why), None) => {
                tally.only_there += 1;
                let why: String = why.split_whitespace().collect::<Vec<_>>().join(" ");
                eprintln!(
                    "cluster: only the API server refuses ({}): {}",
                    candidate.class,
                    why.chars().skip(60).take(300).collect::<String>()
                );
            }
            (None, Some(_)) => {}
        }
        tally.by_schema += usize::from(schema.is_some());
        let more = here.or(schema).filter(|_| there.is_none());
        stricter.extend(more.map(|why| format!("{}: {why}", candidate.rule("candidate")["spec"])));
    }
    eprintln!("cluster: {TRIED} candidates in {:.1?}: {tallies:#?}", started.elapsed());
    assert!(
        stricter.is_empty(),
        "{} of {TRIED} are refused although the API server accepts them:\n{}",
        stricter.len(),
        stricter.join("\n")
    );
    for (class, tally) in &tallies {
        let needs_types = class.starts_with("expressions") || class.starts_with("results");
        assert!(tally.accepted > 0 || class.ends_with("types"), "{class}: nothing is accepted");
        assert!(
            tally.refused > 0 || *class == "expressions" || class.ends_with("types"),
            "{class}: nothing is refused"
        );
        assert!(tally.only_there == 0 || needs_types, "{class}: the API server refuses more");
    }
}
