//! deploy/chart, rendered by the real helm: what it renders, what is derived of it, what it
//! refuses, and its alerts, held against series by the real promtool.
//!
//! Both programs are built once from the pins below tests/chart. Where there is no Go, the trials
//! that need them are ignored with the reason, and fail under `CI=true`.

mod monitoring;
pub(crate) mod programs;
mod rendering;
mod values;

use libtest_mimic::Trial;

use crate::support::go::{Lacking, completion};

pub(crate) fn trials() -> Vec<Trial> {
    [monitoring::trials(), rendering::trials(), values::trials()].into_iter().flatten().collect()
}

/// A trial that needs helm or promtool.
fn trial(
    name: impl Into<String>,
    case: impl FnOnce() -> Result<(), Lacking> + Send + 'static,
) -> Trial {
    Trial::ignorable_test(format!("chart::{}", name.into()), move || completion(case()))
}
