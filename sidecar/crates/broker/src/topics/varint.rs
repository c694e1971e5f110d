//! Numbers as the journal and the snapshot write them: little-endian base 128.

use model::{Timestamp, Uid};

/// The bytes end early, or a number is too large for its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub(crate) struct Malformed;

/// Appends fields to a buffer.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(crate) fn time(&mut self, time: Timestamp) {
        // Zigzag, so that moments before 1970 stay representable.
        let micros = time.as_micros();
        self.number(((micros << 1) ^ (micros >> 63)) as u64);
    }

    pub(crate) fn uid(&mut self, uid: Uid) {
        self.0.extend_from_slice(&uid.to_u128().to_be_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes fields off the front of a slice. Never panics and never allocates more than the slice can justify.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    pub(crate) fn number_as<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.number()?).map_err(|_| Malformed)
    }

    /// A count of things that take at least one byte each.
    pub(crate) fn count(&mut self) -> Result<usize, Malformed> {
        let count: usize = self.number_as()?;
        if count > self.0.len() {
            Err(Malformed)
        } else {
            Ok(count)
        }
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, Malformed> {
        let zigzag = self.number()?;
        Ok(Timestamp::from_micros(
            (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64),
        ))
    }

    pub(crate) fn uid(&mut self) -> Result<Uid, Malformed> {
        let (bytes, rest) = self.0.split_first_chunk::<16>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(Uid::from_u128(u128::from_be_bytes(*bytes)))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    /// A length, and as many bytes.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count()?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut writer = Writer::default();
        for number in [0, 127, 128, 300, u64::MAX] {
            writer.number(number);
        }
        writer.time(Timestamp::from_micros(-5));
        writer.time(Timestamp::MAX);
        writer.text("ü");
        writer.uid(Uid::from_u128(7));
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes);
        for number in [0, 127, 128, 300, u64::MAX] {
            assert_eq!(reader.number(), Ok(number));
        }
        assert_eq!(reader.time(), Ok(Timestamp::from_micros(-5)));
        assert_eq!(reader.time(), Ok(Timestamp::MAX));
        assert_eq!(reader.text(), Ok("ü"));
        assert_eq!(reader.uid(), Ok(Uid::from_u128(7)));
        assert!(reader.is_empty());
        assert_eq!(Reader::new(&[0xff; 12]).number(), Err(Malformed));
    }
}
