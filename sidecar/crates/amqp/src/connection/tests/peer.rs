//! A client that says what the test wants, and hears what the machine says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::connection::link::Endpoint;
use crate::connection::table::Slot;
use crate::connection::{Accept, Config, Connection, DeliveryId, Event, LinkId, State};
use crate::frame::{self, Frame, ProtocolHeader, SaslFrame};
use crate::performative::*;
use crate::{Error, Fields, Performative, Symbol, Value};

pub(super) struct Peer {
    pub(super) server: Connection,
    pub(super) now: Instant,
    /// What the machine did not take yet.
    input: BytesMut,
    /// What the machine said.
    output: BytesMut,
    /// Bytes of the largest frame that it said.
    pub(super) largest_heard: usize,
}

/// What the machine says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    Header(ProtocolHeader),
    Sasl(SaslFrame),
    Empty,
    Frame(u16, Performative, Bytes),
}

#[expect(
    clippy::disallowed_methods,
    reason = "any instant will do as the beginning of a fake clock"
)]
fn beginning() -> Instant {
    Instant::now()
}

pub(super) fn config() -> Config {
    Config {
        container_id: String::from("server"),
        ..Config::default()
    }
}

impl Peer {
    /// Nothing was said yet.
    pub(super) fn new(config: impl Into<Arc<Config>>) -> Self {
        let now = beginning();
        Self {
            server: Connection::new(config, now),
            now,
            input: BytesMut::new(),
            output: BytesMut::new(),
            largest_heard: 0,
        }
    }

    /// Open, by a client with that open.
    pub(super) fn opened(config: impl Into<Arc<Config>>, open: Open) -> Self {
        let mut peer = Self::new(config);
        peer.says_bytes(&ProtocolHeader::Sasl.bytes());
        peer.says_sasl(&init("ANONYMOUS"));
        assert!(matches!(peer.event(), Some(Event::Sasl { .. })));
        peer.server.sasl_outcome(SaslCode::Ok);
        peer.says_bytes(&ProtocolHeader::Amqp.bytes());
        peer.says(0, open);
        assert!(matches!(peer.event(), Some(Event::Opened { .. })));
        assert!(matches!(
            peer.hears().last(),
            Some(Heard::Frame(0, Performative::Open(_), _))
        ));
        peer
    }

    /// Open, with a session on channel 0.
    pub(super) fn begun(config: Config) -> Self {
        Self::begun_with(config, open(), begin())
    }

    pub(super) fn begun_with(config: Config, open: Open, begin: Begin) -> Self {
        let mut peer = Self::opened(config, open);
        peer.says(0, begin);
        assert!(matches!(
            peer.hears()[..],
            [Heard::Frame(0, Performative::Begin(_), _)]
        ));
        peer
    }

    pub(super) fn says_bytes(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.server.on_bytes(&mut self.input, self.now);
    }

    pub(super) fn says_sasl(&mut self, frame: &SaslFrame) {
        frame::write_sasl(frame, &mut self.input);
        self.server.on_bytes(&mut self.input, self.now);
    }

    pub(super) fn says(&mut self, channel: u16, performative: impl Into<Performative>) {
        self.says_with(channel, performative, b"");
    }

    pub(super) fn says_with(&mut self, channel: u16, performative: impl Into<Performative>, payload: &[u8]) {
        frame::write(channel, &performative.into(), &[payload], &mut self.input);
        self.server.on_bytes(&mut self.input, self.now);
    }

