//! What the SDKs say, in their order and with their habits; answered as they need it.

use super::peer::{
    Heard, Peer, attach, begin, config, credit_flow, detach, init, open, session_flow, source, target,
    transfer,
};
use crate::connection::{Accept, Event, LinkId};
use crate::frame::ProtocolHeader;
use crate::performative::*;
use crate::{Described, Performative, Symbol, Value};

const BATCH: Option<u32> = Some(0x8001_3700);

#[test]
fn python_sends() {
    let mut peer = Peer::new(config());
    greets(&mut peer);
    let open = Open {
        max_frame_size: 1_048_576,
        channel_max: 65_535,
        ..open()
    };
    peer.says(0, open);
    let begin = Begin {
        incoming_window: 65_536,
        outgoing_window: 65_536,
        ..begin()
    };
    peer.says(1, begin);
    // The pair for $cbs, credit for both of them, and a request, without waiting for anything.
    peer.says(1, pair("uuid-2", 2, Role::Receiver, "$cbs"));
    peer.says(1, pair("uuid-1", 1, Role::Sender, "$cbs"));
    peer.says(1, python_flow(2, 0));
    peer.says(1, python_flow(1, 0));
    peer.says_with(1, transfer(1, 0), b"put-token");
    assert!(matches!(peer.event(), Some(Event::Opened { .. })));
    let replies = peer.is_asked();
    peer.server.accept_sender(replies, accept("$cbs", "$cbs"));
    let requests = peer.is_asked();
    peer.server.accept_receiver(requests, accept("$cbs", "$cbs"), 100);
    assert!(matches!(peer.event(), Some(Event::Flow { link }) if link == replies));
    let (delivery, _) = peer.is_given();
    peer.server.settle(requests, delivery, Outcome::Accepted);
    assert!(peer.server.send(replies, 0, &[b"202"]));
    let heard = peer.hears();
    assert!(matches!(
        heard[..],
        [
            Heard::Frame(0, Performative::Open(_), _),
            Heard::Frame(1, Performative::Begin(_), _),
            Heard::Frame(1, Performative::Attach(_), _),
            Heard::Frame(1, Performative::Attach(_), _),
            Heard::Frame(1, Performative::Transfer(Transfer { handle: 2, .. }), _),
            Heard::Frame(1, Performative::Disposition(Disposition { first: 0, .. }), _),
            Heard::Frame(1, Performative::Flow(Flow { handle: Some(1), .. }), _),
        ]
    ));
    // The data link asks for the second settle mode, and its delivery-ids go on.
    let data = Attach {
        rcv_settle_mode: ReceiverSettleMode::Second,
        snd_settle_mode: SenderSettleMode::Unsettled,
        source: Some(source("sender-link-uuid-3")),
        max_message_size: Some(0),
        properties: vec![(Symbol::from_static("com.microsoft:timeout"), Value::Long(60))],
        ..attach("uuid-3", 3, Role::Sender)
    };
    peer.says(1, data);
    let data = peer.is_asked();
    peer.server.accept_receiver(data, accept("a", "b"), 1000);
    // A batch of two frames, which it counts as one.
    let more = true;
    let message_format = BATCH;
    let batch = Transfer {
        message_format,
        ..transfer(3, 1)
    };
    peer.says_with(
        1,
        Transfer {
            more,
            ..batch.clone()
        },
        b"first half, ",
    );
    peer.says_with(1, batch, b"second half");
    peer.hears();
    let (delivery, payload) = peer.is_given();
    assert_eq!(&payload[..], b"first half, second half");
    peer.server.settle(data, delivery, Outcome::Accepted);
    match &peer.hears_performatives()[..] {
        [Performative::Disposition(disposition), Performative::Flow(flow)] => {
            assert_eq!((disposition.first, disposition.settled), (1, true));
            assert_eq!((flow.next_incoming_id, flow.incoming_window), (Some(3), 5000));
        }
        other => panic!("{other:?}"),
    }
    // Its next flow tells how it counts, and from then on so do we.
    peer.says(1, python_flow(1, 2));
    let (echo, next_outgoing_id) = (true, 2);
    peer.says(
        1,
        Flow {
            echo,
            next_outgoing_id,
            ..session_flow(2, 65_535)
        },
    );
    match &peer.hears_performatives()[..] {
        [Performative::Flow(flow)] => assert_eq!(flow.next_incoming_id, Some(2)),
        other => panic!("{other:?}"),
    }
    peer.says(1, detach(3, true));
    assert!(matches!(peer.event(), Some(Event::Detached { link, .. }) if link == data));
    assert_eq!(
        peer.hears_performatives(),
        [Performative::Detach(detach(3, true))]
    );
}

