//! Moving undeliverable events to the topic that takes them, and giving them back.

use bytes::Bytes;
use model::cloud_event::Value;
use model::{Event, Timestamp, Uid};

use super::{Engine, Incoming};
use crate::topics::effects::Place;
use crate::topics::event_record::{self, Origin};
use crate::topics::filter::{Matches, Members, Scratch};
use crate::topics::in_flight::{Reason, Slot, State};
use crate::topics::journal;
use crate::topics::runs::Runs;
use crate::topics::stream::Stream;
use crate::topics::subscription::Subscription;
use crate::topics::varint::Writer;

/// Events that are moved in one commit.
const BATCH: usize = 64;

/// The attributes that a dead letter carries beside those of the event.
const ATTRIBUTES: [&str; 6] = [
    "deadletterreason",
    "deadlettersource",
    "deliveryattempts",
    "deliveryattemptutc",
    "deliveryresult",
    "publishutc",
];

/// Payloads of parked events: what the log has of them.
pub(crate) type MovedLetters = Vec<(u64, Option<(Timestamp, Bytes)>)>;

/// A move that is worked out but not done.
#[derive(Debug)]
pub(crate) struct Prepared {
    place: Place,
    /// None: there is no destination any more, the events are dropped.
    target: Option<Uid>,
    letters: Vec<Incoming>,
    settled: Vec<u64>,
}

/// One dead letter on its way back.
#[derive(Clone, Debug)]
pub(crate) struct Redriven {
    /// Its number in the dead-letter topic.
    pub(crate) sequence: u64,
    /// The subscription that it came from.
    pub(crate) origin: Origin,
    /// The event without the attributes of a dead letter.
    pub(crate) json: Bytes,
}

impl Prepared {
    /// Where room is to be reserved, and how much.
    pub(crate) fn room(&self) -> (Uid, usize) {
        let letters: usize = self
            .letters
            .iter()
            .map(|letter| storage::footprint(letter.payload.len()))
            .sum();
        let settlement = storage::footprint(journal::bytes_max(self.settled.len()));
        (self.target.unwrap_or(self.place.topic), letters + settlement)
    }

    pub(crate) fn has_letters(&self) -> bool {
        !self.letters.is_empty()
    }
}

impl Engine {
    /// The parked events that are to be read next.
    pub(crate) fn begin_move(&mut self, place: Place) -> Vec<u64> {
        let stream = self.streams.get(&place.topic);
        let subscription = stream.and_then(|stream| stream.subscription(place.subscription));
        subscription
            .into_iter()
            .flat_map(parked)
            .map(|(slot, _)| slot.sequence)
            .take(BATCH)
            .collect()
    }

    /// Works out the dead letters. None while the destination is not declared: they wait for the next
    /// [`Engine::configure`].
    pub(crate) fn prepare_move(&mut self, place: Place, read: MovedLetters) -> Option<Prepared> {
        let prepared = self.try_prepare(place, read);
        if prepared.is_none() {
            self.end_move(place);
        }
        prepared
    }

    fn try_prepare(&self, place: Place, read: MovedLetters) -> Option<Prepared> {
        let source = self.streams.get(&place.topic)?;
        let subscription = source.subscription(place.subscription)?;
        let mut prepared = Prepared {
            place,
            target: subscription.rules?.dead_letter,
            letters: Vec::new(),
            settled: Vec::new(),
        };
        let target = match prepared.target {
            Some(target) => Some(self.streams.get(&target).filter(|stream| stream.is_open())?),
            None => None,
        };
        for (sequence, payload) in read {
            let Some((slot, reason)) = parked(subscription).find(|(slot, _)| slot.sequence == sequence)
            else {
                continue;
            };
            prepared.settled.push(sequence);
            // An event that the log cannot read any more is dropped here; the shell has logged it.
            if let (Some(target), Some((published, record))) = (target, payload) {
                let facts = Facts {
                    source,
                    subscription,
                    slot,
                    reason,
                    published,
                };
                prepared.letters.extend(facts.letter(target, &record));
            }
        }
        Some(prepared)
    }

