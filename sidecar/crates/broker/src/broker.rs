//! The handle to everything.

mod command;
mod metrics;
mod owner;
mod read;
mod returned;
mod routes;
mod snapshots;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use auth::{Listen, Manage, Permit, Send};
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use model::{ByteCount, Event, Timestamp, Uid};
use roaring::RoaringTreemap;
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use storage::{Commit, Log, Position, Replay, StreamId, Table};
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::command::Command;
use self::command::Publication;
use self::metrics::Metrics;
use self::owner::{Owner, QUEUE_MAX};
pub(crate) use self::read::payloads;
use self::returned::{Batch, Returned, Waiting};
use self::routes::{Routes, SubscriptionRoute, TopicRoute};
use self::snapshots::{OWNER, Snapshots};
use crate::topics::effects::ReceiverId;
use crate::topics::engine::{Engine, Incoming, Replayed, Settlement, Snapshot};
use crate::topics::event_record;
use crate::topics::filter::Scratch;
use crate::topics::varint::Writer;
use crate::{
    DeadLetters, DeletionConfig, Delivery, Error, LockToken, SettleError, StartError, Tail, TopicConfig,
    Undecodable,
};

/// All topics of the Namespace. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Broker(Arc<Shared>);

/// One declared topic. Cheap to clone; its operations answer NotFound once the topic is no longer declared.
#[derive(Clone, Debug)]
pub struct Topic {
    shared: Arc<Shared>,
    route: Arc<TopicRoute>,
}

/// One declared event subscription. Cheap to clone; its operations answer NotFound once it is no longer declared.
#[derive(Clone, Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    route: Arc<SubscriptionRoute>,
}

/// The trace context of the request that publishes; stamped on events that carry none.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceContext<'a> {
    /// The W3C header of that name. Without it nothing is stamped.
    pub traceparent: Option<&'a str>,
    /// The W3C header of that name.
    pub tracestate: Option<&'a str>,
}

/// The data of one topic, declared or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// The topic's uid.
    pub uid: Uid,
    /// The topic's name when it was last declared.
    pub name: String,
    /// Whether it is declared.
    pub state: StreamState,
    /// Events that somebody still wants.
    pub events: u64,
    /// What they take in the log.
    pub bytes: ByteCount,
}

/// Whether the topic of a stream is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// It is.
    Open,
    /// It is not, since then.
    Closed {
        /// When it disappeared from the configuration.
        since: Timestamp,
    },
}

/// What all handles share.
pub(crate) struct Shared {
    pub(crate) log: Arc<dyn Log>,
    clock: Clock,
    commands: mpsc::Sender<Command>,
    routes: Arc<ArcSwap<Routes>>,
    returned: Arc<Returned>,
    receivers: AtomicU64,
    metrics: Metrics,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Broker {
    /// Loads the state and starts the task that owns it, in `scope`. Nothing is declared until
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
    ) -> Result<Self, StartError> {
        let stored = table.snapshot().into_iter().find(|entry| entry.key == OWNER);
        let version = stored.as_ref().map(|entry| entry.version);
        let Loaded {
            engine,
            position,
            replayed,
        } = load(stored.map(|entry| entry.value), replay)?;
        log.forget_before(OWNER, position);
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
        };
        let snapshots = Snapshots::new(table, version, &*log, replayed);
        let owner = Owner {
            engine,
            log,
            clock,
            commands,
            returned,
            routes,
            snapshots,
            receivers: HashMap::new(),
            reads: FuturesUnordered::new(),
            after: VecDeque::new(),
        };
        scope.spawn("topics", owner.run(scope.clone()));
        Ok(Self(Arc::new(shared)))
    }

    /// Makes the broker serve these topics. Returns when the change is durable and the next publish or receive
    /// sees it. What is missing closes at once and is deleted later, if at all.
    ///
    /// # Errors
    /// Invalid names what breaks a limit; nothing was changed. Full when the log cannot take the change.
    pub async fn configure(&self, topics: Vec<TopicConfig>, deletion: DeletionConfig) -> Result<(), Error> {
        self.0
            .ask(|reply| Command::Configure {
                topics,
                deletion,
                reply,
            })
            .await
    }

    /// The topic of that name, ignoring case.
    pub fn topic(&self, name: &str) -> Option<Topic> {
        let route = self.0.routes.load().topic(name)?;
        Some(Topic {
            shared: self.0.clone(),
            route,
        })
    }

    /// The dead letters of the topic of that name, ignoring case. A topic that no subscription names as its destination
    /// has none.
    pub fn dead_letters(&self, topic: &str) -> Option<DeadLetters> {
        let route = self.0.routes.load().topic(topic)?;
        Some(DeadLetters::new(self.0.clone(), route.uid))
    }

    /// The data of all topics, ordered by name.
    ///
    /// # Errors
    /// Closed while the broker is stopping.
    pub async fn streams(&self) -> Result<Vec<StreamInfo>, Error> {
        self.0.ask(|reply| Command::Streams { reply }).await
    }

    /// Deletes the data of a topic or subscription that is no longer declared, without waiting for its grace.
    ///
    /// # Errors
    /// NotFound when there is none; Invalid when it is still declared.
    pub async fn purge(&self, _permit: &Permit<Manage>, uid: Uid) -> Result<(), Error> {
        self.0.ask(|reply| Command::Purge { uid, reply }).await
    }
}

