//! Deliveries of the client, and what becomes of them.

use super::peer::{Peer, config, detach, session_flow, transfer};
use crate::connection::{Config, DeliveryId, Event, LinkId};
use crate::performative::*;
use crate::{Condition, Error, Performative};

#[test]
fn a_delivery_in_one_frame_is_a_slice_of_the_input() {
    let mut peer = Peer::begun(config());
    peer.attaches_sender(0, 0, 1);
    let mut input = bytes::BytesMut::new();
    crate::frame::write(0, &transfer(0, 7).into(), &[b"hello"], &mut input);
    let range = input.as_ptr_range();
    peer.server.on_bytes(&mut input, peer.now);
    match peer.event() {
        Some(Event::Delivery {
            delivery: DeliveryId(7),
            message_format: 0,
            settled: false,
            payload,
            ..
        }) => {
            assert_eq!(&payload[..], b"hello");
            assert!(range.contains(&payload.as_ptr()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn deliveries_of_many_frames_are_assembled_although_those_of_two_links_interleave() {
    let mut peer = Peer::begun(config());
    let one = peer.attaches_sender(0, 0, 1);
    let two = peer.attaches_sender(0, 1, 1);
    let message_format = Some(0x8001_3700);
    let begin = |handle, id| Transfer {
        more: true,
        message_format,
        ..transfer(handle, id)
    };
    let go_on = |handle, more| Transfer {
        handle,
        more,
        ..Transfer::default()
    };
    peer.says_with(0, begin(0, 0), b"a");
    peer.says_with(0, begin(1, 1), b"x");
    // Some clients repeat the id, some do not.
    let delivery_id = Some(0);
    peer.says_with(
        0,
        Transfer {
            delivery_id,
            ..go_on(0, true)
        },
        b"b",
    );
    assert_eq!(peer.server.assembling(), 3);
    let settled = Some(true);
    peer.says_with(
        0,
        Transfer {
            settled,
            ..go_on(1, false)
        },
        b"y",
    );
    peer.says_with(0, go_on(0, false), b"c");
    let given = peer.events();
    let given: Vec<_> = given.iter().map(delivery).collect();
    assert_eq!(
        given,
        [
            (two, 1, 0x8001_3700, true, &b"xy"[..]),
            (one, 0, 0x8001_3700, false, &b"abc"[..])
        ]
    );
    assert_eq!(peer.server.assembling(), 0);
}

#[test]
fn an_aborted_delivery_was_never_sent() {
    let mut peer = Peer::begun(config());
    peer.attaches_sender(0, 0, 2);
    let (more, aborted) = (true, true);
    peer.says_with(
        0,
        Transfer {
            more,
            ..transfer(0, 0)
        },
        b"half",
    );
    peer.says(
        0,
        Transfer {
            aborted,
            ..transfer(0, 0)
        },
    );
    peer.says(
        0,
        Transfer {
            aborted,
            ..transfer(0, 1)
        },
    );
    peer.says_with(0, transfer(0, 2), b"whole");
    let (delivery, payload) = peer.is_given();
    assert_eq!((delivery.0, &payload[..]), (2, &b"whole"[..]));
    assert!(peer.event().is_none());
}

#[test]
fn of_a_message_above_the_limit_nothing_is_kept_but_its_size() {
    let config = Config {
        message_size_max: 10,
        ..config()
    };
    let mut peer = Peer::begun(config);
    let link = peer.attaches_sender(0, 0, 5);
    let more = true;
    peer.says_with(
        0,
        Transfer {
            more,
            ..transfer(0, 0)
        },
        b"123456",
    );
    peer.says_with(
        0,
        Transfer {
            more,
            ..transfer(0, 0)
        },
        b"123456",
    );
    assert_eq!(peer.server.assembling(), 0);
    assert!(peer.event().is_none());
    peer.says_with(0, transfer(0, 0), b"123456");
    peer.says_with(0, transfer(0, 1), b"12345678901");
    peer.says_with(0, transfer(0, 2), b"1234567890");
    let mut sizes = Vec::new();
    for _ in 0..2 {
        match peer.event() {
            Some(Event::TooLarge {
                delivery,
                settled: false,
                size,
                ..
            }) => sizes.push((delivery, size)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sizes, [(DeliveryId(0), 18), (DeliveryId(1), 11)]);
    assert_eq!(&peer.is_given().1[..], b"1234567890");
    // The rest of the link goes on.
    let error = Error::new(Condition::MESSAGE_SIZE_EXCEEDED, "too large");
    peer.server
        .settle(link, DeliveryId(0), Outcome::Rejected(Some(error.clone())));
    let rejected = disposition(0, 0, Outcome::Rejected(Some(error)));
    assert_eq!(peer.hears_performatives()[0], rejected);
}

#[test]
fn a_client_that_ignores_its_credit_is_served_all_the_same() {
    let mut peer = Peer::begun(config());
    peer.attaches_sender(0, 0, 1);
    for id in 0..5 {
        peer.says(0, transfer(0, id));
        assert_eq!(peer.is_given().0, DeliveryId(id));
    }
}

#[test]
fn the_credit_that_a_client_claims_for_its_own_sending_means_nothing() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_sender(0, 0, 3);
    let claim = Flow {
        handle: Some(0),
        delivery_count: Some(0),
        link_credit: Some(10_000),
        ..session_flow(1, 65_536)
    };
    peer.says(0, transfer(0, 0));
    peer.says(0, claim);
    assert_eq!(peer.events().len(), 1);
    assert_eq!(peer.server.credit(link), 0);
    peer.server.set_credit(link, 3);
    match &peer.hears_performatives()[..] {
        [Performative::Flow(flow)] => {
            assert_eq!((flow.delivery_count, flow.link_credit), (Some(1), Some(3)));
        }
        other => panic!("{other:?}"),
    }
    // It is said when it changes, and only then.
    peer.server.set_credit(link, 3);
    assert!(peer.hears().is_empty());
}

#[test]
fn accepted_deliveries_are_told_in_as_few_ranges_as_possible() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_sender(0, 0, 100);
    given(&mut peer, 0..10);
    // Commits of two partitions that overtake each other.
    for id in [0, 1, 5, 6, 2, 3, 9] {
        peer.server.settle(link, DeliveryId(id), Outcome::Accepted);
    }
    let heard = peer.hears_performatives();
    assert_eq!(
        heard[..3],
        [
            disposition(0, 3, Outcome::Accepted),
            disposition(5, 6, Outcome::Accepted),
            disposition(9, 9, Outcome::Accepted)
        ]
    );
    assert!(matches!(heard[3..], [Performative::Flow(_)]));
}

#[test]
fn ranges_do_not_go_around_the_end_of_the_ids() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_sender(0, 0, 100);
    let ids = [u32::MAX - 1, u32::MAX, 0, 1];
    for id in ids {
        peer.says(0, transfer(0, id));
        assert_eq!(peer.is_given().0, DeliveryId(id));
        peer.server.settle(link, DeliveryId(id), Outcome::Accepted);
    }
    assert_eq!(
        peer.hears_performatives()[..2],
        [
            disposition(u32::MAX - 1, u32::MAX, Outcome::Accepted),
            disposition(0, 1, Outcome::Accepted)
        ]
    );
}

#[test]
fn other_outcomes_are_told_one_by_one_with_what_is_in_them() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_sender(0, 0, 100);
    given(&mut peer, 0..3);
    let busy = Error::new(Condition::RESOURCE_LIMIT_EXCEEDED, "come back later");
    let rejected = Outcome::Rejected(Some(busy));
    peer.server.settle(link, DeliveryId(0), rejected.clone());
    peer.server.settle(link, DeliveryId(1), Outcome::Accepted);
    peer.server.settle(link, DeliveryId(2), Outcome::Released);
    let heard = peer.hears_performatives();
    for expected in [
        disposition(0, 0, rejected),
        disposition(1, 1, Outcome::Accepted),
        disposition(2, 2, Outcome::Released),
    ] {
        assert!(heard.contains(&expected), "{expected:?} is not in {heard:?}");
    }
}

#[test]
fn what_a_lost_link_left_unsettled_gives_its_window_back() {
    let config = Config {
        incoming_window: 10,
        ..config()
    };
    let mut peer = Peer::begun(config);
    let link = peer.attaches_sender(0, 0, 100);
    given(&mut peer, 0..3);
    peer.says(0, detach(0, true));
    peer.events();
    peer.server.settle(link, DeliveryId(0), Outcome::Accepted);
    match &peer.hears_performatives()[..] {
        [Performative::Flow(flow), Performative::Detach(_)] => assert_eq!(flow.incoming_window, 10),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_link_that_asks_how_things_are_is_told() {
    let mut peer = Peer::begun(config());
    peer.attaches_sender(0, 2, 9);
    let ask = Flow {
        handle: Some(2),
        echo: true,
        ..session_flow(1, 9)
    };
    peer.says(0, ask);
    match &peer.hears_performatives()[..] {
        [Performative::Flow(flow)] => {
            assert_eq!(
                (flow.handle, flow.link_credit, flow.echo),
                (Some(2), Some(9), false)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_question_that_is_asked_many_times_is_answered_once() {
    let mut peer = Peer::begun(config());
    peer.attaches_sender(0, 2, 9);
    for _ in 0..100 {
        let ask = Flow {
            handle: Some(2),
            echo: true,
            ..session_flow(1, 9)
        };
        peer.says(0, ask);
    }
    assert_eq!(peer.hears().len(), 1);
}

#[test]
fn dispositions_of_the_client_are_none_of_our_business() {
    let mut peer = Peer::begun(config());
    for role in [Role::Sender, Role::Receiver] {
        let disposition = Disposition {
            role,
            first: 0,
            last: Some(u32::MAX),
            settled: true,
            state: Some(DeliveryState::Outcome(Outcome::Accepted)),
            batchable: false,
        };
        peer.says(0, disposition);
    }
    assert!(peer.events().is_empty() && peer.hears().is_empty());
    assert!(!peer.server.is_closed());
}

#[test]
fn more_events_than_the_queue_takes_wait_in_the_input() {
    let mut peer = Peer::begun(config());
    peer.attaches_sender(0, 0, 1);
    let mut input = bytes::BytesMut::new();
    for id in 0..1000 {
        crate::frame::write(0, &transfer(0, id).into(), &[b"x"], &mut input);
    }
    peer.says_bytes(&input);
    assert!(!peer.server.wants_bytes());
    assert!(peer.server.events.len() <= crate::connection::EVENTS_MAX);
    for id in 0..1000 {
        assert_eq!(peer.is_given().0, DeliveryId(id));
    }
    assert!(peer.event().is_none() && peer.server.wants_bytes());
}

fn given(peer: &mut Peer, ids: std::ops::Range<u32>) {
    for id in ids {
        peer.says(0, transfer(0, id));
        assert_eq!(peer.is_given().0, DeliveryId(id));
    }
}

fn delivery(event: &Event) -> (LinkId, u32, u32, bool, &[u8]) {
    match event {
        Event::Delivery {
            link,
            delivery,
            message_format,
            settled,
            payload,
        } => (*link, delivery.0, *message_format, *settled, payload),
        other => panic!("{other:?}"),
    }
}

fn disposition(first: u32, last: u32, outcome: Outcome) -> Performative {
    Performative::Disposition(Disposition {
        role: Role::Receiver,
        first,
        last: Some(last),
        settled: true,
        state: Some(DeliveryState::Outcome(outcome)),
        batchable: false,
    })
}
