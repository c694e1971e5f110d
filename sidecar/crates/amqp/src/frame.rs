//! Part 2, 2.2 and 2.3: protocol headers and frames. Part 5, 5.3.1: those of the security layer.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::performative::{SaslChallenge, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse, Transfer};
use crate::wire::{Reader, code, descriptor};
use crate::{DecodeError, Performative};

/// Part 2, 2.8.19: what everybody must be able to read, in bytes.
pub const MIN_MAX_FRAME_SIZE: u32 = 512;

/// Bytes that a transfer frame takes besides its payload, at most. Without a delivery state: we send none. The header, the
/// descriptor, the list's head, handle and delivery-id, a tag of 32 bytes, the format, and seven fields of a byte, of which
/// one may take two.
pub const TRANSFER_OVERHEAD: usize = HEADER + 3 + 3 + (5 + 5) + (2 + 32) + 5 + 8;

const HEADER: usize = 8;
const TYPE_AMQP: u8 = 0;
const TYPE_SASL: u8 = 1;

/// Part 2, 2.2: what a connection, or a layer of it, begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolHeader {
    /// Protocol id 0.
    Amqp,
    /// Protocol id 3.
    Sasl,
    /// Protocol id 2; TLS begins without it here, as with every client that matters.
    Tls,
}

impl ProtocolHeader {
    /// Takes a header off the front of `input`, if it is complete.
    ///
    /// # Errors
    /// As soon as the bytes cannot become one: a peer that speaks something else, HTTP say, may never send eight.
    pub fn read(input: &mut BytesMut) -> Result<Option<Self>, FrameError> {
        let length = input.len().min(HEADER);
        let candidates = [Self::Amqp, Self::Sasl, Self::Tls];
        let header = candidates
            .into_iter()
            .find(|header| header.bytes()[..length] == input[..length])
            .ok_or(FrameError::ProtocolHeader)?;
        if length < HEADER {
            return Ok(None);
        }
        input.advance(HEADER);
        Ok(Some(header))
    }

    /// As it is written.
    pub fn bytes(self) -> [u8; 8] {
        let id = match self {
            Self::Amqp => 0,
            Self::Tls => 2,
            Self::Sasl => 3,
        };
        [b'A', b'M', b'Q', b'P', id, 1, 0, 0]
    }
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// Nothing: the peer is there.
    Empty { channel: u16 },
    /// Of the transport.
    Amqp {
        channel: u16,
        performative: Performative,
        /// A part of a message, if it is a transfer.
        payload: Bytes,
    },
    /// Of the security layer.
    Sasl(SaslFrame),
}

/// Part 5, 5.3.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaslFrame {
    Mechanisms(SaslMechanisms),
    Init(SaslInit),
    Challenge(SaslChallenge),
    Response(SaslResponse),
    Outcome(SaslOutcome),
}

/// Why bytes are no frame. None of it can be mended: the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Another protocol, or another version of this one.
    #[error("the peer does not begin with a protocol header of AMQP 1.0")]
    ProtocolHeader,
    /// Larger than we said that we read.
    #[error("a frame of {size} bytes is larger than the {limit} bytes agreed on")]
    TooLarge { size: u32, limit: u32 },
    /// Smaller than a header.
    #[error("a frame of {size} bytes is smaller than its header")]
    TooSmall { size: u32 },
    /// Before the end of the header, or behind the end of the frame.
    #[error("a frame's body cannot begin after {words} words of four bytes")]
    DataOffset { words: u8 },
    /// Neither AMQP nor SASL.
    #[error("{0:#04x} is no type of frames")]
    UnknownType(u8),
    /// The body is no performative.
    #[error("a frame cannot be decoded: {0}")]
    Undecodable(#[from] DecodeError),
}

