//! Links on which clients receive events.

use std::collections::VecDeque;

use amqp::LinkId;
use amqp::performative::Attach;
use broker::{Partition, Received, Receiver, ReceiverError, ReceiverOptions};
use bytes::BytesMut;
use futures_util::future::BoxFuture;
use model::{ByteCount, Timestamp};
use tokio::sync::oneshot;

use super::stored::{Stored, put_annotations, put_runtime_metrics};

const RUNTIME_METRICS: &str = "com.microsoft:enable-receiver-runtime-metric";
const EPOCH: &str = "com.microsoft:epoch";
/// One SDK writes `com.microsoft.com`.
const RECEIVER_NAMES: [&str; 2] = ["com.microsoft:receiver-name", "com.microsoft.com:receiver-name"];

/// What is fetched at once, at most, and so what waits for a client's credit.
const FETCH_EVENTS: usize = 1_024;
/// As [`FETCH_EVENTS`].
const FETCH_BYTES: ByteCount = ByteCount::kib(256);

/// A link on which a client receives events.
pub(super) struct Consumer {
    partition: Partition,
    tracks: bool,
    /// Fetched, but not sent.
    ready: VecDeque<Received>,
    /// None while a fetch has it.
    receiver: Option<Receiver>,
    /// The fetch that is under way. It ends with this.
    fetch: Option<Fetching>,
}

struct Fetching {
    for_events: bool,
    /// Dropping it ends the fetch.
    _stop: oneshot::Sender<()>,
}

/// What a client wants to be.
pub(super) fn options(attach: &Attach) -> ReceiverOptions {
    let find = |wanted: &str| attach.properties.iter().find(|(name, _)| *name == wanted);
    let name = RECEIVER_NAMES.into_iter().find_map(find);
    ReceiverOptions {
        name: name.and_then(|(_, name)| name.as_str()).map(str::to_owned),
        epoch: find(EPOCH).and_then(|(_, epoch)| epoch.as_integer()),
    }
}

impl Consumer {
    pub(super) fn new(attach: &Attach, partition: Partition, receiver: Receiver) -> Self {
        Self {
            partition,
            tracks: attach
                .desired_capabilities
                .iter()
                .any(|capability| *capability == RUNTIME_METRICS),
            ready: VecDeque::new(),
            receiver: Some(receiver),
            fetch: None,
        }
    }

    /// Whether events wait for the client's credit.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// A fetch for events, or one that only watches the place, unless one is under way. A watch gives way to a fetch for
    /// events, which then begins when the watch has ended.
    pub(super) fn begin_fetch(
        &mut self,
        link: LinkId,
        for_events: bool,
    ) -> Option<BoxFuture<'static, Fetched>> {
        if self
            .fetch
            .as_ref()
            .is_some_and(|fetch| for_events && !fetch.for_events)
        {
            self.fetch = None;
        }
        let receiver = self.receiver.take()?;
        let (stop, stopped) = oneshot::channel();
        self.fetch = Some(Fetching {
            for_events,
            _stop: stop,
        });
        Some(Box::pin(fetch(link, receiver, for_events, stopped)))
    }

    pub(super) fn fetched(&mut self, receiver: Receiver, events: Vec<Received>) {
        self.receiver = Some(receiver);
        self.fetch = None;
        self.ready.extend(events);
    }

    /// Sends what the client's credit allows. Returns how much was sent.
    pub(super) fn send(
        &mut self,
        link: LinkId,
        machine: &mut amqp::Connection,
        now: Timestamp,
        scratch: &mut BytesMut,
    ) -> usize {
        let mut sent = 0;
        while machine.credit(link) > 0 {
            let Some(received) = self.ready.pop_front() else {
                break;
            };
            scratch.clear();
            self.put_runtime_metrics(now, scratch);
            let Some(stored) = Stored::parse(&received.event) else {
                tracing::error!(
                    sequence = received.sequence,
                    partition = self.partition.id(),
                    "an event in a format of a newer version was passed over"
                );
                continue;
            };
            put_annotations(&received, stored.pairs, scratch);
            machine.send(link, 0, &[scratch, stored.bare]);
            sent += 1;
        }
        if self.ready.is_empty() && self.ready.capacity() > 0 {
            self.ready = VecDeque::new();
        }
        sent
    }

    /// What the client asked to know about the partition comes first.
    fn put_runtime_metrics(&self, now: Timestamp, scratch: &mut BytesMut) {
        if self.tracks {
            put_runtime_metrics(&self.partition.properties(), now, scratch);
        }
    }
}

/// What a fetch ends with.
pub(super) struct Fetched {
    pub(super) link: LinkId,
    pub(super) receiver: Receiver,
    pub(super) outcome: Result<Vec<Received>, ReceiverError>,
}

/// Waits for events, or only for the loss of the place; until `stopped`.
async fn fetch(
    link: LinkId,
    mut receiver: Receiver,
    for_events: bool,
    stopped: oneshot::Receiver<()>,
) -> Fetched {
    let outcome = async {
        match for_events {
            true => receiver.next(FETCH_EVENTS, FETCH_BYTES).await,
            false => Err(receiver.ended().await),
        }
    };
    let outcome = tokio::select! {
        biased;
        outcome = outcome => outcome,
        // Nobody sends; the sender goes.
        _ = stopped => Ok(Vec::new()),
    };
    Fetched {
        link,
        receiver,
        outcome,
    }
}
