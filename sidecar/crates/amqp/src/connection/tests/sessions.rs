//! Sessions: their channels and their windows.

use super::peer::{Heard, Peer, attach, begin, config, open, session_flow, transfer};
use crate::connection::{Config, Event};
use crate::performative::*;
use crate::{Condition, Performative};

#[test]
fn a_begin_is_answered_on_the_same_channel_with_our_windows() {
    let mut peer = Peer::opened(config(), open());
    peer.says(7, begin());
    let answer = Begin {
        remote_channel: Some(7),
        next_outgoing_id: 1,
        incoming_window: 5000,
        outgoing_window: 5000,
        handle_max: 255,
        ..begin()
    };
    assert_eq!(
        peer.hears(),
        [Heard::Frame(
            7,
            Performative::Begin(Box::new(answer)),
            bytes::Bytes::new()
        )]
    );
}

#[test]
fn an_end_is_answered_and_its_links_are_gone() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_sender(0, 0, 10);
    peer.says(0, End::default());
    match &peer.events()[..] {
        [
            Event::Detached {
                link: gone,
                error: None,
                ..
            },
        ] => assert_eq!(*gone, link),
        other => panic!("{other:?}"),
    }
    assert_eq!(peer.hears_performatives(), [Performative::End(End::default())]);
    // The channel and the handle are free again, the link's id is not.
    peer.says(0, begin());
    peer.hears();
    assert_ne!(peer.attaches_sender(0, 0, 10), link);
}

#[test]
fn a_session_more_than_allowed_is_begun_and_ended() {
    let config = Config {
        sessions_max: 2,
        ..config()
    };
    let mut peer = Peer::opened(config, open());
    for channel in 0..2 {
        peer.says(channel, begin());
    }
    peer.hears();
    peer.says(2, begin());
    assert_eq!(peer.is_ended_with().condition, Condition::RESOURCE_LIMIT_EXCEEDED);
    // What was sent before the client knew is dropped, and its answer is not answered.
    peer.says(2, attach("late", 0, Role::Sender));
    peer.says(2, End::default());
    assert!(peer.events().is_empty() && peer.hears().is_empty());
    // One less, and there is room.
    peer.says(0, End::default());
    peer.says(2, begin());
    assert!(matches!(
        peer.hears_performatives()[..],
        [Performative::End(_), Performative::Begin(_)]
    ));
}

#[test]
fn the_window_shrinks_by_what_is_not_settled_and_is_told_again_with_every_batch_of_dispositions() {
    let config = Config {
        incoming_window: 10,
        ..config()
    };
    let mut peer = Peer::begun(config);
    let link = peer.attaches_sender(0, 0, 100);
    let mut deliveries = Vec::new();
    for id in 0..4 {
        peer.says(0, transfer(0, id));
        deliveries.push(peer.is_given().0);
    }
    assert!(peer.hears().is_empty());
    for delivery in &deliveries[..3] {
        peer.server.settle(link, *delivery, Outcome::Accepted);
    }
    match &peer.hears_performatives()[..] {
        [Performative::Disposition(_), Performative::Flow(flow)] => {
            assert_eq!(flow.next_incoming_id, Some(4));
            assert_eq!(flow.incoming_window, 9);
            assert_eq!(flow.handle, None);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_window_that_is_half_used_is_told_again_although_nobody_settled() {
    let config = Config {
        incoming_window: 10,
        ..config()
    };
    let mut peer = Peer::begun(config);
    peer.attaches_sender(0, 0, 100);
    for id in 0..5 {
        assert!(peer.hears().is_empty());
        let settled = Some(true);
        peer.says(
            0,
            Transfer {
                settled,
                ..transfer(0, id)
            },
        );
    }
    match &peer.hears_performatives()[..] {
        [Performative::Flow(flow)] => {
            assert_eq!((flow.next_incoming_id, flow.incoming_window), (Some(5), 10))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_that_ignores_the_window_waits_in_its_socket_until_something_is_settled() {
    let config = Config {
        incoming_window: 3,
        ..config()
    };
    let mut peer = Peer::begun(config);
    let link = peer.attaches_sender(0, 0, 1);
    for id in 0..5 {
        peer.says_with(0, transfer(0, id), &[id as u8]);
    }
    let mut given = Vec::new();
    while let Some(event) = peer.event() {
        match event {
            Event::Delivery { delivery, .. } => given.push(delivery),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(given.len(), 3);
    assert!(!peer.server.wants_bytes());
    peer.server.settle(link, given[0], Outcome::Accepted);
    let (delivery, payload) = peer.is_given();
    assert_eq!((delivery.0, &payload[..]), (3, &[3][..]));
    assert!(peer.event().is_none() && !peer.server.wants_bytes());
    peer.server.settle(link, given[1], Outcome::Accepted);
    assert_eq!(peer.is_given().0.0, 4);
    assert!(peer.server.wants_bytes());
    assert!(!peer.server.is_closed());
}

#[test]
fn a_session_that_asks_how_things_are_is_told() {
    let mut peer = Peer::begun(config());
    let echo = true;
    peer.says(
        0,
        Flow {
            echo,
            ..session_flow(1, 9)
        },
    );
    match &peer.hears_performatives()[..] {
        [Performative::Flow(flow)] => {
            assert_eq!(
                (flow.next_outgoing_id, flow.incoming_window, flow.handle),
                (1, 5000, None)
            );
            assert!(!flow.echo);
        }
        other => panic!("{other:?}"),
    }
}
