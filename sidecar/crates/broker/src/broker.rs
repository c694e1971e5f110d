//! The handle to everything.

mod command;
mod metrics;
mod owner;
mod read;
mod returned;
mod routes;
mod saved;
mod start;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use auth::{Listen, Manage, Permit, Send};
use bytes::Bytes;
use model::{ByteCount, Event, Timestamp, Uid};
use runtime::Clock;
use storage::{Commit, Log};
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::command::Command;
use self::command::Publication;
use self::metrics::Metrics;
use self::read::READ_BYTES_MAX;
pub(crate) use self::read::payloads;
use self::returned::{Batch, Returned, Waiting};
use self::routes::{Routes, SubscriptionRoute, TopicRoute};
pub use self::saved::least_incarnation;
pub use self::start::Origin;
use crate::checkpoints::{Checkpoints, Lag, Lags};
use crate::eventhubs::{Hub, Hubs};
use crate::snapshots::Growth;
use crate::topics::effects::ReceiverId;
use crate::topics::engine::{Engine, Incoming, Settlement};
use crate::topics::event_record;
use crate::topics::filter::Scratch;
use crate::topics::varint::Writer;
use crate::{
    DeadLetters, DeletionConfig, Delivery, Error, HubConfig, LockToken, SettleError, Tail, TopicConfig,
    Undecodable,
};

/// All topics and hubs of the Namespace. Cheap to clone.
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

/// The data of one topic or hub, declared or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Whose data it is.
    pub kind: StreamKind,
    /// The uid of the topic or hub.
    pub uid: Uid,
    /// Its name when it was last declared.
    pub name: String,
    /// Whether it is declared.
    pub state: StreamState,
    /// Of a topic: events that somebody still wants. Of a hub: events that are retained, in all partitions.
    pub events: u64,
    /// What they take in the log.
    pub bytes: ByteCount,
}

/// What a stream belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamKind {
    /// A topic.
    Topic,
    /// A hub, with all its partitions.
    Hub,
}

/// Whether the topic or hub of a stream is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// It is.
    Open,
    /// It is not, since then.
    Closed {
        /// When it disappeared from the configuration. Or when what had disappeared could be deleted
        /// again, if that is later.
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
    hubs: Arc<Hubs>,
    checkpoints: Checkpoints,
    lags: Arc<Lags>,
    growth: Arc<Growth>,
    incarnation: u64,
    /// Hubs and checkpoints are looked after for as long as these are there.
    _holders: [oneshot::Sender<()>; 2],
    /// A configuration is applied as a whole before the next one.
    configuring: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Broker {
    /// Makes the broker serve these topics and hubs. Returns when the change is durable and the next publish or receive
    /// sees it. What is missing closes at once and is deleted later, if at all.
    ///
    /// # Errors
    /// Invalid names what breaks a limit; nothing was changed. Full when the log cannot take the change, Unavailable when
    /// the table cannot.
    pub async fn configure(
        &self,
        topics: Vec<TopicConfig>,
        hubs: Vec<HubConfig>,
        deletion: DeletionConfig,
    ) -> Result<(), Error> {
        Engine::check(&topics)?;
        Hubs::check(&hubs)?;
        let _one_by_one = self.0.configuring.lock().await;
        // Hubs cannot fail once there is room, so that either both are changed or none.
        let room = self.0.hubs.make_room(&hubs).await?;
        let topics_changed = self.0.ask(|reply| Command::Configure {
            topics,
            deletion,
            reply,
        });
        topics_changed.await?;
        let now = self.0.clock.now();
        let commit = self.0.hubs.configure(&hubs, deletion, room, now);
        durable(commit.as_ref()).await;
        Ok(())
    }

    /// The hub of that name, ignoring case.
    pub fn hub(&self, name: &str) -> Option<Hub> {
        self.0.hubs.hub(name)
    }

    /// The names of the declared hubs, in their order.
    pub fn hubs(&self) -> Vec<Arc<str>> {
        self.0.hubs.names()
    }

    /// The positions of consumers, and whatever else lies in containers.
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.0.checkpoints
    }

    /// That of the log, which no other log of the Namespace had; see [`Origin`].
    pub fn incarnation(&self) -> u64 {
        self.0.incarnation
    }

    /// Resolves once what [`Origin::restored`] brought is durable, so that the next start need not bring it again. False:
    /// the disk did not take it now; ask again.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn has_restored(&self) -> bool {
        self.0.checkpoints.has_restored().await
    }

    /// How far consumers have come by their own account: by the checkpoint blobs of declared hubs. Ordered by hub, group
    /// and partition. Names of hubs and groups that contain more than a few `/` are not looked for.
    ///
    /// It takes some milliseconds for each ten thousand blobs.
    pub fn lags(&self) -> Vec<Lag> {
        self.0.lags.now().to_vec()
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

    /// The data of all topics and hubs, ordered by name.
    ///
    /// # Errors
    /// Closed while the broker is stopping.
    pub async fn streams(&self) -> Result<Vec<StreamInfo>, Error> {
        let mut streams = self.0.ask(|reply| Command::Streams { reply }).await?;
        streams.extend(self.0.hubs.streams());
        streams.sort_unstable_by(|left, right| {
            let key = |info: &StreamInfo| (info.kind, info.uid);
            left.name
                .cmp(&right.name)
                .then_with(|| key(left).cmp(&key(right)))
        });
        Ok(streams)
    }

    /// Deletes the data of a topic, subscription or hub that is no longer declared, without waiting for its grace.
    ///
    /// # Errors
    /// NotFound when there is none; Invalid when it is still declared.
    pub async fn purge(&self, _permit: &Permit<Manage>, uid: Uid) -> Result<(), Error> {
        match self.0.hubs.purge(uid, self.0.clock.now()) {
            Err(Error::NotFound) => self.0.ask(|reply| Command::Purge { uid, reply }).await,
            purged => {
                durable(Some(&purged?)).await;
                Ok(())
            }
        }
    }
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
        let read = payloads(&*self.shared.log, batch.place.topic, &sequences, READ_BYTES_MAX);
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
pub const RECEIVE_BYTES_MAX: ByteCount = READ_BYTES_MAX;
