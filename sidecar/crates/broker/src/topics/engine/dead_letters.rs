//! Moving undeliverable events to the topic that takes them, and giving them back.

use bytes::Bytes;
use model::cloud_event::Value;
use model::{Event, SequenceNumber, Timestamp, Uid, json};

use storage::Class;

use super::{Engine, Incoming};
use crate::topics::effects::Place;
use crate::topics::event_record::{self, Origin};
use crate::topics::filter::{Matches, Scratch, SubscriptionIndex};
use crate::topics::in_flight::{Reason, Slot, State};
use crate::topics::journal;
use crate::topics::runs::Runs;
use crate::topics::stream::Stream;
use crate::topics::subscription::{Moving, Subscription};
use crate::topics::varint::Writer;
use crate::{Error, RedriveError};

/// Events that are read at once to be moved.
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

/// Parked events with what the log has of them.
pub(crate) type MovedLetters = Vec<(u64, Option<(Timestamp, Bytes)>)>;

/// The move of one event that is worked out but not done.
#[derive(Debug)]
pub(crate) struct Prepared {
    place: Place,
    sequence: u64,
    /// None if there is no destination any more or the event cannot be read: it is dropped.
    letter: Option<(Uid, Incoming)>,
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
    /// Where room is to be reserved, for what, and how much.
    pub(crate) fn room(&self) -> (Uid, Class, usize) {
        let settlement = storage::footprint(journal::bytes_max(1));
        match &self.letter {
            Some((target, letter)) => {
                let record = storage::footprint(letter.payload.len());
                (*target, Class::Publish, record + settlement)
            }
            None => (self.place.topic, Class::Settle, settlement),
        }
    }

    /// Where the letter goes, and its record.
    pub(crate) fn letter(&self) -> Option<(Uid, &Bytes)> {
        let (target, letter) = self.letter.as_ref()?;
        Some((*target, &letter.payload))
    }
}

impl Engine {
    /// The parked events that are to be read next. None while their destination is not declared: they wait for the next
    /// [`Engine::configure`].
    pub(crate) fn begin_move(&mut self, place: Place) -> Option<Vec<u64>> {
        let sequences = self.movable(place);
        if sequences.is_none() {
            self.set_moving(place, Moving::Not);
        }
        sequences
    }

    fn movable(&self, place: Place) -> Option<Vec<u64>> {
        let subscription = self.streams.get(&place.topic)?.subscription(place.subscription)?;
        if let Some(target) = subscription.rules?.dead_letter {
            self.streams.get(&target).filter(|stream| stream.is_open())?;
        }
        let is_parked = |slot: &&Slot| matches!(slot.state(), State::Parked(_));
        let parked = subscription.in_flight.iter().filter(is_parked);
        Some(parked.map(|slot| slot.sequence).take(BATCH).collect())
    }

    /// Works out one dead letter. None if it is not parked any more, or its destination is not declared any more.
    pub(crate) fn prepare_move(
        &self,
        place: Place,
        sequence: u64,
        payload: Option<(Timestamp, Bytes)>,
    ) -> Option<Prepared> {
        let source = self.streams.get(&place.topic)?;
        let subscription = source.subscription(place.subscription)?;
        let position = subscription.in_flight.find(sequence)?;
        let slot = *subscription.in_flight.at(position);
        let State::Parked(reason) = slot.state() else {
            return None;
        };
        let target = match subscription.rules?.dead_letter {
            Some(target) => Some(self.streams.get(&target).filter(|stream| stream.is_open())?),
            None => None,
        };
        // An event that the log cannot read any more is dropped here; the shell has logged it.
        let letter = target.zip(payload).and_then(|(target, (published, record))| {
            let facts = Facts {
                source,
                subscription,
                slot,
                reason,
                published,
            };
            Some((target.uid, facts.letter(target, &record)?))
        });
        Some(Prepared {
            place,
            sequence,
            letter,
        })
    }

    /// Appends the dead letter and settles its source, in one atomic group.
    ///
    /// Room: [`Prepared::room`].
    pub(crate) fn finish_move(&mut self, prepared: Prepared, now: Timestamp) {
        let Prepared {
            place,
            sequence,
            letter,
        } = prepared;
        let moved = usize::from(letter.is_some());
        if let Some((target, letter)) = letter
            && let Some(stream) = self.streams.get_mut(&target)
        {
            stream.add_event(&letter.matches, letter.payload, now, &mut self.effects);
            for subscription in letter.matches {
                self.touched(Place {
                    topic: target,
                    subscription,
                });
            }
        }
        if let Some(stream) = self.streams.get_mut(&place.topic)
            && let Some(subscription) = stream.subscription_mut(place.subscription)
            && subscription.remove(sequence)
        {
            subscription.in_flight.compact();
            subscription.counts.dead_lettered.add(moved);
            let events = Runs::from_iter([sequence]);
            stream.settled(place.subscription, events, now, &mut self.effects);
        }
    }

