//! An event in the hands of a receiver.

use bytes::Bytes;

use crate::LockToken;

/// One event as a receiver gets it, with the lock under which it is settled.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The canonical structured JSON of the event.
    pub event: Bytes,
    /// Names this delivery.
    pub lock_token: LockToken,
    /// 1 on the first delivery of an event.
    pub delivery_count: u32,
}
