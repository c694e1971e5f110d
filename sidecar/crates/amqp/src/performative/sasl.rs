//! Part 5, 5.3.3: the frames of the security layer.

use bytes::{Bytes, BytesMut};

use crate::wire::{Decode, Encode, Reader, descriptor, put_described_list, put_symbols};
use crate::{DecodeError, Symbol};

/// From the server: what it offers. Written as an array, even of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslMechanisms {
    pub mechanisms: Vec<Symbol>,
}

/// From the client: what it chose.
#[derive(Clone, PartialEq, Eq)]
pub struct SaslInit {
    pub mechanism: Symbol,
    /// May hold a key: never logged.
    pub initial_response: Option<Bytes>,
    pub hostname: Option<String>,
}

/// From the server: a question about the credential. We send none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslChallenge {
    pub challenge: Bytes,
}

/// From the client, to a challenge. We send no challenges; it is read so that it can be refused.
#[derive(Clone, PartialEq, Eq)]
pub struct SaslResponse {
    /// May hold a key: never logged.
    pub response: Bytes,
}

/// From the server: how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslOutcome {
    pub code: SaslCode,
    pub additional_data: Option<Bytes>,
}

/// Part 5, 5.3.3.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslCode {
    /// 0
    Ok,
    /// 1: the credential is wrong.
    Auth,
    /// 2: an error of ours.
    Sys,
    /// 3: an error that will stay.
    SysPerm,
    /// 4: an error that may pass.
    SysTemp,
}

impl SaslMechanisms {
    /// After the descriptor.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("sasl-mechanisms", |fields| {
            Ok(Self {
                mechanisms: fields.required("sasl-mechanisms.sasl-server-mechanisms")?,
            })
        })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::SASL_MECHANISMS, out, |fields| {
            fields.put(&Offered(&self.mechanisms));
        });
    }
}

/// Mandatory, and therefore an array even if it is empty.
struct Offered<'a>(&'a [Symbol]);

impl Encode for Offered<'_> {
    fn encode(&self, out: &mut BytesMut) {
        put_symbols(self.0, out);
    }
}

impl SaslInit {
    /// After the descriptor.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("sasl-init", |fields| {
            Ok(Self {
                mechanism: fields.required("sasl-init.mechanism")?,
                initial_response: fields.next("sasl-init.initial-response")?,
                hostname: fields.next("sasl-init.hostname")?,
            })
        })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::SASL_INIT, out, |fields| {
            fields.put(&self.mechanism);
            fields.put(&self.initial_response);
            fields.put(&self.hostname);
        });
    }
}

impl SaslChallenge {
    /// After the descriptor.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("sasl-challenge", |fields| {
            Ok(Self {
                challenge: fields.required("sasl-challenge.challenge")?,
            })
        })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::SASL_CHALLENGE, out, |fields| {
            fields.put(&self.challenge)
        });
    }
}

impl SaslResponse {
    /// After the descriptor.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("sasl-response", |fields| {
            Ok(Self {
                response: fields.required("sasl-response.response")?,
            })
        })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::SASL_RESPONSE, out, |fields| {
            fields.put(&self.response)
        });
    }
}

impl SaslOutcome {
    /// After the descriptor.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("sasl-outcome", |fields| {
            Ok(Self {
                code: fields.required("sasl-outcome.code")?,
                additional_data: fields.next("sasl-outcome.additional-data")?,
            })
        })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::SASL_OUTCOME, out, |fields| {
            fields.put(&self.code);
            fields.put(&self.additional_data);
        });
    }
}

impl Decode for SaslCode {
    fn accepts(code: u8) -> bool {
        u8::accepts(code)
    }

    fn decode(code: u8, field: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::decode(code, field, reader)? {
            0 => Ok(Self::Ok),
            1 => Ok(Self::Auth),
            2 => Ok(Self::Sys),
            3 => Ok(Self::SysPerm),
            4 => Ok(Self::SysTemp),
            _ => Err(DecodeError::Invalid { field }),
        }
    }
}

impl Encode for SaslCode {
    fn encode(&self, out: &mut BytesMut) {
        let code: u8 = match self {
            Self::Ok => 0,
            Self::Auth => 1,
            Self::Sys => 2,
            Self::SysPerm => 3,
            Self::SysTemp => 4,
        };
        code.encode(out);
    }
}

impl std::fmt::Debug for SaslInit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SaslInit")
            .field("mechanism", &self.mechanism)
            .field("hostname", &self.hostname)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SaslResponse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SaslResponse").finish_non_exhaustive()
    }
}
