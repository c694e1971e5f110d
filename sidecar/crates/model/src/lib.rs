//! The words of the data plane: identifiers, events, time and sizes. No IO, no clock, no tokio.

mod byte_count;
pub mod cloud_event;
pub mod json;
mod rfc3339;
mod sequence_number;
mod timestamp;
mod uid;

pub use byte_count::ByteCount;
pub use cloud_event::{Event, EventView};
pub use sequence_number::SequenceNumber;
pub use timestamp::Timestamp;
pub use uid::Uid;
