//! Part 1, 1.4: composite types, which are lists with a descriptor; and maps.

use bytes::BytesMut;

use super::{Decode, Encode, Reader, code, put_compound, put_descriptor};
use crate::DecodeError;

/// Reads the fields of a composite one after the other. A field that the peer left out at the end is null; fields that we
/// do not know are stepped over.
pub(crate) struct ListReader<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: u32,
}

impl<'a> Reader<'a> {
    /// The list of a composite, after its descriptor.
    pub(crate) fn list<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut ListReader<'_, 'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let code = self.byte()?;
        if !matches!(code, code::LIST_0 | code::LIST_8 | code::LIST_32) {
            return Err(DecodeError::Invalid { field: what });
        }
        let list = self.compound(code)?;
        self.within(list.body, |reader| {
            let mut fields = ListReader {
                reader,
                left: list.count,
            };
            let value = read(&mut fields)?;
            fields.skip_rest()?;
            Ok(value)
        })
    }

    /// A map; `pair` is called after the format code of every key.
    pub(crate) fn map(
        &mut self,
        what: &'static str,
        mut pair: impl FnMut(u8, &mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let code = self.byte()?;
        if !matches!(code, code::MAP_8 | code::MAP_32) {
            return Err(DecodeError::Invalid { field: what });
        }
        let map = self.compound(code)?;
        let pairs = map.pairs()?;
        self.within(map.body, |reader| {
            (0..pairs).try_for_each(|_| {
                let key = reader.byte()?;
                pair(key, reader)
            })
        })
    }

    /// A composite with one of the standard's descriptors, after the zero byte.
    pub(crate) fn described_list<T>(
        &mut self,
        descriptor: u8,
        what: &'static str,
        read: impl FnOnce(&mut ListReader<'_, 'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.deeper(1, |reader| {
            if reader.descriptor()? == Some(descriptor) {
                reader.list(what, read)
            } else {
                Err(DecodeError::WrongDescriptor { what })
            }
        })
    }
}

impl ListReader<'_, '_> {
    /// The next field, None if it is null.
    pub(crate) fn next<T: Decode>(&mut self, field: &'static str) -> Result<Option<T>, DecodeError> {
        match self.next_code()? {
            None => Ok(None),
            Some(code) if T::accepts(code) => T::decode(code, field, self.reader).map(Some),
            Some(_) => Err(DecodeError::Invalid { field }),
        }
    }

    /// The next field, which is mandatory.
    pub(crate) fn required<T: Decode>(&mut self, field: &'static str) -> Result<T, DecodeError> {
        self.next(field)?.ok_or(DecodeError::Missing { field })
    }

    /// The next field, or what its absence means.
    pub(crate) fn or<T: Decode>(&mut self, default: T, field: &'static str) -> Result<T, DecodeError> {
        Ok(self.next(field)?.unwrap_or(default))
    }

    /// As [`ListReader::or`], with the type's own default.
    pub(crate) fn or_default<T: Decode + Default>(&mut self, field: &'static str) -> Result<T, DecodeError> {
        Ok(self.next(field)?.unwrap_or_default())
    }

    /// Checks that the next field is null or of a type, without building it.
    pub(crate) fn check(&mut self, accepts: fn(u8) -> bool, field: &'static str) -> Result<(), DecodeError> {
        match self.next_code()? {
            None => Ok(()),
            Some(code) if accepts(code) => self.reader.skip_body(code),
            Some(_) => Err(DecodeError::Invalid { field }),
        }
    }

    fn next_code(&mut self) -> Result<Option<u8>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let code = self.reader.byte()?;
        Ok((code != code::NULL).then_some(code))
    }

    fn skip_rest(&mut self) -> Result<(), DecodeError> {
        (0..self.left).try_for_each(|_| self.reader.skip())
    }
}

/// Writes the fields of a composite one after the other: all that it has, the last ones too if they are null.
pub(crate) struct ListWriter<'o> {
    out: &'o mut BytesMut,
    count: usize,
}

/// Appends a composite.
pub(crate) fn put_described_list(
    descriptor: u8,
    out: &mut BytesMut,
    write: impl FnOnce(&mut ListWriter<'_>),
) {
    put_descriptor(descriptor, out);
    put_compound(code::LIST_8, out, |out| {
        let mut fields = ListWriter { out, count: 0 };
        write(&mut fields);
        fields.count
    });
}

impl ListWriter<'_> {
    pub(crate) fn put(&mut self, field: &impl Encode) {
        field.encode(self.out);
        self.count += 1;
    }
}
