//! The one task that owns all topics.
//!
//! It drains what callers queued, reserves room in the log before the machine changes, appends what the machine
//! decided and hands every caller its commit to wait for. So the next group commit is whatever came in during the last.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use model::{ByteCount, SequenceNumber, Timestamp, Uid};
use runtime::{Clock, TaskScope};
use smallvec::SmallVec;
use storage::{Class, Commit, Full, Log, Record, Reservation, StreamId};
use tokio::sync::mpsc;

use super::command::{Command, Publication, ReceiveReply, Reply};
use super::read::{self, READ_BYTES_MAX};
use super::returned::{Batch, Return, Returned};
use super::routes::{Routes, TopicRoute};
use super::{StreamInfo, StreamKind, StreamState};
use crate::configuration::{DeletionConfig, TopicConfig};
use crate::error::refused;
use crate::snapshots::{Growth, LogOwner, Snapshots};
use crate::topics::effects::{Answer, Dead, Effects, Entry, Place, ReceiverId};
use crate::topics::engine::{Engine, MovedLetters, Redriven, Target, Work};
use crate::topics::event_record;
use crate::{Error, RedriveError};

/// Commands that may be queued; then callers wait.
pub(super) const QUEUE_MAX: usize = 1024;

/// Commands that are handled before timers and returns are looked at again.
const TURN_MAX: usize = 256;

/// After the log had no room for something that nobody waits for.
const RETRY: Duration = Duration::from_secs(1);

pub(super) struct Owner {
    pub(super) engine: Engine,
    pub(super) log: Arc<dyn Log>,
    pub(super) clock: Clock,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) returned: Arc<Returned>,
    pub(super) routes: Arc<ArcSwap<Routes>>,
    pub(super) growth: Arc<Growth>,
    pub(super) snapshots: Snapshots,
    pub(super) receivers: HashMap<ReceiverId, (Place, ReceiveReply)>,
    pub(super) reads: FuturesUnordered<BoxFuture<'static, (Place, Option<MovedLetters>)>>,
    /// In the order of their commits.
    pub(super) after: VecDeque<(Commit, After)>,
}

/// What has to wait until a commit is durable.
pub(super) enum After {
    Bury(Vec<Dead>),
    Show(Arc<TopicRoute>, Bytes),
}

impl Owner {
    /// Until the scope is cancelled or nobody holds the broker any more.
    pub(super) async fn run(mut self, scope: TaskScope) {
        let mut queued = Vec::with_capacity(TURN_MAX);
        let mut unfinished = false;
        loop {
            let deadline = if unfinished {
                Some(Timestamp::default())
            } else {
                let deadlines = [self.engine.next_deadline(), self.snapshots.deadline()];
                deadlines.into_iter().flatten().min()
            };
            let timer = sleep(deadline.map(|deadline| deadline.saturating_sub(self.clock.now())));
            tokio::select! {
                () = scope.cancelled() => break,
                count = self.commands.recv_many(&mut queued, TURN_MAX) => if count == 0 { break },
                () = self.returned.arrived.notified() => (),
                Some((place, letters)) = self.reads.next() => self.letters_read(place, letters),
                () = front_durable(&self.after) => self.follow(),
                () = self.growth.changed(LogOwner::Topics) => (),
                () = self.snapshots.finished() => self.snapshots.forget(&*self.log),
                () = timer => (),
            }
            let now = self.clock.now();
            // What is due comes first: nobody may receive an event that has expired.
            self.work(now);
            for command in queued.drain(..) {
                self.handle(command, now);
            }
            self.take_returned(now);
            unfinished = self.work(now);
            let engine = &self.engine;
            self.snapshots
                .begin_if_due(&*self.log, now, |position| engine.encode_snapshot(position));
            self.growth.announce();
        }
        self.stop(queued).await;
    }

