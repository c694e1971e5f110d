//! Lengths and sizes: one byte where it is enough, four where it is not.

use bytes::{BufMut as _, BytesMut};

use super::code;

/// A length, size or count of four bytes.
pub(crate) fn put_length(length: usize, out: &mut BytesMut) {
    out.put_u32(u32::try_from(length).expect("nothing that is written reaches 4 GiB"));
}

/// `00`, and a descriptor of the standard as a ulong in one byte: some clients read the second byte after it without
/// looking how the descriptor is written.
pub(crate) fn put_descriptor(descriptor: u8, out: &mut BytesMut) {
    out.put_slice(&[code::DESCRIBED, code::SMALL_ULONG, descriptor]);
}

/// Binary, string or symbol; `code` is the one with a length of one byte.
pub(crate) fn put_variable(code: u8, value: &[u8], out: &mut BytesMut) {
    if let Ok(length) = u8::try_from(value.len()) {
        out.put_slice(&[code, length]);
    } else {
        out.put_u8(code + code::WIDER);
        put_length(value.len(), out);
    }
    out.put_slice(value);
}

/// List, map or array; `code` is the one with a size of one byte, and `write` returns the count. Never the list without
/// elements (0x45), which some clients do not expect.
pub(crate) fn put_compound(code: u8, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> usize) {
    let start = out.len();
    out.put_slice(&[code, 0, 0]);
    let count = write(out);
    let size = out.len() - start - 2;
    if let (Ok(size), Ok(count)) = (u8::try_from(size), u8::try_from(count)) {
        out[start + 1..start + 3].copy_from_slice(&[size, count]);
    } else {
        widen(start, count, out);
    }
}

/// Makes room for a size and a count of four bytes each.
fn widen(start: usize, count: usize, out: &mut BytesMut) {
    let end = out.len();
    out.put_bytes(0, 6);
    out.copy_within(start + 3..end, start + 9);
    out[start] += code::WIDER;
    patch(start + 1, count, out);
}

/// The body of a list, map or array within an array, where all have sizes of four bytes.
pub(crate) fn put_sized(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> usize) {
    let start = out.len();
    out.put_bytes(0, 8);
    let count = write(out);
    patch(start, count, out);
}

fn patch(start: usize, count: usize, out: &mut BytesMut) {
    let size = out.len() - start - 4;
    let both =
        [size, count].map(|length| u32::try_from(length).expect("nothing that is written reaches 4 GiB"));
    out[start..start + 4].copy_from_slice(&both[0].to_be_bytes());
    out[start + 4..start + 8].copy_from_slice(&both[1].to_be_bytes());
}
