//! From the first byte to the open, and what is read in between (part 5, 5.3; part 2, 2.2 and 2.4).

use std::time::Duration;

use bytes::BytesMut;

use super::clock::IDLE_TIME_OUT_MIN;
use super::event::{Event, Secret};
use super::fault::Fault;
use super::{Connection, State};
use crate::Performative;
use crate::frame::{self, Frame, MIN_MAX_FRAME_SIZE, ProtocolHeader, SaslFrame};
use crate::performative::{Open, SaslCode, SaslInit, SaslMechanisms, SaslOutcome};

/// Part 5, 5.3.1 allows 512 bytes; a little more lets somebody in with a long key.
const SASL_FRAME_MAX: u32 = 4096;

const ANONYMOUS: &str = "ANONYMOUS";

impl Connection {
    /// Takes the next whole thing off the input. Returns whether there was one.
    pub(super) fn read_next(&mut self, input: &mut BytesMut) -> Result<bool, Fault> {
        match self.state {
            State::Greeting => self.read_header(input, ProtocolHeader::Sasl),
            State::Authenticated => self.read_header(input, ProtocolHeader::Amqp),
            State::Offered => self.read_sasl(input),
            State::Authenticating => Ok(false),
            State::Opening | State::Open | State::Closing { .. } => self.read_frame(input),
            State::Closed => {
                input.clear();
                Ok(false)
            }
        }
    }

    /// Part 2, 2.2: whoever does not begin as we want hears how we want it, and that is all. Where `ANONYMOUS` is offered
    /// the security layer may be left out, which says the same: a client with nothing but a token does so.
    fn read_header(&mut self, input: &mut BytesMut, wanted: ProtocolHeader) -> Result<bool, Fault> {
        let header = match ProtocolHeader::read(input) {
            Ok(None) => return Ok(false),
            Ok(Some(header)) => Some(header),
            Err(_) => None,
        };
        let wanted = match header {
            Some(ProtocolHeader::Amqp) if self.config.mechanisms.iter().any(|it| *it == ANONYMOUS) => {
                ProtocolHeader::Amqp
            }
            _ => wanted,
        };
        self.output.extend_from_slice(&wanted.bytes());
        match (wanted, header == Some(wanted)) {
            (ProtocolHeader::Sasl, true) => self.offer(),
            (_, true) => self.state = State::Opening,
            (ProtocolHeader::Sasl, false) => return Err(Fault::protocol("SASL (AMQP 3 1.0.0)")),
            (_, false) => return Err(Fault::protocol("AMQP (AMQP 0 1.0.0)")),
        }
        Ok(true)
    }

    fn offer(&mut self) {
        let mechanisms = self.config.mechanisms.clone();
        let offer = SaslFrame::Mechanisms(SaslMechanisms { mechanisms });
        frame::write_sasl(&offer, &mut self.output);
        self.state = State::Offered;
    }

    fn read_sasl(&mut self, input: &mut BytesMut) -> Result<bool, Fault> {
        match frame::read(input, SASL_FRAME_MAX).map_err(Fault::frame)? {
            None => Ok(false),
            Some(Frame::Sasl(SaslFrame::Init(init))) => self.on_sasl_init(init).map(|()| true),
            Some(_) => Err(Fault::sasl(
                "the client answers the offer of mechanisms with something else",
            )),
        }
    }

    fn on_sasl_init(&mut self, init: SaslInit) -> Result<(), Fault> {
        let SaslInit {
            mechanism,
            initial_response,
            hostname,
        } = init;
        if !self.config.mechanisms.contains(&mechanism) {
            self.write_outcome(SaslCode::Auth);
            return Err(Fault::sasl("the client chose a mechanism that was not offered"));
        }
        self.state = State::Authenticating;
        self.events.push_back(Event::Sasl {
            mechanism,
            response: initial_response.map(Secret),
            hostname,
        });
        Ok(())
    }

    /// The answer to [`Event::Sasl`]. Anything but [`SaslCode::Ok`] closes the connection.
    pub fn sasl_outcome(&mut self, code: SaslCode) {
        if !matches!(self.state, State::Authenticating) {
            return;
        }
        self.write_outcome(code);
        match code {
            SaslCode::Ok => self.state = State::Authenticated,
            _ => self.fail(Fault::sasl("the credential was refused")),
        }
    }

    fn write_outcome(&mut self, code: SaslCode) {
        let outcome = SaslOutcome {
            code,
            additional_data: None,
        };
        frame::write_sasl(&SaslFrame::Outcome(outcome), &mut self.output);
    }

    fn read_frame(&mut self, input: &mut BytesMut) -> Result<bool, Fault> {
        let limit = self.config.max_frame_size.max(MIN_MAX_FRAME_SIZE);
        let Some(frame) = frame::read(input, limit).map_err(Fault::frame)? else {
            return Ok(false);
        };
        match (self.state, frame) {
            (State::Closing { .. }, Frame::Amqp { performative, .. }) => self.on_farewell(&performative),
            // Nothing but a sign of life.
            (_, Frame::Empty { .. }) | (State::Closing { .. }, _) => {}
            (_, Frame::Sasl(_)) => return Err(Fault::late_sasl()),
            (
                State::Open,
                Frame::Amqp {
                    channel,
                    performative,
                    payload,
                },
            ) => {
                self.on_frame(channel, performative, payload);
            }
            (
                _,
                Frame::Amqp {
                    performative: Performative::Open(open),
                    ..
                },
            ) => self.on_open(*open)?,
            (_, Frame::Amqp { .. }) => return Err(Fault::not_opened()),
        }
        Ok(true)
    }

    /// We have closed; all that matters is that the peer does, too.
    fn on_farewell(&mut self, performative: &Performative) {
        if matches!(performative, Performative::Close(_)) {
            self.state = State::Closed;
        }
    }

    fn on_open(&mut self, open: Open) -> Result<(), Fault> {
        if open.max_frame_size < MIN_MAX_FRAME_SIZE {
            return Err(Fault::max_frame_size(open.max_frame_size));
        }
        // Zero is the same as none (2.4.5).
        let idle_time_out = open.idle_time_out.filter(|millis| *millis > 0);
        let idle_time_out = idle_time_out.map(|millis| Duration::from_millis(millis.into()));
        if idle_time_out.is_some_and(|wanted| wanted < IDLE_TIME_OUT_MIN) {
            let wanted = open.idle_time_out.unwrap_or(0);
            return Err(Fault::idle_time_out(wanted, IDLE_TIME_OUT_MIN.as_millis()));
        }
        self.peer.max_frame_size = open.max_frame_size;
        self.peer.channel_max = open.channel_max;
        self.peer.idle_time_out = idle_time_out;
        self.write_open();
        self.state = State::Open;
        self.events.push_back(Event::Opened {
            hostname: open.hostname,
            container_id: open.container_id,
            properties: open.properties,
        });
        Ok(())
    }

    pub(super) fn write_open(&mut self) {
        let config = &self.config;
        let millis = u32::try_from(config.idle_time_out.as_millis()).unwrap_or(u32::MAX);
        let open = Open {
            container_id: config.container_id.clone(),
            hostname: None,
            max_frame_size: config.max_frame_size.max(MIN_MAX_FRAME_SIZE),
            channel_max: config.channel_max,
            idle_time_out: (millis > 0).then_some(millis),
            outgoing_locales: Vec::new(),
            incoming_locales: Vec::new(),
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            properties: Vec::new(),
        };
        frame::write(0, &Performative::Open(Box::new(open)), &[], &mut self.output);
    }
}
