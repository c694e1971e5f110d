//! What one client, and all clients together, may ask of a door.

use std::time::Duration;

use model::ByteCount;
use model::cloud_event;

/// Bounds of a door. Every field says its default, what it costs and what the client sees at it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once, over all listeners of the door. Default 10,000.
    /// At it: a plaintext client reads 503 with `Retry-After: 1` and is closed; a TLS client is closed.
    /// Memory: up to 16 KiB for a connection that never spoke, as the end-to-end test `idle` asserts of the debug build.
    pub connections: usize,
    /// What one publish request may hold. Default as Azure: 1,000 events, 1 MiB each and 1 MiB together. At it: 413.
    pub publish: cloud_event::Limits,
    /// One AMQP message, a batch included. Default as Azure: 1 MiB. At it: rejected with
    /// `amqp:link:message-size-exceeded`.
    pub message: ByteCount,
    /// Body of a request that settles events, or of an administrative one. Default 256 KiB. At it: 413.
    pub settle_body: ByteCount,
    /// Lock tokens in one acknowledge, release, reject or renewLock. Default 1,000. At it: 400.
    pub lock_tokens: usize,
    /// Bytes of request bodies, and of AMQP messages on their way to the disk, held at once, over all connections.
    /// Default 64 MiB. At it: 503 with `Retry-After: 1`, over AMQP `com.microsoft:server-busy`. A receive that waits holds none.
    pub in_flight_bodies: ByteCount,
    /// Bytes of receive answers that are being written at once, over all connections. Default 256 MiB.
    /// At it: a new receive gets 503 with `Retry-After: 1`. Those that already waited may overshoot it once.
    pub in_flight_answers: ByteCount,
    /// Request line and headers together. Default 32 KiB, at least 8 KiB; at most 100 headers. At it: 431, then closed.
    pub head: ByteCount,
    /// The request's target (path and query). Default 8 KiB. At it: 414.
    pub target: ByteCount,
    /// From the first byte of a request to the end of its headers. Default 20 s. At it: 408, then closed.
    pub head_timeout: Duration,
    /// From the headers to the last byte of the body. Default 60 s. At it: 408, then closed.
    pub body_timeout: Duration,
    /// How long a connection may stay open without a request. Default 10 min: clients retry a refused connection,
    /// but not a POST that met a closing one. At it: closed.
    pub idle_timeout: Duration,
    /// How long a client may take no byte of an answer that waits for it. Default 30 s. At it: closed.
    pub write_timeout: Duration,
    /// How long an AMQP connection may be without a link or without a token that allows something, from its open or the end of its
    /// last one. Default as Azure: 60 s.
    /// At it: closed with `amqp:connection:forced`.
    pub linkless: Duration,
    /// TLS handshake. Default 10 s. At it: closed.
    pub handshake_timeout: Duration,
    /// Open tails of topics and hubs (`/$weft/v1/topics/{topic}/tail`). Default 64. At it: 503 with `Retry-After: 1`.
    pub tails: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            publish: cloud_event::Limits::default(),
            message: ByteCount::mib(1),
            settle_body: ByteCount::kib(256),
            lock_tokens: 1_000,
            in_flight_bodies: ByteCount::mib(64),
            in_flight_answers: ByteCount::mib(256),
            head: ByteCount::kib(32),
            target: ByteCount::kib(8),
            head_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
            write_timeout: Duration::from_secs(30),
            linkless: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            tails: 64,
        }
    }
}
