//! The whole state as bytes, so that a start does not depend on how much happened before.

use std::sync::Arc;

use super::Engine;
use crate::topics::in_flight::InFlight;
use crate::topics::runs::Runs;
use crate::topics::stream::Stream;
use crate::topics::subscription::Subscription;
use crate::topics::times::Times;
use crate::topics::varint::{Malformed, Reader, Writer};

/// Begins with the version, so that another one is refused and not misread.
const VERSION: u8 = 1;

/// A state and the position in the log that it stands for.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) engine: Engine,
    pub(crate) position: u64,
}

impl Engine {
    /// The effect of everything before `position`.
    pub(crate) fn encode_snapshot(&self, position: u64) -> Vec<u8> {
        let mut writer = Writer::with_capacity(1024);
        writer.byte(VERSION);
        writer.number(position);
        writer.number(self.ended.len() as u64);
        for (topic, next) in &self.ended {
            writer.uid(*topic);
            writer.number(*next);
        }
        writer.number(self.streams.len() as u64);
        for stream in self.streams.values() {
            stream.encode(&mut writer);
        }
        writer.finish()
    }
}

impl Snapshot {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Malformed);
        }
        let position = reader.number()?;
        let mut engine = Engine::default();
        for _ in 0..reader.count()? {
            let topic = reader.uid()?;
            engine.ended.insert(topic, reader.number()?);
        }
        for _ in 0..reader.count()? {
            let stream = Stream::decode(&mut reader)?;
            engine.streams.insert(stream.uid, stream);
        }
        if reader.is_empty() {
            Ok(Self { engine, position })
        } else {
            Err(Malformed)
        }
    }
}

impl Stream {
    fn encode(&self, writer: &mut Writer) {
        writer.uid(self.uid);
        writer.text(&self.name);
        encode_closed(self.closed, writer);
        writer.number(self.floor);
        writer.number(self.next);
        writer.time(self.last_time);
        self.times.encode(writer);
        self.encode_wants(writer);
        writer.number(self.subscriptions.len() as u64);
        for subscription in &self.subscriptions {
            writer.byte(u8::from(subscription.is_some()));
            if let Some(subscription) = subscription {
                subscription.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let uid = reader.uid()?;
        let name = reader.text()?;
        let closed = decode_closed(reader)?;
        let floor = reader.number()?;
        let mut stream = Self::new(uid, name, reader.number()?);
        stream.closed = closed;
        stream.floor = floor;
        stream.last_time = reader.time()?;
        stream.times = Times::decode(reader)?;
        stream.decode_wants(reader)?;
        for index in 0..reader.number_as()? {
            if reader.byte()? == 1 {
                stream.add_subscription(index, Subscription::decode(index, reader)?);
            } else {
                stream.subscriptions.push(None);
            }
        }
        Ok(stream)
    }

    /// Counts repeat over long stretches, so they are written as (count, how often).
    fn encode_wants(&self, writer: &mut Writer) {
        let stretches: Vec<(u16, u64)> = self.wants.iter().fold(Vec::new(), |mut stretches, wants| {
            match stretches.last_mut() {
                Some((same, length)) if same == wants => *length += 1,
                _ => stretches.push((*wants, 1)),
            }
            stretches
        });
        writer.number(stretches.len() as u64);
        for (wants, length) in stretches {
            writer.number(u64::from(wants));
            writer.number(length);
        }
    }

    fn decode_wants(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let expected = self.next.checked_sub(self.floor).ok_or(Malformed)?;
        for _ in 0..reader.count()? {
            let wants: u16 = reader.number_as()?;
            let length: u64 = reader.number()?;
            if length > expected.saturating_sub(self.wants.len() as u64) {
                return Err(Malformed);
            }
            self.wants.extend(std::iter::repeat_n(wants, length as usize));
            self.live += if wants > 0 { length } else { 0 };
        }
        if self.wants.len() as u64 == expected {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

impl Subscription {
    fn encode(&self, writer: &mut Writer) {
        writer.uid(self.uid);
        writer.text(&self.name);
        encode_closed(self.closed, writer);
        self.pending.encode(writer);
        self.in_flight.encode(writer);
    }

    fn decode(index: u32, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let uid = reader.uid()?;
        let mut subscription = Self::new(uid, index, reader.text()?);
        subscription.closed = decode_closed(reader)?;
        subscription.pending = Runs::decode(reader)?;
        subscription.in_flight = InFlight::decode(reader)?;
        subscription.counts = Arc::default();
        Ok(subscription)
    }
}

fn encode_closed(closed: Option<model::Timestamp>, writer: &mut Writer) {
    writer.byte(u8::from(closed.is_some()));
    if let Some(since) = closed {
        writer.time(since);
    }
}

fn decode_closed(reader: &mut Reader<'_>) -> Result<Option<model::Timestamp>, Malformed> {
    match reader.byte()? {
        0 => Ok(None),
        _ => reader.time().map(Some),
    }
}
