//! Connections that send.

use std::{
    cell::RefCell,
    net::TcpStream,
    time::{Duration, Instant},
};

use amqp::{
    Performative,
    frame::{self, Frame},
    performative::{DeliveryState, Disposition, Outcome, Role},
};
use anyhow::{Context, bail};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    Message, Peer,
    session::{MAX_FRAME_SIZE, refuse_ends},
    window::{FIRST, Window},
};
use crate::{
    copies::Copies,
    side_by_side,
    tally::{Tally, UnderWay},
};

const READ_BYTES: usize = 64 * 1024;
/// How long the last answers of a round may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connections with a link each, over all rounds of a measurement.
#[derive(Debug)]
pub(crate) struct Senders(Vec<Sender>);

impl Senders {
    /// One connection for each target, which has up to `outstanding` deliveries under way.
    pub(crate) fn open(
        peer: &Peer,
        targets: &[String],
        message: &Message,
        outstanding: usize,
    ) -> anyhow::Result<Self> {
        let open = |target: &String| Sender::open(peer, target, message, outstanding);
        targets.iter().map(open).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Sends for `time`, and waits for the answers.
    pub(crate) fn run(&mut self, time: Duration) -> anyhow::Result<Tally> {
        let tally = RefCell::default();
        let end = Instant::now() + time;
        side_by_side::run(self.tasks(end, &tally), time + PATIENCE)?;
        Ok(tally.into_inner())
    }

    /// What [`run`](Self::run) does, to be run beside something else.
    pub(crate) fn tasks<'a>(
        &'a mut self,
        end: Instant,
        tally: &'a RefCell<Tally>,
    ) -> impl Iterator<Item = impl Future<Output = anyhow::Result<()>>> {
        self.0.iter_mut().map(move |sender| sender.send(end, tally))
    }
}

#[derive(Debug)]
struct Sender {
    stream: TcpStream,
    input: BytesMut,
    window: Window,
    copies: Copies,
    /// Of one delivery.
    frames: u32,
    /// In one delivery.
    events: u64,
    next: u32,
    outstanding: usize,
    under_way: UnderWay,
}

impl Sender {
    fn open(peer: &Peer, target: &str, message: &Message, outstanding: usize) -> anyhow::Result<Self> {
        let mut session = peer.session()?;
        session.attach_sender(target)?;
        let delivery = message.delivery(session.max_frame_size);
        session
            .stream
            .set_nonblocking(true)
            .context("make the socket non-blocking")?;
        Ok(Self {
            stream: session.stream,
            input: session.input,
            window: session.window,
            copies: Copies::new(&delivery.bytes, &delivery.places, outstanding),
            frames: delivery.frames,
            events: message.events,
            next: FIRST,
            outstanding,
            under_way: UnderWay::new(outstanding),
        })
    }

    async fn send(&mut self, end: Instant, tally: &RefCell<Tally>) -> anyhow::Result<()> {
        let stream = self.stream.try_clone().context("clone the socket")?;
        let mut stream = tokio::net::TcpStream::from_std(stream).context("adopt the socket")?;
        // The credit may have come with the reply to the attach.
        self.hear(&mut tally.borrow_mut())?;
        loop {
            let now = Instant::now();
            if now < end {
                let room = self.outstanding - self.under_way.count();
                let count = room.min(self.window.deliveries(self.frames));
                self.under_way.sent(self.next, count, now);
                stream
                    .write_all(self.copies.numbered(self.next, count))
                    .await
                    .context("write")?;
                self.window.sent(count, self.frames);
                self.next = self.next.wrapping_add(count as u32);
            } else if self.under_way.count() == 0 {
                return Ok(());
            }
            self.input.reserve(READ_BYTES);
            if stream.read_buf(&mut self.input).await.context("read")? == 0 {
                bail!("the server closed the connection");
            }
            self.hear(&mut tally.borrow_mut())?;
        }
    }

    fn hear(&mut self, tally: &mut Tally) -> anyhow::Result<()> {
        let now = Instant::now();
        while let Some(frame) = frame::read(&mut self.input, MAX_FRAME_SIZE)? {
            let Frame::Amqp { performative, .. } = frame else {
                continue;
            };
            match refuse_ends(performative)? {
                Performative::Flow(flow) => self.window.on_flow(&flow),
                Performative::Disposition(disposition) if disposition.role == Role::Receiver => {
                    self.settle(&disposition, now, tally);
                }
                other => bail!("the server said {other:?}"),
            }
        }
        Ok(())
    }

    fn settle(&mut self, disposition: &Disposition, now: Instant, tally: &mut Tally) {
        let last = disposition.last.unwrap_or(disposition.first);
        let is_accepted = disposition.state == Some(DeliveryState::Outcome(Outcome::Accepted));
        for number in disposition.first..=last {
            tally.latencies.add(self.under_way.answered(number, now));
            if is_accepted {
                tally.events += self.events;
            } else {
                tally.refuse(|| format!("{:?}", disposition.state));
            }
        }
    }
}
