//! Part 3, 3.2.4.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::wire::{Decode, Encode, Milliseconds, Reader, code, descriptor, put_described_list};
use crate::{DecodeError, Symbol, Value};

/// The properties that the standard names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    pub message_id: Option<MessageId>,
    pub user_id: Option<Bytes>,
    /// None also if it is no string.
    pub to: Option<String>,
    pub subject: Option<String>,
    /// As `to`.
    pub reply_to: Option<String>,
    pub correlation_id: Option<MessageId>,
    pub content_type: Option<Symbol>,
    pub content_encoding: Option<Symbol>,
    /// In milliseconds since the Unix epoch.
    pub absolute_expiry_time: Option<i64>,
    /// In milliseconds since the Unix epoch.
    pub creation_time: Option<i64>,
    pub group_id: Option<String>,
    pub group_sequence: Option<u32>,
    pub reply_to_group_id: Option<String>,
}

/// Parts 3.2.11 to 3.2.14. An answer repeats the id of its request with the type unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MessageId {
    Ulong(u64),
    Uuid([u8; 16]),
    Binary(Bytes),
    String(String),
}

impl Properties {
    /// After the descriptor.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let milliseconds = |time: Milliseconds| time.0;
        reader.list("properties", |fields| {
            Ok(Self {
                message_id: fields.next("properties.message-id")?,
                user_id: fields.next("properties.user-id")?,
                to: fields.next("properties.to")?.and_then(Value::into_string),
                subject: fields.next("properties.subject")?,
                reply_to: fields.next("properties.reply-to")?.and_then(Value::into_string),
                correlation_id: fields.next("properties.correlation-id")?,
                content_type: fields.next("properties.content-type")?,
                content_encoding: fields.next("properties.content-encoding")?,
                absolute_expiry_time: fields.next("properties.absolute-expiry-time")?.map(milliseconds),
                creation_time: fields.next("properties.creation-time")?.map(milliseconds),
                group_id: fields.next("properties.group-id")?,
                group_sequence: fields.next("properties.group-sequence")?,
                reply_to_group_id: fields.next("properties.reply-to-group-id")?,
            })
        })
    }

    /// What [`Properties::decode`] would find wrong, without building anything.
    pub(super) fn check(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        reader.list("properties", |fields| {
            fields.check(MessageId::accepts, "properties.message-id")?;
            fields.check(Bytes::accepts, "properties.user-id")?;
            fields.check(Value::accepts, "properties.to")?;
            fields.check(String::accepts, "properties.subject")?;
            fields.check(Value::accepts, "properties.reply-to")?;
            fields.check(MessageId::accepts, "properties.correlation-id")?;
            fields.check(Symbol::accepts, "properties.content-type")?;
            fields.check(Symbol::accepts, "properties.content-encoding")?;
            fields.check(Milliseconds::accepts, "properties.absolute-expiry-time")?;
            fields.check(Milliseconds::accepts, "properties.creation-time")?;
            fields.check(String::accepts, "properties.group-id")?;
            fields.check(u32::accepts, "properties.group-sequence")?;
            fields.check(String::accepts, "properties.reply-to-group-id")
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::PROPERTIES, out, |fields| {
            fields.put(&self.message_id);
            fields.put(&self.user_id);
            fields.put(&self.to);
            fields.put(&self.subject);
            fields.put(&self.reply_to);
            fields.put(&self.correlation_id);
            fields.put(&self.content_type);
            fields.put(&self.content_encoding);
            fields.put(&self.absolute_expiry_time.map(Milliseconds));
            fields.put(&self.creation_time.map(Milliseconds));
            fields.put(&self.group_id);
            fields.put(&self.group_sequence);
            fields.put(&self.reply_to_group_id);
        });
    }
}

impl Decode for MessageId {
    fn accepts(code: u8) -> bool {
        code == code::UUID || u64::accepts(code) || Bytes::accepts(code) || String::accepts(code)
    }

    fn decode(code: u8, field: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if code == code::UUID {
            reader.fixed().map(Self::Uuid)
        } else if u64::accepts(code) {
            u64::decode(code, field, reader).map(Self::Ulong)
        } else if Bytes::accepts(code) {
            Bytes::decode(code, field, reader).map(Self::Binary)
        } else {
            String::decode(code, field, reader).map(Self::String)
        }
    }
}

impl Encode for MessageId {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Ulong(number) => number.encode(out),
            Self::Uuid(uuid) => {
                out.put_u8(code::UUID);
                out.put_slice(uuid);
            }
            Self::Binary(binary) => binary.encode(out),
            Self::String(text) => text.encode(out),
        }
    }
}
