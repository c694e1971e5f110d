//! A machine with everything around it that a test needs.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use model::{Event, SequenceNumber, Timestamp, Uid};

use crate::configuration::*;
use crate::topics::effects::{Answer, Delivered, Entry, Place, ReceiverId};
use crate::topics::engine::dead_letters::{Redriven, without_attributes};
use crate::topics::engine::{Engine, Incoming, Replayed, Settlement, Snapshot, Work};
use crate::topics::event_record;
use crate::topics::filter::Scratch;
use crate::topics::varint::Writer;
use crate::{Error, LockToken, RedriveError, SettleError};

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

pub(super) const ORDERS: Uid = Uid::from_u128(1);
pub(super) const DEAD: Uid = Uid::from_u128(2);
pub(super) const BILLING: Uid = Uid::from_u128(11);

pub(super) fn topic(uid: Uid, name: &str, subscriptions: Vec<SubscriptionConfig>) -> TopicConfig {
    TopicConfig {
        uid,
        name: String::from(name),
        retention: 7 * DAY,
        subscriptions,
    }
}

/// Locks for a minute, three deliveries, a day to live, everything wanted, nothing dead-lettered.
pub(super) fn subscription(uid: Uid, name: &str) -> SubscriptionConfig {
    SubscriptionConfig {
        uid,
        name: String::from(name),
        lock_duration: MINUTE,
        max_delivery_count: 3,
        time_to_live: Some(DAY),
        filter: FilterConfig::default(),
        dead_letter: None,
    }
}

pub(super) fn only_type(type_: &str) -> FilterConfig {
    FilterConfig {
        included_types: vec![String::from(type_)],
        ..FilterConfig::default()
    }
}

pub(super) struct Harness {
    pub(super) engine: Engine,
    pub(super) now: Timestamp,
    pub(super) topics: Vec<TopicConfig>,
    pub(super) deletion: DeletionConfig,
    /// Everything that was ever appended.
    pub(super) log: Vec<Entry>,
    /// The bytes of a snapshot, and the length of the log that it stands for.
    snapshot: Option<Vec<u8>>,
    answers: BTreeMap<ReceiverId, Answer>,
    receivers: ReceiverId,
    published: u64,
    /// Whether the laws are checked after every step; that takes a look at every event.
    pub(super) checked: bool,
}

impl Harness {
    pub(super) fn new(topics: Vec<TopicConfig>) -> Self {
        let deletion = DeletionConfig {
            policy: DeletionPolicy::Delete,
            grace: DAY,
        };
        let mut harness = Self {
            engine: Engine::default(),
            now: testkit::time_zero(),
            topics,
            deletion,
            log: Vec::new(),
            snapshot: None,
            answers: BTreeMap::new(),
            receivers: 0,
            published: 0,
            checked: true,
        };
        harness.configure();
        harness
    }

    /// One topic with one subscription.
    pub(super) fn orders(change: impl FnOnce(&mut SubscriptionConfig)) -> Self {
        let mut billing = subscription(BILLING, "billing");
        change(&mut billing);
        Self::new(vec![
            topic(ORDERS, "orders", vec![billing]),
            topic(DEAD, "dead", Vec::new()),
        ])
    }

    pub(super) fn configure(&mut self) {
        let room = self.engine.configuration_bytes(&self.topics);
        self.engine.configure(&self.topics, self.deletion, self.now);
        self.run(room);
    }

    /// Takes the effects of a command, checks that its reservation was large enough, does what became due.
    fn run(&mut self, room: usize) {
        self.take_effects(room);
        while let Some(work) = self.engine.next_work(self.now) {
            match work {
                Work::Wake(topic, target) => {
                    self.engine.wake(topic, target, self.now);
                    self.take_effects(Engine::wake_bytes());
                }
                Work::Serve(place) => {
                    let room = Engine::delivery_bytes(self.engine.servable_events(place));
                    self.engine.serve(place, self.now);
                    self.take_effects(room);
                }
                Work::Move(place) => self.move_letters(place),
            }
        }
        self.check();
    }

    fn move_letters(&mut self, place: Place) {
        let Some(sequences) = self.engine.begin_move(place) else {
            return;
        };
        for sequence in sequences {
            let payload = self.stored(place.topic, sequence);
            if let Some(prepared) = self.engine.prepare_move(place, sequence, payload) {
                let (_, _, room) = prepared.room();
                self.engine.finish_move(prepared, self.now);
                self.take_effects(room);
            }
        }
        self.engine.end_move(place, self.now);
    }

