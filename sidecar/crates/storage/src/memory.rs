//! A log and a table that live as long as the process: for tests, and as the plainest reading of the contract.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use model::{ByteCount, SequenceNumber, Timestamp};
use parking_lot::Mutex;
use roaring::RoaringTreemap;

use crate::log::Fitting;
use crate::replay::Source;
use crate::table::check_key;
use crate::{
    Class, Commit, Entry, Full, Log, Payload, Position, ReadError, Record, RecordKind, RecordView, Replay,
    Reservation, StreamId, StreamUsage, Table, TableError, Usage, Version,
};

/// A fresh, unbounded store.
pub fn log() -> (Arc<MemoryLog>, Arc<MemoryTable>, Replay) {
    Store::unbounded().open()
}

/// What outlives a restart in a test: open it again and everything that was appended is there.
#[derive(Clone, Debug)]
pub struct Store {
    state: Arc<Mutex<State>>,
    table: Arc<Mutex<BTreeMap<String, Entry>>>,
}

impl Store {
    /// A store without a limit.
    pub fn unbounded() -> Self {
        Self::bounded(ByteCount(u64::MAX / 4), ByteCount(u64::MAX / 4))
    }

    /// A store that refuses publishes once live records occupy `capacity`, or those of one stream `stream_quota`.
    pub fn bounded(capacity: ByteCount, stream_quota: ByteCount) -> Self {
        let state = State {
            capacity: capacity.0,
            stream_quota: stream_quota.0,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            table: Arc::default(),
        }
    }

    /// The log and table of the store, and the replay with which an owner begins.
    pub fn open(&self) -> (Arc<MemoryLog>, Arc<MemoryTable>, Replay) {
        let log = MemoryLog {
            state: self.state.clone(),
        };
        let table = MemoryTable {
            entries: self.table.clone(),
        };
        (
            Arc::new(log),
            Arc::new(table),
            Replay::new(MemoryReplay {
                state: self.state.clone(),
            }),
        )
    }
}

#[derive(Debug, Default)]
struct State {
    capacity: u64,
    stream_quota: u64,
    live_bytes: u64,
    end: u64,
    streams: BTreeMap<StreamId, Stream>,
    history: BTreeMap<u64, Stored>,
    /// Per owner: what its previous and its latest call of `forget_before` named.
    owners: BTreeMap<&'static str, (Position, Position)>,
}

#[derive(Debug, Default)]
struct Stream {
    records: BTreeMap<SequenceNumber, (Timestamp, Bytes)>,
    bytes: u64,
}

#[derive(Clone, Debug)]
struct Stored {
    stream: StreamId,
    sequence: SequenceNumber,
    kind: RecordKind,
    time: Timestamp,
    payload: Bytes,
}

impl State {
    fn remove(&mut self, stream: StreamId, sequence: SequenceNumber) {
        let Some(kept) = self.streams.get_mut(&stream) else {
            return;
        };
        if let Some((_, payload)) = kept.records.remove(&sequence) {
            let bytes = crate::footprint(payload.len()) as u64;
            kept.bytes -= bytes;
            self.live_bytes -= bytes;
        }
    }

    fn insert(&mut self, stored: &Stored) {
        let bytes = crate::footprint(stored.payload.len()) as u64;
        let stream = self.streams.entry(stored.stream).or_default();
        if stream
            .records
            .insert(stored.sequence, (stored.time, stored.payload.clone()))
            .is_none()
        {
            stream.bytes += bytes;
            self.live_bytes += bytes;
        }
    }
}

/// See [`log`].
#[derive(Debug)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
}

impl Log for MemoryLog {
    fn reserve(&self, class: Class, stream: StreamId, bytes: usize) -> Result<Reservation, Full> {
        let state = self.state.lock();
        if class == Class::Publish {
            if state.live_bytes + bytes as u64 > state.capacity {
                return Err(Full::Log);
            }
            let held = state.streams.get(&stream).map_or(0, |stream| stream.bytes);
            if held + bytes as u64 > state.stream_quota {
                return Err(Full::Stream);
            }
        }
        Ok(Reservation::unlimited(class))
    }

    fn append(&self, _reservation: Reservation, records: &[Record<'_>]) -> Commit {
        let mut state = self.state.lock();
        let position = Position::new(state.end);
        for record in records {
            let stored = Stored {
                stream: record.stream,
                sequence: record.sequence,
                kind: record.kind,
                time: record.time,
                payload: Bytes::copy_from_slice(record.payload),
            };
            if record.kind.is_retained() {
                state.insert(&stored);
            }
            let ordinal = state.end;
            state.history.insert(ordinal, stored);
            state.end += 1;
        }
        Commit::done(position)
    }

    fn read(
        &self,
        stream: StreamId,
        sequences: Vec<SequenceNumber>,
        bytes_max: ByteCount,
    ) -> BoxFuture<'static, Result<Vec<Payload>, ReadError>> {
        let state = self.state.lock();
        let records = state.streams.get(&stream).map(|stream| &stream.records);
        let find = |sequence| records.and_then(|records| records.get(sequence)).cloned();
        let mut fitting = Fitting::new(bytes_max);
        let _ = sequences.iter().map(find).all(|payload| fitting.push(payload));
        std::future::ready(Ok(fitting.payloads)).boxed()
    }

