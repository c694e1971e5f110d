//! Links: how they come and go.

use bytes::Bytes;

use super::peer::{
    Peer, attach, begin, config, credit_flow, detach, open, session_flow, source, target, transfer,
};
use crate::connection::{Accept, Config, Event};
use crate::performative::*;
use crate::{Condition, Error, Performative, Symbol};

#[test]
fn an_accepted_link_on_which_the_client_sends_gets_its_name_back_and_credit_behind_it() {
    let mut peer = Peer::begun(config());
    let wanted = Attach {
        snd_settle_mode: SenderSettleMode::Unsettled,
        rcv_settle_mode: ReceiverSettleMode::Second,
        initial_delivery_count: Some(17),
        ..attach("producer", 3, Role::Sender)
    };
    peer.says(0, wanted.clone());
    let link = match peer.event() {
        Some(Event::Attached { link, attach }) => {
            assert_eq!(*attach, wanted);
            link
        }
        other => panic!("{other:?}"),
    };
    assert!(peer.hears().is_empty());
    let reply = Accept {
        source: source("a"),
        target: target("b"),
        max_message_size: Some(1 << 20),
        ..Accept::default()
    };
    peer.server.accept_receiver(link, reply, 300);
    let heard = peer.hears_performatives();
    let [Performative::Attach(answer), Performative::Flow(flow)] = &heard[..] else {
        panic!("{heard:?}");
    };
    let expected = Attach {
        source: Some(source("a")),
        target: Some(target("b")),
        rcv_settle_mode: ReceiverSettleMode::First,
        snd_settle_mode: SenderSettleMode::Unsettled,
        max_message_size: Some(1 << 20),
        ..attach("producer", 3, Role::Receiver)
    };
    assert_eq!(**answer, expected);
    assert_eq!(
        (flow.handle, flow.delivery_count, flow.link_credit),
        (Some(3), Some(17), Some(300))
    );
}

#[test]
fn an_accepted_link_on_which_the_client_receives_is_settled_from_the_start() {
    let mut peer = Peer::begun(config());
    peer.says(0, attach("consumer", 9, Role::Receiver));
    let link = peer.is_asked();
    let offered_capabilities = vec![Symbol::from_static("com.example:thing")];
    let reply = Accept {
        offered_capabilities: offered_capabilities.clone(),
        ..Accept::default()
    };
    peer.server.accept_sender(link, reply);
    let expected = Attach {
        source: Some(Source::default()),
        target: Some(Target::default()),
        snd_settle_mode: SenderSettleMode::Settled,
        initial_delivery_count: Some(0),
        offered_capabilities,
        ..attach("consumer", 9, Role::Sender)
    };
    assert_eq!(
        peer.hears_performatives(),
        [Performative::Attach(Box::new(expected))]
    );
    assert!(peer.event().is_none());
}

#[test]
fn a_refused_link_is_attached_without_ends_and_detached_for_good() {
    for role in [Role::Sender, Role::Receiver] {
        let mut peer = Peer::begun(config());
        peer.says(0, attach("nobody", 1, role));
        let link = peer.is_asked();
        let error = Error::new(Condition::NOT_FOUND, "there is no such hub");
        peer.server.refuse(link, error.clone());
        let heard = peer.hears_performatives();
        let [Performative::Attach(answer), Performative::Detach(goodbye)] = &heard[..] else {
            panic!("{heard:?}");
        };
        assert_eq!((&*answer.name, answer.handle), ("nobody", 1));
        assert_ne!(answer.role, role);
        assert_eq!((&answer.source, &answer.target), (&None, &None));
        assert_eq!(
            (goodbye.handle, goodbye.closed, &goodbye.error),
            (1, true, &Some(error))
        );
        // What was on its way is dropped, though it went through the window; the client's detach is not answered; then
        // the handle is free.
        if role == Role::Sender {
            peer.says(0, transfer(1, 0));
            let echo = true;
            let next_outgoing_id = 1;
            peer.says(
                0,
                Flow {
                    echo,
                    ..session_flow(1, 10)
                },
            );
            peer.says(0, transfer(1, 1));
            peer.says(
                0,
                Flow {
                    echo,
                    next_outgoing_id,
                    ..session_flow(1, 10)
                },
            );
            peer.says(0, transfer(1, 2));
            match &peer.hears_performatives()[..] {
                [Performative::Flow(flow)] => assert_eq!(flow.next_incoming_id, Some(2)),
                other => panic!("{other:?}"),
            }
        }
        peer.says(0, credit_flow(1, 0, 10));
        peer.says(0, detach(1, true));
        assert!(peer.events().is_empty() && peer.hears().is_empty());
        peer.says(0, attach("nobody", 1, role));
        peer.is_asked();
    }
}

