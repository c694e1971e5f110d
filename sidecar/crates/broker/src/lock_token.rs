//! The token under which a received event is settled.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Names one delivery of one event to one subscription. Opaque text to clients; survives restarts of the broker.
///
/// It is no secret and no permission: whoever settles needs a permit as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LockToken {
    /// Distinguishes topics, so that a token shown to another one is stale and not by chance valid.
    pub(crate) topic: u32,
    pub(crate) subscription: u32,
    pub(crate) sequence: u64,
    /// Every delivery of an event has another count, so an old token is recognized by it.
    pub(crate) delivery_count: u16,
}

/// The text is not a lock token of this broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Cannot decode lockToken")]
pub struct Undecodable;

const VERSION: u8 = 1;
const CONTENT: usize = 1 + 4 + 4 + 8 + 2;
const SIZE: usize = CONTENT + 4;

impl fmt::Display for LockToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; SIZE];
        bytes[0] = VERSION;
        bytes[1..5].copy_from_slice(&self.topic.to_le_bytes());
        bytes[5..9].copy_from_slice(&self.subscription.to_le_bytes());
        bytes[9..17].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[17..19].copy_from_slice(&self.delivery_count.to_le_bytes());
        let checksum = checksum(&bytes[..CONTENT]);
        bytes[CONTENT..].copy_from_slice(&checksum.to_le_bytes());
        let mut text = [0; SIZE.div_ceil(3) * 4];
        let length = URL_SAFE_NO_PAD
            .encode_slice(bytes, &mut text)
            .map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text[..length]).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for LockToken {
    type Err = Undecodable;

    fn from_str(text: &str) -> Result<Self, Undecodable> {
        // Padding of 23 bytes would be one sign; decode_slice wants room for whole groups.
        let mut bytes = [0; SIZE + 4];
        if text.len() > SIZE.div_ceil(3) * 4 {
            return Err(Undecodable);
        }
        let length = URL_SAFE_NO_PAD
            .decode_slice(text, &mut bytes)
            .map_err(|_| Undecodable)?;
        let bytes: &[u8; SIZE] = bytes[..length].try_into().map_err(|_| Undecodable)?;
        let mut fields = Fields(bytes);
        let version = fields.take::<1>()[0];
        let token = Self {
            topic: u32::from_le_bytes(fields.take()),
            subscription: u32::from_le_bytes(fields.take()),
            sequence: u64::from_le_bytes(fields.take()),
            delivery_count: u16::from_le_bytes(fields.take()),
        };
        let expected = u32::from_le_bytes(fields.take());
        if version != VERSION || expected != checksum(&bytes[..CONTENT]) {
            return Err(Undecodable);
        }
        Ok(token)
    }
}

/// Reads fixed-size fields one after another.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("the fields add up to SIZE");
        self.0 = rest;
        *field
    }
}

/// FNV-1a: tells a mistyped token from a stale one, and nothing more.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> LockToken {
        LockToken {
            topic: 0xdead_beef,
            subscription: 3,
            sequence: u64::MAX - 1,
            delivery_count: 10,
        }
    }

    #[test]
    fn a_token_survives_its_way_through_a_client() {
        let text = token().to_string();
        assert_eq!(text.len(), 31);
        assert_eq!(text.parse(), Ok(token()));
    }

    #[test]
    fn a_token_with_any_character_changed_is_undecodable() {
        let text = token().to_string();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                String::from_utf8(changed).unwrap().parse::<LockToken>(),
                Err(Undecodable)
            );
        }
        for text in [
            "",
            "A",
            "not-a-token",
            &"A".repeat(32),
            &"A".repeat(31),
            &"A".repeat(10_000),
            "ü",
        ] {
            assert_eq!(text.parse::<LockToken>(), Err(Undecodable), "{text}");
        }
    }
}