    pub(super) fn event(&mut self) -> Option<Event> {
        let event = self.server.poll_event();
        self.server.check();
        event
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.event()).collect()
    }

    /// Everything that the machine has to say by now.
    pub(super) fn hears(&mut self) -> Vec<Heard> {
        while self.server.poll_transmit(&mut self.output) {}
        self.server.check();
        std::iter::from_fn(|| self.next_heard()).collect()
    }

    /// Without channels and payloads.
    pub(super) fn hears_performatives(&mut self) -> Vec<Performative> {
        let heard = self.hears();
        let performatives = heard.into_iter().map(|heard| match heard {
            Heard::Frame(_, performative, _) => performative,
            other => panic!("{other:?}"),
        });
        performatives.collect()
    }

    /// Transfers only, reassembled: format and payload.
    pub(super) fn hears_messages(&mut self) -> Vec<(u32, Vec<u8>)> {
        let mut messages = Vec::new();
        let mut is_first = true;
        for heard in self.hears() {
            let Heard::Frame(_, Performative::Transfer(transfer), payload) = heard else {
                continue;
            };
            if is_first {
                messages.push((
                    transfer.message_format.expect("the first frame has it"),
                    Vec::new(),
                ));
            }
            let (_, message) = messages.last_mut().expect("it has just been pushed");
            message.extend_from_slice(&payload);
            is_first = !transfer.more;
        }
        messages
    }

    fn next_heard(&mut self) -> Option<Heard> {
        if self.output.starts_with(b"AMQP") {
            return ProtocolHeader::read(&mut self.output)
                .expect("a header")
                .map(Heard::Header);
        }
        let before = self.output.len();
        let frame = frame::read(&mut self.output, u32::MAX).expect("the machine writes frames")?;
        self.largest_heard = self.largest_heard.max(before - self.output.len());
        Some(match frame {
            Frame::Empty { .. } => Heard::Empty,
            Frame::Sasl(frame) => Heard::Sasl(frame),
            Frame::Amqp {
                channel,
                performative,
                payload,
            } => Heard::Frame(channel, performative, payload),
        })
    }

    /// The peer attaches a link to send on; we give it credit.
    pub(super) fn attaches_sender(&mut self, channel: u16, handle: u32, credit: u32) -> LinkId {
        self.says(channel, attach("sender", handle, Role::Sender));
        let link = self.is_asked();
        self.server.accept_receiver(link, Accept::default(), credit);
        self.hears();
        link
    }

    /// The peer attaches a link to receive on, and gives us credit.
    pub(super) fn attaches_receiver(&mut self, channel: u16, handle: u32, credit: u32) -> LinkId {
        self.says(channel, attach("receiver", handle, Role::Receiver));
        let link = self.is_asked();
        self.server.accept_sender(link, Accept::default());
        self.hears();
        if credit > 0 {
            self.says(channel, credit_flow(handle, 0, credit));
            assert!(matches!(self.event(), Some(Event::Flow { .. })));
        }
        link
    }

    pub(super) fn is_asked(&mut self) -> LinkId {
        match self.event() {
            Some(Event::Attached { link, .. }) => link,
            other => panic!("{other:?}"),
        }
    }

    /// The next event is a delivery.
    pub(super) fn is_given(&mut self) -> (DeliveryId, Bytes) {
        match self.event() {
            Some(Event::Delivery {
                delivery, payload, ..
            }) => (delivery, payload),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn waits(&mut self, duration: Duration) {
        self.now += duration;
        self.server.on_timeout(self.now);
    }

    /// The error of the close that the machine says, behind which it says nothing.
    pub(super) fn is_closed_with(&mut self) -> Error {
        let heard = self.hears_performatives();
        assert!(self.server.is_closed());
        match heard.last() {
            Some(Performative::Close(Close { error: Some(error) })) => error.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The error of the end that the machine says; it goes on otherwise.
    pub(super) fn is_ended_with(&mut self) -> Error {
        let heard = self.hears_performatives();
        assert!(!self.server.is_closed());
        match heard.last() {
            Some(Performative::End(End { error: Some(error) })) => error.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The error of the detach that the machine says; it goes on otherwise.
    pub(super) fn is_detached_with(&mut self) -> Error {
        let heard = self.hears_performatives();
        assert!(!self.server.is_closed());
        match heard.last() {
            Some(Performative::Detach(Detach {
                error: Some(error),
                closed: true,
                ..
            })) => error.clone(),
            other => panic!("{other:?}"),
        }
    }
}

impl Connection {
    /// What is counted is there, and what is there is counted.
    pub(super) fn check(&self) {
        let mut links = VecDeque::new();
        let (mut handles, mut assembling) = (0, 0);
        for (channel, slot) in self.sessions.iter() {
            let Slot::Open(session) = slot else {
                continue;
            };
            let mut unsettled = 0;
            for (handle, slot) in session.links.iter() {
                handles += 1;
                if let Slot::Open(link) = slot {
                    links.push_back((link.id, channel, handle));
                    unsettled += link.unsettled();
                    if let Endpoint::Receiver(receiver) = &link.endpoint {
                        assembling += receiver.assembling();
                    }
                }
            }
            let (counted, flows) = session.books();
            assert_eq!(counted, unsettled);
            assert!(flows <= session.links.len());
        }
        assert_eq!((self.handles, self.assembling), (handles, assembling));
        assert_eq!(self.links.len(), links.len());
        for (link, channel, handle) in links {
            let place = self.links.get(link).expect("the application's links are known");
            assert_eq!((place.channel, place.handle), (channel, handle));
        }
        if self.state == State::Closed {
            assert_eq!(self.sessions.len(), 0);
        }
    }
}

pub(super) fn init(mechanism: &'static str) -> SaslFrame {
    SaslFrame::Init(SaslInit {
        mechanism: Symbol::from_static(mechanism),
        initial_response: None,
        hostname: Some(String::from("localhost")),
    })
}

pub(super) fn open() -> Open {
    Open {
        container_id: String::from("client"),
        hostname: Some(String::from("localhost")),
        max_frame_size: 65_536,
        channel_max: u16::MAX,
        idle_time_out: None,
        outgoing_locales: Vec::new(),
        incoming_locales: Vec::new(),
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Fields::new(),
    }
}

/// With windows as wide as they get.
pub(super) fn begin() -> Begin {
    Begin {
        remote_channel: None,
        next_outgoing_id: 0,
        incoming_window: u32::MAX,
        outgoing_window: u32::MAX,
        handle_max: u32::MAX,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Fields::new(),
    }
}

pub(super) fn attach(name: &str, handle: u32, role: Role) -> Attach {
    Attach {
        name: String::from(name),
        handle,
        role,
        snd_settle_mode: SenderSettleMode::Mixed,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(source(name)),
        target: Some(target(name)),
        is_coordinator: false,
        unsettled: Value::Null,
        incomplete_unsettled: false,
        initial_delivery_count: (role == Role::Sender).then_some(0),
        max_message_size: None,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Fields::new(),
    }
}

pub(super) fn source(address: &str) -> Source {
    Source {
        address: Some(String::from(address)),
        ..Source::default()
    }
}

pub(super) fn target(address: &str) -> Target {
    Target {
        address: Some(String::from(address)),
        ..Target::default()
    }
}

pub(super) fn transfer(handle: u32, delivery: u32) -> Transfer {
    Transfer {
        handle,
        delivery_id: Some(delivery),
        delivery_tag: Some(Bytes::copy_from_slice(&delivery.to_be_bytes())),
        message_format: Some(0),
        settled: Some(false),
        ..Transfer::default()
    }
}

/// From a receiver whose session has taken nothing and can take everything.
pub(super) fn credit_flow(handle: u32, delivery_count: u32, credit: u32) -> Flow {
    Flow {
        handle: Some(handle),
        delivery_count: Some(delivery_count),
        link_credit: Some(credit),
        ..session_flow(1, u32::MAX)
    }
}

pub(super) fn session_flow(next_incoming_id: u32, incoming_window: u32) -> Flow {
    Flow {
        next_incoming_id: Some(next_incoming_id),
        incoming_window,
        next_outgoing_id: 0,
        outgoing_window: u32::MAX,
        ..Flow::default()
    }
}

pub(super) fn detach(handle: u32, closed: bool) -> Detach {
    Detach {
        handle,
        closed,
        error: None,
    }
}

macro_rules! into_performative {
    ($($name:ident $(in $wrap:path)?),*) => {
        $(impl From<$name> for Performative {
            fn from(it: $name) -> Self {
                Self::$name($($wrap)?(it))
            }
        })*
    };
}
into_performative!(
    Open in Box::new,
    Begin in Box::new,
    Attach in Box::new,
    Flow,
    Transfer,
    Disposition,
    Detach,
    End,
    Close
);
