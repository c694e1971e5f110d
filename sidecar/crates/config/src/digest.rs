//! The fingerprint of a shard's bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A 128-bit fingerprint (FNV-1a) of a piece of a document, in JSON 32 lower-case hexadecimal digits.
///
/// It tells versions of a piece apart and finds accidents: a torn write, a stale shard beside a new head.
/// Any change of a single byte changes it for certain, because every step of FNV-1a is a bijection of the
/// state; other accidents go unnoticed with a chance of about 2⁻¹²⁸ per pair. It is *not* a protection
/// against an attacker, who would need write access to the same objects and could rewrite the head too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u128);

const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

impl Digest {
    /// The digest of `bytes`, as they are stored (before compression).
    pub fn of(bytes: &[u8]) -> Self {
        let step = |state: u128, byte: &u8| (state ^ u128::from(*byte)).wrapping_mul(PRIME);
        Self(bytes.iter().fold(OFFSET_BASIS, step))
    }

    /// The digest as a number, for choosing a bucket.
    pub fn to_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDigestError;

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a digest is 32 lower-case hexadecimal digits")
    }
}

impl std::error::Error for ParseDigestError {}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(lower_hex) {
            return Err(ParseDigestError);
        }
        u128::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| ParseDigestError)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_fnv_1a_with_128_bits() {
        // Published test vectors of FNV-1a 128.
        assert_eq!(Digest::of(b"").to_string(), "6c62272e07bb014262b821756295c58d");
        assert_eq!(Digest::of(b"a").to_string(), "d228cb696f1a8caf78912b704e4a8964");
        assert_eq!(
            Digest::of(b"foobar").to_string(),
            "343e1662793c64bf6f0d3597ba446f18"
        );
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "0",
            "6C62272E07BB014262B821756295C58D",
            "+c62272e07bb014262b821756295c58d",
        ] {
            assert_eq!(text.parse::<Digest>(), Err(ParseDigestError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_text_reads_back(bytes: Vec<u8>) {
            let digest = Digest::of(&bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        }

        #[test]
        fn one_changed_byte_always_shows(
            mut bytes in proptest::collection::vec(any::<u8>(), 1..200), at: usize, change in 1u8..,
        ) {
            let before = Digest::of(&bytes);
            let at = at % bytes.len();
            bytes[at] ^= change;
            prop_assert_ne!(Digest::of(&bytes), before);
        }
    }
}