    fn handle(&mut self, command: Command, now: Timestamp) {
        match command {
            Command::Publish { publication, reply } => {
                let published = self.publish(publication, now);
                let _ = reply.send(published.map(|commit| ((), commit)));
            }
            Command::Receive {
                place,
                receiver,
                max_events,
                deadline,
                reply,
            } => {
                self.receive(place, receiver, max_events, deadline, reply, now);
            }
            Command::Settle {
                place,
                settlement,
                tokens,
                reply,
            } => {
                let bytes = Engine::settlement_bytes(tokens.len());
                self.answer(reply, Class::Settle, place.topic, bytes, |engine| {
                    engine.settle(place, settlement, &tokens, now)
                });
            }
            Command::Configure {
                topics,
                deletion,
                reply,
            } => self.configure(&topics, deletion, reply, now),
            Command::List {
                topic,
                after,
                limit,
                reply,
            } => {
                let listed = self.engine.list(topic, after, limit);
                let numbers = listed.map(|all| all.into_iter().map(SequenceNumber::new).collect());
                let _ = reply.send(numbers.map(|numbers| (numbers, None)));
            }
            Command::Redrive {
                topic,
                source,
                letters,
                reply,
            } => {
                let queue = self.engine.dead_letters(topic);
                let redriven = queue.map(|_| self.redrive(topic, source, letters, now));
                let _ = reply.send(redriven);
            }
            Command::Remove {
                topic,
                sequences,
                reply,
            } => {
                let bytes = Engine::settlement_bytes(sequences.len());
                self.answer(reply, Class::Settle, topic, bytes, |engine| {
                    engine.remove_dead_letters(topic, &sequences, now)
                });
            }
            Command::Streams { reply } => {
                let _ = reply.send(Ok((self.streams(), None)));
            }
            Command::Purge { uid, reply } => {
                let bytes = Engine::settlement_bytes(0);
                self.answer(reply, Class::Settle, uid, bytes, |engine| engine.purge(uid, now));
            }
        }
    }

    fn publish(&mut self, publication: Publication, now: Timestamp) -> Result<Option<Commit>, Error> {
        let Publication {
            route,
            events,
            count,
            shown,
        } = publication;
        let bytes = Engine::publish_bytes(&events);
        let room = self.reserve(Class::Publish, route.uid, bytes).map_err(refused)?;
        self.engine.publish(route.uid, events, now)?;
        let commit = self.flush(room);
        route.counts.published.add(count);
        for event in shown {
            match &commit {
                Some(commit) => self
                    .after
                    .push_back((commit.clone(), After::Show(route.clone(), event))),
                None => route.show(&event),
            }
        }
        Ok(commit)
    }

    /// Reserves, lets the machine act, appends, replies. Callers that are gone are nobody's trouble: what they asked for
    /// has happened.
    fn answer<T>(
        &mut self,
        reply: Reply<T>,
        class: Class,
        topic: Uid,
        bytes: usize,
        act: impl FnOnce(&mut Engine) -> Result<T, Error>,
    ) {
        let result = self
            .reserve(class, topic, bytes)
            .map_err(refused)
            .and_then(|room| {
                let value = act(&mut self.engine)?;
                Ok((value, self.flush(room)))
            });
        let _ = reply.send(result);
    }

    /// Room in the log. Without it what can be cleaned away is told to the log as soon as possible.
    fn reserve(&mut self, class: Class, topic: Uid, bytes: usize) -> Result<Reservation, Full> {
        let reserved = self.log.reserve(class, StreamId(topic), bytes);
        reserved.inspect_err(|full| self.growth.press_if(*full))
    }

    /// Letter by letter, each in one atomic group with its removal. The last commit covers those before.
    fn redrive(
        &mut self,
        topic: Uid,
        source: Uid,
        letters: Vec<Redriven>,
        now: Timestamp,
    ) -> (Vec<Result<(), RedriveError>>, Option<Commit>) {
        let mut last = None;
        let mut results = Vec::with_capacity(letters.len());
        for letter in letters {
            let bytes = Engine::redrive_bytes(&letter);
            let reserved = self.reserve(Class::Publish, source, bytes);
            let result = reserved.map_err(|_| RedriveError::Full).and_then(|room| {
                self.engine.redrive(topic, source, &letter, now)?;
                Ok(self.flush(room))
            });
            if let Ok(Some(commit)) = &result {
                self.show(source, &letter.json, commit);
                last = Some(commit.clone());
            }
            results.push(result.map(drop));
        }
        (results, last)
    }

