//! What a connection offers, and where its bounds are.

use std::time::Duration;

use crate::Symbol;

/// The same for every connection of a door, usually; [`crate::Connection`] shares it.
#[derive(Clone, Debug)]
pub struct Config {
    /// What we call ourselves in the open.
    pub container_id: String,
    /// Bytes of the largest frame that we read; at least 512. Default: 65536. A larger one closes the connection with
    /// `amqp:connection:framing-error`.
    pub max_frame_size: u32,
    /// The highest channel. Default: 4999. A higher one closes the connection with `amqp:connection:framing-error`.
    pub channel_max: u16,
    /// How often the peer has to say something. Default: 240 s; zero: whenever it likes. The connection is closed with
    /// `amqp:resource-limit-exceeded` after twice that time, since part 2, 2.4.5 wants peers to announce half of what they
    /// tolerate, and clients that take the announced time literally would otherwise race with us.
    pub idle_time_out: Duration,
    /// The highest handle of a session. Default: 255. A higher one closes the connection with
    /// `amqp:connection:framing-error`.
    pub handle_max: u32,
    /// Sessions at a time. Default: 1024. One more is ended with `amqp:resource-limit-exceeded`.
    pub sessions_max: usize,
    /// Links of all sessions at a time. Default: 1024. One more is refused with `amqp:resource-limit-exceeded`; a peer that
    /// leaves as many refused links undetached is closed.
    pub links_max: usize,
    /// Frames that a peer may have on their way on a session, less the deliveries that are not settled; at least 1. Default: 5000. If
    /// the peer does not keep to it, the connection is not read until something is settled.
    pub incoming_window: u32,
    /// Bytes of the largest message. Default: 1 MiB and 64 KiB for what surrounds it. Of a larger one the application
    /// learns no more than its size.
    pub message_size_max: u64,
    /// Bytes of messages of which only a part has come, on all links together. Default: 16 MiB. More closes the connection
    /// with `amqp:resource-limit-exceeded`.
    pub assembly_max: usize,
    /// What may be chosen in SASL, the preferred one first. Default: `ANONYMOUS`, `MSSBCBS`, `PLAIN`.
    pub mechanisms: Vec<Symbol>,
    /// From the beginning until the peer's open. Default: 30 s. Then the connection is closed.
    pub open_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            container_id: String::from("weft"),
            max_frame_size: 65_536,
            channel_max: 4999,
            idle_time_out: Duration::from_secs(240),
            handle_max: 255,
            sessions_max: 1024,
            links_max: 1024,
            incoming_window: 5000,
            message_size_max: (1 << 20) + (1 << 16),
            assembly_max: 16 << 20,
            mechanisms: ["ANONYMOUS", "MSSBCBS", "PLAIN"].map(Symbol::from_static).into(),
            open_timeout: Duration::from_secs(30),
        }
    }
}
