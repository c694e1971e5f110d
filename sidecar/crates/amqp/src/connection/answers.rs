//! What the application says to the machine. For a link that is gone, nothing happens.

use bytes::BytesMut;

use super::event::{DeliveryId, Event, LinkId};
use super::link::{Accept, Endpoint, Link};
use super::receiver::Receiver;
use super::sender::{Drain, Sender};
use super::session::Session;
use super::table::Slot;
use super::{BURST_MAX, Connection, OUTPUT_HIGH_WATER, Place, State, list};
use crate::performative::Outcome;
use crate::{Error, Performative, frame};

impl Connection {
    /// Accepts a link on which the peer sends, and lets it send `credit` messages.
    pub fn accept_receiver(&mut self, link: LinkId, reply: Accept, credit: u32) {
        let Some(mut reach) = self.reach(link) else {
            return;
        };
        if let Some(receiver) = reach.receiver() {
            receiver.credit = credit;
            reach.accept(reply);
            reach.owe_flow();
        }
    }

    /// Accepts a link on which we send.
    pub fn accept_sender(&mut self, link: LinkId, reply: Accept) {
        let Some(mut reach) = self.reach(link) else {
            return;
        };
        let Some(sender) = reach.sender() else {
            return;
        };
        let has_news = sender.credit > 0 || sender.drain == Drain::Asked;
        reach.accept(reply);
        if has_news {
            self.events.push_back(Event::Flow { link });
        }
    }

    /// Part 2, 2.6.3: refuses a link.
    pub fn refuse(&mut self, link: LinkId, error: Error) {
        self.detach(link, Some(error));
    }

    /// Lets the peer send so many messages more from now. It is told at the next [`Connection::poll_transmit`].
    pub fn set_credit(&mut self, link: LinkId, credit: u32) {
        let Some(mut reach) = self.reach(link) else {
            return;
        };
        let Some(receiver) = reach.receiver() else {
            return;
        };
        if receiver.credit != credit {
            receiver.credit = credit;
            reach.owe_flow();
        }
    }

    /// What has become of a delivery that was not settled; once for each. Those that are accepted are told at the next
    /// [`Connection::poll_transmit`], in ranges.
    pub fn settle(&mut self, link: LinkId, delivery: DeliveryId, outcome: Outcome) {
        let Some(mut reach) = self.reach(link) else {
            return;
        };
        match reach.receiver() {
            Some(receiver) if receiver.unsettled > 0 => receiver.unsettled -= 1,
            _ => return,
        }
        let Reach {
            session,
            output,
            listed,
            place,
        } = reach;
        session.settle(delivery.0, outcome, output);
        list(listed, session, place.channel);
    }

    /// The channel of a link's session: links of one session have the same.
    pub fn channel(&self, link: LinkId) -> Option<u16> {
        self.links.get(link).map(|place| place.channel)
    }

    /// How many messages may be sent now. When it grows there is an [`Event::Flow`].
    pub fn credit(&self, link: LinkId) -> u32 {
        match self.look(link) {
            Some((
                session,
                Link {
                    endpoint: Endpoint::Sender(sender),
                    asked: None,
                    ..
                },
            )) if self.output.len() < OUTPUT_HIGH_WATER => session.allowance(sender.credit),
            _ => 0,
        }
    }

    /// Whether the peer wants what there is now, and then [`Connection::drained`].
    pub fn is_draining(&self, link: LinkId) -> bool {
        matches!(
            self.look(link),
            Some((
                _,
                Link {
                    endpoint: Endpoint::Sender(Sender {
                        drain: Drain::Asked,
                        ..
                    }),
                    asked: None,
                    ..
                }
            ))
        )
    }

    /// Part 2, 2.6.7: there is nothing more, and the credit is used up. Without effect if nobody asked.
    pub fn drained(&mut self, link: LinkId) {
        let Some(mut reach) = self.reach(link) else {
            return;
        };
        if let Some(sender) = reach.sender()
            && sender.drain == Drain::Asked
        {
            sender.drained();
            reach.owe_flow();
        }
    }

    /// Sends a message, which is the concatenation of `parts`, settled. False, and nothing is sent, without
    /// [`Connection::credit`].
    pub fn send(&mut self, link: LinkId, message_format: u32, parts: &[&[u8]]) -> bool {
        if self.credit(link) == 0 {
            return false;
        }
        if self.output.is_empty() {
            self.output.reserve(self.burst.min(BURST_MAX));
        }
        let max_frame_size = self.peer.max_frame_size;
        let Some(mut reach) = self.reach(link) else {
            return false;
        };
        let Some(sender) = reach.sender() else {
            return false;
        };
        sender.sent();
        let handle = reach.place.handle;
        reach
            .session
            .send(handle, message_format, parts, max_frame_size, reach.output);
        true
    }

    /// Says goodbye to a link, for good. There is no event about it.
    pub fn detach(&mut self, link: LinkId, error: Option<Error>) {
        if let Some(Place { channel, handle }) = self.links.get(link).copied() {
            self.say_detach(channel, handle, error);
        }
    }

    /// Says goodbye to everybody. The peer has five seconds to answer.
    pub fn close(&mut self, error: Option<Error>) {
        if matches!(self.state, State::Closing { .. } | State::Closed) {
            return;
        }
        let state = match self.say_close(error.as_ref()) {
            true => State::Closing { until: None },
            false => State::Closed,
        };
        self.failure = error.map(Box::new);
        self.leave(state);
    }

    fn look(&self, link: LinkId) -> Option<(&Session, &Link)> {
        let place = self.links.get(link)?;
        let Slot::Open(session) = self.sessions.get(place.channel)? else {
            return None;
        };
        let Slot::Open(link) = session.links.get(place.handle)? else {
            return None;
        };
        Some((session, link))
    }

    fn reach(&mut self, link: LinkId) -> Option<Reach<'_>> {
        let place = *self.links.get(link)?;
        let Slot::Open(session) = self.sessions.get_mut(place.channel)? else {
            return None;
        };
        Some(Reach {
            session,
            place,
            output: &mut self.output,
            listed: &mut self.listed,
        })
    }
}

/// A link and what is needed to do something with it.
struct Reach<'a> {
    session: &'a mut Session,
    place: Place,
    output: &'a mut BytesMut,
    listed: &'a mut Vec<u16>,
}

impl Reach<'_> {
    fn receiver(&mut self) -> Option<&mut Receiver> {
        match &mut self.session.link_mut(self.place.handle)?.endpoint {
            Endpoint::Receiver(receiver) => Some(receiver),
            Endpoint::Sender(_) => None,
        }
    }

    fn sender(&mut self) -> Option<&mut Sender> {
        match &mut self.session.link_mut(self.place.handle)?.endpoint {
            Endpoint::Sender(sender) => Some(sender),
            Endpoint::Receiver(_) => None,
        }
    }

    /// Answers the attach, once.
    fn accept(&mut self, reply: Accept) {
        let Place { channel, handle } = self.place;
        let Some(asked) = self.session.link_mut(handle).and_then(|link| link.asked.take()) else {
            return;
        };
        let attach = Box::new(asked.accept(handle, reply));
        frame::write(channel, &Performative::Attach(attach), &[], self.output);
        self.session.on_accepted(handle);
        list(self.listed, self.session, channel);
    }

    fn owe_flow(&mut self) {
        let Place { channel, handle } = self.place;
        self.session.owe_link_flow(handle);
        list(self.listed, self.session, channel);
    }
}
