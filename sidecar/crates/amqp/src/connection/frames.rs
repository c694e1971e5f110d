//! What an open connection does with each frame of the peer.

use bytes::Bytes;

use super::event::{Event, LinkId};
use super::fault::{self, Fault};
use super::link::{self, Endpoint, Link};
use super::session::Session;
use super::table::{Slot, Table};
use super::{Connection, Parked, Place, State, list};
use crate::performative::{self, Attach, Begin, Close, Detach, Flow, Transfer};
use crate::{Error, Performative, frame};

impl Connection {
    /// A fault costs what it costs; the rest of the connection goes on.
    pub(super) fn on_frame(&mut self, channel: u16, performative: Performative, payload: Bytes) {
        let outcome = match performative {
            Performative::Transfer(transfer) => self.on_transfer(channel, transfer, payload),
            Performative::Flow(flow) => self.on_flow(channel, &flow),
            // What we send is settled already; what we receive, we settle. There is nothing to learn.
            Performative::Disposition(_) => session(&mut self.sessions, channel).map(|_| ()),
            Performative::Attach(attach) => self.on_attach(channel, attach),
            Performative::Detach(detach) => self.on_detach(channel, detach),
            Performative::Begin(begin) => self.on_begin(channel, &begin),
            Performative::End(end) => self.on_end(channel, end),
            Performative::Open(_) => Err(Fault::opened_twice()),
            Performative::Close(close) => {
                self.on_close(close);
                Ok(())
            }
        };
        match outcome {
            Ok(()) => {}
            Err(Fault::End(error)) => self.end(channel, *error),
            Err(Fault::Detach(handle, error)) => self.expel(channel, handle, *error),
            Err(fault @ Fault::Close(_)) => self.fail(fault),
        }
    }

    fn on_begin(&mut self, channel: u16, begin: &Begin) -> Result<(), Fault> {
        let max = self.config.channel_max.min(self.peer.channel_max);
        if channel > max {
            return Err(Fault::channel_too_high(channel, max));
        }
        if let Some(remote) = begin.remote_channel {
            return Err(Fault::remote_channel(remote));
        }
        if self.sessions.get(channel).is_some() {
            return Err(Fault::channel_in_use(channel));
        }
        let reply = Box::new(Session::reply(channel, &self.config));
        frame::write(channel, &Performative::Begin(reply), &[], &mut self.output);
        let is_one_too_many = self.sessions.len() >= self.config.sessions_max;
        let session = Session::new(channel, begin, &self.config);
        self.sessions.insert(channel, Slot::Open(Box::new(session)));
        match is_one_too_many {
            true => Err(Fault::too_many_sessions(self.config.sessions_max)),
            false => Ok(()),
        }
    }

    fn on_attach(&mut self, channel: u16, attach: Box<Attach>) -> Result<(), Fault> {
        let handle = attach.handle;
        let handle_max = self.config.handle_max;
        if handle > handle_max {
            return Err(Fault::handle_too_high(handle, handle_max));
        }
        let Some(session) = session(&mut self.sessions, channel)? else {
            return Ok(());
        };
        if session.links.get(handle).is_some() {
            return Err(Fault::handle_in_use(handle));
        }
        if handle > session.handle_max() {
            return Err(Fault::handle_unanswerable(handle, session.handle_max()));
        }
        let links_max = self.config.links_max;
        if self.handles >= 2 * links_max {
            return Err(Fault::undetached(links_max));
        }
        let refusal = match (attach.is_coordinator, self.links.len() >= links_max) {
            (_, true) => Some(fault::too_many_links(links_max)),
            (true, false) => Some(fault::coordinator()),
            (false, false) => None,
        };
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.handles += 1;
        self.links.insert(link, Place { channel, handle });
        session
            .links
            .insert(handle, Slot::Open(Box::new(Link::new(link, &attach))));
        match refusal {
            None => self.events.push_back(Event::Attached { link, attach }),
            Some(error) => drop(self.say_detach(channel, handle, Some(error))),
        }
        Ok(())
    }

    fn on_flow(&mut self, channel: u16, flow: &Flow) -> Result<(), Fault> {
        let Some(session) = session(&mut self.sessions, channel)? else {
            return Ok(());
        };
        let has_opened = session.on_flow(flow);
        let woken = match flow.handle {
            None => None,
            Some(handle) => match session.links.get_mut(handle) {
                Some(Slot::Open(link)) => link.on_flow(flow),
                Some(Slot::Leaving) => None,
                None => return Err(Fault::unattached_handle(handle)),
            },
        };
        if flow.echo {
            match flow.handle {
                None => session.owe_flow(),
                Some(handle) => session.owe_link_flow(handle),
            }
            list(&mut self.listed, session, channel);
        }
        if has_opened {
            self.events.extend(session.wake_senders());
            list(&mut self.listed, session, channel);
        } else {
            self.events.extend(woken);
        }
        Ok(())
    }

