//! The one integration test binary: a module adds its trials here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod architecture;
mod attacks;
mod certificates;
mod chart;
mod cluster;
mod commands;
mod controllers;
mod corpus;
mod docs;
mod entry_points;
mod files;
mod golden;
mod help;
mod lints;
mod manifests;
mod oracle;
mod packs;
mod properties;
mod replies;
mod rule_errors;
mod schemas;
mod serving;
mod spellings;
mod support;
mod tier;
mod types;
mod versions;

use libtest_mimic::{Arguments, Trial};

use tier::Tier;

fn main() {
    let mut arguments = Arguments::from_args();
    // Most cases wait for a server, not for a processor; those that measure run alone.
    let (trials, threads) = match Tier::from_environment() {
        Ok(Tier::Default) => (default_trials(), 8),
        Ok(Tier::Attacks) => (attacks::trials(), 1),
        Ok(Tier::Controllers) => {
            ([controllers::trials(), types::trials()].into_iter().flatten().collect(), 8)
        }
        Ok(Tier::Versions) => (versions::trials(), 8),
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(2);
        }
    };
    arguments.test_threads = arguments.test_threads.or(Some(threads));
    let conclusion = libtest_mimic::run(&arguments, trials);
    cluster::finish();
    conclusion.exit();
}

fn default_trials() -> Vec<Trial> {
    [
        architecture::trials(),
        attacks::small_trials(),
        certificates::trials(),
        chart::trials(),
        commands::trials(),
        docs::trials(),
        entry_points::trials(),
        files::trials(),
        help::trials(),
        lints::trials(),
        manifests::trials(),
        oracle::sentences::trials(),
        packs::trials(),
        replies::trials(),
        rule_errors::trials(),
        schemas::trials(),
        serving::trials(),
        spellings::trials(),
        tier::trials(),
        types::checks(),
        versions::checks(),
        cluster::trials(),
        // Last, since these take all processors.
        properties::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