    /// All that was read is moved; goes on with what is parked, or expired and not yet parked.
    pub(crate) fn end_move(&mut self, place: Place, now: Timestamp) {
        if let Some(subscription) = self.set_moving(place, Moving::Not) {
            subscription.wake_at(now);
        }
        self.touched(place);
    }

    /// There was no room for the dead letters: the wake-up at `time` tries again.
    pub(crate) fn move_refused(&mut self, place: Place, time: Timestamp) {
        if let Some(subscription) = self.set_moving(place, Moving::Refused) {
            subscription.wake_at(time);
            self.touched(place);
        }
    }

    fn set_moving(&mut self, place: Place, moving: Moving) -> Option<&mut Subscription> {
        let stream = self.streams.get_mut(&place.topic)?;
        let subscription = stream.subscription_mut(place.subscription)?;
        subscription.moving = moving;
        Some(subscription)
    }

    /// Gives a dead letter of `topic` back to the subscription of the topic `source` that it came from.
    ///
    /// Room, in the source topic: [`Engine::redrive_bytes`].
    pub(crate) fn redrive(
        &mut self,
        topic: Uid,
        source: Uid,
        letter: &Redriven,
        now: Timestamp,
    ) -> Result<(), RedriveError> {
        let queue = self.dead_letters(topic).map_err(|_| RedriveError::NotFound)?;
        let destination = self.origin(source, letter).ok_or(RedriveError::SourceGone)?;
        let stream = self.open(topic).map_err(|_| RedriveError::NotFound)?;
        let letters = stream.subscription_mut(queue);
        if !letters.is_some_and(|letters| letters.remove(letter.sequence)) {
            return Err(RedriveError::NotFound);
        }
        let settled = Runs::from_iter([letter.sequence]);
        let mut writer = Writer::with_capacity(letter.json.len() + event_record::header_bytes_max(1));
        event_record::encode(&mut writer, &[destination], None, &letter.json);
        let payload = Bytes::from(writer.finish());
        let Self { streams, effects, .. } = self;
        if let Some(stream) = streams.get_mut(&source) {
            stream.add_event(&[destination], payload, now, effects);
        }
        if let Some(stream) = streams.get_mut(&topic) {
            stream.settled(queue, settled, now, effects);
        }
        for (topic, subscription) in [(source, destination), (topic, queue)] {
            self.touched(Place { topic, subscription });
        }
        Ok(())
    }

    /// Settles those of these dead letters that are there.
    ///
    /// Room: [`Engine::settlement_bytes`] of their count.
    pub(crate) fn remove_dead_letters(
        &mut self,
        topic: Uid,
        sequences: &[SequenceNumber],
        now: Timestamp,
    ) -> Result<(), Error> {
        let queue = self.dead_letters(topic)?;
        let Self { streams, effects, .. } = self;
        let stream = streams.get_mut(&topic).ok_or(Error::NotFound)?;
        let letters = stream.subscription_mut(queue).ok_or(Error::NotFound)?;
        let mut numbers: Vec<u64> = sequences.iter().copied().map(SequenceNumber::get).collect();
        numbers.sort_unstable();
        let removed: Runs = numbers
            .into_iter()
            .filter(|number| letters.remove(*number))
            .collect();
        letters.in_flight.compact();
        if !removed.is_empty() {
            stream.settled(queue, removed, now, effects);
            self.touched(Place {
                topic,
                subscription: queue,
            });
        }
        Ok(())
    }

    /// The queue of the topic's dead letters.
    pub(crate) fn dead_letters(&mut self, topic: Uid) -> Result<SubscriptionIndex, Error> {
        self.open(topic)?.dead_letters.ok_or(Error::NotFound)
    }

    /// The subscription that a letter came from, if it is declared.
    fn origin(&mut self, source: Uid, letter: &Redriven) -> Option<SubscriptionIndex> {
        let stream = self.open(source).ok()?;
        let origin = letter.origin.subscription;
        let mut found = stream.existing().filter(|each| each.rules.is_some());
        found
            .find(|each| each.uid == origin)
            .map(|subscription| subscription.index)
    }

    pub(crate) fn redrive_bytes(letter: &Redriven) -> usize {
        storage::footprint(letter.json.len() + event_record::header_bytes_max(1))
            + storage::footprint(journal::bytes_max(1))
    }
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
        // An attempt that did not reach anybody was none.
        if self.slot.delivery_count > 0 {
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
pub(crate) fn without_attributes(event: &Bytes) -> Bytes {
    let mut kept = Vec::with_capacity(event.len());
    kept.push(b'{');
    for (name, value) in json::members(event) {
        if ATTRIBUTES.contains(&&*name) {
            continue;
        }
        if kept.len() > 1 {
            kept.push(b',');
        }
        json::write_string(&mut kept, &name);
        kept.push(b':');
        kept.extend_from_slice(value);
    }
    kept.push(b'}');
    Bytes::from(kept)
}