/// Takes one frame off the front of `input`, if it is complete. The payload is a slice of the input, not a copy.
/// `max_frame_size` is the largest that we read, in bytes.
///
/// # Errors
/// When the bytes are no frame, or a larger one. A size that is not allowed is found before the rest has come.
pub fn read(input: &mut BytesMut, max_frame_size: u32) -> Result<Option<Frame>, FrameError> {
    let Some(size) = input.first_chunk().copied().map(u32::from_be_bytes) else {
        return Ok(None);
    };
    if size > max_frame_size {
        let limit = max_frame_size;
        return Err(FrameError::TooLarge { size, limit });
    }
    if (size as usize) < HEADER {
        return Err(FrameError::TooSmall { size });
    }
    if input.len() < size as usize {
        return Ok(None);
    }
    decode(input.split_to(size as usize).freeze()).map(Some)
}

fn decode(mut frame: Bytes) -> Result<Frame, FrameError> {
    let words = frame[4];
    let kind = frame[5];
    let channel = u16::from_be_bytes([frame[6], frame[7]]);
    let offset = usize::from(words) * 4;
    if offset < HEADER || offset > frame.len() {
        return Err(FrameError::DataOffset { words });
    }
    // What lies between the header and the offset is for extensions, which do not exist.
    frame.advance(offset);
    match kind {
        TYPE_AMQP if frame.is_empty() => Ok(Frame::Empty { channel }),
        TYPE_AMQP => Ok(Frame::Amqp {
            channel,
            performative: Performative::decode(&mut frame)?,
            payload: frame,
        }),
        TYPE_SASL => Ok(Frame::Sasl(SaslFrame::decode(&frame)?)),
        other => Err(FrameError::UnknownType(other)),
    }
}

/// Appends a frame; the payload is the concatenation of `payload`.
pub fn write(channel: u16, performative: &Performative, payload: &[&[u8]], out: &mut BytesMut) {
    framed(TYPE_AMQP, channel, out, |out| {
        performative.encode(out);
        payload.iter().for_each(|part| out.put_slice(part));
    });
}

/// A transfer without building a [`Performative`]: header, performative and payload in one go. The payload is the
/// concatenation of `payload`.
pub fn write_transfer(channel: u16, transfer: &Transfer, payload: &[&[u8]], out: &mut BytesMut) {
    let length: usize = payload.iter().map(|part| part.len()).sum();
    out.reserve(TRANSFER_OVERHEAD + length);
    framed(TYPE_AMQP, channel, out, |out| {
        transfer.encode(out);
        payload.iter().for_each(|part| out.put_slice(part));
    });
}

/// Appends a frame of the security layer.
pub fn write_sasl(frame: &SaslFrame, out: &mut BytesMut) {
    framed(TYPE_SASL, 0, out, |out| frame.encode(out));
}

/// Appends a frame that says nothing but that we are there.
pub fn write_empty(out: &mut BytesMut) {
    framed(TYPE_AMQP, 0, out, |_| {});
}

fn framed(kind: u8, channel: u16, out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_slice(&[0, 0, 0, 0, 2, kind]);
    out.put_u16(channel);
    body(out);
    let size = u32::try_from(out.len() - start).expect("the peer's maximum has four bytes");
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

impl SaslFrame {
    fn decode(body: &Bytes) -> Result<Self, DecodeError> {
        const WHAT: &str = "a SASL frame";
        let mut reader = Reader::new(body);
        if reader.byte()? != code::DESCRIBED {
            return Err(DecodeError::NotDescribed { what: WHAT });
        }
        let reader = &mut reader;
        match reader.descriptor()? {
            Some(descriptor::SASL_MECHANISMS) => SaslMechanisms::decode(reader).map(Self::Mechanisms),
            Some(descriptor::SASL_INIT) => SaslInit::decode(reader).map(Self::Init),
            Some(descriptor::SASL_CHALLENGE) => SaslChallenge::decode(reader).map(Self::Challenge),
            Some(descriptor::SASL_RESPONSE) => SaslResponse::decode(reader).map(Self::Response),
            Some(descriptor::SASL_OUTCOME) => SaslOutcome::decode(reader).map(Self::Outcome),
            _ => Err(DecodeError::WrongDescriptor { what: WHAT }),
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Mechanisms(mechanisms) => mechanisms.encode(out),
            Self::Init(init) => init.encode(out),
            Self::Challenge(challenge) => challenge.encode(out),
            Self::Response(response) => response.encode(out),
            Self::Outcome(outcome) => outcome.encode(out),
        }
    }
}
