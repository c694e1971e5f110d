//! A client that says anything in any order, and an application that does the same.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::connection::tests::peer::{Heard, Peer, attach, begin, config, open, session_flow, transfer};
use crate::connection::{Accept, Config, DeliveryId, Event, LinkId};
use crate::performative::*;
use crate::{Condition, Error, Performative};

#[derive(Clone, Debug)]
enum Step {
    Say {
        channel: u16,
        performative: Box<Performative>,
        payload: usize,
    },
    Empty,
    Listen,
    Answer {
        accept: bool,
        credit: u32,
    },
    Settle {
        which: Index,
    },
    Send {
        which: Index,
        size: usize,
    },
    Credit {
        which: Index,
        credit: u32,
    },
    Drained {
        which: Index,
    },
    Detach {
        which: Index,
    },
    Wait {
        seconds: u64,
    },
    Close,
}

fn performative() -> impl Strategy<Value = Performative> {
    let handle = 0..5_u32;
    prop_oneof![
        1 => Just(open().into()),
        4 => (0..3_u32, 0..5_u32).prop_map(|(incoming_window, handle_max)| {
            Begin { incoming_window, handle_max, ..begin() }.into()
        }),
        8 => (handle.clone(), any::<bool>()).prop_map(|(handle, sends)| {
            attach("any", handle, if sends { Role::Sender } else { Role::Receiver }).into()
        }),
        8 => flow().prop_map(Performative::from),
        16 => (
            handle.clone(),
            proptest::option::weighted(0.9, 0..4_u32),
            proptest::bool::weighted(0.3),
            proptest::bool::weighted(0.1),
            proptest::bool::weighted(0.3),
            proptest::bool::weighted(0.02),
        )
            .prop_map(|(handle, delivery_id, more, aborted, settled, resume)| {
                Transfer {
                    delivery_id,
                    more,
                    aborted,
                    settled: settled.then_some(true),
                    resume,
                    ..transfer(handle, 0)
                }
                .into()
            }),
        1 => (any::<u32>(), any::<u32>()).prop_map(|(first, last)| {
            Disposition {
                role: Role::Receiver,
                first,
                last: Some(last),
                settled: true,
                state: None,
                batchable: false,
            }
            .into()
        }),
        4 => (handle, any::<bool>()).prop_map(|(handle, closed)| {
            Detach { handle, closed, error: None }.into()
        }),
        2 => Just(End::default().into()),
        1 => Just(Close::default().into()),
    ]
}

fn flow() -> impl Strategy<Value = Flow> {
    let number = prop_oneof![0..4_u32, any::<u32>()];
    (
        (
            proptest::option::of(number.clone()),
            number.clone(),
            number.clone(),
        ),
        proptest::option::of(0..5_u32),
        (proptest::option::of(number.clone()), proptest::option::of(number)),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(session, handle, link, drain, echo)| Flow {
            next_incoming_id: session.0,
            next_outgoing_id: session.2,
            handle,
            delivery_count: link.0,
            link_credit: link.1,
            drain,
            echo,
            ..session_flow(0, session.1)
        })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        24 => (0..3_u16, performative(), 0..400_usize).prop_map(|(channel, performative, payload)| {
            Step::Say { channel, performative: Box::new(performative), payload }
        }),
        1 => Just(Step::Empty),
        3 => Just(Step::Listen),
        8 => (proptest::bool::weighted(0.8), 0..4_u32)
            .prop_map(|(accept, credit)| Step::Answer { accept, credit }),
        6 => any::<Index>().prop_map(|which| Step::Settle { which }),
        6 => (any::<Index>(), 0..1500_usize).prop_map(|(which, size)| Step::Send { which, size }),
        2 => (any::<Index>(), 0..5_u32).prop_map(|(which, credit)| Step::Credit { which, credit }),
        1 => any::<Index>().prop_map(|which| Step::Drained { which }),
        1 => any::<Index>().prop_map(|which| Step::Detach { which }),
        1 => (0..100_u64).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Close),
    ];
    proptest::collection::vec(step, 1..200)
}

struct World {
    peer: Peer,
    asked: Vec<(LinkId, Role)>,
    links: Vec<LinkId>,
    unsettled: Vec<(LinkId, DeliveryId)>,
    is_told: bool,
}

proptest! {
    #[test]
    fn whatever_is_said_the_machine_keeps_its_books_and_its_bounds(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.takes(step);
            world.polls();
            world.is_bounded();
        }
        world.listens();
        if world.peer.server.is_closed() {
            world.says(0, &session_flow(0, 0).into(), 0);
            prop_assert!(world.peer.events().is_empty());
            prop_assert!(world.peer.hears().is_empty());
            prop_assert_eq!(world.peer.server.poll_deadline(), None);
        }
    }
}