    fn on_transfer(&mut self, channel: u16, transfer: Transfer, payload: Bytes) -> Result<(), Fault> {
        let Some(session) = session(&mut self.sessions, channel)? else {
            return Ok(());
        };
        let is_full = session.is_full();
        let handle = transfer.handle;
        let link = match session.links.get_mut(handle) {
            Some(Slot::Open(link)) if is_full || !link.is_attached() => {
                self.parked = Some(Box::new(Parked {
                    channel,
                    transfer,
                    payload,
                }));
                return Ok(());
            }
            Some(Slot::Open(link)) => Some(link),
            Some(Slot::Leaving) => None,
            None => return Err(Fault::unattached_handle(handle)),
        };
        // One that is dropped has gone through the window, too.
        let mut unsettled = 0;
        if let Some(link) = link {
            let id = link.id;
            let Endpoint::Receiver(receiver) = &mut link.endpoint else {
                return Err(Fault::transfer_to_sender(handle));
            };
            let (before, assembling) = (receiver.unsettled, receiver.assembling());
            let received = receiver.receive(id, &transfer, payload, self.config.message_size_max);
            self.assembling = self.assembling + receiver.assembling() - assembling;
            unsettled = receiver.unsettled - before;
            self.events.extend(received?);
        }
        session.on_transfer(unsettled);
        list(&mut self.listed, session, channel);
        if self.assembling > self.config.assembly_max {
            return Err(Fault::assembly(self.config.assembly_max));
        }
        Ok(())
    }

    fn on_detach(&mut self, channel: u16, detach: Detach) -> Result<(), Fault> {
        let Detach {
            handle,
            closed,
            error,
        } = detach;
        let Some(session) = session(&mut self.sessions, channel)? else {
            return Ok(());
        };
        match session.links.remove(handle) {
            // It answers ours.
            Some(Slot::Leaving) => self.handles -= 1,
            Some(Slot::Open(mut link)) => {
                let asked = link.asked.take();
                let id = self.release(channel, handle, *link);
                self.handles -= 1;
                if let Some(asked) = asked {
                    self.write(channel, &Performative::Attach(Box::new(asked.refuse(handle))));
                }
                let answer = Detach {
                    handle,
                    closed,
                    error: None,
                };
                self.write(channel, &Performative::Detach(answer));
                self.events.push_back(Event::Detached {
                    link: id,
                    closed,
                    error,
                });
            }
            None => return Err(Fault::unattached_handle(handle)),
        }
        Ok(())
    }

    fn on_end(&mut self, channel: u16, end: performative::End) -> Result<(), Fault> {
        match self.sessions.get(channel) {
            None => return Err(Fault::no_session(channel)),
            // It answers ours.
            Some(Slot::Leaving) => {}
            Some(Slot::Open(_)) => {
                self.leave_session(channel, end.error.as_ref());
                self.write(channel, &Performative::End(performative::End::default()));
            }
        }
        self.sessions.remove(channel);
        Ok(())
    }

    fn on_close(&mut self, close: Close) {
        self.flush();
        self.write(0, &Performative::Close(Close::default()));
        self.leave(State::Closed);
        self.events.push_back(Event::Closed { error: close.error });
    }

    /// Ends the session because of something that the peer did wrong.
    fn end(&mut self, channel: u16, error: Error) {
        self.leave_session(channel, Some(&error));
        self.write(
            channel,
            &Performative::End(performative::End { error: Some(error) }),
        );
        self.sessions.insert(channel, Slot::Leaving);
    }

    /// Detaches the link because of something that the peer did wrong.
    fn expel(&mut self, channel: u16, handle: u32, error: Error) {
        let Some(id) = self.say_detach(channel, handle, Some(error.clone())) else {
            return;
        };
        self.events.push_back(Event::Detached {
            link: id,
            closed: true,
            error: Some(error),
        });
    }

    /// Our goodbye to a link, after the refusal of its attach if there was no answer yet. None: it was said before.
    pub(super) fn say_detach(&mut self, channel: u16, handle: u32, error: Option<Error>) -> Option<LinkId> {
        let Ok(Some(session)) = session(&mut self.sessions, channel) else {
            return None;
        };
        if !matches!(session.links.get(handle), Some(Slot::Open(_))) {
            return None;
        }
        let Some(Slot::Open(mut link)) = session.links.remove(handle) else {
            return None;
        };
        session.links.insert(handle, Slot::Leaving);
        let asked = link.asked.take();
        let id = self.release(channel, handle, *link);
        if let Some(asked) = asked {
            self.write(channel, &Performative::Attach(Box::new(asked.refuse(handle))));
        }
        self.write(channel, &Performative::Detach(link::detach(handle, error)));
        Some(id)
    }

    /// Forgets a link that was taken out of its session, after having said what there was to say about it.
    fn release(&mut self, channel: u16, handle: u32, link: Link) -> LinkId {
        self.assembling -= link.assembling();
        self.links.remove(link.id);
        if let Some(Slot::Open(session)) = self.sessions.get_mut(channel) {
            if session.on_link_gone(handle, &link) {
                self.events.extend(session.wake_senders());
            }
            if session.flush(self.peer.max_frame_size, &mut self.output) {
                self.events.extend(session.wake_senders());
            }
        }
        link.id
    }

    /// Forgets what a session has, and tells the application about its links.
    fn leave_session(&mut self, channel: u16, error: Option<&Error>) {
        let Some(Slot::Open(mut session)) = self.sessions.remove(channel) else {
            return;
        };
        session.flush(self.peer.max_frame_size, &mut self.output);
        for (_, slot) in session.links {
            self.handles -= 1;
            let Slot::Open(link) = slot else {
                continue;
            };
            self.assembling -= link.assembling();
            self.links.remove(link.id);
            self.events.push_back(Event::Detached {
                link: link.id,
                closed: true,
                error: error.cloned(),
            });
        }
    }
}

/// None: we have ended it, and what comes for it is dropped.
fn session(sessions: &mut Table<u16, Slot<Session>>, channel: u16) -> Result<Option<&mut Session>, Fault> {
    match sessions.get_mut(channel) {
        Some(Slot::Open(session)) => Ok(Some(session)),
        Some(Slot::Leaving) => Ok(None),
        None => Err(Fault::no_session(channel)),
    }
}