    fn take_effects(&mut self, room: usize) {
        let effects = self.engine.take_effects();
        let used: usize = effects
            .records
            .iter()
            .map(|entry| storage::footprint(entry.payload.len()))
            .sum();
        assert!(used <= room, "{used} bytes appended, {room} reserved");
        self.log.extend(effects.records);
        self.answers.extend(effects.answers);
    }

    /// Does what is due, but moves no letters: as if somebody else were about to.
    pub(super) fn take_pending_moves(&mut self) {
        self.take_effects(usize::MAX);
        while let Some(work) = self.engine.next_work(self.now) {
            assert!(!matches!(work, Work::Serve(_)));
        }
    }

    pub(super) fn stored(&self, topic: Uid, sequence: u64) -> Option<(Timestamp, Bytes)> {
        let is_it =
            |entry: &&Entry| entry.kind.is_retained() && (entry.topic, entry.sequence) == (topic, sequence);
        self.log
            .iter()
            .find(is_it)
            .map(|entry| (entry.time, entry.payload.clone()))
    }

    /// Laws that hold whatever happened.
    fn check(&self) {
        if !self.checked {
            return;
        }
        for stream in self.engine.streams() {
            let mut wanted: BTreeMap<u64, u16> = BTreeMap::new();
            for sequence in stream.existing().flat_map(|each| each.sequences()) {
                *wanted.entry(sequence).or_default() += 1;
            }
            let counted: BTreeMap<u64, u16> = (stream.floor..)
                .zip(stream.wants.iter().copied())
                .filter(|(_, wants)| *wants > 0)
                .collect();
            assert_eq!(
                wanted, counted,
                "an event is wanted by exactly those that hold it"
            );
            assert_eq!(stream.live, counted.len() as u64);
            assert_eq!(stream.floor + stream.wants.len() as u64, stream.next);
            assert_ne!(
                stream.wants.front(),
                Some(&0),
                "the floor is as high as it can be"
            );
        }
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        self.run(0);
    }