    fn receive(
        &mut self,
        place: Place,
        receiver: ReceiverId,
        max_events: usize,
        deadline: Timestamp,
        reply: ReceiveReply,
        now: Timestamp,
    ) {
        if reply.is_closed() {
            return;
        }
        let room = self.reserve(Class::Settle, place.topic, Engine::delivery_bytes(max_events));
        let received = room.map_err(refused).and_then(|room| {
            self.engine.receive(place, receiver, max_events, deadline, now)?;
            Ok(room)
        });
        match received {
            Ok(room) => {
                self.receivers.insert(receiver, (place, reply));
                self.flush(room);
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn configure(
        &mut self,
        topics: &[TopicConfig],
        deletion: DeletionConfig,
        reply: Reply<()>,
        now: Timestamp,
    ) {
        let result = self.try_configure(topics, deletion, now);
        if result.is_ok() {
            // Before the reply: whoever waits for it must find what it declared.
            let renewed = self.routes.load().renewed(&self.engine);
            self.routes.store(Arc::new(renewed));
        }
        let _ = reply.send(result.map(|commit| ((), commit)));
    }

    fn try_configure(
        &mut self,
        topics: &[TopicConfig],
        deletion: DeletionConfig,
        now: Timestamp,
    ) -> Result<Option<Commit>, Error> {
        Engine::check(topics)?;
        let bytes = self.engine.configuration_bytes(topics);
        let stream = topics.first().map_or(Uid::from_u128(0), |topic| topic.uid);
        let room = self.reserve(Class::Settle, stream, bytes).map_err(refused)?;
        self.engine.configure(topics, deletion, now);
        Ok(self.flush(room))
    }

    fn streams(&self) -> Vec<StreamInfo> {
        let info = self.engine.streams().map(|stream| StreamInfo {
            kind: StreamKind::Topic,
            uid: stream.uid,
            name: String::from(&*stream.name),
            state: match stream.closed {
                Some(since) => StreamState::Closed { since },
                None => StreamState::Open,
            },
            events: stream.live,
            bytes: ByteCount(self.log.stream_usage(StreamId(stream.uid)).bytes),
        });
        let mut streams: Vec<StreamInfo> = info.collect();
        streams.sort_unstable_by(|left, right| (&left.name, left.uid).cmp(&(&right.name, right.uid)));
        streams
    }

    /// Does what is due without anybody asking. True if there is more.
    fn work(&mut self, now: Timestamp) -> bool {
        for _ in 0..TURN_MAX {
            let Some(work) = self.engine.next_work(now) else {
                return false;
            };
            match work {
                Work::Wake(topic, target) => match self.reserve(Class::Settle, topic, Engine::wake_bytes()) {
                    Ok(room) => {
                        self.engine.wake(topic, target, now);
                        self.flush(room);
                    }
                    Err(_) => self.engine.wake_later(topic, target, now + RETRY),
                },
                Work::Serve(place) => self.serve(place, now),
                Work::Move(place) => self.read_letters(place),
            }
        }
        true
    }

    fn serve(&mut self, place: Place, now: Timestamp) {
        let bytes = Engine::delivery_bytes(self.engine.servable_events(place));
        match self.reserve(Class::Settle, place.topic, bytes) {
            Ok(room) => {
                self.engine.serve(place, now);
                self.flush(room);
            }
            Err(_) => {
                self.engine
                    .wake_later(place.topic, Target::Subscription(place.subscription), now + RETRY);
            }
        }
    }

    fn read_letters(&mut self, place: Place) {
        let Some(sequences) = self.engine.begin_move(place) else {
            return;
        };
        let log = self.log.clone();
        self.reads.push(Box::pin(async move {
            let payloads = read::payloads(&*log, place.topic, &sequences, READ_BYTES_MAX).await;
            let letters = payloads.map(|payloads| sequences.into_iter().zip(payloads).collect());
            (place, letters)
        }));
    }

    fn letters_read(&mut self, place: Place, letters: Option<MovedLetters>) {
        let now = self.clock.now();
        let Some(letters) = letters else {
            return self.engine.move_refused(place, now + RETRY);
        };
        // Letter by letter: together they may be longer than one append may be.
        for (sequence, payload) in letters {
            let Some(prepared) = self.engine.prepare_move(place, sequence, payload) else {
                continue;
            };
            let (topic, class, bytes) = prepared.room();
            let Ok(room) = self.reserve(class, topic, bytes) else {
                return self.engine.move_refused(place, now + RETRY);
            };
            let letter = prepared.letter().map(|(target, record)| (target, record.clone()));
            self.engine.finish_move(prepared, now);
            if let Some(commit) = self.flush(room)
                && let Some((target, record)) = letter
                && let Ok((_, event)) = event_record::decode(&record)
            {
                self.show(target, &event, &commit);
            }
        }
        self.engine.end_move(place, now);
    }

    /// Lets whoever looks at the topic see an event that nobody published, once it is durable.
    fn show(&mut self, topic: Uid, event: &Bytes, commit: &Commit) {
        let name = self.engine.name(topic);
        let route = name.and_then(|name| self.routes.load().topic(name));
        if let Some(route) = route.filter(|route| route.uid == topic && route.is_watched()) {
            self.after
                .push_back((commit.clone(), After::Show(route, event.clone())));
        }
    }

    fn take_returned(&mut self, now: Timestamp) {
        for item in self.returned.take() {
            match item {
                Return::GaveUp(place, receiver) => {
                    self.receivers.remove(&receiver);
                    self.engine.give_up(place, receiver);
                }
                Return::Undelivered(place, events) => {
                    let bytes = Engine::delivery_bytes(events.len());
                    // Without room they come back when their lock runs out.
                    if let Ok(room) = self.reserve(Class::Settle, place.topic, bytes) {
                        self.engine.undelivered(place, &events, now);
                        self.flush(room);
                    }
                }
                Return::Lost(place, events) => {
                    let bytes = Engine::delivery_bytes(events.len());
                    if let Ok(room) = self.reserve(Class::Settle, place.topic, bytes) {
                        self.engine.lost(place, &events, now);
                        self.flush(room);
                    }
                }
            }
        }
    }

    /// Appends what the machine decided and answers whom it answered.
    fn flush(&mut self, room: Reservation) -> Option<Commit> {
        let Effects {
            records,
            answers,
            dead,
        } = self.engine.take_effects();
        let commit = (!records.is_empty()).then(|| self.append(room, &records));
        for (receiver, answer) in answers {
            self.answer_receiver(receiver, answer, commit.as_ref());
        }
        match &commit {
            Some(commit) if !dead.is_empty() => self.after.push_back((commit.clone(), After::Bury(dead))),
            _ => debug_assert!(dead.is_empty(), "what dies was settled by a record"),
        }
        commit
    }

    fn append(&mut self, room: Reservation, entries: &[Entry]) -> Commit {
        let records: SmallVec<[Record<'_>; 8]> = entries.iter().map(record).collect();
        let commit = self.log.append(room, &records);
        let bytes: usize = entries
            .iter()
            .map(|entry| storage::footprint(entry.payload.len()))
            .sum();
        self.growth.add(bytes);
        commit
    }

    fn answer_receiver(&mut self, receiver: ReceiverId, answer: Answer, commit: Option<&Commit>) {
        let known = self.receivers.remove(&receiver);
        let (place, reply) = match (known, &answer) {
            (Some(known), _) => known,
            // Cannot happen: a receiver is known until it is answered or gave up, and then the machine forgot it.
            (None, _) => return tracing::error!(receiver, "an unknown receiver was served"),
        };
        let result = match (answer, commit) {
            (Answer::Events(delivered), Some(commit)) => {
                let tokens = delivered
                    .iter()
                    .filter_map(|each| Some((*each, self.engine.token(place, *each)?)));
                let events = tokens.collect();
                let batch = Batch {
                    place,
                    events,
                    commit: commit.clone(),
                    returned: self.returned.clone(),
                };
                Ok(Some(batch))
            }
            (Answer::Events(_), None) | (Answer::Nothing, _) => Ok(None),
            (Answer::Gone, _) => Err(Error::NotFound),
        };
        // If the receiver is gone, the batch is dropped here and its events come back.
        let _ = reply.send(result);
    }

    /// Does what had to wait for its commit.
    fn follow(&mut self) {
        while self.after.front().is_some_and(|(commit, _)| commit.is_durable()) {
            match self.after.pop_front() {
                Some((_, After::Bury(dead))) => dead.into_iter().for_each(|dead| self.bury(dead)),
                Some((_, After::Show(route, event))) => route.show(&event),
                None => (),
            }
        }
    }

    /// Tells the log what is dead, now that the settlement cannot be lost any more.
    fn bury(&self, dead: Dead) {
        let stream = StreamId(dead.topic);
        if let Some(before) = dead.before {
            self.log.trim_before(stream, SequenceNumber::new(before));
        }
        if !dead.these.is_empty() {
            let these: Vec<SequenceNumber> = dead.these.into_iter().map(SequenceNumber::new).collect();
            self.log.release(stream, &these);
        }
    }

    /// Handles what is queued, answers whoever waits, and leaves a snapshot.
    async fn stop(mut self, mut queued: Vec<Command>) {
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            queued.push(command);
        }
        let now = self.clock.now();
        for command in queued {
            self.handle(command, now);
        }
        for (_, (_, reply)) in self.receivers.drain() {
            let _ = reply.send(Ok(None));
        }
        self.take_returned(now);
        while let Some((commit, _)) = self.after.front() {
            commit.durable().await;
            self.follow();
        }
        let engine = &self.engine;
        self.snapshots
            .finish(&*self.log, |position| engine.encode_snapshot(position))
            .await;
    }
}

fn record(entry: &Entry) -> Record<'_> {
    Record {
        stream: StreamId(entry.topic),
        sequence: SequenceNumber::new(entry.sequence),
        kind: entry.kind,
        time: entry.time,
        payload: &entry.payload,
    }
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

async fn front_durable(after: &VecDeque<(Commit, After)>) {
    match after.front() {
        Some((commit, _)) => commit.durable().await,
        None => std::future::pending().await,
    }
}
