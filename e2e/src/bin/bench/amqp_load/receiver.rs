//! Connections that receive. They look at where frames begin and end, and into those that are no transfers.

use std::{cell::Cell, net::TcpStream, time::Duration};

use amqp::{
    Described, Fields, Performative, Symbol, Value,
    frame::{self, Frame},
    performative::{DeliveryState, Disposition, Flow, Outcome, Role, SenderSettleMode},
};
use anyhow::{Context, bail, ensure};
use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
};

use super::{
    Peer,
    session::{INCOMING_WINDOW, MAX_FRAME_SIZE, refuse_ends},
    window::FIRST,
};
use crate::side_by_side;

const READ_BYTES: usize = 256 * 1024;
/// Messages that the peer may send before it hears from us. Given anew when half of them have come.
const CREDIT: u32 = 4_000;
/// A frame of four words of header that holds a transfer: offset, type, channel, and the descriptor of the performative.
const TRANSFER: [u8; 7] = [2, 0, 0, 0, 0x00, 0x53, 0x14];
const SELECTOR: &str = "apache.org:selector-filter:string";

/// Who says that a message was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settling {
    /// The sender, by sending it.
    Sent,
    /// We, by a disposition for all that one read has brought.
    Accept,
}

/// Connections with a link each.
#[derive(Debug)]
pub(crate) struct Receivers {
    each: Vec<Receiver>,
    progress: Progress,
}

/// Of all connections together.
#[derive(Debug, Default)]
struct Progress {
    received: Cell<u64>,
    wanted: Cell<Option<u64>>,
    reached: Notify,
}

impl Progress {
    fn add(&self, events: u64) {
        self.received.set(self.received.get() + events);
        self.look();
    }

    fn look(&self) {
        if self
            .wanted
            .get()
            .is_some_and(|wanted| self.received.get() >= wanted)
        {
            self.reached.notify_one();
        }
    }
}

impl Receivers {
    /// One connection for each source. With a selector, each begins where that says.
    pub(crate) fn open(
        peer: &Peer,
        sources: &[String],
        selector: Option<&str>,
        settling: Settling,
    ) -> anyhow::Result<Self> {
        let open = |source: &String| Receiver::open(peer, source, selector, settling);
        Ok(Self {
            each: sources.iter().map(open).collect::<anyhow::Result<_>>()?,
            progress: Progress::default(),
        })
    }

    /// Receives `wanted` messages. They begin to come now.
    pub(crate) fn run(&mut self, wanted: u64, patience: Duration) -> anyhow::Result<u64> {
        self.want(wanted);
        side_by_side::run([self.receive()], patience)?;
        Ok(self.progress.received.get())
    }

    /// Tells those that [`receive`](Self::receive) when to stop.
    pub(crate) fn want(&self, wanted: u64) {
        self.progress.wanted.set(Some(wanted));
        self.progress.look();
    }

    pub(crate) fn received(&self) -> u64 {
        self.progress.received.get()
    }

    /// What [`run`](Self::run) does, to be run beside something else, until [`want`](Self::want) is reached.
    pub(crate) async fn receive(&self) -> anyhow::Result<()> {
        let tasks = self.each.iter().map(|receiver| receiver.receive(&self.progress));
        let all = futures_util::future::try_join_all(tasks);
        tokio::select! {
            ended = all => ended.map(drop),
            () = self.progress.reached.notified() => Ok(()),
        }
    }
}

#[derive(Debug)]
struct Receiver {
    stream: TcpStream,
    settling: Settling,
}

impl Receiver {
    fn open(peer: &Peer, source: &str, selector: Option<&str>, settling: Settling) -> anyhow::Result<Self> {
        let mode = match settling {
            Settling::Sent => SenderSettleMode::Settled,
            Settling::Accept => SenderSettleMode::Unsettled,
        };
        let mut session = peer.session()?;
        session.attach_receiver(source, selector.map(filter).unwrap_or_default(), mode)?;
        ensure!(session.input.is_empty(), "the server sends without credit");
        session
            .stream
            .set_nonblocking(true)
            .context("make the socket non-blocking")?;
        Ok(Self {
            stream: session.stream,
            settling,
        })
    }

