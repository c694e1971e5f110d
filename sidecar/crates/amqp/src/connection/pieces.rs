//! A message of several parts, cut into what fits into frames.

use bytes::{BufMut, Bytes, BytesMut};
use smallvec::SmallVec;

/// What is left of the parts.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    parts: &'a [&'a [u8]],
    /// Bytes of the first part that are gone already.
    offset: usize,
    len: usize,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(parts: &'a [&'a [u8]]) -> Self {
        Self {
            parts,
            offset: 0,
            len: parts.iter().map(|part| part.len()).sum(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The next bytes, as many as there are up to `size`.
    pub(super) fn take(&mut self, size: usize) -> SmallVec<[&'a [u8]; 4]> {
        let mut taken = SmallVec::new();
        let mut wanted = size.min(self.len);
        self.len -= wanted;
        while let Some((part, rest)) = self.parts.split_first() {
            let part = &part[self.offset..];
            if part.len() > wanted {
                taken.push(&part[..wanted]);
                self.offset += wanted;
                break;
            }
            taken.push(part);
            wanted -= part.len();
            self.parts = rest;
            self.offset = 0;
        }
        taken
    }

    /// A copy of everything that is left.
    pub(super) fn into_bytes(mut self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.len);
        for part in self.take(self.len) {
            bytes.put_slice(part);
        }
        bytes.freeze()
    }
}
