//! All hubs of the Namespace: which there are, and what happens to their data.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use model::{ByteCount, SequenceNumber, Timestamp, Uid};
use parking_lot::Mutex;
use storage::{Class, Commit, Record, Reservation, StreamId};

use super::ages::Ages;
use super::ended::Ended;
use super::hub::{Hub, HubState};
use super::image::{HubImage, Image};
use super::journal::{self, Step};
use super::partition::End;
use super::shared::{Shared, Then};
use super::stream::{self, PARTITIONS_MAX};
use crate::configuration::{DeletionConfig, DeletionPolicy, HubConfig};
use crate::snapshots::FirstSnapshot;
use crate::topics::varint::Writer;
use crate::{Error, StreamInfo, StreamKind, StreamState};

/// See the module.
pub(crate) struct Hubs {
    pub(super) shared: Arc<Shared>,
    table: Mutex<Table>,
    ages: Mutex<Ages>,
    /// The declared hubs by lower-case name; replaced as a whole.
    routes: ArcSwap<HashMap<String, Route>>,
    /// Hubs are not written down before there is a snapshot of them.
    pub(super) first: FirstSnapshot,
}

/// Under which name a hub is declared.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) name: Arc<str>,
    pub(super) hub: Arc<HubState>,
}

/// What the next event of a partition gets.
pub(crate) struct Numbers {
    pub(crate) hub: Uid,
    pub(crate) name: Arc<str>,
    pub(crate) partition: u32,
    pub(crate) sequence: u64,
    pub(crate) offset: u64,
}

struct Table {
    hubs: BTreeMap<Uid, Known>,
    ended: Ended,
    /// Where the numbers of a partition begin that never was.
    first: End,
    /// The number of the next step of a hub.
    next_step: u64,
    /// Until something is configured, nothing is deleted.
    deletion: Option<DeletionConfig>,
}

struct Known {
    name: Arc<str>,
    closed: Option<Timestamp>,
    hub: Arc<HubState>,
}

/// After the log had no room for something that nobody waits for.
const RETRY: Duration = Duration::from_secs(1);

impl Hubs {
    /// What a start found.
    pub(super) fn new(shared: Arc<Shared>, image: Image, first: FirstSnapshot) -> Self {
        let known = |(uid, image): (Uid, HubImage)| {
            let hub = HubState::new(&shared, uid, image.created_at, image.partitions);
            let known = Known {
                name: Arc::from(image.name),
                closed: image.closed,
                hub: Arc::new(hub),
            };
            (uid, known)
        };
        let table = Table {
            hubs: image.hubs.into_iter().map(known).collect(),
            ended: image.ended,
            first: image.first,
            next_step: image.next_step,
            deletion: None,
        };
        let mut ages = Ages::default();
        ages.look(shared.clock.now(), shared.clock.monotonic());
        Self {
            shared,
            table: Mutex::new(table),
            ages: Mutex::new(ages),
            routes: ArcSwap::default(),
            first,
        }
    }

    /// Checks a configuration before anything is changed.
    pub(crate) fn check(hubs: &[HubConfig]) -> Result<(), Error> {
        for HubConfig {
            name,
            partition_count,
            ..
        } in hubs
        {
            if !(1..=PARTITIONS_MAX).contains(partition_count) {
                return Err(Error::Invalid(format!(
                    "hub '{name}' has {partition_count} partitions, it must have 1 to {PARTITIONS_MAX}"
                )));
            }
        }
        Ok(())
    }

    /// Room for [`Hubs::configure`], which then cannot fail.
    pub(crate) async fn make_room(&self, hubs: &[HubConfig]) -> Result<Reservation, Error> {
        if !hubs.is_empty() && !self.first.stored().await {
            return Err(match self.shared.is_stopping() {
                true => Error::Closed,
                false => Error::Unavailable,
            });
        }
        let step = |name: &str| storage::footprint(journal::BYTES_MAX + name.len());
        let known = self.table.lock().hubs.len() * step("");
        let declared: usize = hubs.iter().map(|hub| step(&hub.name)).sum();
        let stream = hubs.first().map_or(Uid::from_u128(0), |hub| hub.uid);
        self.shared
            .reserve(Class::Settle, StreamId(stream), known + declared)
    }

    /// Makes these the declared hubs. What is missing closes at once and is kept until its grace is over.
    pub(crate) fn configure(
        &self,
        hubs: &[HubConfig],
        deletion: DeletionConfig,
        room: Reservation,
        now: Timestamp,
    ) -> Option<Commit> {
        let mut table = self.table.lock();
        let mut steps = Vec::new();
        for config in hubs {
            steps.extend(table.open(config, &self.shared, now));
        }
        // Where nothing could be deleted before, no grace began: a hub may have been missing only because its declaration was
        // not understood, and now it is really gone.
        let begins_anew = deletion.policy == DeletionPolicy::Delete && table.retains();
        table.close_others(hubs, begins_anew, now, &mut steps);
        table.deletion = Some(deletion);
        // Before anybody can append to a new partition: a replay must know it before it meets its events.
        let commit = table.append(steps, &self.shared, room, now);
        self.routes.store(Arc::new(table.declare(hubs)));
        drop(table);
        // The grace of what was closed may have been shortened.
        self.shared.arrived.notify_one();
        commit
    }

