//! How an event lies in the broker: the bare message as it was sent, and the annotations to put before it.
//!
//! ```text
//! event := bare                                        (empty, or it begins with 0x00, as every section does)
//!        | 0x01 count:u32 length:u32 pairs bare        (numbers in network order; pairs as AMQP encodes them)
//! ```

use amqp::message::{
    self, Annotation, AnnotationKey, Annotations, Batch, Message, RawPairs, Sections, SystemValue,
    write_delivery_annotations, write_message_annotations,
};
use amqp::{DecodeError, Symbol, Value};
use broker::{PartitionProperties, Received};
use bytes::{BufMut, Bytes, BytesMut};
use model::Timestamp;

const ANNOTATED: u8 = 1;
const HEAD: usize = 1 + 4 + 4;

const SEQUENCE_NUMBER: &str = "x-opt-sequence-number";
const OFFSET: &str = "x-opt-offset";
const ENQUEUED_TIME: &str = "x-opt-enqueued-time";
const PARTITION_KEY: &str = "x-opt-partition-key";
const PUBLISHER: &str = "x-opt-publisher";
const PRODUCER_SEQUENCE: &str = "com.microsoft:producer-sequence-number";

/// Set by the broker, whatever a client says.
const OURS: [&str; 5] = [SEQUENCE_NUMBER, OFFSET, ENQUEUED_TIME, PARTITION_KEY, PUBLISHER];

/// Azure's limit.
pub(super) const PARTITION_KEY_CHARACTERS_MAX: usize = 128;

/// Why a transfer is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// It, or a message in it.
    Malformed(DecodeError),
    /// Of a batch, or of an event.
    PartitionKey { characters: usize },
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

/// What a transfer holds, ready to be stored.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// In their order.
    pub(super) events: Vec<Bytes>,
    /// What the partition is chosen by: that of the batch, else that of its first event.
    pub(super) partition_key: Option<String>,
    /// What an idempotent producer numbers its first event with: on the batch, else on that event.
    pub(super) producer_sequence: Option<i32>,
}

impl Incoming {
    /// Reads a message, or a batch of them. Events of a publisher have its name as their partition key.
    ///
    /// # Errors
    /// When it, or a message in it, is malformed; or a partition key is too long, which is written with every event.
    pub(super) fn read(format: u32, payload: &Bytes, publisher: Option<&str>) -> Result<Self, Error> {
        if format != message::BATCH_FORMAT {
            let sections = Sections::scan(payload)?;
            let mut incoming = Self::default();
            incoming.add(&sections, publisher, publisher)?;
            return Ok(incoming);
        }
        let batch = Batch::read(payload)?;
        let annotations = &batch.envelope.message_annotations;
        let key = publisher.map_or_else(|| partition_key(annotations), |name| Ok(Some(name)))?;
        let mut incoming = Self {
            events: Vec::with_capacity(batch.len()),
            partition_key: key.map(str::to_owned),
            producer_sequence: producer_sequence(annotations),
        };
        for message in batch.messages() {
            incoming.add(&Sections::scan(&message)?, key, publisher)?;
        }
        Ok(incoming)
    }

    /// `inherited` is the partition key of an event that has none of its own, and of a publisher's in any case.
    fn add(
        &mut self,
        sections: &Sections,
        inherited: Option<&str>,
        publisher: Option<&str>,
    ) -> Result<(), Error> {
        let annotations = &sections.message_annotations;
        let own = partition_key(annotations)?;
        let key = publisher.or(own).or(inherited);
        if self.partition_key.is_none()
            && let Some(key) = key
        {
            self.partition_key = Some(key.to_owned());
        }
        if self.producer_sequence.is_none() {
            self.producer_sequence = producer_sequence(annotations);
        }
        let pairs: Vec<Annotation<'_>> = annotations.iter().filter(|pair| !is_ours(pair.key)).collect();
        self.events.push(match (key, pairs.is_empty()) {
            (None, true) => sections.bare.clone(),
            _ => annotated(key, publisher, &pairs, &sections.bare),
        });
        Ok(())
    }
}

