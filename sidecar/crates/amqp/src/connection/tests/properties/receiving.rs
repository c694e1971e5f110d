//! Whatever a sender sends, and however it counts: every delivery is delivered once, in order, and settled once, and no more
//! of them are unsettled than the window allows.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::Performative;
use crate::connection::tests::peer::{Peer, config, transfer};
use crate::connection::{Config, DeliveryId, Event, LinkId};
use crate::performative::*;

const LINKS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    /// The client begins a delivery, or goes on with the one that it has begun.
    Send {
        link: usize,
        more: bool,
        settled: bool,
        aborted: bool,
    },
    /// The application settles one of those that it has.
    Settle {
        which: proptest::sample::Index,
        accepted: bool,
    },
    /// The client hears what there is.
    Hear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let likely = proptest::bool::weighted(0.4);
    let rarely = proptest::bool::weighted(0.1);
    let step = prop_oneof![
        6 => (0..LINKS, likely, rarely, rarely)
            .prop_map(|(link, more, settled, aborted)| Step::Send { link, more, settled, aborted }),
        3 => (any::<proptest::sample::Index>(), proptest::bool::weighted(0.8))
            .prop_map(|(which, accepted)| Step::Settle { which, accepted }),
        1 => Just(Step::Hear),
    ];
    proptest::collection::vec(step, 1..150)
}

/// How a client treats the window.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manners {
    /// It keeps to it, frame by frame.
    Strict,
    /// It does not know that there is one.
    None,
}

struct World {
    peer: Peer,
    manners: Manners,
    window: u32,
    ids: Vec<LinkId>,
    next_delivery: u32,
    next_outgoing_id: u32,
    /// The first transfer-id that the client may not use.
    window_end: u32,
    /// Begun on each link: id, settled, and what was sent.
    begun: Vec<Option<(u32, bool, Vec<u8>)>>,
    sent: Vec<Vec<(u32, bool, Vec<u8>)>>,
    given: Vec<Vec<(u32, bool, Vec<u8>)>>,
    unsettled: Vec<(LinkId, DeliveryId)>,
    settled: BTreeMap<u32, bool>,
    heard: BTreeMap<u32, bool>,
}

proptest! {
    #[test]
    fn every_delivery_is_given_once_and_settled_once(
        steps in steps(),
        window in 1..12_u32,
        manners in prop_oneof![Just(Manners::Strict), Just(Manners::None)],
        first_id in prop_oneof![Just(0), Just(u32::MAX - 20)],
    ) {
        let mut world = World::new(window, manners, first_id);
        for step in steps {
            world.takes(&step);
        }
        // What was begun is completed, what was given is settled, in turns.
        for link in (0..LINKS).cycle().take(10_000) {
            if world.begun[link].is_some() {
                world.sends(link, false, false, false);
            }
            world.application_takes();
            while let Some((link, delivery)) = world.unsettled.pop() {
                world.settles(link, delivery, true);
                world.application_takes();
            }
            world.hears();
            if world.begun.iter().all(Option::is_none) && world.peer.server.wants_bytes() {
                break;
            }
        }
        prop_assert_eq!(&world.given, &world.sent);
        prop_assert_eq!(&world.heard, &world.settled);
        let unsettled = world.sent.iter().flatten().filter(|(_, settled, _)| !settled).count();
        prop_assert_eq!(world.settled.len(), unsettled);
        // The client is where it was in the beginning.
        let echo = true;
        let next_outgoing_id = world.next_outgoing_id;
        world.peer.says(0, Flow { echo, next_outgoing_id, ..Flow::default() });
        world.hears();
        prop_assert_eq!(world.window_end.wrapping_sub(world.next_outgoing_id), window);
    }
}

