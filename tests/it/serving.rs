//! The server, over real sockets: what it speaks, what it bears, how it starts and leaves.

mod bodies;
mod clients;
mod deadlines;
mod decisions;
mod files;
mod hostile;
mod leaving;
mod operations;
mod protocols;
mod recording;
mod reloading;
mod spending;
mod starting;

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    [
        protocols::trials(),
        bodies::trials(),
        clients::trials(),
        decisions::trials(),
        files::trials(),
        hostile::trials(),
        operations::trials(),
        leaving::trials(),
        starting::trials(),
        recording::trials(),
        reloading::trials(),
        spending::trials(),
        deadlines::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