/// What a start finds: the state of the snapshot, and what happened since.
struct Loaded {
    engine: Engine,
    /// Of the stored snapshot.
    position: Position,
    /// Bytes of the log that came after it.
    replayed: u64,
}

fn load(snapshot: Option<Bytes>, mut replay: Replay) -> Result<Loaded, StartError> {
    let decoded = snapshot.map(|value| Snapshot::decode(&value)).transpose();
    let decoded = decoded.map_err(|error| StartError::Snapshot(error.to_string()))?;
    let (mut engine, position) = match decoded {
        Some(snapshot) => (snapshot.engine, Position::new(snapshot.position)),
        None => (Engine::default(), Position::START),
    };
    let mut seen = Replayed::default();
    let mut replayed = 0;
    replay.records(position, &mut |_, record| {
        replayed += storage::footprint(record.payload.len()) as u64;
        let sequence = record.sequence.get();
        engine.replay(
            record.stream.0,
            sequence,
            record.kind,
            record.time,
            record.payload,
            &mut seen,
        );
    });
    engine.end_replay();
    for stream in engine.streams() {
        let live: RoaringTreemap = stream.live_events().collect();
        replay.retain(StreamId(stream.uid), live);
    }
    replay.finish();
    tracing::info!(records = seen.records, skipped = seen.skipped, "replayed the log");
    if seen.malformed > 0 {
        tracing::error!(
            records = seen.malformed,
            "some records of the log were not understood"
        );
    }
    Ok(Loaded {
        engine,
        position,
        replayed,
    })
}

impl Shared {
    /// Hands a command to the owner and waits until its consequences are durable.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(command::Reply<T>) -> Command,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| Error::Closed)?;
        let (value, commit) = answer.await.map_err(|_| Error::Closed)??;
        durable(commit.as_ref()).await;
        Ok(value)
    }
}

async fn durable(commit: Option<&Commit>) {
    if let Some(commit) = commit {
        commit.durable().await;
    }
}

impl Topic {
    /// The name as it was declared.
    pub fn name(&self) -> &str {
        &self.route.name
    }

    /// Publishes all events or none, in their order. Returns once they are durable. An event that no subscription wants
    /// is accepted and not stored.
    ///
    /// # Cancel safety
    /// If this does not resolve, the events may be published or not, but all or none of them.
    ///
    /// # Errors
    /// NotFound, Full, Busy, Closed.
    pub async fn publish(
        &self,
        _permit: &Permit<Send>,
        events: &[Event],
        trace: TraceContext<'_>,
    ) -> Result<(), Error> {
        if !self.route.is_declared() {
            return Err(Error::NotFound);
        }
        let begun = self.shared.clock.monotonic();
        let stamped: Vec<Event>;
        let events = match trace.traceparent {
            Some(parent) => {
                let stamp = |event: &Event| event.clone().with_trace_context(parent, trace.tracestate);
                stamped = events.iter().map(stamp).collect();
                &stamped
            }
            None => events,
        };
        let incoming = self.matched(events);
        if incoming.is_empty() {
            self.route.counts.published.add(events.len());
            events.iter().for_each(|event| self.route.show(event.json()));
        } else {
            let publication = self.publication(events, incoming);
            self.shared
                .ask(|reply| Command::Publish { publication, reply })
                .await?;
        }
        self.shared
            .metrics
            .published_in(self.shared.clock.monotonic().duration_since(begun));
        Ok(())
    }

