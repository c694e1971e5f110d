//! One session (part 2, 2.5): its windows, its handles, and what it has to say at the next opportunity.

use bytes::{Buf, Bytes, BytesMut};

use super::event::Event;
use super::link::Link;
use super::pieces::Pieces;
use super::sender::remaining;
use super::settlements::Settlements;
use super::table::{Slot, Table};
use super::{Config, OUTPUT_HIGH_WATER};
use crate::frame::{self, TRANSFER_OVERHEAD};
use crate::performative::{Begin, DeliveryState, Disposition, Flow, Outcome, Role, Transfer};
use crate::{Fields, Performative};

/// As Azure begins; some clients take 0 in a flow for "not there".
const INITIAL_OUTGOING_ID: u32 = 1;

#[derive(Debug)]
pub(super) struct Session {
    /// The same number in both directions.
    channel: u16,
    /// By handle, which is the same number in both directions, too: both directions get free at the same time.
    pub(super) links: Table<u32, Slot<Link>>,
    incoming: Incoming,
    outgoing: Outgoing,
    settlements: Settlements,
    /// Handles of links with a flow to be written.
    flows: Vec<u32>,
    /// The session's own flow is to be written.
    flow_due: bool,
    /// It is in the connection's list of sessions with something to say.
    is_listed: bool,
}

#[derive(Debug)]
struct Incoming {
    next_id: u32,
    /// What the peer may send when nothing is unsettled.
    window: u32,
    /// Of all links together.
    unsettled: u32,
    /// Frames since the peer was last told what its window is.
    since_flow: u32,
}

#[derive(Debug)]
struct Outgoing {
    next_id: u32,
    /// Frames that the peer can take.
    window: u32,
    next_delivery: u32,
    handle_max: u32,
    /// The rest of a message that the window did not let through. At most one, since without window there is no credit.
    backlog: Option<Box<Backlog>>,
}

#[derive(Debug)]
struct Backlog {
    handle: u32,
    rest: Bytes,
}

impl Session {
    pub(super) fn new(channel: u16, begin: &Begin, config: &Config) -> Self {
        Self {
            channel,
            links: Table::default(),
            incoming: Incoming {
                next_id: begin.next_outgoing_id,
                window: config.incoming_window.max(1),
                unsettled: 0,
                since_flow: 0,
            },
            outgoing: Outgoing {
                next_id: INITIAL_OUTGOING_ID,
                window: begin.incoming_window,
                next_delivery: 0,
                handle_max: begin.handle_max,
                backlog: None,
            },
            settlements: Settlements::default(),
            flows: Vec::new(),
            flow_due: false,
            is_listed: false,
        }
    }

    /// The answer to the peer's begin.
    pub(super) fn reply(channel: u16, config: &Config) -> Begin {
        Begin {
            remote_channel: Some(channel),
            next_outgoing_id: INITIAL_OUTGOING_ID,
            incoming_window: config.incoming_window,
            outgoing_window: config.incoming_window,
            handle_max: config.handle_max,
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            properties: Fields::new(),
        }
    }

    /// The highest handle that the peer can take.
    pub(super) fn handle_max(&self) -> u32 {
        self.outgoing.handle_max
    }

    pub(super) fn link_mut(&mut self, handle: u32) -> Option<&mut Link> {
        match self.links.get_mut(handle)? {
            Slot::Open(link) => Some(link),
            Slot::Leaving => None,
        }
    }

    /// Whether as much is unsettled as the window allows. Only a peer that does not keep to the window sends more.
    pub(super) fn is_full(&self) -> bool {
        self.incoming.unsettled >= self.incoming.window
    }

    /// A transfer has come, and with it that many deliveries that are to be settled. Its place in the sequence of frames
    /// is not checked: there are clients that count messages.
    pub(super) fn on_transfer(&mut self, unsettled: u32) {
        self.incoming.unsettled += unsettled;
        self.incoming.next_id = self.incoming.next_id.wrapping_add(1);
        self.incoming.since_flow += 1;
        if self.incoming.since_flow >= self.incoming.window / 2 {
            self.flow_due = true;
        }
    }

