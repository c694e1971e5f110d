//! What a client must not do: each with its condition, and with no more lost than necessary.

use bytes::Bytes;

use super::peer::{Peer, attach, begin, config, detach, open, session_flow, transfer};
use crate::connection::{Config, Event};
use crate::frame::SaslFrame;
use crate::performative::*;
use crate::{Condition, Performative};

#[test]
fn a_second_open_closes_the_connection() {
    let mut peer = Peer::begun(config());
    peer.says(0, open());
    assert_eq!(peer.is_closed_with().condition, Condition::ILLEGAL_STATE);
}

#[test]
fn a_begin_on_a_channel_in_use_closes_the_connection() {
    let mut peer = Peer::begun(config());
    peer.says(0, begin());
    assert_eq!(peer.is_closed_with().condition, Condition::ILLEGAL_STATE);
}

#[test]
fn a_channel_above_the_channel_max_closes_the_connection() {
    let mut peer = Peer::opened(config(), open());
    peer.says(4999, begin());
    assert!(!peer.server.is_closed());
    peer.hears();
    peer.says(5000, begin());
    let error = peer.is_closed_with();
    assert_eq!(error.condition, Condition::FRAMING_ERROR);
    assert_eq!(error.description, "channel 5000 is above the channel-max of 4999");
}

#[test]
fn a_channel_that_the_client_could_not_be_answered_on_closes_the_connection() {
    let open = Open {
        channel_max: 0,
        ..open()
    };
    let mut peer = Peer::opened(config(), open);
    peer.says(1, begin());
    assert_eq!(peer.is_closed_with().condition, Condition::FRAMING_ERROR);
}

#[test]
fn a_begin_that_answers_nothing_closes_the_connection() {
    let mut peer = Peer::opened(config(), open());
    let remote_channel = Some(3);
    peer.says(
        0,
        Begin {
            remote_channel,
            ..begin()
        },
    );
    assert_eq!(peer.is_closed_with().condition, Condition::INVALID_FIELD);
}

#[test]
fn a_frame_on_a_channel_without_session_closes_the_connection() {
    let frames = [
        Performative::from(attach("a", 0, Role::Sender)),
        session_flow(0, 1).into(),
        transfer(0, 0).into(),
        detach(0, true).into(),
        End::default().into(),
    ];
    for frame in frames {
        let mut peer = Peer::begun(config());
        peer.says(1, frame);
        assert_eq!(peer.is_closed_with().condition, Condition::ILLEGAL_STATE);
    }
}

#[test]
fn a_handle_above_the_handle_max_closes_the_connection() {
    let mut peer = Peer::begun(config());
    peer.says(0, attach("highest", 255, Role::Sender));
    peer.is_asked();
    peer.says(0, attach("too high", 256, Role::Sender));
    let error = peer.is_closed_with();
    assert_eq!(error.condition, Condition::FRAMING_ERROR);
    assert_eq!(error.description, "handle 256 is above the handle-max of 255");
}

