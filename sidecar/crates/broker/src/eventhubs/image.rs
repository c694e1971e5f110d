//! All hubs at a start: what the snapshot says, and what the log adds to it.

use std::collections::{BTreeMap, HashMap};

use model::{Timestamp, Uid};
use roaring::RoaringTreemap;
use storage::{RecordView, StreamId};

use super::ended::Ended;
use super::journal::Step;
use super::partition::{End, State};
use super::stream::{self, PARTITIONS_MAX};
use crate::topics::engine::Replayed;
use crate::topics::varint::{Malformed, Reader, Writer};

/// Begins with the version, so that another one is refused and not misread.
const VERSION: u8 = 1;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Image {
    pub(super) hubs: BTreeMap<Uid, HubImage>,
    pub(super) ended: Ended,
    pub(super) next_step: u64,
    /// Where the numbers of a partition begin that never was.
    pub(super) first: End,
    /// Whose partition a stream is.
    streams: HashMap<StreamId, (Uid, usize)>,
}

/// One hub, declared or not.
#[derive(Debug)]
pub(super) struct HubImage {
    pub(super) name: String,
    pub(super) created_at: Timestamp,
    pub(super) closed: Option<Timestamp>,
    pub(super) partitions: Vec<State>,
}

impl Image {
    /// The image and the position in the log that it stands for.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, u64), Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Malformed);
        }
        let position = reader.number()?;
        let mut image = Self {
            next_step: reader.number()?,
            ..Self::default()
        };
        for _ in 0..reader.count()? {
            let uid = reader.uid()?;
            let end = End {
                record: reader.number()?,
                sequence: reader.number()?,
                offset: reader.number()?,
                last: None,
            };
            image.ended.remember(uid, end);
        }
        for _ in 0..reader.count()? {
            let uid = reader.uid()?;
            let hub = HubImage::decode(&mut reader)?;
            image.hubs.insert(uid, hub);
            image.name_streams(uid);
        }
        if reader.is_empty() {
            Ok((image, position))
        } else {
            Err(Malformed)
        }
    }

    /// Numbers below are those of events that are lost with the disk that they were on, and are not given again.
    pub(crate) fn number_from(&mut self, number: u64) {
        self.first = End {
            sequence: number,
            offset: number,
            ..End::default()
        };
    }

    pub(super) fn encode_head(writer: &mut Writer, position: u64, next_step: u64, ended: &Ended) {
        writer.byte(VERSION);
        writer.number(position);
        writer.number(next_step);
        let ended = ended.iter();
        writer.number(ended.len() as u64);
        for (uid, end) in ended {
            writer.uid(uid);
            writer.number(end.record);
            writer.number(end.sequence);
            writer.number(end.offset);
        }
    }

    fn name_streams(&mut self, uid: Uid) {
        let count = self.hubs.get(&uid).map_or(0, |hub| hub.partitions.len());
        for index in 0..count {
            let stream = stream::of_partition(uid, index as u32);
            self.streams.insert(stream, (uid, index));
        }
    }

    /// Applies one record of the log. Records must come in their order; what the snapshot knows is skipped.
    pub(crate) fn replay(&mut self, record: RecordView<'_>, seen: &mut Replayed) {
        seen.records += 1;
        let applied = match record.kind {
            stream::EVENTS => self.replay_events(record),
            stream::JOURNAL => Step::decode(record.payload).map(|step| self.replay_step(record, step)),
            _ => Ok(false),
        };
        match applied {
            Ok(true) => (),
            Ok(false) => seen.skipped += 1,
            Err(Malformed) => seen.malformed += 1,
        }
    }

    fn partition(&mut self, stream: StreamId) -> Option<&mut State> {
        let (uid, index) = self.streams.get(&stream)?;
        self.hubs.get_mut(uid)?.partitions.get_mut(*index)
    }

    fn replay_events(&mut self, record: RecordView<'_>) -> Result<bool, Malformed> {
        match self.partition(record.stream) {
            Some(partition) => partition.replay_events(record.sequence.get(), record.time, record.payload),
            None => Ok(false),
        }
    }

    fn replay_step(&mut self, record: RecordView<'_>, step: Step) -> bool {
        match step {
            Step::Trimmed(begin) => {
                let partition = self.partition(record.stream);
                partition
                    .map(|partition| partition.replay_trimmed(begin))
                    .is_some()
            }
            Step::ProducerOpened(producer) => {
                let partition = self.partition(record.stream);
                partition
                    .map(|partition| partition.producer_opened(producer))
                    .is_some()
            }
            Step::Opened { .. } | Step::Closed | Step::Deleted => {
                let number = record.sequence.get();
                let is_new = number >= self.next_step;
                if is_new {
                    self.next_step = number + 1;
                    self.replay_hub(record.stream.0, record.time, step);
                }
                is_new
            }
        }
    }

    fn replay_hub(&mut self, uid: Uid, time: Timestamp, step: Step) {
        match step {
            Step::Opened { name, partitions } => {
                let first = self.ended.end(uid).unwrap_or(self.first);
                let hub = self.hubs.entry(uid).or_insert_with(|| HubImage {
                    name: String::new(),
                    created_at: time,
                    closed: None,
                    partitions: Vec::new(),
                });
                hub.name = name;
                hub.closed = None;
                let count = partitions.min(PARTITIONS_MAX) as usize;
                while hub.partitions.len() < count {
                    hub.partitions.push(State::new(first));
                }
                self.name_streams(uid);
            }
            Step::Closed => {
                if let Some(hub) = self.hubs.get_mut(&uid) {
                    hub.closed = Some(time);
                }
            }
            Step::Deleted => {
                if let Some(hub) = self.hubs.remove(&uid) {
                    let ends = hub.partitions.iter().map(State::next);
                    let end = ends.fold(End::default(), End::joined);
                    self.ended.remember(uid, end);
                }
            }
            Step::Trimmed(_) | Step::ProducerOpened(_) => (),
        }
    }

    /// The records of each stream that are still wanted.
    pub(crate) fn live(&self) -> impl Iterator<Item = (StreamId, RoaringTreemap)> {
        self.hubs.iter().flat_map(|(uid, hub)| {
            let streams = hub.partitions.iter().enumerate();
            streams.map(|(index, state)| {
                let mut live = RoaringTreemap::new();
                live.insert_range(state.begin().record..state.next().record);
                (stream::of_partition(*uid, index as u32), live)
            })
        })
    }
}

impl HubImage {
    /// The partitions follow.
    pub(super) fn encode_head(
        writer: &mut Writer,
        uid: Uid,
        name: &str,
        created_at: Timestamp,
        closed: Option<Timestamp>,
        partitions: usize,
    ) {
        writer.uid(uid);
        writer.text(name);
        writer.time(created_at);
        writer.byte(u8::from(closed.is_some()));
        if let Some(since) = closed {
            writer.time(since);
        }
        writer.number(partitions as u64);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut hub = Self {
            name: String::from(reader.text()?),
            created_at: reader.time()?,
            closed: None,
            partitions: Vec::new(),
        };
        if reader.byte()? == 1 {
            hub.closed = Some(reader.time()?);
        }
        for _ in 0..reader.count()? {
            hub.partitions.push(State::decode(reader)?);
        }
        Ok(hub)
    }
}

#[cfg(test)]
mod tests;