fn partition_key(annotations: &Annotations) -> Result<Option<&str>, Error> {
    let key = annotations.get(PARTITION_KEY).and_then(|key| key.as_str());
    match key.map_or(0, |key| key.chars().count()) {
        0..=PARTITION_KEY_CHARACTERS_MAX => Ok(key),
        characters => Err(Error::PartitionKey { characters }),
    }
}

fn producer_sequence(annotations: &Annotations) -> Option<i32> {
    let number = annotations.get(PRODUCER_SEQUENCE)?.to_value();
    number.as_integer()?.try_into().ok()
}

fn is_ours(key: AnnotationKey<'_>) -> bool {
    matches!(key, AnnotationKey::Name(name) if OURS.contains(&name))
}

fn annotated(key: Option<&str>, publisher: Option<&str>, pairs: &[Annotation<'_>], bare: &[u8]) -> Bytes {
    let mut encoded = BytesMut::new();
    let ours = [(PARTITION_KEY, key), (PUBLISHER, publisher)];
    let ours = ours.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut count = pairs.len();
    for (name, value) in ours {
        Value::Symbol(Symbol::from_static(name)).encode(&mut encoded);
        Value::String(value.to_owned()).encode(&mut encoded);
        count += 1;
    }
    pairs.iter().for_each(|pair| encoded.put_slice(pair.pair));
    let mut event = BytesMut::with_capacity(HEAD + encoded.len() + bare.len());
    event.put_u8(ANNOTATED);
    event.put_u32(u32::try_from(count).expect("a message is shorter than 4 GiB"));
    event.put_u32(u32::try_from(encoded.len()).expect("a message is shorter than 4 GiB"));
    event.put_slice(&encoded);
    event.put_slice(bare);
    event.freeze()
}

/// A stored event, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored<'a> {
    pub(super) pairs: RawPairs<'a>,
    pub(super) bare: &'a [u8],
}

impl<'a> Stored<'a> {
    /// None if it is none of ours: written by a newer version.
    pub(super) fn parse(event: &'a [u8]) -> Option<Self> {
        match event.first() {
            None | Some(0) => Some(Self {
                pairs: RawPairs::default(),
                bare: event,
            }),
            Some(&ANNOTATED) => {
                let count = u32::from_be_bytes(event.get(1..5)?.try_into().ok()?);
                let length = u32::from_be_bytes(event.get(5..HEAD)?.try_into().ok()?);
                let (bytes, bare) = event.get(HEAD..)?.split_at_checked(length as usize)?;
                Some(Self {
                    pairs: RawPairs { count, bytes },
                    bare,
                })
            }
            Some(_) => None,
        }
    }
}

/// Appends what comes before the bare message: where the event stands in its partition, and what was stored with it.
pub(super) fn put_annotations(received: &Received, pairs: RawPairs<'_>, out: &mut BytesMut) {
    let mut buffer = itoa::Buffer::new();
    let system = [
        (SEQUENCE_NUMBER, SystemValue::Long(signed(received.sequence))),
        (OFFSET, SystemValue::String(buffer.format(received.offset))),
        (
            ENQUEUED_TIME,
            SystemValue::Timestamp(millis(received.enqueued_time)),
        ),
    ];
    write_message_annotations(&system, pairs, out);
}

/// Appends what a consumer asked to know about its partition.
pub(super) fn put_runtime_metrics(partition: &PartitionProperties, now: Timestamp, out: &mut BytesMut) {
    let mut buffer = itoa::Buffer::new();
    let offset = partition.last_offset.map_or("-1", |offset| buffer.format(offset));
    let time = partition.last_enqueued.map_or(super::management::NEVER, millis);
    let system = [
        (
            "last_enqueued_sequence_number",
            SystemValue::Long(partition.last_sequence),
        ),
        ("last_enqueued_offset", SystemValue::String(offset)),
        ("last_enqueued_time_utc", SystemValue::Timestamp(time)),
        (
            "runtime_info_retrieval_time_utc",
            SystemValue::Timestamp(millis(now)),
        ),
    ];
    write_delivery_annotations(&system, out);
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn millis(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1_000)
}

