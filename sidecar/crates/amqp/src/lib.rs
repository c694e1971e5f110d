//! AMQP 1.0 without IO, for a server that unmodified Azure SDKs talk to.
//!
//! From the bottom up: [`Value`] and the primitive types, [`performative`]s with encode and decode side by side, frames
//! ([`frame`]), the sections of a message ([`message`]), and [`Connection`]: the server's side of one connection with its
//! sessions and links, driven by bytes and `now`. It opens no socket, reads no clock, and knows nothing of hubs.
//!
//! Section numbers in comments are those of the OASIS standard, AMQP 1.0 part 1 (types), 2 (transport), 3 (messaging) and
//! 5 (security).

mod connection;
mod decode_error;
pub mod error;
pub mod frame;
pub mod message;
pub mod performative;
mod symbol;
mod value;
mod wire;

pub use connection::{Accept, Config, Connection, DeliveryId, Event, LinkId, Secret};
pub use decode_error::DecodeError;
pub use error::{Condition, Error};
pub use performative::Performative;
pub use symbol::Symbol;
pub use value::{Described, Fields, Value};
