//! The server's side of one connection, with its sessions and links: bytes and answers in, events and bytes out.

mod answers;
mod clock;
mod config;
mod event;
mod fault;
mod frames;
mod handshake;
mod link;
mod pieces;
mod receiver;
mod sender;
mod session;
mod settlements;
mod table;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use self::clock::Clock;
pub use self::config::Config;
pub use self::event::{DeliveryId, Event, LinkId, Secret};
use self::fault::Fault;
pub use self::link::Accept;
use self::session::Session;
use self::table::{Slot, Table};
use crate::performative::{Close, Transfer};
use crate::{Error, Performative, frame};

/// No link has credit while so much output waits to be taken.
const OUTPUT_HIGH_WATER: usize = 128 << 10;
/// Nothing is read while more than this and a message waits to be taken: a peer that asks and does not listen.
const ANSWERS_MAX: usize = 256 << 10;
/// Nothing is read while so many events wait to be polled.
const EVENTS_MAX: usize = 256;
/// A queue of events that has grown beyond this is given back when it is empty.
const EVENTS_KEPT: usize = 8;
/// What is reserved for a burst of messages, at most.
const BURST_MAX: usize = 64 << 10;
/// How long the peer may take to answer our close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// One connection, from its first byte to its last. It does no IO and reads no clock. The shell around it goes in turns, in
/// each of which it
/// - gives what the socket had to [`Connection::on_bytes`], but reads only while [`Connection::wants_bytes`];
/// - takes events from [`Connection::poll_event`] until there is none, and answers them;
/// - takes output from [`Connection::poll_transmit`] once it has written what it took before;
/// - calls [`Connection::on_timeout`] at [`Connection::poll_deadline`];
/// - leaves when [`Connection::is_closed`] and everything is written.
///
/// Whatever it did, it polls events again before it waits: an answer lets frames be read that were held up by its lack, and
/// output that was taken lets links send again.
///
/// It is as lenient as the clients that exist need it: credit and transfer-ids of a sender are not checked, the window is
/// enforced by not reading. What a peer cannot do in good faith is answered with the condition that the standard wants.
pub struct Connection {
    config: Arc<Config>,
    state: State,
    clock: Clock,
    peer: Peer,
    /// By channel.
    sessions: Table<u16, Slot<Session>>,
    /// Where the links are that the application knows.
    links: Table<LinkId, Place>,
    /// Handles in use, by links that the application knows and by those that it does not know any more.
    handles: usize,
    /// Bytes of deliveries that are not complete.
    assembling: usize,
    next_link: u64,
    events: VecDeque<Event>,
    /// Input that cannot be read yet.
    held: BytesMut,
    /// Whether input is left that could be read if nothing had been in the way.
    is_held_up: bool,
    parked: Option<Box<Parked>>,
    /// Channels of sessions with something to say.
    listed: Vec<u16>,
    output: BytesMut,
    /// How much output there was at once, recently.
    burst: usize,
    failure: Option<Box<Error>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was heard.
    Greeting,
    /// The mechanisms are out.
    Offered,
    /// The application has the peer's choice.
    Authenticating,
    /// The outcome is out; the second protocol header is to come.
    Authenticated,
    /// The headers are exchanged; the peer's open is to come.
    Opening,
    Open,
    /// Our close is out. Nothing counts but the peer's.
    Closing {
        /// None: five seconds from when we hear what time it is.
        until: Option<Instant>,
    },
    Closed,
}

/// What the peer can take, by its open.
#[derive(Debug)]
struct Peer {
    max_frame_size: u32,
    channel_max: u16,
    idle_time_out: Option<Duration>,
}

/// Where a link is.
#[derive(Clone, Copy, Debug)]
struct Place {
    channel: u16,
    handle: u32,
}

/// A transfer that cannot be taken yet, because its link has no answer or because too much is unsettled. What comes behind it
/// waits, too, so that the peer's TCP window bounds it.
struct Parked {
    channel: u16,
    transfer: Transfer,
    payload: Bytes,
}

impl Connection {
    /// Waits for the first protocol header.
    pub fn new(config: impl Into<Arc<Config>>, now: Instant) -> Self {
        Self {
            config: config.into(),
            state: State::Greeting,
            clock: Clock::new(now),
            peer: Peer {
                max_frame_size: frame::MIN_MAX_FRAME_SIZE,
                channel_max: u16::MAX,
                idle_time_out: None,
            },
            sessions: Table::default(),
            links: Table::default(),
            handles: 0,
            assembling: 0,
            next_link: 0,
            events: VecDeque::new(),
            held: BytesMut::new(),
            is_held_up: false,
            parked: None,
            listed: Vec::new(),
            output: BytesMut::new(),
            burst: 0,
            failure: None,
        }
    }

    /// Takes what has come. What is left in `input` is the beginning of a frame: append to it.
    pub fn on_bytes(&mut self, input: &mut BytesMut, now: Instant) {
        self.clock.now = now;
        self.clock.on_received();
        if !self.held.is_empty() {
            // Without copying, if the shell goes on reading into the same buffer.
            self.held.unsplit(input.split());
            std::mem::swap(&mut self.held, input);
        }
        self.read(input);
        self.held = match self.is_held_up {
            true => input.split(),
            false => BytesMut::new(),
        };
    }

