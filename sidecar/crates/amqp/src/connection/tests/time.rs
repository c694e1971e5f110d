//! Deadlines, on a fake clock.

use std::time::Duration;

use super::peer::{Heard, Peer, begin, config, open, transfer};
use crate::connection::{CLOSE_TIMEOUT, Config};
use crate::frame::ProtocolHeader;
use crate::performative::*;
use crate::{Condition, Performative};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_client_that_wants_to_hear_from_us_does_after_half_of_its_time_out() {
    let open = Open {
        idle_time_out: Some(60_000),
        ..open()
    };
    let mut peer = Peer::opened(config(), open);
    for _ in 0..3 {
        assert_eq!(peer.server.poll_deadline(), Some(peer.now + 30 * SECOND));
        peer.waits(29 * SECOND);
        assert!(peer.hears().is_empty());
        peer.waits(SECOND);
        assert_eq!(peer.hears(), [Heard::Empty]);
    }
}

#[test]
fn whatever_is_said_is_a_sign_of_life() {
    let open = Open {
        idle_time_out: Some(60_000),
        ..open()
    };
    let mut peer = Peer::opened(config(), open);
    peer.waits(20 * SECOND);
    peer.says(0, begin());
    peer.hears();
    peer.waits(29 * SECOND);
    assert!(peer.hears().is_empty());
    peer.waits(SECOND);
    assert_eq!(peer.hears(), [Heard::Empty]);
}

#[test]
fn a_client_that_does_not_listen_is_not_sent_one_empty_frame_after_the_other() {
    let open = Open {
        idle_time_out: Some(60_000),
        ..open()
    };
    let mut peer = Peer::opened(config(), open);
    for _ in 0..7 {
        peer.waits(30 * SECOND);
    }
    assert_eq!(peer.hears(), [Heard::Empty]);
}

#[test]
fn a_silent_client_is_closed_after_twice_the_time_that_we_announce() {
    let mut peer = Peer::begun(config());
    peer.waits(479 * SECOND);
    assert!(!peer.server.is_closed());
    assert_eq!(peer.server.poll_deadline(), Some(peer.now + SECOND));
    peer.waits(SECOND);
    let error = peer.is_closed_with();
    assert_eq!(error.condition, Condition::RESOURCE_LIMIT_EXCEEDED);
    assert_eq!(peer.server.failure(), Some(&error));
    assert_eq!(peer.server.poll_deadline(), None);
}

#[test]
fn an_empty_frame_keeps_a_connection_open() {
    let mut peer = Peer::begun(config());
    for _ in 0..5 {
        peer.waits(470 * SECOND);
        peer.says_bytes(&[0, 0, 0, 8, 2, 0, 0, 0]);
    }
    assert!(!peer.server.is_closed());
}

#[test]
fn a_client_to_which_we_do_not_listen_is_not_called_silent() {
    let config = Config {
        incoming_window: 1,
        ..config()
    };
    let mut peer = Peer::begun(config);
    let link = peer.attaches_sender(0, 0, 10);
    peer.says(0, transfer(0, 0));
    peer.says(0, transfer(0, 1));
    let (delivery, _) = peer.is_given();
    assert!(peer.event().is_none() && !peer.server.wants_bytes());
    peer.waits(480 * SECOND);
    assert!(!peer.server.is_closed());
    assert_eq!(peer.server.poll_deadline(), Some(peer.now + 480 * SECOND));
    peer.server.settle(link, delivery, Outcome::Accepted);
    peer.is_given();
    peer.waits(480 * SECOND);
    assert!(peer.server.is_closed());
}

#[test]
fn a_connection_that_is_not_open_in_time_is_closed() {
    // In the middle of the first header.
    let mut peer = Peer::new(config());
    peer.says_bytes(b"AMQP");
    assert_eq!(peer.server.poll_deadline(), Some(peer.now + 30 * SECOND));
    peer.waits(30 * SECOND);
    assert!(peer.server.is_closed() && peer.hears().is_empty());
    // Before the open.
    let mut peer = Peer::new(config());
    peer.says_bytes(&ProtocolHeader::Sasl.bytes());
    peer.says_sasl(&super::peer::init("ANONYMOUS"));
    peer.event();
    peer.server.sasl_outcome(SaslCode::Ok);
    peer.says_bytes(&ProtocolHeader::Amqp.bytes());
    peer.hears();
    peer.waits(29 * SECOND);
    assert!(!peer.server.is_closed());
    peer.waits(SECOND);
    assert_eq!(
        peer.is_closed_with().condition,
        Condition::RESOURCE_LIMIT_EXCEEDED
    );
}

#[test]
fn a_client_that_does_not_answer_our_close_is_left() {
    let mut peer = Peer::begun(config());
    // However long nothing has happened before.
    peer.now += 100 * SECOND;
    peer.server.close(None);
    assert_eq!(
        peer.hears_performatives(),
        [Performative::Close(Close::default())]
    );
    assert!(
        peer.server
            .poll_deadline()
            .is_some_and(|deadline| deadline <= peer.now)
    );
    peer.waits(Duration::ZERO);
    assert_eq!(peer.server.poll_deadline(), Some(peer.now + CLOSE_TIMEOUT));
    peer.waits(CLOSE_TIMEOUT - SECOND);
    assert!(!peer.server.is_closed());
    peer.waits(SECOND);
    assert!(peer.server.is_closed());
}

#[test]
fn closing_before_there_is_a_language_for_it_says_nothing() {
    let mut peer = Peer::new(config());
    peer.server.close(None);
    assert!(peer.server.is_closed() && peer.hears().is_empty());
}
