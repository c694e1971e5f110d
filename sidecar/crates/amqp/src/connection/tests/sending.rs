//! What we send: never more than the client can take.

use super::peer::{Heard, Peer, begin, config, credit_flow, detach, open, session_flow};
use crate::Performative;
use crate::connection::{Event, OUTPUT_HIGH_WATER};
use crate::performative::*;

#[test]
fn a_message_is_one_settled_transfer_with_a_tag() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_receiver(0, 5, 2);
    assert!(peer.server.send(link, 0, &[b"he", b"", b"llo"]));
    let heard = peer.hears();
    let [Heard::Frame(0, Performative::Transfer(transfer), payload)] = &heard[..] else {
        panic!("{heard:?}");
    };
    let expected = Transfer {
        handle: 5,
        delivery_id: Some(0),
        delivery_tag: transfer.delivery_tag.clone(),
        message_format: Some(0),
        settled: Some(true),
        ..Transfer::default()
    };
    assert_eq!(*transfer, expected);
    assert_eq!(transfer.delivery_tag.as_ref().map(|tag| tag.len()), Some(4));
    assert_eq!(&payload[..], b"hello");
}

#[test]
fn nothing_is_sent_without_credit() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_receiver(0, 0, 2);
    assert_eq!(peer.server.credit(link), 2);
    let sent = [(); 4].map(|()| peer.server.send(link, 0, &[b"x"]));
    assert_eq!(sent, [true, true, false, false]);
    assert_eq!(peer.hears().len(), 2);
}

#[test]
fn credit_counts_from_what_the_client_has_seen() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_receiver(0, 0, 3);
    for _ in 0..3 {
        assert!(peer.server.send(link, 0, &[b"x"]));
    }
    // It says 4 more, when it has seen one of the three.
    peer.says(0, credit_flow(0, 1, 4));
    assert!(matches!(peer.events()[..], [Event::Flow { .. }]));
    assert_eq!(peer.server.credit(link), 2);
    // And takes it back.
    peer.says(0, credit_flow(0, 3, 0));
    assert!(matches!(peer.events()[..], [Event::Flow { .. }]));
    assert_eq!(peer.server.credit(link), 0);
    // A client that does not know our attach yet counts from its beginning.
    let delivery_count = None;
    peer.says(
        0,
        Flow {
            delivery_count,
            ..credit_flow(0, 0, 5)
        },
    );
    assert_eq!(peer.server.credit(link), 2);
}

#[test]
fn delivery_counts_and_ids_go_around_their_end() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_receiver(0, 0, u32::MAX);
    // Drained, so that the count stands near its end.
    let drain = true;
    peer.says(
        0,
        Flow {
            drain,
            ..credit_flow(0, 0, u32::MAX - 1)
        },
    );
    peer.server.drained(link);
    peer.says(0, credit_flow(0, u32::MAX - 1, 5));
    for _ in 0..4 {
        assert!(peer.server.send(link, 0, &[b"x"]));
    }
    peer.says(0, credit_flow(0, 1, 5));
    peer.events();
    assert_eq!(peer.server.credit(link), 4);
}

#[test]
fn a_drained_link_uses_its_credit_up_and_says_so() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_receiver(0, 0, 10);
    assert!(!peer.server.is_draining(link));
    peer.server.drained(link);
    assert!(peer.hears().is_empty());
    let drain = true;
    peer.says(
        0,
        Flow {
            drain,
            ..credit_flow(0, 0, 10)
        },
    );
    assert!(matches!(peer.events()[..], [Event::Flow { .. }]));
    assert!(peer.server.is_draining(link));
    assert!(peer.server.send(link, 0, &[b"last"]));
    peer.server.drained(link);
    let heard = peer.hears_performatives();
    let [Performative::Transfer(_), Performative::Flow(flow)] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert_eq!(
        (flow.handle, flow.delivery_count, flow.link_credit),
        (Some(0), Some(10), Some(0))
    );
    assert!(flow.drain);
    assert!(!peer.server.is_draining(link));
    assert_eq!(peer.server.credit(link), 0);
    // Credit comes back with the next flow.
    peer.says(0, credit_flow(0, 10, 7));
    assert_eq!(peer.server.credit(link), 7);
}

