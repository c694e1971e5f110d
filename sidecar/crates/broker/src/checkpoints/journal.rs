//! What is written down about containers and blobs.

use std::sync::Arc;

use bytes::Bytes;
use model::{SequenceNumber, Uid};
use storage::{Record, RecordKind, RecordView, StreamId};

use super::content::{Content, Metadata};
use super::etag::ETag;
use super::store::{Change, Stamp, Step};
use crate::topics::varint::{Malformed, Reader, Writer};

/// Steps of containers and blobs. Not the kind of another owner's journal, so that none is shown what others wrote.
pub(crate) const STEPS: RecordKind = RecordKind(10);

/// All steps belong to one stream, which no resource can have: it is of version 8, those of resources are of version 4.
const STREAM: StreamId = StreamId(Uid::from_u128(0x7765_6674_0000_8000_8000_6368_6563_6b73));

const USED: u8 = 1;
const DELETED: u8 = 2;
const WRITTEN: u8 = 3;
const BLOB_DELETED: u8 = 4;

/// A step on its way into the log.
pub(super) struct Draft {
    stamp: Stamp,
    payload: Vec<u8>,
}

impl Draft {
    pub(super) fn of(step: &Step) -> Self {
        let mut writer = Writer::with_capacity(256);
        writer.byte(match &step.change {
            Change::Used => USED,
            Change::Deleted => DELETED,
            Change::Written { .. } => WRITTEN,
            Change::BlobDeleted { .. } => BLOB_DELETED,
        });
        writer.text(&step.container);
        match &step.change {
            Change::Used | Change::Deleted => (),
            Change::Written {
                name,
                created,
                content,
            } => {
                writer.text(name);
                writer.time(*created);
                encode_content(&mut writer, content);
            }
            Change::BlobDeleted { name } => writer.text(name),
        }
        Self {
            stamp: step.stamp,
            payload: writer.finish(),
        }
    }

    pub(super) fn footprint(&self) -> usize {
        storage::footprint(self.payload.len())
    }

    pub(super) fn record(&self) -> Record<'_> {
        Record {
            stream: STREAM,
            sequence: SequenceNumber::new(self.stamp.etag.number()),
            kind: STEPS,
            time: self.stamp.time,
            payload: &self.payload,
        }
    }
}

impl Step {
    pub(super) fn decode(record: RecordView<'_>) -> Result<Self, Malformed> {
        let mut reader = Reader::new(record.payload);
        let tag = reader.byte()?;
        let container = Arc::from(reader.text()?);
        let change = match tag {
            USED => Change::Used,
            DELETED => Change::Deleted,
            WRITTEN => Change::Written {
                name: Arc::from(reader.text()?),
                created: reader.time()?,
                content: Arc::new(decode_content(&mut reader)?),
            },
            BLOB_DELETED => Change::BlobDeleted {
                name: Arc::from(reader.text()?),
            },
            _ => return Err(Malformed),
        };
        if !reader.is_empty() {
            return Err(Malformed);
        }
        let stamp = Stamp {
            etag: ETag::new(record.sequence.get()),
            time: record.time,
        };
        Ok(Self {
            stamp,
            container,
            change,
        })
    }
}

/// The stream of the steps, for whoever asks for room.
pub(super) const fn stream() -> StreamId {
    STREAM
}

pub(super) fn encode_stamp(writer: &mut Writer, stamp: Stamp) {
    writer.number(stamp.etag.number());
    writer.time(stamp.time);
}

pub(super) fn decode_stamp(reader: &mut Reader<'_>) -> Result<Stamp, Malformed> {
    Ok(Stamp {
        etag: ETag::new(reader.number()?),
        time: reader.time()?,
    })
}

pub(super) fn encode_content(writer: &mut Writer, content: &Content) {
    writer.number(content.metadata.len() as u64);
    for (name, value) in &content.metadata {
        writer.text(name);
        writer.text(value);
    }
    writer.byte(u8::from(content.content_type.is_some()));
    if let Some(content_type) = &content.content_type {
        writer.text(content_type);
    }
    writer.number(content.body.len() as u64);
    writer.raw(&content.body);
}

pub(super) fn decode_content(reader: &mut Reader<'_>) -> Result<Content, Malformed> {
    let mut metadata = Metadata::new();
    for _ in 0..reader.count()? {
        metadata.push((String::from(reader.text()?), String::from(reader.text()?)));
    }
    let content_type = match reader.byte()? {
        0 => None,
        _ => Some(String::from(reader.text()?)),
    };
    Ok(Content {
        metadata,
        content_type,
        body: Bytes::copy_from_slice(reader.bytes()?),
    })
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    fn view<'a>(record: &Record<'a>) -> RecordView<'a> {
        RecordView {
            stream: record.stream,
            sequence: record.sequence,
            kind: record.kind,
            time: record.time,
            payload: record.payload,
        }
    }

    #[test]
    fn every_step_is_read_back() {
        let content = Content {
            metadata: vec![
                (String::from("offset"), String::from("1")),
                (String::from("ü"), String::new()),
            ],
            content_type: Some(String::from("text/plain")),
            body: Bytes::from_static(b"\0body"),
        };
        let written = |content| Change::Written {
            name: Arc::from("a/b"),
            created: Timestamp::from_micros(-1),
            content: Arc::new(content),
        };
        let deleted = Change::BlobDeleted {
            name: Arc::from("a/b"),
        };
        let changes = [
            Change::Used,
            Change::Deleted,
            written(content),
            written(Content::default()),
            deleted,
        ];
        for change in changes {
            let step = Step {
                stamp: Stamp {
                    etag: ETag::new(u64::MAX),
                    time: Timestamp::MAX,
                },
                container: Arc::from("checkpoints"),
                change,
            };
            let draft = Draft::of(&step);
            let mut record = draft.record();
            assert_eq!(Step::decode(view(&record)), Ok(step));
            for length in 0..record.payload.len() {
                record.payload = &draft.payload[..length];
                assert_eq!(Step::decode(view(&record)), Err(Malformed));
            }
        }
    }
}
