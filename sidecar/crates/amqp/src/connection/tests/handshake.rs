//! From the first byte to the open.

use super::peer::{Heard, Peer, begin, config, init, open};
use crate::connection::{Config, Event};
use crate::frame::{ProtocolHeader, SaslFrame};
use crate::performative::*;
use crate::{Condition, Error, Performative, Symbol};

#[test]
fn a_client_is_offered_the_mechanisms_in_our_order_and_gets_in_with_one_of_them() {
    let mut peer = Peer::new(config());
    peer.says_bytes(&ProtocolHeader::Sasl.bytes());
    let mechanisms = ["ANONYMOUS", "MSSBCBS", "PLAIN"]
        .map(Symbol::from_static)
        .to_vec();
    let offer = SaslFrame::Mechanisms(SaslMechanisms { mechanisms });
    assert_eq!(
        peer.hears(),
        [Heard::Header(ProtocolHeader::Sasl), Heard::Sasl(offer)]
    );
    peer.says_sasl(&init("MSSBCBS"));
    match peer.event() {
        Some(Event::Sasl { mechanism, .. }) => assert_eq!(mechanism, "MSSBCBS"),
        other => panic!("{other:?}"),
    }
    peer.server.sasl_outcome(SaslCode::Ok);
    assert_eq!(peer.hears(), [outcome(SaslCode::Ok)]);
    peer.says_bytes(&ProtocolHeader::Amqp.bytes());
    assert_eq!(peer.hears(), [Heard::Header(ProtocolHeader::Amqp)]);
    peer.says(0, open());
    let Some(Event::Opened {
        hostname,
        container_id,
        ..
    }) = peer.event()
    else {
        panic!();
    };
    assert_eq!(
        (hostname.as_deref(), &*container_id),
        (Some("localhost"), "client")
    );
    let answer = Open {
        container_id: String::from("server"),
        hostname: None,
        max_frame_size: 65_536,
        channel_max: 4999,
        idle_time_out: Some(240_000),
        ..open()
    };
    assert_eq!(peer.hears_performatives(), [Performative::Open(Box::new(answer))]);
}

#[test]
fn a_client_that_does_not_wait_for_anything_is_answered_in_order() {
    let mut peer = Peer::new(config());
    let mut bytes = bytes::BytesMut::new();
    bytes.extend_from_slice(&ProtocolHeader::Sasl.bytes());
    crate::frame::write_sasl(&init("ANONYMOUS"), &mut bytes);
    bytes.extend_from_slice(&ProtocolHeader::Amqp.bytes());
    crate::frame::write(0, &open().into(), &[], &mut bytes);
    crate::frame::write(1, &begin().into(), &[], &mut bytes);
    peer.says_bytes(&bytes);
    assert!(!peer.server.wants_bytes());
    assert!(matches!(peer.event(), Some(Event::Sasl { .. })));
    // Nothing is believed before the outcome.
    assert!(peer.event().is_none());
    peer.server.sasl_outcome(SaslCode::Ok);
    assert!(matches!(peer.event(), Some(Event::Opened { .. })));
    assert!(peer.event().is_none() && peer.server.wants_bytes());
    let heard = peer.hears();
    assert!(matches!(
        heard[..],
        [
            Heard::Header(ProtocolHeader::Sasl),
            Heard::Sasl(SaslFrame::Mechanisms(_)),
            Heard::Sasl(SaslFrame::Outcome(_)),
            Heard::Header(ProtocolHeader::Amqp),
            Heard::Frame(0, Performative::Open(_), _),
            Heard::Frame(1, Performative::Begin(_), _),
        ]
    ));
}

#[test]
fn a_refused_credential_ends_the_connection_after_the_outcome() {
    for code in [
        SaslCode::Auth,
        SaslCode::Sys,
        SaslCode::SysPerm,
        SaslCode::SysTemp,
    ] {
        let mut peer = Peer::new(config());
        peer.says_bytes(&ProtocolHeader::Sasl.bytes());
        peer.says_sasl(&init("PLAIN"));
        peer.event();
        peer.hears();
        peer.server.sasl_outcome(code);
        assert_eq!(peer.hears(), [outcome(code)]);
        assert!(peer.server.is_closed());
    }
}

