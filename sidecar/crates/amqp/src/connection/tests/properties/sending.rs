//! Whatever a receiver grants, and however late it hears: it gets every message once, in order, and never more than it
//! granted.

use std::collections::VecDeque;

use proptest::prelude::*;

use crate::Performative;
use crate::connection::LinkId;
use crate::connection::tests::peer::{Heard, Peer, begin, config, open, session_flow};
use crate::performative::*;

const LINKS: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    /// The application sends if it may.
    Send { link: usize, size: usize },
    /// The client takes frames off its socket.
    Take { frames: usize },
    /// The client grants, from what it has taken.
    Grant {
        link: usize,
        credit: u32,
        window: u32,
        drain: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..LINKS, 0..2000_usize).prop_map(|(link, size)| Step::Send { link, size }),
        3 => (0..8_usize).prop_map(|frames| Step::Take { frames }),
        2 => (0..LINKS, 0..6_u32, 0..9_u32, any::<bool>())
            .prop_map(|(link, credit, window, drain)| Step::Grant { link, credit, window, drain }),
    ];
    proptest::collection::vec(step, 1..120)
}

struct World {
    peer: Peer,
    ids: Vec<LinkId>,
    /// Said by the machine, not taken by the client.
    wire: VecDeque<Performative>,
    payloads: VecDeque<Vec<u8>>,
    /// Transfers that the machine said, and how many it may say.
    frames: u32,
    frames_max: u32,
    links: Vec<Link>,
    /// Taken by the client: the session's next-incoming-id.
    next_incoming_id: u32,
}

#[derive(Default)]
struct Link {
    sent: Vec<Vec<u8>>,
    received: Vec<Vec<u8>>,
    partial: Option<Vec<u8>>,
    /// The machine's delivery-count, by what it said, and up to where it may go.
    count: u32,
    count_max: u32,
    is_in_message: bool,
    /// As far as the client has taken it.
    delivery_count: u32,
}

proptest! {
    #[test]
    fn every_message_arrives_once_and_within_what_was_granted(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.takes(step);
        }
        // At last the client is generous.
        for link in 0..LINKS {
            world.takes(Step::Take { frames: usize::MAX });
            world.takes(Step::Grant { link, credit: 1000, window: 10_000, drain: false });
        }
        world.takes(Step::Take { frames: usize::MAX });
        for link in &world.links {
            prop_assert_eq!(&link.sent, &link.received);
            prop_assert!(link.partial.is_none());
        }
        for id in &world.ids {
            prop_assert!(world.peer.server.credit(*id) > 0);
        }
    }
}

impl World {
    fn new() -> Self {
        let open = Open {
            max_frame_size: 512,
            ..open()
        };
        let begin = Begin {
            incoming_window: 4,
            ..begin()
        };
        let mut peer = Peer::begun_with(config(), open, begin);
        let ids = (0..LINKS)
            .map(|handle| peer.attaches_receiver(0, handle as u32, 0))
            .collect();
        Self {
            peer,
            ids,
            wire: VecDeque::new(),
            payloads: VecDeque::new(),
            frames: 0,
            frames_max: 4,
            links: (0..LINKS).map(|_| Link::default()).collect(),
            next_incoming_id: 1,
        }
    }

    fn takes(&mut self, step: Step) {
        match step {
            Step::Send { link, size } => self.sends(link, size),
            Step::Take { frames } => self.client_takes(frames),
            Step::Grant {
                link,
                credit,
                window,
                drain,
            } => self.client_grants(link, credit, window, drain),
        }
        self.hears();
        self.answers_events();
        self.hears();
    }

    fn sends(&mut self, link: usize, size: usize) {
        let id = self.ids[link];
        let number = self.links[link].sent.len();
        let message: Vec<u8> = (0..size).map(|index| (index + 7 * number + link) as u8).collect();
        let (head, body) = message.split_at(size / 3);
        let credit = self.peer.server.credit(id);
        let sent = self.peer.server.send(id, 0, &[head, body]);
        assert_eq!(sent, credit > 0);
        if sent {
            self.links[link].sent.push(message);
        }
    }

    /// A drained link has nothing to send.
    fn answers_events(&mut self) {
        self.peer.events();
        for id in self.ids.clone() {
            if self.peer.server.is_draining(id) {
                self.peer.server.drained(id);
            }
        }
    }

    fn client_grants(&mut self, link: usize, credit: u32, window: u32, drain: bool) {
        let delivery_count = self.links[link].delivery_count;
        let flow = Flow {
            handle: Some(link as u32),
            delivery_count: Some(delivery_count),
            link_credit: Some(credit),
            drain,
            ..session_flow(self.next_incoming_id, window)
        };
        // What is on its way is on its way.
        self.frames_max = (self.next_incoming_id - 1 + window).max(self.frames);
        let granted = &mut self.links[link];
        granted.count_max = (delivery_count + credit).max(granted.count);
        self.peer.says(0, flow);
    }

    /// What the machine says is checked against what it knows.
    fn hears(&mut self) {
        for heard in self.peer.hears() {
            let Heard::Frame(0, performative, payload) = heard else {
                panic!("{heard:?}");
            };
            match &performative {
                Performative::Transfer(transfer) => {
                    self.frames += 1;
                    assert!(self.frames <= self.frames_max, "the window is exceeded");
                    let link = &mut self.links[transfer.handle as usize];
                    if !link.is_in_message {
                        link.count += 1;
                        assert!(link.count <= link.count_max, "the credit is exceeded");
                    }
                    link.is_in_message = transfer.more;
                }
                Performative::Flow(flow) => {
                    let handle = flow.handle.expect("the session has nothing to say");
                    let link = &mut self.links[handle as usize];
                    link.count = flow.delivery_count.expect("a link's flow has it");
                    assert_eq!((link.count, flow.link_credit), (link.count_max, Some(0)));
                    assert!(flow.drain);
                }
                other => panic!("{other:?}"),
            }
            self.wire.push_back(performative);
            self.payloads.push_back(payload.to_vec());
        }
        assert!(self.peer.largest_heard <= 512);
    }

    fn client_takes(&mut self, frames: usize) {
        for _ in 0..frames {
            let Some(performative) = self.wire.pop_front() else {
                return;
            };
            let payload = self.payloads.pop_front().unwrap_or_default();
            match performative {
                Performative::Transfer(transfer) => {
                    self.next_incoming_id += 1;
                    self.links[transfer.handle as usize].takes(&transfer, payload);
                }
                Performative::Flow(flow) => {
                    let link = &mut self.links[flow.handle.unwrap_or(0) as usize];
                    link.delivery_count = flow.delivery_count.unwrap_or(0);
                }
                _ => {}
            }
        }
    }
}

impl Link {
    fn takes(&mut self, transfer: &Transfer, payload: Vec<u8>) {
        if self.partial.is_none() {
            self.delivery_count += 1;
        }
        let mut message = self.partial.take().unwrap_or_default();
        message.extend(payload);
        match transfer.more {
            true => self.partial = Some(message),
            false => self.received.push(message),
        }
    }
}
