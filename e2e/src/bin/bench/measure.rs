//! A rate and what it cost the server.

use std::time::{Duration, Instant};

use e2e::procfs;

/// Events per second, and server CPU per event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) events: u64,
    pub(crate) elapsed: Duration,
    pub(crate) cpu: Duration,
}

impl Rate {
    pub(crate) fn per_second(self) -> f64 {
        as_f64(self.events) / self.elapsed.as_secs_f64()
    }

    pub(crate) fn cpu_per_event(self) -> Duration {
        self.cpu.div_f64(as_f64(self.events.max(1)))
    }

    /// Events per second that one fully used core of the server would carry.
    pub(crate) fn per_core_second(self) -> f64 {
        as_f64(self.events) / self.cpu.as_secs_f64()
    }
}

/// Runs `work`, which returns how many events it moved, while watching the CPU time of `pid`.
pub(crate) fn rate(pid: u32, work: impl FnOnce() -> anyhow::Result<u64>) -> anyhow::Result<Rate> {
    let (cpu, start) = (procfs::cpu_time(pid)?, Instant::now());
    let events = work()?;
    let elapsed = start.elapsed();
    Ok(Rate {
        events,
        elapsed,
        cpu: procfs::cpu_time(pid)?.saturating_sub(cpu),
    })
}

/// The rate in the middle of an odd number of rounds.
pub(crate) fn median(mut rates: Vec<Rate>) -> Rate {
    rates.sort_by(|a, b| a.per_second().total_cmp(&b.per_second()));
    rates[rates.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "no count of a benchmark reaches 2^52")]
pub(crate) fn as_f64(number: u64) -> f64 {
    number as f64
}