#[test]
fn frames_that_come_before_the_attach_is_answered_are_taken_after_it() {
    let mut peer = Peer::begun(config());
    peer.says(0, attach("eager", 0, Role::Sender));
    peer.says(0, attach("thirsty", 1, Role::Receiver));
    peer.says(0, credit_flow(1, 0, 300));
    peer.says_with(0, transfer(0, 0), b"early");
    peer.says_with(0, transfer(0, 1), b"bird");
    let eager = peer.is_asked();
    let thirsty = peer.is_asked();
    // The transfer waits for the answer, and everything behind it.
    assert!(peer.event().is_none() && !peer.server.wants_bytes());
    assert_eq!(peer.server.credit(thirsty), 0);
    peer.server.accept_sender(thirsty, Accept::default());
    assert!(matches!(peer.event(), Some(Event::Flow { link }) if link == thirsty));
    assert_eq!(peer.server.credit(thirsty), 300);
    peer.server.accept_receiver(eager, Accept::default(), 10);
    assert_eq!(&peer.is_given().1[..], b"early");
    assert_eq!(&peer.is_given().1[..], b"bird");
    assert!(peer.event().is_none() && peer.server.wants_bytes());
}

#[test]
fn a_transfer_that_waits_for_an_answer_is_dropped_if_that_is_no() {
    let mut peer = Peer::begun(config());
    peer.says(0, attach("eager", 0, Role::Sender));
    peer.says(0, transfer(0, 0));
    let other = attach("other", 1, Role::Sender);
    peer.says(0, other);
    let eager = peer.is_asked();
    assert!(peer.event().is_none());
    peer.server.refuse(eager, Error::new(Condition::NOT_FOUND, "no"));
    peer.is_asked();
    assert!(peer.event().is_none() && peer.server.wants_bytes());
}

#[test]
fn a_detach_is_answered_with_its_own_closed_flag() {
    for closed in [false, true] {
        let mut peer = Peer::begun(config());
        let link = peer.attaches_sender(0, 4, 1);
        peer.says(0, detach(4, closed));
        match peer.event() {
            Some(Event::Detached {
                link: gone,
                closed: for_good,
                error: None,
            }) => assert_eq!((gone, for_good), (link, closed)),
            other => panic!("{other:?}"),
        }
        assert_eq!(
            peer.hears_performatives(),
            [Performative::Detach(detach(4, closed))]
        );
        // Whatever the application says about it now is said to nobody.
        peer.server.set_credit(link, 5);
        peer.server.detach(link, None);
        assert!(peer.hears().is_empty());
    }
}

#[test]
fn a_link_that_is_detached_before_its_answer_is_answered_all_the_same() {
    let mut peer = Peer::begun(config());
    peer.says(0, attach("fickle", 0, Role::Receiver));
    peer.says(0, detach(0, true));
    let link = peer.is_asked();
    assert!(matches!(peer.event(), Some(Event::Detached { link: gone, .. }) if gone == link));
    peer.server.accept_sender(link, Accept::default());
    let heard = peer.hears_performatives();
    assert!(matches!(
        heard[..],
        [Performative::Attach(_), Performative::Detach(_)]
    ));
}