    pub(crate) fn hub(&self, name: &str) -> Option<Hub> {
        let Route { name, hub } = self.routes.load().get(&name.to_lowercase())?.clone();
        Some(Hub::new(name, hub))
    }

    /// The declared hubs, by name.
    pub(super) fn routes(&self) -> Vec<Route> {
        let mut routes: Vec<Route> = self.routes.load().values().cloned().collect();
        routes.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        routes
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.routes().into_iter().map(|route| route.name).collect()
    }

    /// What the next event of every partition gets, also of hubs that are not declared: they may come back.
    pub(crate) fn numbers(&self) -> Vec<Numbers> {
        let known = |known: &Known| (known.name.clone(), known.hub.clone());
        let hubs: Vec<_> = self.table.lock().hubs.values().map(known).collect();
        let mut numbers = Vec::new();
        for (name, hub) in hubs {
            for cell in hub.cells.load().iter() {
                let next = cell.state().next();
                numbers.push(Numbers {
                    hub: hub.uid,
                    name: name.clone(),
                    partition: cell.index,
                    sequence: next.sequence,
                    offset: next.offset,
                });
            }
        }
        numbers
    }

    /// The data of all hubs, declared or not, without what is overdue.
    pub(crate) fn streams(&self) -> Vec<StreamInfo> {
        self.tend(self.shared.clock.now());
        let table = self.table.lock();
        let info = |known: &Known| StreamInfo {
            kind: StreamKind::Hub,
            uid: known.hub.uid,
            name: String::from(&*known.name),
            state: match known.closed {
                Some(since) => StreamState::Closed { since },
                None => StreamState::Open,
            },
            events: known.hub.depth().events,
            bytes: self.bytes(&known.hub),
        };
        table.hubs.values().map(info).collect()
    }

    fn bytes(&self, hub: &HubState) -> ByteCount {
        let streams = hub.streams().into_iter();
        ByteCount(
            streams
                .map(|stream| self.shared.log.stream_usage(stream).bytes)
                .sum(),
        )
    }

    /// Deletes the data of a hub that is not declared.
    pub(crate) fn purge(&self, uid: Uid, now: Timestamp) -> Result<Commit, Error> {
        let mut table = self.table.lock();
        let known = table.hubs.get(&uid).ok_or(Error::NotFound)?;
        if known.closed.is_none() {
            return Err(Error::Invalid(format!(
                "'{}' is still declared: delete its resource first",
                known.name
            )));
        }
        table.delete(uid, &self.shared, now)
    }

    /// Does what is due: trims what is overdue, deletes what nobody declared for long enough. Returns when to come again.
    pub(super) fn tend(&self, now: Timestamp) -> Option<Timestamp> {
        let ages = self.ages(now);
        let mut table = self.table.lock();
        let deleted = table.delete_due(&self.shared, &ages, now);
        let declared = table.hubs.values().filter(|known| known.closed.is_none());
        let hubs: Vec<Arc<HubState>> = declared.map(|known| known.hub.clone()).collect();
        drop(table);
        // Three quarters, as of a topic.
        let quota = self.shared.log.usage().capacity.get() / 4 * 3;
        let trimmed = hubs.into_iter().filter_map(|hub| {
            let next = self.trim_overdue(&hub, &ages, now);
            // One that is full may have room again because the log has grown, which nobody tells.
            let is_full = hub.measure(quota);
            next.into_iter().chain(is_full.then_some(now + RETRY)).min()
        });
        trimmed.chain(deleted).min()
    }

    fn ages(&self, now: Timestamp) -> Ages {
        let mut ages = self.ages.lock();
        ages.look(now, self.shared.clock.monotonic());
        ages.clone()
    }

    fn trim_overdue(&self, hub: &HubState, ages: &Ages, now: Timestamp) -> Option<Timestamp> {
        let is_hub_large = hub.is_large();
        let cells = hub.cells.load();
        let next = cells.iter().filter_map(|cell| {
            if cell.trim_overdue(&self.shared, ages, now, is_hub_large) {
                cell.state().overdue_at()
            } else {
                Some(now + RETRY)
            }
        });
        next.min()
    }

    /// Ends whoever waits, so that nothing holds up a stop.
    pub(super) fn stop(&self) {
        self.shared.stop();
        self.first.give_up();
        for known in self.table.lock().hubs.values() {
            known.hub.wake_receivers();
        }
    }

    /// The state as it is now, as bytes. Appends go on meanwhile; replaying what comes after `position` on top of it gives
    /// the same as if it had been taken in one moment, because steps of hubs and records of partitions have numbers.
    pub(super) fn encode(&self, position: u64) -> Vec<u8> {
        let mut writer = Writer::with_capacity(1024);
        let table = self.table.lock();
        Image::encode_head(&mut writer, position, table.next_step, &table.ended);
        writer.number(table.hubs.len() as u64);
        let hubs = table.hubs.values().map(|known| {
            let cells = known.hub.cells.load_full();
            let created_at = known.hub.created_at;
            (known.hub.uid, known.name.clone(), created_at, known.closed, cells)
        });
        let hubs: Vec<_> = hubs.collect();
        drop(table);
        for (uid, name, created_at, closed, cells) in hubs {
            HubImage::encode_head(&mut writer, uid, &name, created_at, closed, cells.len());
            for cell in cells.iter() {
                cell.state().encode(&mut writer);
            }
        }
        writer.finish()
    }
}