    /// Whether more input is of use. If not, it is because of events to be polled or answered, or output to be taken.
    pub fn wants_bytes(&self) -> bool {
        !self.is_held_up && !self.must_hold() && self.state != State::Closed
    }

    /// The next thing for the application to do.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() && self.is_held_up && !self.must_hold() {
            let mut input = std::mem::take(&mut self.held);
            self.read(&mut input);
            self.held = input;
        }
        let event = self.events.pop_front();
        if self.events.is_empty() && self.events.capacity() > EVENTS_KEPT {
            self.events = VecDeque::new();
        }
        event
    }

    /// Appends what there is to say, coalesced since the last time. Returns whether there was something. If that made room
    /// for links that send, there are events.
    pub fn poll_transmit(&mut self, output: &mut BytesMut) -> bool {
        self.flush();
        if self.output.is_empty() {
            return false;
        }
        self.clock.on_sent();
        if self.output.len() >= OUTPUT_HIGH_WATER {
            self.wake_senders();
        }
        self.burst = self.output.len().max(self.burst / 2);
        match output.is_empty() {
            true => *output = std::mem::take(&mut self.output),
            false => output.unsplit(std::mem::take(&mut self.output)),
        }
        true
    }

    /// Bytes that wait for [`Connection::poll_transmit`], apart from what it coalesces.
    pub fn buffered(&self) -> usize {
        self.output.len()
    }

    /// Bytes of messages of which only a part has come.
    pub fn assembling(&self) -> usize {
        self.assembling
    }

    /// Nothing will be read or said any more, but what is buffered.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Why we closed, if it was us: for the log.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_deref()
    }

    /// Takes everything whole off the input, unless something is in the way.
    fn read(&mut self, input: &mut BytesMut) {
        loop {
            self.is_held_up = self.must_hold();
            if self.is_held_up {
                return;
            }
            if let Some(parked) = self.parked.take() {
                self.on_frame(
                    parked.channel,
                    Performative::Transfer(parked.transfer),
                    parked.payload,
                );
                continue;
            }
            match self.read_next(input) {
                Ok(true) => {}
                Ok(false) => return,
                Err(fault) => self.fail(fault),
            }
        }
    }

    fn must_hold(&self) -> bool {
        let output_max = OUTPUT_HIGH_WATER + self.config.message_size_max as usize + ANSWERS_MAX;
        self.state == State::Authenticating
            || self.events.len() >= EVENTS_MAX
            || self.output.len() >= output_max
            || self.parked.as_ref().is_some_and(|parked| self.must_wait(parked))
    }

    fn must_wait(&self, parked: &Parked) -> bool {
        let Some(Slot::Open(session)) = self.sessions.get(parked.channel) else {
            return false;
        };
        match session.links.get(parked.transfer.handle) {
            Some(Slot::Open(link)) => session.is_full() || !link.is_attached(),
            Some(Slot::Leaving) | None => false,
        }
    }

    /// Writes what the sessions have gathered.
    fn flush(&mut self) {
        let Self {
            sessions,
            listed,
            peer,
            output,
            events,
            ..
        } = self;
        listed.retain(|channel| {
            let Some(Slot::Open(session)) = sessions.get_mut(*channel) else {
                return false;
            };
            if session.flush(peer.max_frame_size, output) {
                events.extend(session.wake_senders());
            }
            session.unlist()
        });
    }

    /// Output that was above the mark is about to be taken.
    fn wake_senders(&mut self) {
        for (_, slot) in self.sessions.iter() {
            if let Slot::Open(session) = slot {
                self.events.extend(session.wake_senders());
            }
        }
    }

    fn write(&mut self, channel: u16, performative: &Performative) {
        frame::write(channel, performative, &[], &mut self.output);
    }

    /// The connection is lost; if the peer can be told, it is.
    fn fail(&mut self, fault: Fault) {
        let (Fault::Close(error) | Fault::End(error) | Fault::Detach(_, error)) = fault;
        self.say_close(Some(&error));
        self.failure.get_or_insert(error);
        self.leave(State::Closed);
    }

    /// Returns whether there is a language in which to say it.
    fn say_close(&mut self, error: Option<&Error>) -> bool {
        match self.state {
            State::Greeting
            | State::Offered
            | State::Authenticating
            | State::Authenticated
            | State::Closing { .. }
            | State::Closed => return false,
            // Part 2, 2.4.1: whoever closes must have opened.
            State::Opening => self.write_open(),
            State::Open => self.flush(),
        }
        let error = error.cloned();
        self.write(0, &Performative::Close(Close { error }));
        true
    }

    /// Nothing of the sessions matters any more.
    fn leave(&mut self, state: State) {
        self.state = state;
        self.sessions = Table::default();
        self.links = Table::default();
        self.listed = Vec::new();
        self.parked = None;
        (self.handles, self.assembling) = (0, 0);
    }
}

/// What is read and written may hold keys and tokens, and is not printed.
impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("state", &self.state)
            .field("sessions", &self.sessions.len())
            .field("links", &self.links.len())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// The session has something to say.
fn list(listed: &mut Vec<u16>, session: &mut Session, channel: u16) {
    if session.list() {
        listed.push(channel);
    }
}
