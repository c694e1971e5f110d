//! The log alone: 512 outstanding appends of 1 KiB, against a bare loop of `pwrite` and `fdatasync` that writes as much
//! at a time, in the same directory and the same minute.
//!
//! The log is measured as it runs for most of its life, in recycled segments; `first_fill_appends_per_second` is what it
//! did before, while its segments were made.
//!
//! `cargo run --release -p storage --example log_bench [DIR [SECONDS]]` prints one line of JSON. CPU is that of the whole
//! process (appender, writer and cleaner) per append.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use model::{ByteCount, SequenceNumber, Timestamp, Uid};
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use storage::embedded::{Options, open};
use storage::{Class, Log, Record, RecordKind, StreamId, footprint};

const OUTSTANDING: usize = 512;
const PAYLOAD: usize = 1024;

/// Records that are kept.
const RETAINED: u64 = 100_000;

/// As many as the log has: from then on each one it writes was written before.
const SEGMENTS: u64 = 14;

/// What one side of the comparison did.
struct Measured {
    /// Appends per second before the measurement.
    warm_up: f64,
    appends: u64,
    seconds: f64,
    cpu_seconds: f64,
    commits: u64,
}

impl Measured {
    fn per_second(&self) -> f64 {
        self.appends as f64 / self.seconds
    }

    fn cpu_micros(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.appends as f64
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let directory = root.join(format!("weft-log-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the directory can be made");
    let clock = Clock::system();
    // Alternately, so that a disk whose speed drifts serves both alike.
    let (mut logs, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let log = log(&directory.join("log"), Duration::from_secs(seconds), &clock).await;
        let batch = (log.appends / log.commits.max(1)).max(1) as usize * footprint(PAYLOAD);
        let bare = bare(
            &directory.join("bare"),
            batch.next_multiple_of(512),
            Duration::from_secs(seconds),
            &clock,
        );
        logs.push(log);
        bares.push(bare);
    }
    std::fs::remove_dir_all(&directory).expect("the directory was made here");
    let (log, bare) = (middle(logs), middle(bares));
    println!(
        "{{\"outstanding\":{OUTSTANDING},\"payload_bytes\":{PAYLOAD},\"log_appends_per_second\":{:.0},\"appends_per_commit\":{:.1},\
         \"log_cpu_micros_per_append\":{:.2},\"bare_appends_per_second\":{:.0},\"bare_syncs_per_second\":{:.0},\
         \"bare_cpu_micros_per_append\":{:.2},\"first_fill_appends_per_second\":{:.0},\"ratio\":{:.3}}}",
        log.per_second(),
        log.appends as f64 / log.commits.max(1) as f64,
        log.cpu_micros(),
        bare.per_second(),
        bare.commits as f64 / bare.seconds,
        bare.cpu_micros(),
        log.warm_up,
        log.per_second() / bare.per_second(),
    );
}

fn middle(mut runs: Vec<Measured>) -> Measured {
    runs.sort_by(|a, b| a.per_second().total_cmp(&b.per_second()));
    runs.swap_remove(runs.len() / 2)
}

async fn log(directory: &Path, duration: Duration, clock: &Clock) -> Measured {
    let options = Options {
        capacity: ByteCount::mib(512),
        ..Options::default()
    };
    let registry = Registry::default();
    let scope = TaskScope::root();
    let (log, table, replay) =
        open(directory, options, &scope, clock, &registry).expect("an empty directory opens");
    replay.finish();
    let stream = StreamId(Uid::from_u128(1));
    let payload = [0x5A; PAYLOAD];
    let mut run = Run {
        log: &*log,
        stream,
        payload: &payload,
        sequence: 0,
        waiting: VecDeque::new(),
    };
    let start = clock.monotonic();
    while count(&registry, "recycled_segments") < SEGMENTS {
        run.go_on(clock, Duration::from_millis(200)).await;
    }
    let warm_up = run.sequence as f64 / (clock.monotonic() - start).as_secs_f64();
    let (commits, cpu, start, first) = (
        count(&registry, "commits"),
        cpu_seconds(),
        clock.monotonic(),
        run.sequence,
    );
    run.go_on(clock, duration).await;
    let measured = Measured {
        warm_up,
        appends: run.sequence - first,
        seconds: (clock.monotonic() - start).as_secs_f64(),
        cpu_seconds: cpu_seconds() - cpu,
        commits: count(&registry, "commits") - commits,
    };
    drop((log, table));
    std::fs::remove_dir_all(directory).expect("the log is closed");
    measured
}

struct Run<'a> {
    log: &'a dyn Log,
    stream: StreamId,
    payload: &'a [u8],
    sequence: u64,
    waiting: VecDeque<storage::Commit>,
}

impl Run<'_> {
    async fn go_on(&mut self, clock: &Clock, duration: Duration) {
        let end: Instant = clock.monotonic() + duration;
        while clock.monotonic() < end {
            while self.waiting.len() < OUTSTANDING {
                self.append();
            }
            let oldest = self.waiting.pop_front().expect("the window is full");
            oldest.durable().await;
            while self.waiting.front().is_some_and(storage::Commit::is_durable) {
                self.waiting.pop_front();
            }
        }
        for commit in self.waiting.drain(..) {
            commit.durable().await;
        }
    }

    fn append(&mut self) {
        let record = Record {
            stream: self.stream,
            sequence: SequenceNumber::new(self.sequence),
            kind: RecordKind::EVENT,
            time: Timestamp::from_micros(1),
            payload: self.payload,
        };
        let room = self
            .log
            .reserve(Class::Publish, self.stream, footprint(PAYLOAD))
            .expect("retention makes room");
        self.waiting.push_back(self.log.append(room, &[record]));
        self.sequence += 1;
        if self.sequence.is_multiple_of(10_000) {
            // As a retention would: what is older goes.
            let keep = self.sequence.saturating_sub(RETAINED);
            self.log.trim_before(self.stream, SequenceNumber::new(keep));
            self.log.forget_before("bench", self.waiting[0].position());
        }
    }
}

fn count(registry: &Registry, what: &str) -> u64 {
    let (text, name) = (registry.encode(), format!("weft_storage_{what}_total "));
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.and_then(|number| number.parse().ok())
        .expect("the log counts it")
}

/// Writes `batch` bytes and syncs, over and over, in a file of zeros as the log's segments are.
fn bare(path: &Path, batch: usize, duration: Duration, clock: &Clock) -> Measured {
    const FILE: u64 = 64 << 20;
    let file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(path)
        .expect("the directory is there");
    for chunk in 0..FILE >> 20 {
        file.write_all_at(&vec![0; 1 << 20], chunk << 20)
            .expect("the disk has room");
    }
    file.sync_all().expect("the disk works");
    let bytes = vec![0x5A; batch];
    let (mut offset, mut syncs) = (0, 0);
    let (cpu, start) = (cpu_seconds(), clock.monotonic());
    while clock.monotonic() - start < duration {
        if offset + batch as u64 > FILE {
            offset = 0;
        }
        file.write_all_at(&bytes, offset).expect("the disk works");
        file.sync_data().expect("the disk works");
        offset += batch as u64;
        syncs += 1;
    }
    Measured {
        warm_up: 0.0,
        appends: syncs * (batch / footprint(PAYLOAD)) as u64,
        seconds: (clock.monotonic() - start).as_secs_f64(),
        cpu_seconds: cpu_seconds() - cpu,
        commits: syncs,
    }
}

/// What this process has used so far, user and system.
fn cpu_seconds() -> f64 {
    let all: u64 = std::fs::read_dir("/proc/self/task")
        .expect("Linux counts")
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    all as f64 / 1e9
}
