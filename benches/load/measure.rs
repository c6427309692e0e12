//! Rounds of two servers by turns, and their medians.

use std::path::Path;

use crate::h2load::{Load, Protocol};
use crate::server::Server;

/// How many requests are under way when it is about how many are answered.
pub(crate) const AT_ONCE: u32 = 8;

/// What is sent, and how often in a round.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) body: &'a Path,
    pub(crate) protocol: Protocol,
    pub(crate) requests: u32,
}

/// One server in one round: processor time and latency one at a time, throughput many at once.
struct Sample {
    /// Microseconds of processor time for each review.
    processor: f64,
    per_second: f64,
    /// p50, p99 and p99.9 in microseconds.
    times: [Option<f64>; 3],
}

/// Medians of a server, and of its ratios to the other one, round by round.
pub(crate) struct Compared {
    pub(crate) processor: f64,
    pub(crate) processor_of_other: f64,
    pub(crate) processor_ratio: f64,
    pub(crate) per_second: f64,
    pub(crate) per_second_ratio: f64,
    pub(crate) times: [Option<f64>; 3],
    pub(crate) p99_ratio: Option<f64>,
}

impl Work<'_> {
    /// Who goes first changes with every round.
    pub(crate) fn compare(
        self,
        server: &Server,
        other: &Server,
        rounds: u32,
    ) -> anyhow::Result<Compared> {
        for server in [server, other] {
            self.load(server, 1, self.requests / 10 + 1).run()?;
        }
        let mut samples = Vec::new();
        for round in 0..rounds {
            samples.push(if round % 2 == 0 {
                let first = self.sample(server)?;
                (first, self.sample(other)?)
            } else {
                let first = self.sample(other)?;
                (self.sample(server)?, first)
            });
        }
        let of = |figure: &dyn Fn(&Sample, &Sample) -> Option<f64>| {
            median(samples.iter().filter_map(|(own, other)| figure(own, other)))
        };
        let always = |figure: &dyn Fn(&Sample, &Sample) -> f64| {
            of(&|own, other| Some(figure(own, other))).unwrap_or(f64::NAN)
        };
        let [p50, p99, p999] =
            [0, 1, 2].map(|index| of(&|own, _| own.times.get(index).copied().flatten()));
        Ok(Compared {
            processor: always(&|own, _| own.processor),
            processor_of_other: always(&|_, other| other.processor),
            processor_ratio: always(&|own, other| own.processor / other.processor),
            per_second: always(&|own, _| own.per_second),
            per_second_ratio: always(&|own, other| own.per_second / other.per_second),
            times: [p50, p99, p999],
            p99_ratio: of(&|own, other| Some(own.times[1]? / other.times[1]?)),
        })
    }

    fn sample(&self, server: &Server) -> anyhow::Result<Sample> {
        let before = server.spent()?;
        let seen = self.load(server, 1, self.requests).run()?;
        let spent = server.spent()?.since(&before);
        let many = self.load(server, AT_ONCE, self.requests).run()?;
        Ok(Sample {
            processor: spent.as_secs_f64() * 1e6 / f64::from(self.requests),
            per_second: many.per_second,
            times: [500, 990, 999].map(|per_mille| seen.percentile(per_mille)),
        })
    }

    /// The most that is resident in KiB while so many reviews are under way, of a server that has
    /// seen nothing else.
    pub(crate) fn peak(&self, server: &Server) -> anyhow::Result<u32> {
        self.load(server, AT_ONCE, self.requests.max(AT_ONCE)).run()?;
        server.peak()
    }

    fn load<'b>(&'b self, server: &'b Server, connections: u32, requests: u32) -> Load<'b> {
        Load {
            url: &server.url,
            body: self.body,
            protocol: self.protocol,
            connections,
            requests: requests.max(connections),
        }
    }
}

pub(crate) fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}