    async fn receive(&self, progress: &Progress) -> anyhow::Result<()> {
        let stream = self.stream.try_clone().context("clone the socket")?;
        let mut stream = tokio::net::TcpStream::from_std(stream).context("adopt the socket")?;
        let mut inbox = Inbox::new(self.settling);
        loop {
            let mut out = BytesMut::new();
            inbox.answer(&mut out);
            stream.write_all(&out).await.context("write")?;
            inbox.input.reserve(READ_BYTES);
            if stream.read_buf(&mut inbox.input).await.context("read")? == 0 {
                bail!("the server closed the connection");
            }
            progress.add(inbox.sort()?);
        }
    }
}

/// What came on one link.
#[derive(Debug)]
struct Inbox {
    input: BytesMut,
    settling: Settling,
    received: u32,
    /// Of those, how many were there when credit was given.
    credited: Option<u32>,
    /// Of those, how many were accepted.
    accepted: u32,
    /// The number of the first delivery.
    first: u32,
}

impl Inbox {
    fn new(settling: Settling) -> Self {
        Self {
            input: BytesMut::new(),
            settling,
            received: 0,
            credited: None,
            accepted: 0,
            first: 0,
        }
    }

    /// Takes all whole frames, and returns how many of them were messages.
    fn sort(&mut self) -> anyhow::Result<u64> {
        let before = self.received;
        let mut place = 0;
        while let Some(size) = self.input[place..].first_chunk() {
            let size = u32::from_be_bytes(*size) as usize;
            let Some(frame) = self.input.get(place..place + size) else {
                break;
            };
            let is_transfer = frame.get(4..11) == Some(&TRANSFER);
            // The first transfer is read as well: it says where numbers begin, and shows that messages are whole.
            if !is_transfer || self.received == 0 {
                let mut frame = BytesMut::from(frame);
                self.read(&mut frame)?;
            }
            self.received = self.received.wrapping_add(u32::from(is_transfer));
            place += size;
        }
        self.input.advance(place);
        Ok(self.received.wrapping_sub(before).into())
    }

    fn read(&mut self, frame: &mut BytesMut) -> anyhow::Result<()> {
        let Some(Frame::Amqp { performative, .. }) = frame::read(frame, MAX_FRAME_SIZE)? else {
            return Ok(());
        };
        if let Performative::Transfer(transfer) = refuse_ends(performative)? {
            let settled = transfer.settled.unwrap_or_default();
            ensure!(!transfer.more, "a message has more than one frame");
            ensure!(
                settled == (self.settling == Settling::Sent),
                "settled: {settled}, though {:?} was asked for",
                self.settling
            );
            self.first = transfer.delivery_id.context("a transfer without a number")?;
        }
        Ok(())
    }

    /// Says what the peer has to hear now.
    fn answer(&mut self, out: &mut BytesMut) {
        if self.settling == Settling::Accept && self.accepted != self.received {
            let disposition = Disposition {
                role: Role::Receiver,
                first: self.first.wrapping_add(self.accepted),
                last: Some(self.first.wrapping_add(self.received).wrapping_sub(1)),
                settled: true,
                state: Some(DeliveryState::Outcome(Outcome::Accepted)),
                batchable: false,
            };
            self.accepted = self.received;
            frame::write(0, &Performative::Disposition(disposition), &[], out);
        }
        let is_due = |credited| self.received.wrapping_sub(credited) >= CREDIT / 2;
        if self.credited.is_none_or(is_due) {
            self.credited = Some(self.received);
            frame::write(0, &Performative::Flow(self.flow()), &[], out);
        }
    }

    fn flow(&self) -> Flow {
        Flow {
            incoming_window: INCOMING_WINDOW,
            next_outgoing_id: FIRST,
            outgoing_window: INCOMING_WINDOW,
            handle: Some(0),
            delivery_count: Some(self.received),
            link_credit: Some(CREDIT),
            ..Flow::default()
        }
    }
}

fn filter(selector: &str) -> Fields {
    let value = Described {
        descriptor: Value::Symbol(Symbol::from_static(SELECTOR)),
        value: Value::String(selector.to_owned()),
    };
    vec![(Symbol::from_static(SELECTOR), Value::Described(Box::new(value)))]
}