    /// Appends the dead letters and settles their source, in one atomic group.
    ///
    /// Room: [`Prepared::room`].
    pub(crate) fn finish_move(&mut self, prepared: Prepared, now: Timestamp) {
        let Prepared {
            place,
            target,
            letters,
            settled,
        } = prepared;
        let mut touched = Matches::new();
        let count = letters.len();
        if let Some(stream) = target.and_then(|target| self.streams.get_mut(&target)) {
            for letter in letters {
                stream.add_event(&letter.matches, letter.payload, now, &mut self.effects);
                touched.extend(letter.matches);
            }
        }
        self.settle_parked(place, settled, count, now);
        touched.sort_unstable();
        touched.dedup();
        for subscription in touched {
            self.touched(Place {
                topic: target.unwrap_or(place.topic),
                subscription,
            });
        }
        self.end_move(place);
        self.move_later(place, now);
    }

    fn settle_parked(&mut self, place: Place, settled: Vec<u64>, moved: usize, now: Timestamp) {
        let Some(stream) = self.streams.get_mut(&place.topic) else {
            return;
        };
        let Some(subscription) = stream.subscription_mut(place.subscription) else {
            return;
        };
        let events: Runs = settled
            .into_iter()
            .filter(|sequence| subscription.remove(*sequence))
            .collect();
        subscription.in_flight.compact();
        subscription.counts.dead_lettered.add(moved);
        if !events.is_empty() {
            stream.settled(place.subscription, events, now, &mut self.effects);
        }
    }

    fn end_move(&mut self, place: Place) {
        let stream = self.streams.get_mut(&place.topic);
        if let Some(subscription) = stream.and_then(|stream| stream.subscription_mut(place.subscription)) {
            subscription.moving = false;
        }
    }

    /// Goes on with what is parked, or expired and not yet parked: at the latest at `time`.
    fn move_later(&mut self, place: Place, time: Timestamp) {
        let stream = self.streams.get_mut(&place.topic);
        if let Some(subscription) = stream.and_then(|stream| stream.subscription_mut(place.subscription)) {
            subscription.wake_at(time);
        }
        self.touched(place);
    }

    /// There was no room for the dead letters: the wake-up at `time` tries again.
    pub(crate) fn move_refused(&mut self, place: Place, time: Timestamp) {
        self.end_move(place);
        let stream = self.streams.get_mut(&place.topic);
        if let Some(subscription) = stream.and_then(|stream| stream.subscription_mut(place.subscription)) {
            subscription.wake_at(time);
            // Only the timer: `touched` would try again at once.
            self.wake_later(place.topic, super::Target::Subscription(place.subscription), time);
        }
    }

    /// Gives dead letters of `topic` back to subscriptions of one source topic. Returns, for each, whether it went.
    ///
    /// Room, in the source topic: [`Engine::redrive_bytes`].
    pub(crate) fn redrive(
        &mut self,
        topic: Uid,
        source: Uid,
        letters: &[Redriven],
        now: Timestamp,
    ) -> Result<Vec<Result<(), crate::RedriveError>>, crate::Error> {
        let index = self.open(topic)?.dead_letters.ok_or(crate::Error::NotFound)?;
        let place = Place {
            topic,
            subscription: index,
        };
        let results = letters
            .iter()
            .map(|letter| self.redrive_one(place, source, letter, now))
            .collect();
        self.record_redriven(place, letters, &results, now);
        Ok(results)
    }

    fn redrive_one(
        &mut self,
        place: Place,
        source: Uid,
        letter: &Redriven,
        now: Timestamp,
    ) -> Result<(), crate::RedriveError> {
        let destination = self.open(source).ok().and_then(|stream| {
            let origin =
                |each: &&Subscription| each.uid == letter.origin.subscription && each.rules.is_some();
            stream
                .existing()
                .find(origin)
                .map(|subscription| subscription.index)
        });
        let destination = destination.ok_or(crate::RedriveError::SourceGone)?;
        let queue = self.streams.get_mut(&place.topic);
        let queue = queue.and_then(|stream| stream.subscription_mut(place.subscription));
        if !queue.is_some_and(|queue| queue.remove(letter.sequence)) {
            return Err(crate::RedriveError::NotFound);
        }
        let mut writer = Writer::with_capacity(letter.json.len() + event_record::header_bytes_max(1));
        event_record::encode(&mut writer, &[destination], None, &letter.json);
        if let Some(stream) = self.streams.get_mut(&source) {
            stream.add_event(
                &[destination],
                Bytes::from(writer.finish()),
                now,
                &mut self.effects,
            );
        }
        self.touched(Place {
            topic: source,
            subscription: destination,
        });
        Ok(())
    }