impl World {
    fn new(window: u32, manners: Manners, first_id: u32) -> Self {
        let config = Config {
            incoming_window: window,
            ..config()
        };
        let begin = Begin {
            next_outgoing_id: first_id,
            ..crate::connection::tests::peer::begin()
        };
        let mut peer = Peer::begun_with(config, crate::connection::tests::peer::open(), begin);
        let ids = (0..LINKS)
            .map(|handle| peer.attaches_sender(0, handle as u32, 10))
            .collect();
        Self {
            peer,
            manners,
            window,
            ids,
            next_delivery: first_id,
            next_outgoing_id: first_id,
            window_end: first_id.wrapping_add(window),
            begun: vec![None; LINKS],
            sent: vec![Vec::new(); LINKS],
            given: vec![Vec::new(); LINKS],
            unsettled: Vec::new(),
            settled: BTreeMap::new(),
            heard: BTreeMap::new(),
        }
    }

    fn takes(&mut self, step: &Step) {
        match step {
            Step::Send {
                link,
                more,
                settled,
                aborted,
            } => self.sends(*link, *more, *settled, *aborted),
            Step::Settle { which, accepted } if !self.unsettled.is_empty() => {
                let (link, delivery) = self.unsettled.swap_remove(which.index(self.unsettled.len()));
                self.settles(link, delivery, *accepted);
            }
            Step::Settle { .. } => {}
            Step::Hear => self.hears(),
        }
        self.application_takes();
    }

    fn sends(&mut self, link: usize, more: bool, settled: bool, aborted: bool) {
        if self.manners == Manners::Strict && self.next_outgoing_id == self.window_end {
            return;
        }
        self.next_outgoing_id = self.next_outgoing_id.wrapping_add(1);
        let is_first = self.begun[link].is_none();
        let (id, was_settled, mut message) = self.begun[link].take().unwrap_or_else(|| {
            let id = self.next_delivery;
            self.next_delivery = id.wrapping_add(1);
            (id, false, Vec::new())
        });
        let piece = [id as u8, message.len() as u8, link as u8];
        message.extend_from_slice(&piece);
        let frame = Transfer {
            delivery_id: (is_first || id % 2 == 0).then_some(id),
            settled: settled.then_some(true),
            more: more && !aborted,
            aborted,
            ..transfer(link as u32, id)
        };
        self.peer.says_with(0, frame, &piece);
        let delivery = (id, was_settled || settled, message);
        match (aborted, more) {
            (true, _) => {}
            (false, true) => self.begun[link] = Some(delivery),
            (false, false) => self.sent[link].push(delivery),
        }
    }

    fn application_takes(&mut self) {
        while let Some(event) = self.peer.event() {
            let Event::Delivery {
                link,
                delivery,
                settled,
                payload,
                ..
            } = event
            else {
                panic!("{event:?}");
            };
            let index = self
                .ids
                .iter()
                .position(|id| *id == link)
                .expect("it is one of ours");
            self.given[index].push((delivery.0, settled, payload.to_vec()));
            if !settled {
                self.unsettled.push((link, delivery));
            }
        }
        assert!(self.unsettled.len() <= self.window as usize);
        if self.manners == Manners::Strict {
            assert!(self.peer.server.wants_bytes());
        }
    }

    fn settles(&mut self, link: LinkId, delivery: DeliveryId, accepted: bool) {
        let outcome = match accepted {
            true => Outcome::Accepted,
            false => Outcome::Released,
        };
        self.peer.server.settle(link, delivery, outcome);
        assert_eq!(self.settled.insert(delivery.0, accepted), None);
    }

    fn hears(&mut self) {
        for performative in self.peer.hears_performatives() {
            match performative {
                Performative::Flow(flow) => {
                    let next = flow.next_incoming_id.expect("we know the client's begin");
                    self.window_end = next.wrapping_add(flow.incoming_window);
                }
                Performative::Disposition(disposition) => {
                    let accepted = disposition.state == Some(DeliveryState::Outcome(Outcome::Accepted));
                    assert!(disposition.settled);
                    for id in disposition.first..=disposition.last.unwrap_or(disposition.first) {
                        assert_eq!(self.heard.insert(id, accepted), None);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
