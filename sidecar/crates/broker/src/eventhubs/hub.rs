//! One hub.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use model::{Timestamp, Uid};
use parking_lot::Mutex;
use storage::StreamId;

use super::consumer_group::{Groups, TakenIn};
use super::partition::{Cell, End, Partition, Rules, State};
use super::partition_key::partition_of;
use super::reader::Received;
use super::reading::{self, ConsumerGroup};
use super::shared::Shared;
use crate::Error;
use crate::configuration::HubConfig;
use crate::topics::counts::Counter;

/// One declared hub. Cheap to clone; its operations answer NotFound once the hub is no longer declared.
#[derive(Clone, Debug)]
pub struct Hub {
    name: Arc<str>,
    state: Arc<HubState>,
}

impl Hub {
    pub(super) fn new(name: Arc<str>, state: Arc<HubState>) -> Self {
        Self { name, state }
    }

    /// The name as it was declared.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was declared for the first time.
    pub fn created_at(&self) -> Timestamp {
        self.state.created_at
    }

    /// At least 1. It may grow.
    pub fn partition_count(&self) -> u32 {
        self.state.count()
    }

    /// The partition with that number, which counts from 0.
    pub fn partition(&self, id: u32) -> Option<Partition> {
        let cell = self.state.cells.load().get(id as usize)?.clone();
        Some(Partition::new(self.state.clone(), cell))
    }

    /// Where events with that key go; always the same one while the number of partitions stays.
    pub fn partition_for_key(&self, key: &[u8]) -> Partition {
        self.existing(partition_of(key, self.partition_count()))
    }

    /// Where events without a key go: one partition after another.
    pub fn next_partition(&self) -> Partition {
        let turn = self.state.turn.fetch_add(1, Ordering::Relaxed);
        self.existing(turn % self.partition_count())
    }

    fn existing(&self, id: u32) -> Partition {
        self.partition(id).expect("partitions are never taken away")
    }

    /// Whether there is a consumer group of that name, ignoring case.
    pub fn consumer_group(&self, name: &str) -> bool {
        self.state.groups.lock().has(name)
    }

    pub(crate) fn uid(&self) -> Uid {
        self.state.uid
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// As it was declared.
    pub(crate) fn consumer_group_name(&self, name: &str) -> Option<Arc<str>> {
        self.state.groups.lock().name(name)
    }

    /// All consumer groups, by name, with who reads what in them at the moment.
    pub fn consumer_groups(&self) -> Vec<ConsumerGroup> {
        reading::consumer_groups(&self.state)
    }
}

/// What the handles of a hub share, and everybody else who deals with it. Lives as long as the hub's data.
#[derive(Debug)]
pub(super) struct HubState {
    pub(super) uid: Uid,
    pub(super) created_at: Timestamp,
    pub(super) shared: Arc<Shared>,
    /// By index; at least one.
    pub(super) cells: ArcSwap<Vec<Arc<Cell>>>,
    pub(super) groups: Mutex<Groups>,
    pub(super) counts: HubCounts,
    turn: AtomicU32,
    is_declared: AtomicBool,
    /// It holds its quota of the log; see [`HubState::measure`].
    is_full: AtomicBool,
    /// Bytes that it should hold at most; `u64::MAX` if nobody said.
    size: AtomicU64,
}

/// What is counted per hub.
#[derive(Debug, Default)]
pub(super) struct HubCounts {
    pub(super) events_in: Counter,
    pub(super) bytes_in: Counter,
    pub(super) events_out: Counter,
    pub(super) bytes_out: Counter,
}

impl HubCounts {
    pub(super) fn came_in(&self, events: &[Bytes]) {
        self.events_in.add(events.len());
        self.bytes_in.add(events.iter().map(Bytes::len).sum());
    }

    pub(super) fn went_out(&self, events: &[Received]) {
        self.events_out.add(events.len());
        self.bytes_out
            .add(events.iter().map(|received| received.event.len()).sum());
    }
}

/// What all partitions hold together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Depth {
    pub(super) events: u64,
    pub(super) bytes: u64,
}

