//! The server, over real sockets: what it speaks, what it bears, how it starts and leaves.

mod bodies;
mod hostile;
mod leaving;
mod operations;
mod protocols;
mod starting;

use fieldward::engine::{Builtin, RuleSet};
use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    [protocols::trials(), bodies::trials(), hostile::trials(), operations::trials(), leaving::trials(), starting::trials()]
        .into_iter()
        .flatten()
        .collect()
}

/// Whether verdicts can be expected: a case that needs one is left out where no rule is compiled in.
fn no_verdicts() -> bool {
    RuleSet::load(Builtin::Included, &[]).is_ok_and(|rules| rules.is_empty())
}
