//! How the broker begins: what it finds, and who looks after it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use roaring::RoaringTreemap;
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use storage::{Entry, Log, Position, Replay, StreamId, Table, Version};
use tokio::sync::mpsc;

use super::metrics::Metrics;
use super::owner::{Owner, QUEUE_MAX};
use super::returned::Returned;
use super::routes::Routes;
use super::{Broker, Shared};
use crate::snapshots::{Growth, LogOwner, Snapshots};
use crate::topics::engine::{Engine, Replayed, Snapshot};
use crate::topics::varint::Malformed;
use crate::{StartError, checkpoints, eventhubs};

/// How the log began that the broker stands on. The default is one that began with the Namespace.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Grows with every log of the Namespace that begins on an empty disk, by one or more: see [`least_incarnation`]. Every
    /// topic and partition numbers its events from this many times 2^40, so that the numbers of events that a disk took
    /// with it never come again.
    ///
    /// It must be the same at every start with the same log.
    ///
    /// [`least_incarnation`]: crate::least_incarnation
    pub incarnation: u64,
    /// What a copy of the log before holds: see [`Broker::saved`]. Blobs and containers are taken from it as long as the
    /// log holds none, so it may be given again after a start that was cut off; everything else is left out.
    pub restored: BTreeMap<String, Bytes>,
}

/// Numbers, and bytes of a partition, before those of the next incarnation begin: 2 to the power of this.
pub(super) const NUMBERS: u32 = 40;

/// Beyond that numbers would not fit.
pub(super) const INCARNATION_MAX: u64 = 1 << 22;

impl Origin {
    /// The number of the first event of a partition.
    fn first_number(&self) -> u64 {
        self.incarnation.min(INCARNATION_MAX) << NUMBERS
    }
}

impl Broker {
    /// Loads the state and starts the tasks that own it, in `scope`. Nothing is declared until
    /// [`Broker::configure`]; until then deadlines stand still.
    ///
    /// The log must outlive the scope: stop the broker before the log.
    ///
    /// # Errors
    /// The stored state cannot be read.
    pub fn start(
        log: Arc<dyn Log>,
        table: Arc<dyn Table>,
        replay: Replay,
        clock: Clock,
        scope: &TaskScope,
        registry: &Registry,
        origin: Origin,
    ) -> Result<Self, StartError> {
        let loaded = load(&table.snapshot(), replay, &origin)?;
        for (owner, stored) in loaded.stored() {
            // The others hold nothing up before they have a snapshot, and so something to lose.
            if stored.version.is_some() || owner == LogOwner::Topics {
                log.forget_before(owner.name(), stored.position);
            }
        }
        let growth = Arc::new(Growth::new(&*log));
        let snapshots = |owner, stored: &Stored| {
            Snapshots::new(
                owner,
                table.clone(),
                stored.version,
                growth.clone(),
                stored.replayed,
            )
        };
        let Loaded {
            topics,
            hubs,
            checkpoints,
        } = loaded;
        let ground = eventhubs::Ground {
            log: log.clone(),
            clock: clock.clone(),
            growth: growth.clone(),
            scope,
            registry,
        };
        let hubs_snapshots = snapshots(LogOwner::Hubs, &hubs.stored);
        let (hubs, hubs_holder) = eventhubs::start(ground, hubs.state, hubs_snapshots);
        let ground = checkpoints::Ground {
            log: log.clone(),
            clock: clock.clone(),
            growth: growth.clone(),
            scope,
            registry,
        };
        let blobs_snapshots = snapshots(LogOwner::Checkpoints, &checkpoints.stored);
        let (checkpoints, checkpoints_holder) =
            checkpoints::start(ground, checkpoints.state, blobs_snapshots);
        let lags = Arc::new(checkpoints::Lags::new(checkpoints.clone(), hubs.clone()));
        checkpoints::register_lags(registry, &lags);
        let routes = Arc::new(ArcSwap::from_pointee(Routes::default()));
        let returned = Arc::new(Returned::default());
        let (sender, commands) = mpsc::channel(QUEUE_MAX);
        let shared = Shared {
            log: log.clone(),
            clock: clock.clone(),
            commands: sender,
            routes: routes.clone(),
            returned: returned.clone(),
            receivers: AtomicU64::new(0),
            metrics: Metrics::register(registry, &routes),
            hubs,
            checkpoints,
            lags,
            growth: growth.clone(),
            incarnation: origin.incarnation,
            _holders: [hubs_holder, checkpoints_holder],
            configuring: tokio::sync::Mutex::default(),
        };
        let owner = Owner {
            engine: topics.state,
            log,
            clock,
            commands,
            returned,
            routes,
            snapshots: snapshots(LogOwner::Topics, &topics.stored),
            growth,
            receivers: HashMap::new(),
            reads: FuturesUnordered::new(),
            after: VecDeque::new(),
        };
        scope.spawn("topics", owner.run(scope.clone()));
        Ok(Self(Arc::new(shared)))
    }
}