    /// Part 2, 2.5.6. Returns whether the peer's window was closed and is open now.
    pub(super) fn on_flow(&mut self, flow: &Flow) -> bool {
        self.incoming.next_id = flow.next_outgoing_id;
        let seen = flow.next_incoming_id.unwrap_or(INITIAL_OUTGOING_ID);
        let was_closed = self.outgoing.window == 0;
        self.outgoing.window = remaining(flow.incoming_window, self.outgoing.next_id.wrapping_sub(seen));
        was_closed && self.outgoing.window > 0
    }

    /// For every link on which we send.
    pub(super) fn wake_senders(&self) -> impl Iterator<Item = Event> {
        self.links.iter().filter_map(|(_, slot)| match slot {
            Slot::Open(link) if link.is_attached() => link.wake(),
            Slot::Open(_) | Slot::Leaving => None,
        })
    }

    /// A flow of the session is to be written.
    pub(super) fn owe_flow(&mut self) {
        self.flow_due = true;
    }

    /// A flow of the link is to be written; if it has no answer yet, then after that.
    pub(super) fn owe_link_flow(&mut self, handle: u32) {
        let Some(link) = self.link_mut(handle) else {
            return;
        };
        let is_new = !std::mem::replace(&mut link.flow_due, true);
        if is_new && link.is_attached() {
            self.flows.push(handle);
        }
    }

    /// The link has its answer: what was owed before can be said now.
    pub(super) fn on_accepted(&mut self, handle: u32) {
        if self.link_mut(handle).is_some_and(|link| link.flow_due) {
            self.flows.push(handle);
        }
    }

    /// Deliveries that are not settled, and flows that are owed.
    #[cfg(test)]
    pub(super) fn books(&self) -> (u32, usize) {
        (self.incoming.unsettled, self.flows.len())
    }

    /// Notes that the session has something to say. Returns whether that was not known.
    pub(super) fn list(&mut self) -> bool {
        !std::mem::replace(&mut self.is_listed, true)
    }

    /// What a link with that much credit may send now.
    pub(super) fn allowance(&self, credit: u32) -> u32 {
        match self.outgoing.backlog {
            Some(_) => 0,
            None => credit.min(self.outgoing.window),
        }
    }

    /// A delivery of the link is settled: by range later, or at once if there is more to say than "accepted".
    pub(super) fn settle(&mut self, id: u32, outcome: Outcome, output: &mut BytesMut) {
        self.incoming.unsettled = self.incoming.unsettled.saturating_sub(1);
        self.flow_due = true;
        match outcome {
            Outcome::Accepted => self.settlements.add(id),
            other => write_disposition(self.channel, id, id, other, output),
        }
    }

    /// Forgets what a link leaves behind. Returns whether the others may send again that its message held up.
    pub(super) fn on_link_gone(&mut self, handle: u32, link: &Link) -> bool {
        let freed = link.unsettled();
        self.incoming.unsettled = self.incoming.unsettled.saturating_sub(freed);
        self.flow_due |= freed > 0;
        let is_its = |backlog: &mut Box<Backlog>| backlog.handle == handle;
        self.outgoing.backlog.take_if(is_its).is_some()
    }

    /// Queues a message of any size. Frames that the peer's window does not let through follow when it opens.
    pub(super) fn send(
        &mut self,
        handle: u32,
        message_format: u32,
        parts: &[&[u8]],
        max_frame_size: u32,
        output: &mut BytesMut,
    ) {
        let id = self.outgoing.next_delivery;
        self.outgoing.next_delivery = id.wrapping_add(1);
        let mut pieces = Pieces::new(parts);
        let mut transfer = Transfer {
            handle,
            delivery_id: Some(id),
            delivery_tag: Some(Bytes::copy_from_slice(&id.to_be_bytes())),
            message_format: Some(message_format),
            settled: Some(true),
            ..Transfer::default()
        };
        loop {
            let piece = pieces.take(room(max_frame_size));
            transfer.more = pieces.len() > 0;
            self.write_transfer(&transfer, &piece, output);
            if !transfer.more {
                return;
            }
            if self.outgoing.window == 0 {
                let rest = pieces.into_bytes();
                self.outgoing.backlog = Some(Box::new(Backlog { handle, rest }));
                return;
            }
            transfer = continuation(handle);
        }
    }