#[test]
fn what_the_application_settled_is_said_before_the_link_goes() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_sender(0, 0, 10);
    peer.says(0, transfer(0, 0));
    peer.says(0, transfer(0, 1));
    let (first, _) = peer.is_given();
    peer.server.settle(link, first, Outcome::Accepted);
    peer.server
        .detach(link, Some(Error::new(Condition::DETACH_FORCED, "maintenance")));
    let heard = peer.hears_performatives();
    assert!(matches!(
        heard[..],
        [
            Performative::Disposition(Disposition { first: 0, .. }),
            Performative::Flow(Flow {
                incoming_window: 5000,
                ..
            }),
            Performative::Detach(_)
        ]
    ));
}

#[test]
fn sessions_may_have_links_of_the_same_name_and_handle() {
    let mut peer = Peer::begun(config());
    peer.says(1, begin());
    peer.hears();
    let one = peer.attaches_sender(0, 0, 5);
    let other = peer.attaches_sender(1, 0, 5);
    peer.says_with(1, transfer(0, 0), b"1");
    peer.says_with(0, transfer(0, 0), b"0");
    for (expected, text) in [(other, b"1"), (one, b"0")] {
        match peer.event() {
            Some(Event::Delivery { link, payload, .. }) => {
                assert_eq!((link, &payload[..]), (expected, &text[..]))
            }
            event => panic!("{event:?}"),
        }
    }
}

#[test]
fn a_transaction_coordinator_is_refused_without_asking_anybody() {
    let mut peer = Peer::begun(config());
    let wanted = Attach {
        target: None,
        is_coordinator: true,
        ..attach("transactions", 0, Role::Sender)
    };
    // Read, but never written by us: so it cannot come as bytes here.
    peer.server.on_frame(0, wanted.into(), Bytes::new());
    assert_eq!(peer.is_detached_with().condition, Condition::NOT_IMPLEMENTED);
    assert!(peer.event().is_none());
}

#[test]
fn a_link_more_than_allowed_is_refused_and_one_that_leaves_makes_room() {
    let config = Config {
        links_max: 2,
        ..config()
    };
    let mut peer = Peer::begun(config);
    peer.attaches_sender(0, 0, 1);
    peer.attaches_receiver(0, 1, 1);
    peer.says(0, attach("three", 2, Role::Sender));
    assert_eq!(
        peer.is_detached_with().condition,
        Condition::RESOURCE_LIMIT_EXCEEDED
    );
    peer.says(0, detach(2, true));
    peer.says(0, detach(0, true));
    assert!(matches!(peer.event(), Some(Event::Detached { .. })));
    peer.says(0, attach("three", 2, Role::Sender));
    peer.is_asked();
}

#[test]
fn a_close_of_the_application_waits_for_the_clients_and_hears_nothing_else() {
    let mut peer = Peer::begun(config());
    peer.attaches_sender(0, 0, 1);
    let error = Error::new(Condition::CONNECTION_FORCED, "the server stops");
    peer.server.close(Some(error.clone()));
    let close = Close { error: Some(error) };
    assert_eq!(peer.hears_performatives(), [Performative::Close(close)]);
    peer.says(0, transfer(0, 0));
    peer.says(0, transfer(99, 0));
    assert!(!peer.server.is_closed() && peer.server.wants_bytes());
    peer.says(0, Close::default());
    assert!(peer.server.is_closed());
    assert!(peer.events().is_empty() && peer.hears().is_empty());
}

#[test]
fn a_close_of_the_client_is_answered() {
    let mut peer = Peer::opened(config(), open());
    peer.says(0, Close::default());
    assert!(matches!(peer.events()[..], [Event::Closed { error: None }]));
    assert_eq!(
        peer.hears_performatives(),
        [Performative::Close(Close::default())]
    );
    assert!(peer.server.is_closed() && !peer.server.wants_bytes());
}