    fn publication(&self, events: &[Event], incoming: Vec<Incoming>) -> Publication {
        let looked_at = if self.route.is_watched() { events } else { &[] };
        Publication {
            route: self.route.clone(),
            events: incoming,
            count: events.len(),
            shown: looked_at.iter().map(|event| event.json().clone()).collect(),
        }
    }

    /// The events that somebody wants, as they are stored.
    ///
    /// The filters are those of this moment. A change of configuration that happens between here and the owner is
    /// concurrent with this call; a change that was answered before it began is seen, because the routes are renewed
    /// before that answer.
    fn matched(&self, events: &[Event]) -> Vec<Incoming> {
        let filters = self.route.filters.load();
        let mut scratch = Scratch::default();
        let mut matched = Vec::with_capacity(events.len());
        // One allocation for all records of the request.
        let mut writer = Writer::with_capacity(events.iter().map(|event| event.len() + 32).sum());
        for event in events {
            let mut matches = filters.evaluate(event.json(), &mut scratch);
            if matches.is_empty() {
                continue;
            }
            matches.sort_unstable();
            let start = writer.len();
            event_record::encode(&mut writer, &matches, None, event.json());
            matched.push((matches, start..writer.len()));
        }
        let records = Bytes::from(writer.finish());
        let incoming = |(matches, range)| Incoming {
            matches,
            payload: records.slice(range),
        };
        matched.into_iter().map(incoming).collect()
    }

    /// The subscription of that name, ignoring case.
    pub fn subscription(&self, name: &str) -> Option<Subscription> {
        let route = self
            .route
            .subscription(name)
            .filter(|_| self.route.is_declared())?;
        Some(Subscription {
            shared: self.shared.clone(),
            route,
        })
    }

    /// The events that are published from now on.
    pub fn tail(&self, _permit: &Permit<Listen>) -> Tail {
        Tail::new(self.route.tail())
    }
}

impl Subscription {
    /// The name as it was declared.
    pub fn name(&self) -> &str {
        &self.route.name
    }

    /// At most `max_events` events, as soon as there is one; none if there was none for `max_wait`, or if the broker is
    /// stopping. The deliveries are durable when it returns.
    ///
    /// Of events that are longer than [`RECEIVE_BYTES_MAX`] together, only the first ones are returned, one at least;
    /// the others keep their place and their count.
    ///
    /// # Cancel safety
    /// Cancel safe: events that were chosen for a call that is dropped are available again at once.
    ///
    /// # Errors
    /// NotFound, also while it waits; Busy when too many receivers wait; Closed.
    pub async fn receive(
        &self,
        _permit: &Permit<Listen>,
        max_events: usize,
        max_wait: Duration,
    ) -> Result<Vec<Delivery>, Error> {
        let max_events = max_events.clamp(1, RECEIVE_EVENTS_MAX);
        let receiver: ReceiverId = self.shared.receivers.fetch_add(1, Ordering::Relaxed);
        let place = self.route.place;
        let deadline = self.shared.clock.now() + max_wait;
        let (reply, answer) = oneshot::channel();
        let command = Command::Receive {
            place,
            receiver,
            max_events,
            deadline,
            reply,
        };
        self.shared
            .commands
            .send(command)
            .await
            .map_err(|_| Error::Closed)?;
        let waiting = Waiting {
            place,
            receiver,
            returned: Some(self.shared.returned.clone()),
        };
        let answer = answer.await;
        waiting.end();
        match answer.map_err(|_| Error::Closed)?? {
            Some(batch) => self.delivered(batch).await,
            None => Ok(Vec::new()),
        }
    }