/// A message, whole, for those who want to look inside.
pub(crate) fn message(event: &Bytes) -> Option<Message> {
    let stored = Stored::parse(event)?;
    let mut whole = BytesMut::with_capacity(event.len() + 32);
    if stored.pairs.count > 0 {
        write_message_annotations(&[], stored.pairs, &mut whole);
    }
    whole.put_slice(stored.bare);
    Message::decode(&whole.freeze()).ok()
}

#[cfg(test)]
mod tests {
    use amqp::message::Body;

    use super::*;

    fn encoded(message: &Message) -> Bytes {
        let mut out = BytesMut::new();
        message.encode(&mut out);
        out.freeze()
    }

    fn plain(body: &str) -> Message {
        Message {
            body: Body::Data(vec![Bytes::copy_from_slice(body.as_bytes())]),
            ..Message::default()
        }
    }

    fn with(annotations: &[(&'static str, &str)], body: &str) -> Message {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                Value::Symbol(Symbol::from_static(name)),
                Value::String((*value).to_owned()),
            )
        };
        Message {
            message_annotations: annotations.iter().map(pair).collect(),
            ..plain(body)
        }
    }

    fn batch(envelope: &Message, messages: &[Message]) -> Bytes {
        let messages: Vec<Bytes> = messages.iter().map(encoded).collect();
        let mut out = BytesMut::new();
        Batch::write(envelope, &messages, &mut out);
        out.freeze()
    }

    fn annotation(event: &Bytes, name: &str) -> Option<String> {
        let message = message(event).unwrap();
        let value = message.message_annotation(name)?;
        Some(value.as_str().unwrap().to_owned())
    }

    #[test]
    fn a_message_without_annotations_is_stored_as_it_came() {
        let payload = encoded(&plain("hello"));
        let incoming = Incoming::read(0, &payload, None).unwrap();
        assert_eq!(incoming.events, [payload]);
        assert_eq!(incoming.partition_key, None);
    }

    #[test]
    fn what_a_client_annotates_stays_but_for_what_is_ours() {
        let payload = encoded(&with(
            &[("mine", "1"), (SEQUENCE_NUMBER, "7"), (PUBLISHER, "x")],
            "hello",
        ));
        let incoming = Incoming::read(0, &payload, None).unwrap();
        let event = &incoming.events[0];
        assert_eq!(annotation(event, "mine").as_deref(), Some("1"));
        assert_eq!(annotation(event, SEQUENCE_NUMBER), None);
        assert_eq!(annotation(event, PUBLISHER), None);
        assert_eq!(message(event).unwrap().body, plain("hello").body);
    }

    #[test]
    fn the_key_of_a_batch_is_that_of_its_envelope_or_of_its_first_event() {
        let keyed = batch(
            &with(&[(PARTITION_KEY, "a")], ""),
            &[plain("1"), with(&[(PARTITION_KEY, "a")], "2")],
        );
        let incoming = Incoming::read(message::BATCH_FORMAT, &keyed, None).unwrap();
        assert_eq!(incoming.partition_key.as_deref(), Some("a"));
        let keys: Vec<_> = incoming
            .events
            .iter()
            .map(|event| annotation(event, PARTITION_KEY).unwrap())
            .collect();
        assert_eq!(keys, ["a", "a"]);
        let inner = batch(
            &Message::default(),
            &[with(&[(PARTITION_KEY, "b")], "1"), plain("2")],
        );
        let incoming = Incoming::read(message::BATCH_FORMAT, &inner, None).unwrap();
        assert_eq!(incoming.partition_key.as_deref(), Some("b"));
        assert_eq!(annotation(&incoming.events[1], PARTITION_KEY), None);
        let empty = Incoming::read(message::BATCH_FORMAT, &batch(&Message::default(), &[]), None).unwrap();
        assert!(empty.events.is_empty() && empty.partition_key.is_none());
    }