#[test]
fn python_receives() {
    let mut peer = Peer::begun_with(
        config(),
        open(),
        Begin {
            incoming_window: 65_536,
            ..begin()
        },
    );
    let address = "amqps://localhost/hub/ConsumerGroups/$Default/Partitions/0";
    let selector = Symbol::from_static("apache.org:selector-filter:string");
    let filter = Described {
        descriptor: Value::Symbol(selector.clone()),
        value: Value::String(String::from("amqp.annotation.x-opt-offset > '-1'")),
    };
    let wanted = Attach {
        source: Some(Source {
            filter: vec![(selector, Value::Described(Box::new(filter)))],
            ..source(address)
        }),
        ..attach("receiver", 3, Role::Receiver)
    };
    peer.says(0, wanted.clone());
    let credit = |delivery_count, credit| Flow {
        incoming_window: 65_536,
        ..credit_flow(3, delivery_count, credit)
    };
    peer.says(0, credit(0, 0));
    peer.says(0, credit(0, 300));
    let link = match peer.event() {
        Some(Event::Attached { link, attach }) => {
            assert_eq!(*attach, wanted);
            link
        }
        other => panic!("{other:?}"),
    };
    let reply = Accept {
        source: wanted.source.unwrap_or_default(),
        ..Accept::default()
    };
    peer.server.accept_sender(link, reply);
    assert!(matches!(peer.event(), Some(Event::Flow { .. })));
    peer.hears();
    let mut sent = 0;
    while peer.server.send(link, 0, &[b"event"]) {
        sent += 1;
    }
    assert_eq!((sent, peer.hears_messages().len()), (300, 300));
    // The whole window anew, when it is used up.
    peer.says(
        0,
        Flow {
            next_incoming_id: Some(301),
            ..credit(300, 300)
        },
    );
    assert!(matches!(peer.events()[..], [Event::Flow { .. }]));
    assert_eq!(peer.server.credit(link), 300);
}

#[test]
fn javascript_has_a_session_per_link_and_tops_its_credit_up() {
    let mut peer = Peer::new(config());
    greets(&mut peer);
    let open = Open {
        max_frame_size: u32::MAX,
        idle_time_out: Some(60_000),
        ..open()
    };
    peer.says(0, open);
    let begin = Begin {
        incoming_window: 2048,
        outgoing_window: u32::MAX,
        ..begin()
    };
    peer.says(0, begin.clone());
    peer.says(0, pair("uuid", 0, Role::Sender, "$cbs"));
    peer.says(0, pair("cbs-uuid", 1, Role::Receiver, "$cbs"));
    assert!(matches!(peer.event(), Some(Event::Opened { .. })));
    let requests = peer.is_asked();
    peer.server.accept_receiver(requests, accept("", "$cbs"), 100);
    let replies = peer.is_asked();
    peer.server.accept_sender(replies, accept("$cbs", ""));
    peer.hears();
    // Sender and receiver, each on handle 0 of its own session, the sender named by its address.
    peer.says(1, begin.clone());
    peer.says(2, begin);
    peer.says(1, pair("hub/Partitions/0", 0, Role::Sender, "hub/Partitions/0"));
    let sender = peer.is_asked();
    peer.server
        .accept_receiver(sender, accept("uuid", "hub/Partitions/0"), 1000);
    peer.says(
        2,
        attach("hub/ConsumerGroups/$Default/Partitions/0-uuid", 0, Role::Receiver),
    );
    let receiver = peer.is_asked();
    peer.server.accept_sender(receiver, Accept::default());
    peer.hears();
    // What it has seen, what it asks for, and what then comes.
    let mut sent = 0;
    for (seen, credit, coming) in [(0, 3, 3), (3, 3, 2), (5, 4, 0), (5, 7, 7)] {
        let flow = Flow {
            next_incoming_id: Some(seen + 1),
            incoming_window: 2048,
            ..credit_flow(0, seen, credit)
        };
        peer.says(2, flow);
        peer.events();
        assert_eq!(sent, seen);
        assert_eq!(peer.server.credit(receiver), credit);
        for _ in 0..coming {
            assert!(peer.server.send(receiver, 0, &[b"x"]));
        }
        sent += coming;
    }
    // It settles what is settled.
    let disposition = Disposition {
        role: Role::Receiver,
        first: 0,
        last: None,
        settled: true,
        state: Some(DeliveryState::Outcome(Outcome::Accepted)),
        batchable: false,
    };
    peer.says(2, disposition);
    peer.hears();
    // And leaves in order.
    peer.says(2, detach(0, true));
    peer.says(2, End::default());
    peer.says(0, Close::default());
    let events = peer.events();
    assert!(matches!(
        events[..],
        [Event::Detached { .. }, Event::Closed { error: None }]
    ));
    let heard = peer.hears_performatives();
    assert!(matches!(
        heard[..],
        [
            Performative::Detach(_),
            Performative::End(_),
            Performative::Close(_)
        ]
    ));
}