#[test]
fn a_message_larger_than_a_frame_is_cut_so_that_every_frame_fits() {
    let open = Open {
        max_frame_size: 512,
        ..open()
    };
    let mut peer = Peer::begun_with(config(), open, begin());
    let link = peer.attaches_receiver(0, 0, 1);
    peer.largest_heard = 0;
    let (head, body) = ([1; 300], [2; 2000]);
    assert!(peer.server.send(link, 7, &[&head, &body]));
    let heard = peer.hears();
    assert!((6..8).contains(&heard.len()), "{}", heard.len());
    assert!(peer.largest_heard <= 512);
    let mut message = Vec::new();
    for (index, heard) in heard.iter().enumerate() {
        let Heard::Frame(0, Performative::Transfer(transfer), payload) = heard else {
            panic!("{heard:?}");
        };
        assert_eq!(transfer.message_format, (index == 0).then_some(7));
        assert_eq!(transfer.delivery_id, (index == 0).then_some(0));
        assert_eq!(transfer.settled, Some(true));
        message.extend_from_slice(payload);
    }
    assert_eq!(message, [&head[..], &body].concat());
    assert!(matches!(heard.last(), Some(Heard::Frame(_, Performative::Transfer(last), _)) if !last.more));
}

#[test]
fn frames_that_the_window_does_not_let_through_follow_when_it_opens() {
    let open = Open {
        max_frame_size: 512,
        ..open()
    };
    let begin = Begin {
        incoming_window: 3,
        ..begin()
    };
    let mut peer = Peer::begun_with(config(), open, begin);
    let link = peer.attaches_receiver(0, 0, 0);
    let credit = Flow {
        handle: Some(0),
        delivery_count: Some(0),
        link_credit: Some(10),
        ..session_flow(1, 3)
    };
    peer.says(0, credit);
    peer.events();
    peer.hears();
    assert_eq!(peer.server.credit(link), 3);
    let message = vec![3; 2500];
    assert!(peer.server.send(link, 0, &[&message]));
    assert_eq!(peer.server.credit(link), 0);
    let mut frames = peer.hears();
    assert_eq!(frames.len(), 3);
    // The client has taken two.
    peer.says(0, session_flow(3, 3));
    frames.extend(peer.hears());
    assert_eq!(frames.len(), 5);
    assert_eq!(peer.server.credit(link), 0);
    peer.says(0, session_flow(6, 3));
    frames.extend(peer.hears());
    let payloads = frames.iter().map(|frame| match frame {
        Heard::Frame(0, Performative::Transfer(_), payload) => &payload[..],
        other => panic!("{other:?}"),
    });
    assert_eq!(payloads.collect::<Vec<_>>().concat(), message);
    // The application hears that it may go on.
    assert!(matches!(peer.events().last(), Some(Event::Flow { .. })));
    assert!(peer.server.credit(link) > 0);
}

#[test]
fn a_window_that_opens_wakes_every_link_of_the_session() {
    let begin = Begin {
        incoming_window: 1,
        ..begin()
    };
    let mut peer = Peer::begun_with(config(), open(), begin);
    let links = [0, 1].map(|handle| {
        let link = peer.attaches_receiver(0, handle, 0);
        let credit = Flow {
            handle: Some(handle),
            delivery_count: Some(0),
            link_credit: Some(10),
            ..session_flow(1, 1)
        };
        peer.says(0, credit);
        peer.events();
        link
    });
    assert!(peer.server.send(links[0], 0, &[b"x"]));
    assert_eq!(links.iter().map(|link| peer.server.credit(*link)).max(), Some(0));
    peer.says(0, session_flow(2, 1));
    let mut woken: Vec<_> = peer.events().iter().map(woken).collect();
    woken.sort();
    assert_eq!(woken, links);
    assert_eq!(peer.server.credit(links[1]), 1);
}

#[test]
fn a_window_that_opens_by_a_flow_for_a_link_that_is_leaving_is_open_for_the_others() {
    let begin = Begin {
        incoming_window: 0,
        ..begin()
    };
    let mut peer = Peer::begun_with(config(), open(), begin);
    let leaving = peer.attaches_receiver(0, 0, 0);
    let staying = peer.attaches_receiver(0, 1, 0);
    let credit = |handle, window| Flow {
        handle: Some(handle),
        delivery_count: Some(0),
        link_credit: Some(10),
        ..session_flow(1, window)
    };
    peer.says(0, credit(1, 0));
    peer.events();
    peer.server.detach(leaving, None);
    peer.says(0, credit(0, 5));
    assert_eq!(peer.events().iter().map(woken).collect::<Vec<_>>(), [staying]);
    assert_eq!(peer.server.credit(staying), 5);
}

