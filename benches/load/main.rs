//! What a review costs the server, beside a server on the same stack that reads the body and
//! answers with a constant.
//!
//! `cargo bench --profile dist --bench load` (needs h2load, of nghttp2) drives both by turns over
//! TLS, HTTP/1.1 and HTTP/2: one review at a time, for processor time and latency, then several at
//! once, for throughput. Processor time and memory come from /proc. `-- --write` puts the table
//! into docs/performance.md and draws docs/load.svg.

mod h2load;
mod measure;
mod noop;
mod plot;
mod report;
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use fieldward::engine::Decision;

use h2load::Protocol;
use measure::{Work, median};
use report::{Facts, Memory, Row};
use server::Server;
use support::{Change, LARGE, MEDIUM, SMALL, Size};

/// How many rules are many.
const MANY: usize = 10_000;

/// Rounds below which a median says little.
const FEWEST_TO_WRITE: u32 = 5;

#[derive(Debug, Parser)]
#[command(about = "What a review costs the server")]
struct Args {
    /// How many times each is measured
    #[arg(
        long,
        value_name = "N",
        default_value_t = FEWEST_TO_WRITE,
        value_parser = clap::value_parser!(u32).range(1..),
    )]
    rounds: u32,
    /// A twentieth of the requests: says whether this runs, not what it costs
    #[arg(long)]
    quick: bool,
    /// Put the table into docs/performance.md and the plot into docs/load.svg
    #[arg(long)]
    write: bool,
    /// Said by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    #[arg(hide = true)]
    role: Option<Role>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Be the server that does nothing.
    Noop,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(Role::Noop) = args.role {
        return noop::serve();
    }
    ensure!(
        !args.write || args.rounds >= FEWEST_TO_WRITE,
        "what is written needs {FEWEST_TO_WRITE} rounds or more"
    );
    h2load::ensure_installed()?;
    let folder = tempfile::tempdir()?;
    let bodies = Bodies { folder: folder.path(), quick: args.quick };

    let mut rows = Vec::new();
    let (own, noop) = (Server::fieldward(&[])?, Server::noop()?);
    for size in [SMALL, MEDIUM, LARGE] {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for (verdict, change) in
                [("allowed", Change::LeafAllowed), ("denied", Change::LeafDenied)]
            {
                let (body, bytes) = bodies.write(size, change)?;
                own.ensure_verdict(&body, change.verdict() == Decision::Allow)?;
                let work = Work { body: &body, protocol, requests: bodies.requests(size) };
                let compared = work.compare(&own, &noop, args.rounds)?;
                eprintln!(
                    "{size} over {protocol}, {verdict}: {:.2} times the processor time of the \
                     no-op",
                    compared.processor_ratio
                );
                rows.push(Row { size: size.name, bytes, protocol, verdict, compared });
            }
        }
    }
    let memory = [SMALL, MEDIUM, LARGE]
        .map(|size| bodies.memory(size))
        .into_iter()
        .collect::<anyhow::Result<Vec<_>>>()?;
    let text = report::text(&rows, &memory, &facts(&bodies, args.rounds)?);
    println!("\n{text}");
    if args.write {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        report::write(&root.join("docs/performance.md"), &text)?;
        plot::write(&root.join("docs/load.svg"), &rows)?;
    }
    Ok(())
}

fn facts(bodies: &Bodies<'_>, rounds: u32) -> anyhow::Result<Facts> {
    let [one, many] = [1, MANY].map(|count| bodies.rules(count));
    let (one, many) = (
        ["--no-builtin-rules".to_owned(), "--rules".to_owned(), one?],
        ["--rules".to_owned(), many?],
    );
    let (one, many) = (one.each_ref().map(String::as_str), many.each_ref().map(String::as_str));
    let (mut ready, mut ready_with_many) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ready.push(Server::fieldward(&[])?.ready_after.as_secs_f64());
        ready_with_many.push(Server::fieldward(&many)?.ready_after.as_secs_f64());
    }
    let (body, _) = bodies.write(SMALL, Change::LeafAllowed)?;
    let work = Work { body: &body, protocol: Protocol::Http1, requests: bodies.requests(SMALL) };
    let (one, many) = (Server::fieldward(&one)?, Server::fieldward(&many)?);
    let idle_with_many = many.resident()?;
    for server in [&one, &many] {
        server.ensure_verdict(&body, true)?;
    }
    Ok(Facts {
        rounds,
        quick: bodies.quick,
        ready: median(ready.into_iter()).unwrap_or(f64::NAN),
        ready_with_many: median(ready_with_many.into_iter()).unwrap_or(f64::NAN),
        many_rules: work.compare(&many, &one, rounds)?.processor_ratio,
        idle: Server::fieldward(&[])?.resident()?,
        idle_of_noop: Server::noop()?.resident()?,
        idle_with_many,
        binary: std::fs::metadata(server::binary())?.len().try_into()?,
    })
}

/// The files that are sent and served.
struct Bodies<'a> {
    folder: &'a Path,
    quick: bool,
}

impl Bodies<'_> {
    /// A review, and how many bytes it has.
    fn write(&self, size: Size, change: Change) -> anyhow::Result<(PathBuf, u32)> {
        let path = self.folder.join(format!("{size}-{change:?}.json"));
        let review = support::review(size, change);
        std::fs::write(&path, &review)?;
        Ok((path, review.len().try_into()?))
    }

    /// A folder of so many rules.
    fn rules(&self, count: usize) -> anyhow::Result<String> {
        let folder = self.folder.join(format!("{count}-rules"));
        std::fs::create_dir(&folder)?;
        for document in support::documents(count) {
            std::fs::write(folder.join(&document.origin), &document.text)?;
        }
        folder.to_str().map(str::to_owned).context("the temporary folder's name is not UTF-8")
    }

    /// How many make a round.
    fn requests(&self, size: Size) -> u32 {
        let requests = match size {
            SMALL => 10_000,
            MEDIUM => 1_000,
            _ => 100,
        };
        if self.quick { requests / 20 } else { requests }
    }

    fn memory(&self, size: Size) -> anyhow::Result<Memory> {
        let (body, bytes) = self.write(size, Change::LeafAllowed)?;
        let work = Work { body: &body, protocol: Protocol::Http1, requests: self.requests(size) };
        let (peak, peak_of_noop) =
            (work.peak(&Server::fieldward(&[])?)?, work.peak(&Server::noop()?)?);
        Ok(Memory { size: size.name, bytes, peak, peak_of_noop })
    }
}