    /// Publishes an event of this type; its id is a running number, which is returned.
    pub(super) fn publish(&mut self, type_: &str) -> u64 {
        self.published += 1;
        let id = self.published;
        let json = format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"{type_}","data":{{"n":{id}}}}}"#
        );
        let stream = self.engine.stream(ORDERS).expect("the topic is declared");
        let matches = stream.filters.evaluate(json.as_bytes(), &mut Scratch::default());
        if matches.is_empty() {
            return id;
        }
        let mut writer = Writer::default();
        event_record::encode(&mut writer, &matches, None, json.as_bytes());
        let payload = Bytes::from(writer.finish());
        let room = storage::footprint(payload.len());
        self.engine
            .publish(ORDERS, vec![Incoming { matches, payload }], self.now)
            .expect("it is open");
        self.run(room);
        id
    }

    pub(super) fn place(&self, subscription: Uid) -> Place {
        let stream = self.engine.stream(ORDERS).expect("the topic is declared");
        let found = stream
            .existing()
            .find(|each| each.uid == subscription)
            .expect("it is declared");
        Place {
            topic: ORDERS,
            subscription: found.index,
        }
    }

    /// What a receiver gets that does not wait.
    pub(super) fn receive(&mut self, subscription: Uid, max: usize) -> Vec<Delivered> {
        let receiver = self.wait(subscription, max, Duration::ZERO).expect("it may wait");
        match self.answer(receiver) {
            Some(Answer::Events(events)) => events,
            Some(Answer::Nothing) => Vec::new(),
            other => panic!("a receiver that does not wait was answered {other:?}"),
        }
    }

    pub(super) fn wait(
        &mut self,
        subscription: Uid,
        max: usize,
        wait: Duration,
    ) -> Result<ReceiverId, Error> {
        self.receivers += 1;
        let place = self.place(subscription);
        self.engine
            .receive(place, self.receivers, max, self.now + wait, self.now)?;
        self.run(Engine::delivery_bytes(max));
        Ok(self.receivers)
    }

    pub(super) fn answer(&mut self, receiver: ReceiverId) -> Option<Answer> {
        self.answers.remove(&receiver)
    }

    pub(super) fn token(&self, subscription: Uid, delivered: Delivered) -> LockToken {
        self.engine
            .token(self.place(subscription), delivered)
            .expect("the topic is there")
    }

    pub(super) fn settle(
        &mut self,
        subscription: Uid,
        settlement: Settlement,
        delivered: Delivered,
    ) -> Result<(), SettleError> {
        let token = self.token(subscription, delivered);
        let place = self.place(subscription);
        let results = self
            .engine
            .settle(place, settlement, &[token], self.now)
            .expect("it is declared");
        self.run(Engine::settlement_bytes(1));
        results[0]
    }

    pub(super) fn undelivered(&mut self, subscription: Uid, delivered: &[Delivered]) {
        self.engine
            .undelivered(self.place(subscription), delivered, self.now);
        self.run(Engine::delivery_bytes(delivered.len()));
    }

    /// The ids of these deliveries' events.
    pub(super) fn ids(&self, delivered: &[Delivered]) -> Vec<u64> {
        delivered
            .iter()
            .map(|each| self.id(ORDERS, each.sequence))
            .collect()
    }

    fn json(&self, topic: Uid, sequence: u64) -> Bytes {
        let (_, record) = self.stored(topic, sequence).expect("it is in the log");
        event_record::decode(&record).unwrap().1
    }

    fn id(&self, topic: Uid, sequence: u64) -> u64 {
        attribute(&self.json(topic, sequence), "id")
            .unwrap()
            .trim_matches('"')
            .parse()
            .unwrap()
    }

    /// Sequence number, id and reason of every dead letter.
    pub(super) fn letters(&self) -> Vec<(u64, u64, String)> {
        let listed = self.engine.list(DEAD, 0, usize::MAX).unwrap();
        let letter = |sequence: u64| {
            let reason = attribute(&self.json(DEAD, sequence), "deadletterreason").unwrap();
            (sequence, self.id(DEAD, sequence), reason.replace('"', ""))
        };
        listed.into_iter().map(letter).collect()
    }

    pub(super) fn letter(&self, sequence: u64) -> Event {
        Event::from_json(&self.json(DEAD, sequence)).unwrap()
    }

    pub(super) fn redrive(&mut self, sequence: u64) -> Result<(), RedriveError> {
        let (_, record) = self.stored(DEAD, sequence).ok_or(RedriveError::NotFound)?;
        let (header, json) = event_record::decode(&record).unwrap();
        let letter = Redriven {
            sequence,
            origin: header.origin.expect("a dead letter has an origin"),
            json: without_attributes(&json),
        };
        let result = self.engine.redrive(DEAD, ORDERS, &letter, self.now);
        self.run(Engine::redrive_bytes(&letter));
        result
    }

    pub(super) fn remove_letters(&mut self, sequences: &[u64]) {
        let sequences: Vec<SequenceNumber> = sequences.iter().copied().map(SequenceNumber::new).collect();
        let removed = self.engine.remove_dead_letters(DEAD, &sequences, self.now);
        assert_eq!(removed, Ok(()));
        self.run(Engine::settlement_bytes(sequences.len()));
    }

    pub(super) fn take_snapshot(&mut self) {
        self.snapshot = Some(self.engine.encode_snapshot(self.log.len() as u64));
    }

    /// A crash: the machine comes back from the last snapshot and the log.
    pub(super) fn restart(&mut self) {
        let (engine, position) = match &self.snapshot {
            Some(bytes) => {
                let snapshot = Snapshot::decode(bytes).unwrap();
                (snapshot.engine, snapshot.position as usize)
            }
            None => (Engine::default(), 0),
        };
        self.engine = engine;
        let mut seen = Replayed::default();
        for entry in &self.log[position..] {
            self.engine.replay(
                entry.topic,
                entry.sequence,
                entry.kind,
                entry.time,
                &entry.payload,
                &mut seen,
            );
        }
        assert_eq!(seen.malformed, 0);
        self.engine.end_replay();
        self.configure();
    }
}

pub(super) fn attribute(json: &[u8], name: &str) -> Option<String> {
    model::json::members(json)
        .find(|(member, _)| member == name)
        .map(|(_, raw)| String::from_utf8(raw.to_vec()).unwrap())
}
