//! What a connection tells the application.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use crate::performative::Attach;
use crate::{Error, Fields, Symbol};

/// A link, for as long as the connection lives: never used for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub(super) u64);

/// A delivery that we receive, within its session: the delivery-id that the peer gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryId(pub u32);

/// Bytes that may hold a key: they are not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) Bytes);

/// Something for the application to do.
#[derive(Debug)]
pub enum Event {
    /// The peer wants in. Answer with [`crate::Connection::sasl_outcome`]; nothing is read until then.
    Sasl {
        /// One of those that were offered.
        mechanism: Symbol,
        response: Option<Secret>,
        hostname: Option<String>,
    },
    /// Both opens are out.
    Opened {
        /// Whom the peer wants to talk to.
        hostname: Option<String>,
        container_id: String,
        properties: Fields,
    },
    /// The peer wants a link. Answer with [`crate::Connection::accept_receiver`] if its role is sender, with
    /// [`crate::Connection::accept_sender`] if it is receiver, or with [`crate::Connection::refuse`].
    Attached { link: LinkId, attach: Box<Attach> },
    /// A whole message. Answer with [`crate::Connection::settle`] unless it is settled.
    Delivery {
        link: LinkId,
        delivery: DeliveryId,
        message_format: u32,
        settled: bool,
        /// A slice of the input, if it came in one frame.
        payload: Bytes,
    },
    /// A message above [`super::Config::message_size_max`] has come and was thrown away. As [`Event::Delivery`].
    TooLarge {
        link: LinkId,
        delivery: DeliveryId,
        settled: bool,
        /// In bytes.
        size: u64,
    },
    /// Credit or drain of a link on which we send has changed: see [`crate::Connection::credit`] and
    /// [`crate::Connection::is_draining`].
    Flow { link: LinkId },
    /// The link is gone: by the peer, which has its answer, with its session, or because of something that the peer did
    /// wrong. What was not settled needs no settling any more.
    Detached {
        link: LinkId,
        /// For good. False: the peer may want to come back to it, which for us is a new link.
        closed: bool,
        error: Option<Error>,
    },
    /// The peer has closed the connection, and has its answer. All links are gone.
    Closed { error: Option<Error> },
}

impl Deref for Secret {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secret").finish_non_exhaustive()
    }
}
