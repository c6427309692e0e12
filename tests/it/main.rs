//! The one integration test binary.
#![allow(unreachable_pub, reason = "nobody reaches into a test binary")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed, with a place and a reason"
)]

mod oracle;
mod properties;

fn main() {
    let arguments = libtest_mimic::Arguments::from_args();
    let mut trials = oracle::sentences::trials();
    trials.extend(properties::trials());
    libtest_mimic::run(&arguments, trials).exit();
}
