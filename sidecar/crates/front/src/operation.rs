//! The names under which requests are counted and logged.

/// What a request asks for. Bounded, so that it may label a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Publish,
    Receive,
    Acknowledge,
    Release,
    Reject,
    RenewLock,
    Tail,
    DeadLetters,
    Redrive,
    /// What hubs there are, and where one stands.
    Hubs,
    /// Looking at events of a hub.
    Peek,
    Streams,
    Purge,
    /// Events to a hub.
    Send,
    /// What blobs and containers there are.
    ListBlobs,
    ReadBlob,
    WriteBlob,
    /// Asking for a token, or where to ask.
    Token,
    /// A connection that becomes AMQP's.
    WebSocket,
    /// No route matches.
    Unknown,
}

impl Operation {
    /// In declaration order: `ALL[operation as usize] == operation`.
    pub(crate) const ALL: [Self; 20] = [
        Self::Publish,
        Self::Receive,
        Self::Acknowledge,
        Self::Release,
        Self::Reject,
        Self::RenewLock,
        Self::Tail,
        Self::DeadLetters,
        Self::Redrive,
        Self::Hubs,
        Self::Peek,
        Self::Streams,
        Self::Purge,
        Self::Send,
        Self::ListBlobs,
        Self::ReadBlob,
        Self::WriteBlob,
        Self::Token,
        Self::WebSocket,
        Self::Unknown,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Receive => "receive",
            Self::Acknowledge => "acknowledge",
            Self::Release => "release",
            Self::Reject => "reject",
            Self::RenewLock => "renewLock",
            Self::Tail => "tail",
            Self::DeadLetters => "dead-letters",
            Self::Redrive => "redrive",
            Self::Hubs => "hubs",
            Self::Peek => "peek",
            Self::Streams => "streams",
            Self::Purge => "purge",
            Self::Send => "send",
            Self::ListBlobs => "list-blobs",
            Self::ReadBlob => "read-blob",
            Self::WriteBlob => "write-blob",
            Self::Token => "token",
            Self::WebSocket => "websocket",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_stands_at_its_own_place() {
        for (index, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation as usize, index, "{operation:?}");
        }
    }
}