#[test]
fn a_mechanism_that_was_not_offered_is_refused_without_asking_anybody() {
    let mut peer = Peer::new(config());
    peer.says_bytes(&ProtocolHeader::Sasl.bytes());
    peer.hears();
    peer.says_sasl(&init("EXTERNAL"));
    assert_eq!(peer.hears(), [outcome(SaslCode::Auth)]);
    assert!(peer.event().is_none() && peer.server.is_closed());
}

#[test]
fn whoever_begins_with_something_else_than_sasl_hears_how_to_begin() {
    for greeting in [&ProtocolHeader::Tls.bytes()[..], b"GET / HTTP/1.1\r\n"] {
        let mut peer = Peer::new(config());
        peer.says_bytes(greeting);
        assert_eq!(peer.hears(), [Heard::Header(ProtocolHeader::Sasl)]);
        assert!(peer.server.is_closed());
    }
}

#[test]
fn sasl_may_be_left_out_where_anybody_may_come_in() {
    let mut peer = Peer::new(config());
    peer.says_bytes(&ProtocolHeader::Amqp.bytes());
    assert_eq!(peer.hears(), [Heard::Header(ProtocolHeader::Amqp)]);
    peer.says(0, open());
    assert!(matches!(peer.event(), Some(Event::Opened { .. })));
    let strict = Config {
        mechanisms: vec![Symbol::from_static("PLAIN")],
        ..config()
    };
    let mut peer = Peer::new(strict);
    peer.says_bytes(&ProtocolHeader::Amqp.bytes());
    assert_eq!(peer.hears(), [Heard::Header(ProtocolHeader::Sasl)]);
    assert!(peer.server.is_closed());
}

#[test]
fn after_sasl_comes_amqp() {
    let mut peer = Peer::new(config());
    peer.says_bytes(&ProtocolHeader::Sasl.bytes());
    peer.says_sasl(&init("ANONYMOUS"));
    peer.event();
    peer.server.sasl_outcome(SaslCode::Ok);
    peer.hears();
    peer.says_bytes(&ProtocolHeader::Sasl.bytes());
    assert_eq!(peer.hears(), [Heard::Header(ProtocolHeader::Amqp)]);
    assert!(peer.server.is_closed());
}

#[test]
fn a_frame_before_the_open_closes_a_connection_that_is_opened_for_it() {
    let mut peer = at_open(config());
    peer.says(0, begin());
    let heard = peer.hears_performatives();
    assert!(matches!(
        heard[..],
        [Performative::Open(_), Performative::Close(_)]
    ));
    assert_eq!(failure(&peer).condition, Condition::ILLEGAL_STATE);
}

#[test]
fn an_open_with_an_impossible_field_is_refused() {
    for wrong in [
        Open {
            max_frame_size: 511,
            ..open()
        },
        Open {
            idle_time_out: Some(99),
            ..open()
        },
    ] {
        let mut peer = at_open(config());
        peer.says(0, wrong);
        assert_eq!(peer.is_closed_with().condition, Condition::INVALID_FIELD);
        assert!(peer.event().is_none());
    }
}

#[test]
fn an_idle_time_out_of_zero_is_none() {
    let idle_time_out = Some(0);
    let config = Config {
        idle_time_out: std::time::Duration::ZERO,
        ..config()
    };
    let mut peer = at_open(config);
    peer.says(
        0,
        Open {
            idle_time_out,
            ..open()
        },
    );
    match &peer.hears_performatives()[..] {
        [Performative::Open(open)] => assert_eq!(open.idle_time_out, None),
        other => panic!("{other:?}"),
    }
    assert_eq!(peer.server.poll_deadline(), None);
}

/// Everything but the client's open was said and heard.
fn at_open(config: Config) -> Peer {
    let mut peer = Peer::new(config);
    peer.says_bytes(&ProtocolHeader::Sasl.bytes());
    peer.says_sasl(&init("ANONYMOUS"));
    peer.event();
    peer.server.sasl_outcome(SaslCode::Ok);
    peer.says_bytes(&ProtocolHeader::Amqp.bytes());
    peer.hears();
    peer
}

fn outcome(code: SaslCode) -> Heard {
    let additional_data = None;
    Heard::Sasl(SaslFrame::Outcome(SaslOutcome {
        code,
        additional_data,
    }))
}

fn failure(peer: &Peer) -> &Error {
    peer.server.failure().expect("it failed")
}