    #[test]
    fn the_name_of_a_publisher_is_the_key_of_all_its_events() {
        let payload = encoded(&with(&[(PARTITION_KEY, "other")], "hello"));
        let incoming = Incoming::read(0, &payload, Some("device")).unwrap();
        assert_eq!(incoming.partition_key.as_deref(), Some("device"));
        assert_eq!(
            annotation(&incoming.events[0], PARTITION_KEY).as_deref(),
            Some("device")
        );
        assert_eq!(
            annotation(&incoming.events[0], PUBLISHER).as_deref(),
            Some("device")
        );
    }

    #[test]
    fn a_key_that_is_too_long_is_refused_before_it_is_written_with_every_event() {
        let long = "k".repeat(PARTITION_KEY_CHARACTERS_MAX + 1);
        let too_long = Err(Error::PartitionKey { characters: 129 });
        let envelope = batch(&with(&[(PARTITION_KEY, &long)], ""), &[plain("1")]);
        let inner = batch(
            &Message::default(),
            &[plain("1"), with(&[(PARTITION_KEY, &long)], "2")],
        );
        for payload in [envelope, inner] {
            let read = Incoming::read(message::BATCH_FORMAT, &payload, None);
            assert_eq!(read.map(|incoming| incoming.events.len()), too_long);
        }
    }

    #[test]
    fn a_batch_with_a_broken_message_is_refused_as_a_whole() {
        let mut out = BytesMut::new();
        let broken = Bytes::from_static(b"\x00\x53\x75\xa0\x05abc");
        Batch::write(&Message::default(), &[encoded(&plain("1")), broken], &mut out);
        assert!(Incoming::read(message::BATCH_FORMAT, &out.freeze(), None).is_err());
    }

    #[test]
    fn what_consumers_get_has_its_place_before_what_was_sent() {
        let payload = encoded(&with(&[("mine", "1")], "hello"));
        let event = Incoming::read(0, &payload, None).unwrap().events.remove(0);
        let stored = Stored::parse(&event).unwrap();
        let received = Received {
            sequence: 41,
            offset: 4_096,
            enqueued_time: Timestamp::from_micros(1_700_000_000_123_999),
            event: event.clone(),
        };
        let empty = PartitionProperties {
            begin_sequence: 0,
            last_sequence: -1,
            last_offset: None,
            last_enqueued: None,
            is_empty: true,
        };
        let mut out = BytesMut::new();
        put_runtime_metrics(&empty, received.enqueued_time, &mut out);
        put_annotations(&received, stored.pairs, &mut out);
        out.put_slice(stored.bare);
        let message = Message::decode(&out.freeze()).unwrap();
        let get = |name| message.message_annotation(name).unwrap().clone();
        assert_eq!(get(SEQUENCE_NUMBER), Value::Long(41));
        assert_eq!(get(OFFSET), Value::String("4096".into()));
        assert_eq!(get(ENQUEUED_TIME), Value::Timestamp(1_700_000_000_123));
        assert_eq!(get("mine"), Value::String("1".into()));
        assert_eq!(message.delivery_annotations[0].1, Value::Long(-1));
        assert_eq!(message.body, plain("hello").body);
    }

    #[test]
    fn an_event_of_another_version_is_not_taken_for_ours() {
        assert!(Stored::parse(&[2, 0, 0]).is_none());
        assert!(Stored::parse(&[ANNOTATED, 0, 0, 0, 1, 0, 0, 0, 9, 1]).is_none());
        assert!(Stored::parse(&[]).unwrap().bare.is_empty());
    }
}
