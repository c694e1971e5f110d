//! What the tests open.

use std::sync::Arc;

use model::ByteCount;
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use storage::disk::Disk;
use storage::embedded::{Options, open_on};
use storage::{EmbeddedLog, EmbeddedTable, Replay};

pub(crate) struct Opened {
    pub(crate) log: Arc<EmbeddedLog>,
    pub(crate) table: Arc<EmbeddedTable>,
    pub(crate) replay: Replay,
    pub(crate) registry: Registry,
}

/// Must be called inside a tokio runtime.
pub(crate) fn open(disk: Arc<dyn Disk>, options: Options) -> Opened {
    let registry = Registry::default();
    let (log, table, replay) =
        open_on(disk, options, &TaskScope::root(), &Clock::system(), &registry).expect("the disk opens");
    Opened {
        log,
        table,
        replay,
        registry,
    }
}

/// A log of `segments` segments of 64 KiB.
pub(crate) fn small(segments: u64) -> Options {
    let segment = ByteCount::kib(64);
    Options {
        capacity: ByteCount(segments * segment.get() * 8 / 7),
        segment: Some(segment),
        on_fatal: Arc::new(|error| panic!("no fault is injected here: {error}")),
        ..Options::default()
    }
}

/// The value of a metric without labels.
pub(crate) fn metric(registry: &Registry, name: &str) -> f64 {
    let text = registry.encode();
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("{name} is not in\n{text}"));
    line.split(' ')
        .nth(1)
        .and_then(|value| value.parse().ok())
        .expect("metrics are numbers")
}
