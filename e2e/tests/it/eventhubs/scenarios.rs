//! What every SDK is asked to do.

use std::{collections::BTreeMap, thread, time::Duration};

use anyhow::{Context, bail, ensure};
use e2e::eventhubs::{
    Client, Event, Line, Lines, Mode, NewEvent, Outcome, PartitionProperties, Position, Request, Sdk, Value,
};

pub(crate) const PARTITIONS: u32 = 4;

/// Near the limit of 1 MiB, with room for what an SDK adds.
const LARGE: usize = 1_030_000;
/// The digest of the alphabet again and again, [`LARGE`] bytes long.
const LARGE_DIGEST: &str = "04dd651c309e92a21d9cd83ea2974e5d31bc2f1d2ef49bf2559492fea89493d8";
const TOO_LARGE: usize = 1_200_000;

/// A client that has a hub for itself, and so knows what is in it.
pub(crate) struct Stage {
    client: Client,
    hub: String,
    /// How many events each partition holds. Asking takes Python most of a second.
    held: [i64; PARTITIONS as usize],
    /// The only events of partition 2 until its scenarios are over: sent one by one, at different times.
    three: Vec<Event>,
}

pub(crate) type Scenario = (&'static str, fn(&mut Stage) -> anyhow::Result<Outcome>);

/// A scenario takes the hub as the one before left it.
pub(crate) const ALL: [Scenario; 19] = [
    ("hub and partition properties", Stage::properties),
    ("send one event", |stage| stage.round_trip(Mode::Single, 1)),
    ("send a batch", |stage| stage.round_trip(Mode::Batch, 3)),
    ("send a list", |stage| stage.round_trip(Mode::List, 2)),
    ("send with a partition key", Stage::partition_key),
    ("receive from the earliest event", Stage::earliest),
    ("receive after an offset", |stage| {
        stage.receive_from_offset(false, 2)
    }),
    ("receive from an offset on", |stage| {
        stage.receive_from_offset(true, 1)
    }),
    ("receive after a sequence number", |stage| {
        stage.receive_from_sequence_number(false, 2)
    }),
    ("receive from a sequence number on", |stage| {
        stage.receive_from_sequence_number(true, 1)
    }),
    ("receive after a time", Stage::after_time),
    ("last enqueued event of the partition", Stage::last_enqueued),
    ("owner levels", Stage::owner_levels),
    ("properties, ids and content type survive", Stage::what_survives),
    ("an event of 1 MiB", Stage::large),
    ("an event that is too large", Stage::too_large),
    ("buffered producer", Stage::buffered),
    ("receive from the latest event", Stage::latest),
    ("processor goes on from its checkpoints", Stage::processor),
];

/// Enough to see that a door works, large frames included.
pub(crate) const BRIEF: [Scenario; 3] = [
    ("hub and partition properties", Stage::properties),
    ("send a batch", |stage| stage.round_trip(Mode::Batch, 3)),
    ("an event of 1 MiB", Stage::large),
];

/// What every SDK can do with nothing but a token: send, receive, and process with checkpoints in blobs.
pub(crate) const PASSWORDLESS: [Scenario; 4] = [
    ("hub and partition properties", Stage::properties),
    ("send a batch", |stage| stage.round_trip(Mode::Batch, 3)),
    ("send with a partition key", Stage::partition_key),
    ("processor goes on from its checkpoints", Stage::processor),
];

/// A processor with its checkpoints in blobs, and what it needs to begin with.
pub(crate) const CHECKPOINTS: [Scenario; 2] = [
    ("send a batch", |stage| stage.round_trip(Mode::Batch, 3)),
    ("processor goes on from its checkpoints", Stage::processor),
];

impl Stage {
    /// The hub is empty.
    pub(crate) fn new(client: Client, hub: &str) -> Self {
        Self {
            client,
            hub: hub.to_owned(),
            held: [0; PARTITIONS as usize],
            three: Vec::new(),
        }
    }

    fn properties(&mut self) -> anyhow::Result<Outcome> {
        let lines = self.client.run(&Request::properties())?.ok()?;
        let mut partitions = Vec::new();
        for line in lines.iter() {
            match line {
                Line::Hub(properties) => {
                    ensure!(properties.name == self.hub, "{properties:?}");
                    ensure!(properties.partition_ids == ["0", "1", "2", "3"], "{properties:?}");
                    ensure!(properties.created_at > 1_600_000_000_000, "{properties:?}");
                }
                Line::Partition(properties) => partitions.push(properties),
                _ => {}
            }
        }
        ensure!(partitions.len() == self.held.len(), "{partitions:?}");
        for empty in partitions {
            let expected = (true, 0, -1, "-1");
            let seen = (
                empty.is_empty,
                empty.beginning_sequence_number,
                empty.last_enqueued_sequence_number,
                empty.last_enqueued_offset.as_str(),
            );
            ensure!(seen == expected, "an empty partition: {empty:?}");
        }
        Ok(Outcome::Works)
    }

    /// What is sent to a partition comes back: whole, in order, with the next sequence numbers.
    fn round_trip(&mut self, mode: Mode, count: usize) -> anyhow::Result<Outcome> {
        let bodies: Vec<_> = (0..count).map(|number| format!("{mode:?} {number}")).collect();
        let events = bodies.iter().map(|body| NewEvent::text(body)).collect();
        let request = Request::send(mode, events).to_partition("0");
        let lines = self.client.run(&request)?.ok()?;
        if let Some(why) = lines.unsupported() {
            return Ok(Outcome::Unsupported(why.to_owned()));
        }
        ensure!(lines.sent() == count, "{lines:?}");
        let came = self.new_events(0, count)?;
        let seen: Vec<_> = came
            .iter()
            .map(|event| event.body.as_deref().unwrap_or_default())
            .collect();
        ensure!(seen == bodies, "sent {bodies:?}, received {seen:?}");
        ensure!(came.iter().all(|event| event.partition_key.is_none()), "{came:?}");
        let last = came.last().context("something came")?;
        let now = self.partition("0")?;
        ensure!(
            now.last_enqueued_sequence_number == last.sequence_number,
            "{now:?}"
        );
        ensure!(now.last_enqueued_offset == last.offset, "{now:?}");
        ensure!(
            now.last_enqueued_time == Some(last.enqueued_time) && !now.is_empty,
            "{now:?}"
        );
        Ok(Outcome::Works)
    }

    fn partition(&mut self, id: &str) -> anyhow::Result<PartitionProperties> {
        let lines = self.client.run(&Request::partition_properties(id))?.ok()?;
        let properties = lines.iter().find_map(|line| match line {
            Line::Partition(properties) => Some(properties.clone()),
            _ => None,
        });
        properties.context("the program told no properties")
    }

    /// The `count` events that were just sent to a partition.
    fn new_events(&mut self, partition: usize, count: usize) -> anyhow::Result<Vec<Event>> {
        let next = self.held[partition];
        let from = Position::SequenceNumber {
            sequence_number: next - 1,
            inclusive: false,
        };
        let id = partition.to_string();
        let events = self
            .received(&Request::receive(&id, from, count), count)?
            .context("the SDK begins where it is told to")?;
        for (event, number) in events.iter().zip(next..) {
            ensure!(
                event.sequence_number == number,
                "{event:?} is not number {number}"
            );
            ensure!(event.partition_id == id, "{event:?}");
        }
        self.held[partition] += i64::try_from(count).context("few events")?;
        Ok(events)
    }

    /// Exactly `count` events, or none when the SDK has no such position.
    fn received(&mut self, request: &Request, count: usize) -> anyhow::Result<Option<Vec<Event>>> {
        let lines = self.client.run(request)?.ok()?;
        if lines.unsupported().is_some() {
            return Ok(None);
        }
        let events: Vec<_> = lines.events().into_iter().cloned().collect();
        ensure!(
            events.len() == count,
            "{count} events were expected, and these came: {events:?}"
        );
        Ok(Some(events))
    }

    /// The key decides on the partition, by the hash that Azure's own SDKs compute, and comes back with the event.
    fn partition_key(&mut self) -> anyhow::Result<Outcome> {
        for (key, partition) in [("device-42", 0), ("hello", 3)] {
            let events = vec![NewEvent::text(key), NewEvent::text(key)];
            self.client
                .run(&Request::send(Mode::Batch, events).with_key(key))?
                .ok()?;
            for event in self.new_events(partition, 2)? {
                ensure!(event.body.as_deref() == Some(key), "{event:?}");
                ensure!(event.partition_key.as_deref() == Some(key), "{event:?}");
            }
        }
        Ok(Outcome::Works)
    }

    fn earliest(&mut self) -> anyhow::Result<Outcome> {
        for number in 0..3 {
            let events = vec![NewEvent::text(&number.to_string())];
            self.client
                .run(&Request::send(Mode::Batch, events).to_partition("2"))?
                .ok()?;
            thread::sleep(Duration::from_millis(5));
        }
        let request = Request::receive("2", Position::Earliest, 3);
        let three = self.received(&request, 3)?.context("the SDK begins anywhere")?;
        for (event, number) in three.iter().zip(0..) {
            ensure!(event.sequence_number == number, "{event:?}");
            ensure!(
                event.body.as_deref() == Some(number.to_string().as_str()),
                "{event:?}"
            );
        }
        let ascends = three
            .windows(2)
            .all(|pair| pair[0].enqueued_time < pair[1].enqueued_time);
        ensure!(ascends, "the times do not ascend: {three:?}");
        self.held[2] = 3;
        self.three = three;
        Ok(Outcome::Works)
    }

    fn receive_from_offset(&mut self, inclusive: bool, first: i64) -> anyhow::Result<Outcome> {
        let offset = self.middle()?.offset.clone();
        self.from(Position::Offset { offset, inclusive }, first)
    }

    fn receive_from_sequence_number(&mut self, inclusive: bool, first: i64) -> anyhow::Result<Outcome> {
        let sequence_number = self.middle()?.sequence_number;
        let position = Position::SequenceNumber {
            sequence_number,
            inclusive,
        };
        self.from(position, first)
    }

    fn after_time(&mut self) -> anyhow::Result<Outcome> {
        let enqueued_time = self.middle()?.enqueued_time;
        let position = Position::EnqueuedTime {
            enqueued_time,
            inclusive: false,
        };
        self.from(position, 2)
    }

    fn middle(&self) -> anyhow::Result<&Event> {
        self.three.get(1).context("three events are there")
    }

    /// Receives the rest of the three events; the first that comes is number `first`.
    fn from(&mut self, position: Position, first: i64) -> anyhow::Result<Outcome> {
        let count = usize::try_from(3 - first).context("the first is one of three")?;
        let Some(events) = self.received(&Request::receive("2", position, count), count)? else {
            return Ok(Outcome::Unsupported("this SDK has no such position".to_owned()));
        };
        let numbers: Vec<_> = events.iter().map(|event| event.sequence_number).collect();
        ensure!(numbers == (first..3).collect::<Vec<_>>(), "{numbers:?}");
        Ok(Outcome::Works)
    }

    fn last_enqueued(&mut self) -> anyhow::Result<Outcome> {
        let request = Request::receive("2", Position::Earliest, 3).tracking();
        let lines = self.client.run(&request)?.ok()?;
        if let Some(why) = lines.unsupported() {
            return Ok(Outcome::Unsupported(why.to_owned()));
        }
        let events = lines.events();
        let last = events.last().context("something came")?;
        ensure!(last.sequence_number == 2, "{last:?}");
        for event in &events {
            let told = event
                .last_enqueued
                .as_ref()
                .with_context(|| format!("nothing is told: {event:?}"))?;
            let place = (told.sequence_number, told.offset.as_str(), told.enqueued_time);
            ensure!(
                place == (2, last.offset.as_str(), last.enqueued_time),
                "{event:?}"
            );
            ensure!(told.retrieval_time >= told.enqueued_time, "{event:?}");
        }
        Ok(Outcome::Works)
    }

    fn owner_levels(&mut self) -> anyhow::Result<Outcome> {
        let lines = self.client.run(&Request::epoch("2"))?.ok()?;
        ensure!(
            lines.events().len() == 1,
            "the second receiver got nothing: {lines:?}"
        );
        let mut expected = [
            "higher epoch of '2'",
            "with a higher epoch '2' already exists",
            "non-epoch receiver is not allowed",
        ]
        .iter();
        for line in lines.iter() {
            let (Line::Disconnected(failure) | Line::Refused(failure)) = line else {
                continue;
            };
            let text = expected.next().with_context(|| format!("too many: {lines:?}"))?;
            ensure!(failure.text.contains(text), "{text:?} is not in {failure:?}");
            if let Some(condition) = failure.condition() {
                ensure!(condition.ends_with("link:stolen"), "{failure:?}");
            }
        }
        ensure!(expected.next().is_none(), "somebody was not refused: {lines:?}");
        Ok(Outcome::Works)
    }

    fn what_survives(&mut self) -> anyhow::Result<Outcome> {
        let properties: BTreeMap<_, _> = [
            ("text", Value::Text("grün".to_owned())),
            ("empty", Value::Text(String::new())),
            ("small", Value::Whole(42)),
            ("negative", Value::Whole(-7)),
            ("big", Value::Whole(2_000_000_000)),
            ("fraction", Value::Fraction(1.5)),
            ("flag", Value::Bool(true)),
            // Not UTF-8: Python could not tell it from text otherwise.
            ("bytes", Value::Bytes(vec![0, 0xff, 0x10])),
            ("time", Value::Time(1_700_000_000_123)),
        ]
        .into();
        let text = "{\"ü\": 1}";
        let event = properties
            .iter()
            .fold(NewEvent::text(text), |event, (name, value)| {
                event.property(name, value.clone())
            })
            .ids("message-1", "correlation-1", "application/json");
        self.client
            .run(&Request::send(Mode::Batch, vec![event]).to_partition("1"))?
            .ok()?;
        let came = self.new_events(1, 1)?.remove(0);
        ensure!(came.body.as_deref() == Some(text), "{came:?}");
        ensure!(
            came.message_id == Some(Value::Text("message-1".to_owned())),
            "{came:?}"
        );
        ensure!(
            came.correlation_id == Some(Value::Text("correlation-1".to_owned())),
            "{came:?}"
        );
        ensure!(
            came.content_type.as_deref() == Some("application/json"),
            "{came:?}"
        );
        for (name, sent) in properties {
            let seen = came
                .properties
                .get(name)
                .with_context(|| format!("{name} is missing: {came:?}"))?;
            ensure!(
                seen.is_like(&sent),
                "{name} was sent as {sent:?} and came as {seen:?}"
            );
        }
        Ok(Outcome::Works)
    }

    fn large(&mut self) -> anyhow::Result<Outcome> {
        let sent = self.send_large(LARGE, 3)?;
        ensure!(sent.failure().is_none(), "{sent:?}");
        let came = self.new_events(1, 1)?.remove(0);
        ensure!(
            came.size == LARGE && came.sha256.as_deref() == Some(LARGE_DIGEST),
            "{came:?}"
        );
        Ok(Outcome::Works)
    }

    /// Refused by the broker, or by an SDK that asked the broker how much it takes.
    fn too_large(&mut self) -> anyhow::Result<Outcome> {
        let lines = self.send_large(TOO_LARGE, 0)?;
        let failure = lines
            .failure()
            .with_context(|| format!("it was taken: {lines:?}"))?;
        let now = self.partition("1")?;
        ensure!(
            now.last_enqueued_sequence_number == self.held[1] - 1,
            "it was refused and is there: {now:?}"
        );
        Ok(Outcome::Refused(failure.class.clone()))
    }

    fn send_large(&mut self, size: usize, retries: u32) -> anyhow::Result<Lines> {
        // Rust's SDK counts a batch's first event twice, so that 1 MiB fits only outside of one. What is too large it sends
        // in parts, each as a delivery of its own, and waits for ever when these are refused.
        let skipped = (self.client.sdk() == Sdk::Rust && size > LARGE).then_some(Mode::Single);
        for mode in [Mode::Single, Mode::List, Mode::Batch] {
            if Some(mode) == skipped {
                continue;
            }
            let request = Request::send(mode, vec![NewEvent::of_size(size)]).to_partition("1");
            let lines = self.client.run(&request.retries(retries))?;
            if lines.unsupported().is_none() {
                return Ok(lines);
            }
        }
        bail!("the SDK cannot send")
    }

    fn buffered(&mut self) -> anyhow::Result<Outcome> {
        let events: Vec<_> = (0..20)
            .map(|number| NewEvent::text(&format!("buffered {number}")))
            .collect();
        let lines = self.client.run(&Request::send(Mode::Buffered, events))?.ok()?;
        if let Some(why) = lines.unsupported() {
            return Ok(Outcome::Unsupported(why.to_owned()));
        }
        ensure!(lines.sent() == 20, "{lines:?}");
        let before: i64 = self.held.iter().sum();
        let now = self.look()?;
        ensure!(now == before + 20, "{before} events became {now}");
        Ok(Outcome::Works)
    }

    /// Asks how many events the partitions hold, and returns the sum.
    fn look(&mut self) -> anyhow::Result<i64> {
        let lines = self.client.run(&Request::properties())?.ok()?;
        let partitions = lines.iter().filter_map(|line| match line {
            Line::Partition(properties) => Some(properties.last_enqueued_sequence_number + 1),
            _ => None,
        });
        for (held, found) in self.held.iter_mut().zip(partitions) {
            *held = found;
        }
        Ok(self.held.iter().sum())
    }

    /// Nothing of what was there before.
    fn latest(&mut self) -> anyhow::Result<Outcome> {
        ensure!(self.held[3] > 0, "something was there before");
        let request = Request::receive("3", Position::Latest, 2).trickle(NewEvent::text("now"));
        let events = self.received(&request, 2)?.context("the SDK begins anywhere")?;
        ensure!(
            events.iter().all(|event| event.body.as_deref() == Some("now")),
            "{events:?}"
        );
        Ok(Outcome::Works)
    }

    fn processor(&mut self) -> anyhow::Result<Outcome> {
        let count = usize::try_from(self.look()?).context("a hub holds no less than nothing")?;
        let new = ["new 0", "new 1", "new 2"];
        let request = Request::processor(count, new.map(NewEvent::text).to_vec());
        let lines = self.client.run(&request)?.ok()?;
        let (first, second): (Vec<_>, Vec<_>) = lines
            .events()
            .into_iter()
            .partition(|event| event.round == Some(1));
        ensure!(
            first.len() == count,
            "{} of {count} events came first",
            first.len()
        );
        let mut bodies: Vec<_> = second
            .iter()
            .map(|event| event.body.as_deref().unwrap_or_default())
            .collect();
        bodies.sort_unstable();
        ensure!(bodies == new, "the second processor took {bodies:?}");
        Ok(Outcome::Works)
    }
}