    fn trim_before(&self, stream: StreamId, sequence: SequenceNumber) {
        let mut state = self.state.lock();
        let Some(kept) = state.streams.get(&stream) else {
            return;
        };
        let dead: Vec<_> = kept
            .records
            .range(..sequence)
            .map(|(sequence, _)| *sequence)
            .collect();
        dead.into_iter()
            .for_each(|sequence| state.remove(stream, sequence));
    }

    fn release(&self, stream: StreamId, sequences: &[SequenceNumber]) {
        let mut state = self.state.lock();
        sequences
            .iter()
            .for_each(|sequence| state.remove(stream, *sequence));
    }

    fn end(&self) -> Position {
        Position::new(self.state.lock().end)
    }

    fn forget_before(&self, owner: &'static str, position: Position) {
        let mut state = self.state.lock();
        let marks = state.owners.entry(owner).or_default();
        *marks = (marks.1, position);
        let floor = state
            .owners
            .values()
            .map(|marks| marks.0)
            .min()
            .unwrap_or_default();
        state.history = state.history.split_off(&floor.get());
    }

    fn usage(&self) -> Usage {
        let state = self.state.lock();
        Usage {
            capacity: ByteCount(state.capacity),
            free: ByteCount(state.capacity.saturating_sub(state.live_bytes)),
            live: ByteCount(state.live_bytes),
        }
    }

    fn stream_usage(&self, stream: StreamId) -> StreamUsage {
        let state = self.state.lock();
        let Some(stream) = state.streams.get(&stream) else {
            return StreamUsage::default();
        };
        StreamUsage {
            records: stream.records.len() as u64,
            bytes: stream.bytes,
        }
    }
}

struct MemoryReplay {
    state: Arc<Mutex<State>>,
}

impl Source for MemoryReplay {
    fn records(&mut self, from: Position, visit: &mut dyn FnMut(Position, RecordView<'_>)) {
        // A copy, so that the visitor may use the log.
        let history: Vec<_> = self
            .state
            .lock()
            .history
            .range(from.get()..)
            .map(|(at, stored)| (*at, stored.clone()))
            .collect();
        for (ordinal, stored) in &history {
            let Stored {
                stream,
                sequence,
                kind,
                time,
                ref payload,
            } = *stored;
            visit(
                Position::new(*ordinal),
                RecordView {
                    stream,
                    sequence,
                    kind,
                    time,
                    payload,
                },
            );
        }
    }

    fn finish(&mut self, live: Vec<(StreamId, RoaringTreemap)>) {
        let mut state = self.state.lock();
        let live: BTreeMap<_, _> = live.into_iter().collect();
        let is_live = |stream: &StreamId, sequence: &SequenceNumber| {
            live.get(stream).is_some_and(|live| live.contains(sequence.get()))
        };
        let mut dead = Vec::new();
        for (stream, kept) in &state.streams {
            let gone = kept.records.keys().filter(|sequence| !is_live(stream, sequence));
            dead.extend(gone.map(|sequence| (*stream, *sequence)));
        }
        dead.into_iter()
            .for_each(|(stream, sequence)| state.remove(stream, sequence));
    }
}

/// See [`log`].
#[derive(Debug)]
pub struct MemoryTable {
    entries: Arc<Mutex<BTreeMap<String, Entry>>>,
}

impl MemoryTable {
    fn set(&self, key: &str, expected: Option<Version>, value: Bytes) -> Result<Version, TableError> {
        check_key(key)?;
        let mut entries = self.entries.lock();
        let found = entries.get(key).map(|entry| entry.version);
        if found != expected {
            return Err(TableError::Conflict { expected, found });
        }
        let version = Version(found.map_or(1, |version| version.0 + 1));
        entries.insert(
            key.to_owned(),
            Entry {
                key: key.to_owned(),
                version,
                value,
            },
        );
        Ok(version)
    }
}

impl Table for MemoryTable {
    fn snapshot(&self) -> Vec<Entry> {
        self.entries.lock().values().cloned().collect()
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<Version>,
        value: Bytes,
    ) -> BoxFuture<'static, Result<Version, TableError>> {
        std::future::ready(self.set(key, expected, value)).boxed()
    }
}