impl Table {
    /// What has to be written down before the hub is declared.
    fn open(&mut self, config: &HubConfig, shared: &Arc<Shared>, now: Timestamp) -> Option<(Uid, Step)> {
        let known = self.hubs.entry(config.uid).or_insert_with(|| Known {
            name: Arc::from(""),
            closed: None,
            hub: Arc::new(HubState::new(shared, config.uid, now, Vec::new())),
        });
        let count = known.hub.count();
        let partitions = count.max(config.partition_count);
        let is_same = known.closed.is_none() && *known.name == *config.name && count == partitions;
        known.closed = None;
        known.name = Arc::from(config.name.as_str());
        let name = config.name.clone();
        (!is_same).then_some((config.uid, Step::Opened { name, partitions }))
    }

    /// Lets events in and out. Of two hubs with equal names the first one is found.
    fn declare(&self, hubs: &[HubConfig]) -> HashMap<String, Route> {
        let mut routes = HashMap::new();
        for config in hubs {
            let Some(known) = self.hubs.get(&config.uid) else {
                continue;
            };
            let first = self.ended.end(config.uid).unwrap_or(self.first);
            known.hub.declare(config, first);
            let route = Route {
                name: known.name.clone(),
                hub: known.hub.clone(),
            };
            routes.entry(config.name.to_lowercase()).or_insert(route);
        }
        routes
    }

    /// Whether what is not declared is kept for good.
    fn retains(&self) -> bool {
        self.deletion
            .is_some_and(|deletion| deletion.policy == DeletionPolicy::Retain)
    }

    fn close_others(
        &mut self,
        hubs: &[HubConfig],
        begins_anew: bool,
        now: Timestamp,
        steps: &mut Vec<(Uid, Step)>,
    ) {
        let declared: HashSet<Uid> = hubs.iter().map(|hub| hub.uid).collect();
        let missing = self.hubs.iter_mut().filter(|(uid, _)| !declared.contains(uid));
        for (uid, known) in missing {
            if known.closed.is_none() || begins_anew {
                known.closed = Some(now);
                steps.push((*uid, Step::Closed));
            }
            known.hub.close();
        }
    }

    /// Writes the steps down, in one atomic group.
    fn append(
        &mut self,
        steps: Vec<(Uid, Step)>,
        shared: &Shared,
        room: Reservation,
        now: Timestamp,
    ) -> Option<Commit> {
        if steps.is_empty() {
            return None;
        }
        let written: Vec<_> = steps
            .into_iter()
            .map(|(uid, step)| {
                let number = self.next_step;
                self.next_step += 1;
                (uid, number, step.encode())
            })
            .collect();
        let records = written.iter().map(|(uid, number, payload)| Record {
            stream: StreamId(*uid),
            sequence: SequenceNumber::new(*number),
            kind: stream::JOURNAL,
            time: now,
            payload,
        });
        let records: Vec<Record<'_>> = records.collect();
        Some(shared.append(room, &records))
    }

    /// Deletes what is due. Returns when the next one is.
    fn delete_due(&mut self, shared: &Shared, ages: &Ages, now: Timestamp) -> Option<Timestamp> {
        let deletion = self.deletion?;
        if deletion.policy == DeletionPolicy::Retain {
            return None;
        }
        let closed = self
            .hubs
            .iter()
            .filter_map(|(uid, known)| Some((known.closed?, *uid)));
        let before = ages.before(now, deletion.grace);
        let (due, later): (Vec<_>, Vec<_>) = closed.partition(|(since, _)| *since <= before);
        let mut next = later.into_iter().map(|(since, _)| since + deletion.grace).min();
        for (_, uid) in due {
            if self.delete(uid, shared, now).is_err() {
                next = Some(next.map_or(now + RETRY, |next| next.min(now + RETRY)));
            }
        }
        next
    }

    fn delete(&mut self, uid: Uid, shared: &Shared, now: Timestamp) -> Result<Commit, Error> {
        let bytes = storage::footprint(journal::BYTES_MAX);
        let room = shared.reserve(Class::Settle, StreamId(uid), bytes)?;
        let known = self.hubs.remove(&uid).ok_or(Error::NotFound)?;
        let commit = self.append(vec![(uid, Step::Deleted)], shared, room, now);
        let commit = commit.ok_or(Error::Internal)?;
        let mut end = End::default();
        for cell in known.hub.cells.load().iter() {
            let next = cell.state().next();
            end = end.joined(next);
            let then = Then::Trim {
                stream: cell.stream,
                before: next.record,
            };
            shared.follow(commit.clone(), then);
        }
        self.ended.remember(uid, end);
        Ok(commit)
    }
}
