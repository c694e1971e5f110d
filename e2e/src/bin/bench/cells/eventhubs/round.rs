//! One round of a cell: a rate, what it cost both sides, and how long deliveries took.

use std::time::{Duration, Instant};

use anyhow::bail;
use e2e::procfs;

use crate::{
    measure::{self, Rate},
    table::{Row, thousands},
    tally::Tally,
};

#[derive(Debug)]
pub(super) struct Round {
    pub(super) rate: Rate,
    /// Cores that the loader used.
    loader: f64,
    pub(super) p50: Duration,
    p99: Duration,
}

impl Round {
    /// Runs `work` while watching the server's process and this one.
    ///
    /// # Errors
    /// When a delivery was refused, too: a rate of refusals says nothing.
    pub(super) fn measure(pid: u32, work: impl FnOnce() -> anyhow::Result<Tally>) -> anyhow::Result<Self> {
        let own = std::process::id();
        let (cpu, start) = (procfs::cpu_time(own)?, Instant::now());
        let mut tally = Tally::default();
        let rate = measure::rate(pid, || {
            tally = work()?;
            Ok(tally.events)
        })?;
        let loader = procfs::cpu_time(own)?.saturating_sub(cpu);
        if let Some(refusal) = tally.refusal {
            bail!(
                "{} deliveries were refused, the first with {refusal}",
                tally.refused
            );
        }
        Ok(Self {
            rate,
            loader: loader.as_secs_f64() / start.elapsed().as_secs_f64(),
            p50: tally.latencies.quantile(500),
            p99: tally.latencies.quantile(990),
        })
    }

    pub(super) fn per_second(&self) -> f64 {
        self.rate.per_second()
    }

    /// The round in the middle.
    pub(super) fn median(mut rounds: Vec<Self>) -> anyhow::Result<Self> {
        rounds.sort_by(|a, b| a.per_second().total_cmp(&b.per_second()));
        let middle = rounds.len() / 2;
        match rounds.into_iter().nth(middle) {
            Some(round) => Ok(round),
            None => bail!("there was no round"),
        }
    }

    /// A row with everything but a comparison.
    pub(super) fn row(&self, what: &str, probe: Duration) -> Row {
        let mut measured = format!("{} events/s", thousands(self.per_second()));
        if self.p50 > Duration::ZERO {
            let millis = |time: Duration| time.as_secs_f64() * 1e3;
            measured += &format!(", p50 {:.2} ms, p99 {:.2} ms", millis(self.p50), millis(self.p99));
        }
        measured += &format!("; loader {:.2} cores", self.loader);
        Row {
            what: what.to_owned(),
            measured,
            cpu: Some(self.rate.cpu_per_event()),
            probe: Some(probe),
            ..Row::default()
        }
    }
}

/// Compares with a peer, where more is better.
pub(super) fn against(row: &mut Row, ours: &Round, peer: &Round, name: &str, aim: &str) {
    row.against = format!("{name}: {}/s; aim {aim}", thousands(peer.per_second()));
    row.ratio = Some(ours.per_second() / peer.per_second());
}