    fn record_redriven(
        &mut self,
        place: Place,
        letters: &[Redriven],
        results: &Vec<Result<(), crate::RedriveError>>,
        now: Timestamp,
    ) {
        let went = letters.iter().zip(results).filter(|(_, result)| result.is_ok());
        let mut went: Vec<u64> = went.map(|(letter, _)| letter.sequence).collect();
        went.sort_unstable();
        if !went.is_empty()
            && let Some(stream) = self.streams.get_mut(&place.topic)
        {
            stream.settled(
                place.subscription,
                went.into_iter().collect(),
                now,
                &mut self.effects,
            );
        }
        self.touched(place);
    }

    pub(crate) fn redrive_bytes(letters: &[Redriven]) -> usize {
        let events = letters
            .iter()
            .map(|letter| storage::footprint(letter.json.len() + event_record::header_bytes_max(1)));
        events.sum::<usize>() + storage::footprint(journal::bytes_max(letters.len()))
    }
}

fn parked(subscription: &Subscription) -> impl Iterator<Item = (Slot, Reason)> {
    subscription
        .in_flight
        .iter()
        .filter_map(|slot| match slot.state() {
            State::Parked(reason) => Some((*slot, reason)),
            _ => None,
        })
}

/// What a dead letter tells about its past.
struct Facts<'a> {
    source: &'a Stream,
    subscription: &'a Subscription,
    slot: Slot,
    reason: Reason,
    published: Timestamp,
}

impl Facts<'_> {
    /// None if the record cannot be read.
    fn letter(&self, target: &Stream, record: &Bytes) -> Option<Incoming> {
        let (header, json) = event_record::decode(record).ok()?;
        let json = self.annotated(json);
        // A letter that dies again stays in the queue: a circle of topics must not turn forever.
        let again = header.origin.is_some() || target.uid == self.source.uid;
        let mut matches = Matches::new();
        if !again {
            matches = target.filters.evaluate(&json, &mut Scratch::default());
        }
        matches.extend(target.dead_letters);
        matches.sort_unstable();
        let origin = Origin {
            topic: self.source.uid,
            subscription: self.subscription.uid,
        };
        let mut writer = Writer::with_capacity(json.len() + event_record::header_bytes_max(matches.len()));
        event_record::encode(&mut writer, &matches, Some(origin), &json);
        Some(Incoming {
            matches,
            payload: Bytes::from(writer.finish()),
        })
    }

    fn annotated(&self, json: Bytes) -> Bytes {
        let (reason, result) = match self.reason {
            Reason::MaxDeliveryAttemptsExceeded => (
                "MaxDeliveryAttemptsExceeded",
                "Event was not acknowledged nor rejected.",
            ),
            Reason::TimeToLiveExceeded => ("TimeToLiveExceeded", "Event expired before it was acknowledged."),
            Reason::Rejected => ("Rejected", "Event was rejected."),
        };
        let source = format!(
            "topics/{}/eventsubscriptions/{}",
            self.source.name, self.subscription.name
        );
        let published = self.published.to_string();
        let attempted = Timestamp::from_micros(i64::from(self.slot.attempted) * 1_000_000).to_string();
        let text = |value: &str| Value::String(String::from(value).into());
        let mut attributes = vec![
            ("deadletterreason", text(reason)),
            ("deadlettersource", text(&source)),
            (
                "deliveryattempts",
                Value::Integer(i64::from(self.slot.delivery_count)),
            ),
            ("deliveryresult", text(result)),
            ("publishutc", text(&published)),
        ];
        if self.slot.attempted > 0 {
            attributes.push(("deliveryattemptutc", text(&attempted)));
        }
        let event = Event::from_json(&json).and_then(|event| event.with_extensions(&attributes));
        match event {
            Ok(event) => event.json().clone(),
            Err(error) => {
                tracing::error!(%error, source, "keep a dead letter without its attributes");
                json
            }
        }
    }
}

/// The event as it was before it became a dead letter.
pub(crate) fn without_attributes(json: &Bytes) -> Bytes {
    let mut kept = Vec::with_capacity(json.len());
    kept.push(b'{');
    for (name, value) in Members::of(json).into_iter().flatten() {
        if ATTRIBUTES.contains(&&*name) {
            continue;
        }
        if kept.len() > 1 {
            kept.push(b',');
        }
        kept.extend_from_slice(&serde_json::to_vec(&*name).expect("a string is always JSON"));
        kept.push(b':');
        kept.extend_from_slice(value);
    }
    kept.push(b'}');
    Bytes::from(kept)
}