/// What a start finds.
struct Loaded {
    topics: Found<Engine>,
    hubs: Found<eventhubs::Image>,
    checkpoints: Found<checkpoints::Image>,
}

/// The state of one owner: that of its snapshot, and what happened since.
struct Found<S> {
    state: S,
    stored: Stored,
}

/// The snapshot of one owner.
struct Stored {
    version: Option<Version>,
    position: Position,
    /// Bytes of the log that came after it.
    replayed: u64,
}

impl Loaded {
    fn stored(&self) -> [(LogOwner, &Stored); 3] {
        [
            (LogOwner::Topics, &self.topics.stored),
            (LogOwner::Hubs, &self.hubs.stored),
            (LogOwner::Checkpoints, &self.checkpoints.stored),
        ]
    }
}

impl Stored {
    /// Whether a record at that position is news for the owner.
    fn meets(&mut self, at: Position, bytes: u64) -> bool {
        let is_news = at >= self.position;
        if is_news {
            self.replayed += bytes;
        }
        is_news
    }
}

/// One pass over the log for all owners, each from where its own snapshot stands.
fn load(entries: &[Entry], mut replay: Replay, origin: &Origin) -> Result<Loaded, StartError> {
    let mut loaded = decode(entries, origin)?;
    let mut seen = Replayed::default();
    let positions = loaded.stored().map(|(_, stored)| stored.position);
    let from = positions.into_iter().min().unwrap_or_default();
    let Loaded {
        topics,
        hubs,
        checkpoints,
    } = &mut loaded;
    replay.records(from, &mut |at, record| {
        let bytes = storage::footprint(record.payload.len()) as u64;
        let for_topics = topics.stored.meets(at, bytes);
        let for_hubs = hubs.stored.meets(at, bytes);
        let for_checkpoints = checkpoints.stored.meets(at, bytes);
        match record.kind {
            eventhubs::EVENTS | eventhubs::JOURNAL if for_hubs => hubs.state.replay(record, &mut seen),
            checkpoints::STEPS if for_checkpoints => checkpoints.state.replay(record, &mut seen),
            eventhubs::EVENTS | eventhubs::JOURNAL | checkpoints::STEPS => (),
            kind if for_topics => {
                let (topic, sequence) = (record.stream.0, record.sequence.get());
                let engine = &mut topics.state;
                engine.replay(topic, sequence, kind, record.time, record.payload, &mut seen);
            }
            _ => (),
        }
    });
    topics.state.end_replay();
    for stream in topics.state.streams() {
        let live: RoaringTreemap = stream.live_events().collect();
        replay.retain(StreamId(stream.uid), live);
    }
    for (stream, live) in hubs.state.live() {
        replay.retain(stream, live);
    }
    replay.finish();
    tracing::info!(records = seen.records, skipped = seen.skipped, "replayed the log");
    if seen.malformed > 0 {
        tracing::error!(
            records = seen.malformed,
            "some records of the log were not understood"
        );
    }
    if checkpoints.stored.version.is_none() {
        checkpoints.state.restore(&origin.restored);
    }
    Ok(loaded)
}

fn decode(entries: &[Entry], origin: &Origin) -> Result<Loaded, StartError> {
    let topics = |bytes: &[u8]| Snapshot::decode(bytes).map(|snapshot| (snapshot.engine, snapshot.position));
    let mut topics = found(entries, LogOwner::Topics, topics, Position::START)?;
    topics.state.number_from(origin.first_number());
    // Without a snapshot the log holds nothing of theirs; see `FirstSnapshot`.
    let end = topics.stored.position;
    let mut hubs = found(entries, LogOwner::Hubs, eventhubs::Image::decode, end)?;
    hubs.state.number_from(origin.first_number());
    let checkpoints = found(entries, LogOwner::Checkpoints, checkpoints::Image::decode, end)?;
    Ok(Loaded {
        topics,
        hubs,
        checkpoints,
    })
}

/// What the snapshot of an owner says. Without one the owner begins with nothing, at `otherwise`.
fn found<S: Default>(
    entries: &[Entry],
    owner: LogOwner,
    decode: impl FnOnce(&[u8]) -> Result<(S, u64), Malformed>,
    otherwise: Position,
) -> Result<Found<S>, StartError> {
    let entry = entries.iter().find(|entry| entry.key == owner.name());
    let (state, position) = match entry {
        Some(entry) => {
            let decoded = decode(&entry.value)
                .map_err(|error| StartError::Snapshot(format!("of {}: {error}", owner.name())))?;
            (decoded.0, Position::new(decoded.1))
        }
        None => (S::default(), otherwise),
    };
    let stored = Stored {
        version: entry.map(|entry| entry.version),
        position,
        replayed: 0,
    };
    Ok(Found { state, stored })
}