    async fn delivered(&self, batch: Batch) -> Result<Vec<Delivery>, Error> {
        let sequences: Vec<u64> = batch
            .events
            .iter()
            .map(|(delivered, _)| delivered.sequence)
            .collect();
        // Reading overlaps the commit: an event is readable before it is durable.
        let read = payloads(&*self.shared.log, batch.place.topic, &sequences);
        let (payloads, ()) = futures_util::future::join(read, batch.commit.durable()).await;
        let payloads = payloads.ok_or(Error::Unavailable)?;
        let count = payloads.len();
        let mut deliveries = Vec::with_capacity(count);
        let mut lost = Vec::new();
        for ((delivered, lock_token), payload) in batch.events.iter().zip(payloads) {
            match payload.and_then(|(_, record)| event_record::decode(&record).ok()) {
                Some((_, event)) => deliveries.push(Delivery {
                    event,
                    lock_token: *lock_token,
                    delivery_count: u32::from(delivered.delivery_count),
                }),
                None => lost.push(delivered.sequence),
            }
        }
        batch.arrived(count, lost);
        Ok(deliveries)
    }

    /// Removes the events from the subscription. One result per token, in their order; durable when it returns.
    ///
    /// # Errors
    /// NotFound, Full, Closed.
    pub async fn acknowledge(
        &self,
        _permit: &Permit<Listen>,
        tokens: Vec<Result<LockToken, Undecodable>>,
    ) -> Result<Vec<Result<(), SettleError>>, Error> {
        self.settle(Settlement::Acknowledge, tokens).await
    }

    /// Makes the events available again after `delay`. See [`Subscription::acknowledge`].
    ///
    /// # Errors
    /// NotFound, Full, Closed.
    pub async fn release(
        &self,
        _permit: &Permit<Listen>,
        tokens: Vec<Result<LockToken, Undecodable>>,
        delay: Duration,
    ) -> Result<Vec<Result<(), SettleError>>, Error> {
        self.settle(Settlement::Release { delay }, tokens).await
    }

    /// Dead-letters or drops the events. See [`Subscription::acknowledge`].
    ///
    /// # Errors
    /// NotFound, Full, Closed.
    pub async fn reject(
        &self,
        _permit: &Permit<Listen>,
        tokens: Vec<Result<LockToken, Undecodable>>,
    ) -> Result<Vec<Result<(), SettleError>>, Error> {
        self.settle(Settlement::Reject, tokens).await
    }

    /// Lets the locks last another lock duration from now; the tokens stay valid. See [`Subscription::acknowledge`].
    ///
    /// # Errors
    /// NotFound, Full, Closed.
    pub async fn renew_lock(
        &self,
        _permit: &Permit<Listen>,
        tokens: Vec<Result<LockToken, Undecodable>>,
    ) -> Result<Vec<Result<(), SettleError>>, Error> {
        self.settle(Settlement::RenewLock, tokens).await
    }

    async fn settle(
        &self,
        settlement: Settlement,
        tokens: Vec<Result<LockToken, Undecodable>>,
    ) -> Result<Vec<Result<(), SettleError>>, Error> {
        let place = self.route.place;
        let decoded = tokens.iter().filter_map(|token| token.ok()).collect();
        let settled = self
            .shared
            .ask(|reply| Command::Settle {
                place,
                settlement,
                tokens: decoded,
                reply,
            })
            .await?;
        let mut settled = settled.into_iter();
        let result = |token: Result<LockToken, Undecodable>| match token {
            Ok(_) => settled.next().unwrap_or(Err(SettleError::LockLost)),
            Err(Undecodable) => Err(SettleError::BadToken),
        };
        Ok(tokens.into_iter().map(result).collect())
    }
}

/// Events that one call of [`Subscription::receive`] returns at most, whatever it asks for.
const RECEIVE_EVENTS_MAX: usize = 1000;

/// What the events of one [`Subscription::receive`] may be long together, beyond the first one: 4 MiB.
pub const RECEIVE_BYTES_MAX: ByteCount = read::READ_BYTES_MAX;