#[test]
fn a_message_that_waits_for_the_window_and_then_for_room_in_the_output_holds_its_session_up_no_longer_than_that()
 {
    let small = Open {
        max_frame_size: 512,
        ..open()
    };
    let narrow = Begin {
        incoming_window: 1,
        ..begin()
    };
    let mut peer = Peer::begun_with(config(), small, narrow);
    peer.says(1, begin());
    peer.hears();
    let held_up = peer.attaches_receiver(0, 0, 0);
    let credit = Flow {
        handle: Some(0),
        delivery_count: Some(0),
        link_credit: Some(10),
        ..session_flow(1, 1)
    };
    peer.says(0, credit);
    peer.events();
    let busy = peer.attaches_receiver(1, 0, 1_000_000);
    assert!(peer.server.send(held_up, 0, &[&[0; 2000]]));
    while peer.server.send(busy, 0, &[&[0; 400]]) {}
    // Its window opens now, but the output is full.
    peer.says(0, session_flow(2, 100));
    peer.events();
    let mut taken = bytes::BytesMut::new();
    assert!(peer.server.poll_transmit(&mut taken));
    assert!(taken.len() < OUTPUT_HIGH_WATER + 1000);
    peer.events();
    assert_eq!(peer.server.credit(held_up), 0);
    assert!(peer.server.poll_transmit(&mut taken));
    assert_eq!(peer.events().iter().map(woken).collect::<Vec<_>>(), [held_up]);
    assert_eq!(peer.server.credit(held_up), 9);
}

#[test]
fn output_that_nobody_takes_holds_the_links_up_until_it_is_taken() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_receiver(0, 0, 1_000_000);
    let message = [0; 10_000];
    let mut sent = 0;
    while peer.server.send(link, 0, &[&message]) {
        sent += 1;
    }
    assert!(peer.server.buffered() >= OUTPUT_HIGH_WATER);
    assert!(peer.server.buffered() < OUTPUT_HIGH_WATER + 11_000);
    assert!(peer.events().is_empty());
    assert_eq!(peer.hears_messages().len(), sent);
    assert_eq!(peer.events().iter().map(woken).collect::<Vec<_>>(), [link]);
    assert!(peer.server.credit(link) > 0);
}

#[test]
fn the_rest_of_a_message_goes_with_its_link() {
    let open = Open {
        max_frame_size: 512,
        ..open()
    };
    let begin = Begin {
        incoming_window: 1,
        ..begin()
    };
    let mut peer = Peer::begun_with(config(), open, begin);
    let link = peer.attaches_receiver(0, 0, 0);
    let other = peer.attaches_receiver(0, 1, 0);
    for handle in 0..2 {
        let credit = Flow {
            handle: Some(handle),
            delivery_count: Some(0),
            link_credit: Some(10),
            ..session_flow(1, 1)
        };
        peer.says(0, credit);
    }
    peer.events();
    peer.hears();
    assert!(peer.server.send(link, 0, &[&[0; 2000]]));
    peer.hears();
    // The window opens, but the rest has not left yet.
    peer.says(0, session_flow(2, 1));
    peer.events();
    assert_eq!(peer.server.credit(other), 0);
    peer.says(0, detach(0, true));
    let events = peer.events();
    assert!(matches!(events[..], [Event::Flow { link }, Event::Detached { .. }] if link == other));
    assert!(peer.server.send(other, 0, &[b"short"]));
    let heard = peer.hears();
    assert!(
        matches!(heard.last(), Some(Heard::Frame(0, Performative::Transfer(transfer), _)) if transfer.handle == 1)
    );
}

#[test]
fn a_receiver_that_asks_how_things_are_is_told() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_receiver(0, 0, 10);
    assert!(peer.server.send(link, 0, &[b"x"]));
    peer.hears();
    let echo = true;
    peer.says(
        0,
        Flow {
            echo,
            ..credit_flow(0, 0, 10)
        },
    );
    match &peer.hears_performatives()[..] {
        [Performative::Flow(flow)] => {
            assert_eq!((flow.delivery_count, flow.link_credit), (Some(1), Some(9)));
            assert_eq!((flow.next_outgoing_id, flow.drain, flow.echo), (2, false, false));
        }
        other => panic!("{other:?}"),
    }
}

fn woken(event: &Event) -> crate::connection::LinkId {
    match event {
        Event::Flow { link } => *link,
        other => panic!("{other:?}"),
    }
}