    /// Sends more of what did not fit into the peer's window.
    fn send_backlog(&mut self, max_frame_size: u32, output: &mut BytesMut) {
        let Some(mut backlog) = self.outgoing.backlog.take() else {
            return;
        };
        while self.outgoing.window > 0 && output.len() < OUTPUT_HIGH_WATER {
            let size = room(max_frame_size).min(backlog.rest.len());
            let mut transfer = continuation(backlog.handle);
            transfer.more = size < backlog.rest.len();
            self.write_transfer(&transfer, &[&backlog.rest[..size]], output);
            backlog.rest.advance(size);
            if !transfer.more {
                return;
            }
        }
        self.outgoing.backlog = Some(backlog);
    }

    fn write_transfer(&mut self, transfer: &Transfer, payload: &[&[u8]], output: &mut BytesMut) {
        frame::write_transfer(self.channel, transfer, payload, output);
        self.outgoing.next_id = self.outgoing.next_id.wrapping_add(1);
        self.outgoing.window = self.outgoing.window.saturating_sub(1);
    }

    /// Writes everything that has gathered. Returns whether the links may send again that a backlog held up.
    pub(super) fn flush(&mut self, max_frame_size: u32, output: &mut BytesMut) -> bool {
        let channel = self.channel;
        self.settlements
            .drain(|first, last| write_disposition(channel, first, last, Outcome::Accepted, output));
        self.write_flows(output);
        let was_held_up = self.outgoing.backlog.is_some();
        self.send_backlog(max_frame_size, output);
        was_held_up && self.outgoing.backlog.is_none()
    }

    /// After a flush: stays in the list only if the output could not hold everything. Returns whether it does.
    pub(super) fn unlist(&mut self) -> bool {
        self.is_listed = self.outgoing.backlog.is_some() && self.outgoing.window > 0;
        self.is_listed
    }

    /// A link's flow also says what the session's would.
    fn write_flows(&mut self, output: &mut BytesMut) {
        for handle in std::mem::take(&mut self.flows) {
            let flow = self.flow();
            let Some(link) = self.link_mut(handle).filter(|link| link.flow_due) else {
                continue;
            };
            link.flow_due = false;
            let flow = link.fill(handle, flow);
            self.write_flow(flow, output);
        }
        if self.flow_due {
            self.write_flow(self.flow(), output);
        }
    }

    fn write_flow(&mut self, flow: Flow, output: &mut BytesMut) {
        frame::write(self.channel, &Performative::Flow(flow), &[], output);
        self.flow_due = false;
        self.incoming.since_flow = 0;
    }

    fn flow(&self) -> Flow {
        Flow {
            next_incoming_id: Some(self.incoming.next_id),
            incoming_window: self.incoming.window.saturating_sub(self.incoming.unsettled),
            next_outgoing_id: self.outgoing.next_id,
            outgoing_window: self.incoming.window,
            ..Flow::default()
        }
    }
}

/// Bytes of a message that fit into a frame.
fn room(max_frame_size: u32) -> usize {
    max_frame_size as usize - TRANSFER_OVERHEAD
}

/// Everything else is known from the first frame.
fn continuation(handle: u32) -> Transfer {
    Transfer {
        handle,
        settled: Some(true),
        ..Transfer::default()
    }
}

fn write_disposition(channel: u16, first: u32, last: u32, outcome: Outcome, output: &mut BytesMut) {
    let disposition = Disposition {
        role: Role::Receiver,
        first,
        last: Some(last),
        settled: true,
        state: Some(DeliveryState::Outcome(outcome)),
        batchable: false,
    };
    frame::write(channel, &Performative::Disposition(disposition), &[], output);
}
