//! The primitive encodings (part 1, 1.6): reading with bounds and without copies, and writing.

pub(crate) mod code;
pub(crate) mod descriptor;
mod list;
mod primitive;
mod reader;
mod writer;

pub(crate) use list::put_described_list;
pub(crate) use primitive::{Decode, Encode, Milliseconds, put_symbols};
pub(crate) use reader::{ELEMENTS_WITHOUT_BYTES_MAX, MAX_DEPTH, Reader};
pub(crate) use writer::{put_compound, put_descriptor, put_length, put_sized, put_variable};