impl HubState {
    pub(super) fn new(shared: &Arc<Shared>, uid: Uid, created_at: Timestamp, partitions: Vec<State>) -> Self {
        let hub = Self {
            uid,
            created_at,
            shared: shared.clone(),
            cells: ArcSwap::default(),
            groups: Mutex::default(),
            counts: HubCounts::default(),
            turn: AtomicU32::new(0),
            is_declared: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            size: AtomicU64::new(u64::MAX),
        };
        hub.add(partitions);
        hub
    }

    fn add(&self, partitions: Vec<State>) {
        let mut cells = Vec::clone(&self.cells.load());
        for state in partitions {
            let index = cells.len() as u32;
            cells.push(Arc::new(Cell::new(self.uid, index, state)));
        }
        self.cells.store(Arc::new(cells));
    }

    pub(super) fn count(&self) -> u32 {
        self.cells.load().len() as u32
    }

    /// Makes it serve what is declared. Partitions are added as `config` wants, and begin at `first`; none is ever taken
    /// away, since its events would be gone.
    pub(super) fn declare(&self, config: &HubConfig, first: End) {
        let count = self.count().max(config.partition_count);
        let rules = Rules {
            retention: config.retention,
            bytes_max: config.size.map(|size| size.get() / u64::from(count)),
        };
        let size = config.size.map_or(u64::MAX, |size| size.get());
        self.size.store(size, Ordering::Relaxed);
        // New ones are declared before anybody can choose them.
        let added = (self.count()..count).map(|_| {
            let mut state = State::new(first);
            state.declare(rules);
            state
        });
        self.add(added.collect());
        if self.count() > config.partition_count {
            tracing::warn!(
                hub = config.name,
                declared = config.partition_count,
                kept = self.count(),
                "a hub cannot lose partitions; it keeps what it has"
            );
        }
        for cell in self.cells.load().iter() {
            cell.state().declare(rules);
        }
        let names = config.consumer_groups.iter().map(String::as_str);
        self.groups.lock().declare(names);
        self.is_declared.store(true, Ordering::Release);
        self.wake_receivers();
    }

    /// It is not declared any more: nobody gets in, and whoever is in leaves.
    pub(super) fn close(&self) {
        self.is_declared.store(false, Ordering::Release);
        for cell in self.cells.load().iter() {
            cell.state().close();
        }
        self.groups.lock().close();
        self.wake_receivers();
    }

    /// Lets them look whether they may go on.
    pub(super) fn wake_receivers(&self) {
        for cell in self.cells.load().iter() {
            cell.changed.notify_waiters();
        }
    }

    pub(super) fn check_declared(&self) -> Result<(), Error> {
        if self.shared.is_stopping() {
            return Err(Error::Closed);
        }
        match self.is_declared.load(Ordering::Acquire) {
            true => Ok(()),
            false => Err(Error::NotFound),
        }
    }

    /// Whether events may come in.
    pub(super) fn admit(&self) -> Result<&Arc<Shared>, Error> {
        self.check_declared()?;
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Error::Full {
                reason: String::from("the hub holds its quota of the log"),
            });
        }
        Ok(&self.shared)
    }

    pub(super) fn depth(&self) -> Depth {
        let mut depth = Depth::default();
        for cell in self.cells.load().iter() {
            let state = cell.state();
            let begin = state.begin();
            depth.events += state.durable().sequence.saturating_sub(begin.sequence);
            depth.bytes += state.bytes_from(&begin);
        }
        depth
    }

    /// Whether it holds more than it should. Only then do the shares of its partitions count: when partitions are added the
    /// shares become smaller, but events go only if there is not enough room for all.
    pub(super) fn is_large(&self) -> bool {
        let size = self.size.load(Ordering::Relaxed);
        size < u64::MAX && self.depth().bytes > size
    }

    /// The log's quota is one of streams, of which a hub has many, so it is looked after here: no hub may take the room of
    /// the others. Looked at every second or so, not with every event. Returns whether it takes too much.
    pub(super) fn measure(&self, quota: u64) -> bool {
        let is_full = self.depth().bytes > quota;
        self.is_full.store(is_full, Ordering::Relaxed);
        is_full
    }

    pub(super) fn streams(&self) -> Vec<StreamId> {
        self.cells.load().iter().map(|cell| cell.stream).collect()
    }

    pub(super) fn taken(&self) -> Vec<TakenIn> {
        self.groups.lock().taken()
    }
}