impl World {
    fn new() -> Self {
        let config = Config {
            channel_max: 1,
            handle_max: 3,
            sessions_max: 2,
            links_max: 4,
            incoming_window: 4,
            message_size_max: 1000,
            assembly_max: 2000,
            ..config()
        };
        let open = Open {
            max_frame_size: 512,
            idle_time_out: Some(60_000),
            ..open()
        };
        Self {
            peer: Peer::begun_with(config, open, begin()),
            asked: Vec::new(),
            links: Vec::new(),
            unsettled: Vec::new(),
            is_told: false,
        }
    }

    fn takes(&mut self, step: Step) {
        match step {
            Step::Say {
                channel,
                performative,
                payload,
            } => self.says(channel, &performative, payload),
            Step::Empty => self.peer.says_bytes(&[0, 0, 0, 8, 2, 0, 0, 0]),
            Step::Listen => self.listens(),
            Step::Answer { accept, credit } => self.answers(accept, credit),
            Step::Wait { seconds } => self.peer.waits(Duration::from_secs(seconds)),
            Step::Close => self.peer.server.close(Some(error())),
            Step::Settle { which } if !self.unsettled.is_empty() => {
                let (link, delivery) = self.unsettled.swap_remove(which.index(self.unsettled.len()));
                self.peer.server.settle(link, delivery, Outcome::Accepted);
            }
            Step::Settle { .. } => {}
            Step::Send { which, size } => {
                self.with(which, |peer, link| {
                    let may = peer.server.credit(link) > 0;
                    assert_eq!(peer.server.send(link, 0, &[&vec![0; size]]), may);
                });
            }
            Step::Credit { which, credit } => {
                self.with(which, |peer, link| peer.server.set_credit(link, credit));
            }
            Step::Drained { which } => self.with(which, |peer, link| peer.server.drained(link)),
            Step::Detach { which } => {
                self.with(which, |peer, link| peer.server.detach(link, Some(error())));
            }
        }
    }

    /// A shell would not read.
    fn says(&mut self, channel: u16, performative: &Performative, payload: usize) {
        if self.peer.server.wants_bytes() || self.peer.server.is_closed() {
            let payload = match performative {
                Performative::Transfer(_) => vec![0; payload],
                _ => Vec::new(),
            };
            self.peer.says_with(channel, performative.clone(), &payload);
        }
    }

    fn with(&mut self, which: Index, does: impl FnOnce(&mut Peer, LinkId)) {
        if !self.links.is_empty() {
            does(&mut self.peer, self.links[which.index(self.links.len())]);
        }
    }

    fn answers(&mut self, accept: bool, credit: u32) {
        let Some((link, role)) = self.asked.pop() else {
            return;
        };
        match (accept, role) {
            (false, _) => self.peer.server.refuse(link, error()),
            (true, Role::Sender) => self.peer.server.accept_receiver(link, Accept::default(), credit),
            (true, Role::Receiver) => self.peer.server.accept_sender(link, Accept::default()),
        }
        self.links.push(link);
    }

    fn polls(&mut self) {
        for event in self.peer.events() {
            match event {
                Event::Attached { link, attach } => self.asked.push((link, attach.role)),
                Event::Delivery {
                    link,
                    delivery,
                    settled: false,
                    payload,
                    ..
                } => {
                    assert!(payload.len() <= 1000);
                    self.unsettled.push((link, delivery));
                }
                Event::TooLarge {
                    link,
                    delivery,
                    settled: false,
                    size,
                } => {
                    assert!(size > 1000);
                    self.unsettled.push((link, delivery));
                }
                Event::Detached { link, .. } => {
                    self.asked.retain(|(asked, _)| *asked != link);
                    self.unsettled.retain(|(of, _)| *of != link);
                }
                _ => {}
            }
        }
    }

    /// A close is the last that it says.
    fn listens(&mut self) {
        for heard in self.peer.hears() {
            assert!(!self.is_told, "{heard:?}");
            self.is_told = matches!(heard, Heard::Frame(_, Performative::Close(_), _));
        }
        assert!(self.peer.largest_heard <= 512);
    }

    fn is_bounded(&self) {
        let server = &self.peer.server;
        assert!(server.sessions.len() <= 2);
        assert!(server.links.len() <= 4);
        assert!(server.handles <= 8);
        assert!(server.assembling() <= 2000);
        assert!(server.listed.len() <= 2);
        assert!(server.events.is_empty());
        assert!(server.buffered() < 600_000);
    }
}

fn error() -> Error {
    Error::new(Condition::INTERNAL_ERROR, "because")
}

/// What is left of [`Bytes`] once the machine has let go is what the application holds.
#[test]
fn a_closed_machine_holds_nothing_of_the_input() {
    let mut peer = Peer::begun(config());
    peer.says(0, attach("unanswered", 0, Role::Sender));
    let mut input = bytes::BytesMut::new();
    crate::frame::write(0, &transfer(0, 0).into(), &[&[1; 1000]], &mut input);
    peer.server.on_bytes(&mut input, peer.now);
    peer.is_asked();
    assert!(peer.server.parked.is_some());
    peer.server.close(None);
    assert!(peer.server.parked.is_none() && peer.server.held.is_empty());
    let _: Bytes = input.freeze();
}