#[test]
fn a_handle_in_use_ends_the_session() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_sender(0, 0, 1);
    peer.says(0, attach("again", 0, Role::Sender));
    assert_eq!(peer.is_ended_with().condition, Condition::HANDLE_IN_USE);
    match &peer.events()[..] {
        [
            Event::Detached {
                link: gone,
                error: Some(error),
                ..
            },
        ] => {
            assert_eq!(*gone, link);
            assert_eq!(error.condition, Condition::HANDLE_IN_USE);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_handle_of_a_link_that_was_refused_is_in_use_until_the_client_has_detached_it() {
    let mut peer = Peer::begun(config());
    peer.says(0, attach("refused", 0, Role::Sender));
    let link = peer.is_asked();
    peer.server.detach(link, None);
    peer.says(0, attach("again", 0, Role::Sender));
    assert_eq!(peer.is_ended_with().condition, Condition::HANDLE_IN_USE);
}

#[test]
fn a_handle_that_the_client_could_not_be_answered_on_ends_the_session() {
    let begin = Begin {
        handle_max: 3,
        ..begin()
    };
    let mut peer = Peer::begun_with(config(), open(), begin);
    peer.says(0, attach("answerable", 3, Role::Sender));
    peer.is_asked();
    peer.says(0, attach("unanswerable", 4, Role::Sender));
    assert_eq!(peer.is_ended_with().condition, Condition::NOT_ALLOWED);
}

#[test]
fn a_frame_for_a_handle_that_is_not_attached_ends_the_session() {
    let flow = Flow {
        handle: Some(9),
        ..session_flow(0, 1)
    };
    for frame in [
        Performative::from(transfer(9, 0)),
        flow.into(),
        detach(9, true).into(),
    ] {
        let mut peer = Peer::begun(config());
        peer.says(1, begin());
        let link = peer.attaches_sender(1, 0, 1);
        peer.says(0, frame);
        assert_eq!(peer.is_ended_with().condition, Condition::UNATTACHED_HANDLE);
        // The other session goes on.
        peer.says(1, transfer(0, 0));
        assert!(matches!(peer.event(), Some(Event::Delivery { link: given, .. }) if given == link));
    }
}

#[test]
fn a_transfer_on_a_link_on_which_we_send_ends_the_session() {
    let mut peer = Peer::begun(config());
    peer.attaches_receiver(0, 0, 1);
    peer.says(0, transfer(0, 0));
    assert_eq!(peer.is_ended_with().condition, Condition::NOT_ALLOWED);
}

#[test]
fn a_delivery_that_is_none_detaches_the_link() {
    let cases = [
        (
            Transfer {
                delivery_id: None,
                ..transfer(0, 0)
            },
            Condition::INVALID_FIELD,
        ),
        (
            Transfer {
                delivery_tag: Some(Bytes::from_static(&[0; 33])),
                ..transfer(0, 0)
            },
            Condition::INVALID_FIELD,
        ),
        (
            Transfer {
                resume: true,
                ..transfer(0, 0)
            },
            Condition::NOT_IMPLEMENTED,
        ),
    ];
    for (wrong, condition) in cases {
        let mut peer = Peer::begun(config());
        let link = peer.attaches_sender(0, 0, 1);
        let other = peer.attaches_sender(0, 1, 1);
        peer.says(0, wrong);
        assert_eq!(peer.is_detached_with().condition, condition);
        assert!(matches!(peer.event(), Some(Event::Detached { link: gone, .. }) if gone == link));
        // The rest of the session goes on, what was on its way to the link is dropped.
        peer.says(0, transfer(0, 1));
        peer.says(0, transfer(1, 2));
        assert!(matches!(peer.event(), Some(Event::Delivery { link: given, .. }) if given == other));
    }
}

#[test]
fn a_delivery_that_begins_within_another_detaches_the_link() {
    let mut peer = Peer::begun(config());
    peer.attaches_sender(0, 0, 1);
    let more = true;
    peer.says_with(
        0,
        Transfer {
            more,
            ..transfer(0, 0)
        },
        b"half",
    );
    peer.says(0, transfer(0, 1));
    let error = peer.is_detached_with();
    assert_eq!(error.condition, Condition::NOT_ALLOWED);
    assert_eq!(
        error.description,
        "a transfer of delivery 1 before delivery 0 of the same link was complete"
    );
    assert_eq!(peer.server.assembling(), 0);
}

#[test]
fn a_frame_larger_than_agreed_closes_the_connection_before_it_has_come() {
    let mut peer = Peer::begun(config());
    peer.says_bytes(&[0, 1, 0, 1]);
    let error = peer.is_closed_with();
    assert_eq!(error.condition, Condition::FRAMING_ERROR);
    assert!(
        error.description.contains("65537") && error.description.contains("65536"),
        "{error}"
    );
}

#[test]
fn bytes_that_are_no_frame_close_the_connection() {
    let cases: [(&[u8], Condition); 4] = [
        (&[0, 0, 0, 7, 2, 0, 0], Condition::FRAMING_ERROR),
        (&[0, 0, 0, 8, 3, 0, 0, 0], Condition::FRAMING_ERROR),
        (&[0, 0, 0, 9, 2, 9, 0, 0, 0x45], Condition::FRAMING_ERROR),
        (&[0, 0, 0, 11, 2, 0, 0, 0, 0, 0x53, 0x99], Condition::DECODE_ERROR),
    ];
    for (bytes, condition) in cases {
        let mut peer = Peer::begun(config());
        peer.says_bytes(bytes);
        assert_eq!(peer.is_closed_with().condition, condition, "{bytes:?}");
        // It is deaf from now on.
        peer.says(0, Close::default());
        assert!(peer.events().is_empty() && peer.hears().is_empty());
        assert!(!peer.server.wants_bytes());
    }
}

#[test]
fn sasl_after_sasl_closes_the_connection() {
    let mut peer = Peer::opened(config(), open());
    let outcome = SaslOutcome {
        code: SaslCode::Ok,
        additional_data: None,
    };
    peer.says_sasl(&SaslFrame::Outcome(outcome));
    assert_eq!(peer.is_closed_with().condition, Condition::FRAMING_ERROR);
}

#[test]
fn what_was_said_before_a_violation_is_not_lost() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_sender(0, 0, 10);
    peer.says(0, transfer(0, 0));
    let (delivery, _) = peer.is_given();
    peer.server.settle(link, delivery, Outcome::Accepted);
    peer.says_with(0, transfer(0, 1), b"before");
    peer.says(0, open());
    assert_eq!(&peer.is_given().1[..], b"before");
    let heard = peer.hears_performatives();
    assert!(matches!(
        heard[..],
        [
            Performative::Disposition(_),
            Performative::Flow(_),
            Performative::Close(_)
        ]
    ));
}

#[test]
fn links_that_are_refused_and_never_detached_close_the_connection_in_the_end() {
    let config = Config {
        links_max: 8,
        ..config()
    };
    let mut peer = Peer::begun(config);
    for handle in 0..16 {
        assert!(!peer.server.is_closed());
        peer.says(0, attach("flood", handle, Role::Sender));
        let link = peer.is_asked();
        peer.server.detach(link, None);
    }
    peer.says(0, attach("flood", 16, Role::Sender));
    assert_eq!(
        peer.is_closed_with().condition,
        Condition::RESOURCE_LIMIT_EXCEEDED
    );
}

#[test]
fn unfinished_messages_of_many_links_close_the_connection_when_they_hold_too_much() {
    let config = Config {
        assembly_max: 10_000,
        ..config()
    };
    let mut peer = Peer::begun(config);
    let more = true;
    for handle in 0..2 {
        peer.attaches_sender(0, handle, 1);
        peer.says_with(
            0,
            Transfer {
                more,
                ..transfer(handle, handle)
            },
            &[0; 5000],
        );
        assert!(!peer.server.is_closed());
    }
    peer.attaches_sender(0, 2, 1);
    peer.says_with(
        0,
        Transfer {
            more,
            ..transfer(2, 2)
        },
        b"x",
    );
    assert_eq!(
        peer.is_closed_with().condition,
        Condition::RESOURCE_LIMIT_EXCEEDED
    );
}

#[test]
fn a_client_that_asks_and_does_not_listen_is_not_read_any_more() {
    let mut peer = Peer::begun(config());
    let mut asked = 0;
    let echo = true;
    while peer.server.wants_bytes() {
        peer.says(asked, End::default());
        asked += 1;
        peer.says(asked % 2, begin());
        peer.says(
            asked % 2,
            Flow {
                echo,
                ..session_flow(1, 1)
            },
        );
        asked %= 2;
        peer.events();
        assert!(peer.server.buffered() < 4 << 20);
    }
    let before = peer.server.buffered();
    for _ in 0..1000 {
        peer.says(
            asked,
            Flow {
                echo,
                ..session_flow(1, 1)
            },
        );
    }
    assert_eq!(peer.server.buffered(), before);
    // Once it listens, everything goes on.
    peer.hears();
    peer.events();
    assert!(peer.server.wants_bytes());
}