#[test]
fn rust_opens_a_session_for_each_authorisation_under_the_same_names() {
    let mut peer = Peer::new(config());
    greets(&mut peer);
    let open = Open {
        channel_max: 255,
        desired_capabilities: vec![Symbol::from_static("com.microsoft.georeplication")],
        ..open()
    };
    peer.says(0, open);
    peer.says_bytes(&[0, 0, 0, 8, 2, 0, 0, 0]);
    peer.says(0, begin());
    assert!(matches!(peer.event(), Some(Event::Opened { .. })));
    for round in 0..3 {
        peer.says(
            1,
            Begin {
                incoming_window: 2048,
                ..begin()
            },
        );
        peer.says(1, pair("rust_amqp_cbs-mgmt-sender", 0, Role::Sender, "$cbs"));
        peer.says(1, pair("rust_amqp_cbs-mgmt-receiver", 1, Role::Receiver, "$cbs"));
        let requests = peer.is_asked();
        peer.server.accept_receiver(requests, accept("", "$cbs"), 100);
        let replies = peer.is_asked();
        peer.server.accept_sender(replies, accept("$cbs", ""));
        peer.says(
            1,
            Flow {
                incoming_window: 2048,
                ..credit_flow(1, 0, 200)
            },
        );
        assert!(matches!(peer.event(), Some(Event::Flow { .. })));
        peer.says_with(1, transfer(0, 0), b"put-token");
        let (delivery, _) = peer.is_given();
        peer.server.settle(requests, delivery, Outcome::Accepted);
        assert!(peer.server.send(replies, 0, &[b"202"]), "{round}");
        peer.hears();
        peer.says(1, detach(0, true));
        peer.says(1, detach(1, true));
        peer.says(1, End::default());
        let gone: Vec<LinkId> = peer
            .events()
            .into_iter()
            .map(|event| match event {
                Event::Detached { link, .. } => link,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(gone, [requests, replies]);
        assert_eq!(peer.hears().len(), 3);
    }
    // The data link; it leaves without "closed", and the receiver by the end of its session.
    peer.says(
        0,
        pair(
            "DefaultApplicationName-rust-sender",
            0,
            Role::Sender,
            "amqps://localhost/hub",
        ),
    );
    let data = peer.is_asked();
    peer.server
        .accept_receiver(data, accept("", "amqps://localhost/hub"), 1000);
    let message_format = BATCH;
    peer.says_with(
        0,
        Transfer {
            message_format,
            ..transfer(0, 0)
        },
        b"batch",
    );
    let (delivery, _) = peer.is_given();
    peer.server.settle(data, delivery, Outcome::Accepted);
    peer.hears();
    peer.says(0, detach(0, false));
    assert!(matches!(
        peer.event(),
        Some(Event::Detached { closed: false, .. })
    ));
    assert_eq!(
        peer.hears_performatives(),
        [Performative::Detach(detach(0, false))]
    );
}

/// Both headers and SASL, each as soon as possible; the machine's answers are heard.
fn greets(peer: &mut Peer) {
    peer.says_bytes(&ProtocolHeader::Sasl.bytes());
    peer.says_sasl(&init("ANONYMOUS"));
    peer.says_bytes(&ProtocolHeader::Amqp.bytes());
    assert!(matches!(peer.event(), Some(Event::Sasl { .. })));
    peer.server.sasl_outcome(SaslCode::Ok);
    assert!(peer.event().is_none());
    assert_eq!(peer.hears().len(), 4);
}

fn pair(name: &str, handle: u32, role: Role, node: &str) -> Attach {
    Attach {
        source: Some(source(node)),
        target: Some(target(node)),
        ..attach(name, handle, role)
    }
}

fn accept(from: &str, to: &str) -> Accept {
    Accept {
        source: source(from),
        target: target(to),
        ..Accept::default()
    }
}

fn python_flow(handle: u32, next_outgoing_id: u32) -> Flow {
    Flow {
        next_outgoing_id,
        handle: Some(handle),
        delivery_count: Some(0),
        link_credit: Some(10_000),
        outgoing_window: 65_536,
        ..session_flow(1, 65_536)
    }
}
