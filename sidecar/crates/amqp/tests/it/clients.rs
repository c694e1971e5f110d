//! What clients write, byte for byte; see `fixtures/generate.py` and `fixtures/generate.mjs`.

use amqp::frame::{self, Frame, SaslFrame};
use amqp::message::{BATCH_FORMAT, Batch, Body, Message, MessageId, Sections};
use amqp::performative::{
    Attach, Begin, DeliveryState, Detach, Disposition, Flow, Open, Outcome, ReceiverSettleMode, Role,
    SaslInit, SenderSettleMode, Transfer,
};
use amqp::{Described, Fields, Performative, Symbol, Value};
use bytes::{Bytes, BytesMut};

use crate::any;
use crate::hex::from_hex;

const PYTHON: &str = include_str!("../fixtures/python.txt");
const JAVASCRIPT: &str = include_str!("../fixtures/javascript.txt");
const ID: &str = "00112233-4455-6677-8899-aabbccddeeff";
const ID_BYTES: [u8; 16] = [
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
];
const SELECTOR: Symbol = Symbol::from_static("apache.org:selector-filter:string");
const GEOREPLICATION: Symbol = Symbol::from_static("com.microsoft:georeplication");
const RUNTIME_METRIC: Symbol = Symbol::from_static("com.microsoft:enable-receiver-runtime-metric");

fn bytes(client: &str, name: &str) -> Bytes {
    let line = client
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    from_hex(line.unwrap_or_else(|| panic!("no line {name}")))
}

fn read(client: &str, name: &str) -> Frame {
    let mut input = BytesMut::from(&bytes(client, name)[..]);
    let frame = frame::read(&mut input, 1 << 20).unwrap().unwrap();
    assert!(input.is_empty());
    frame
}

fn performative(client: &str, name: &str) -> (u16, Performative, Bytes) {
    match read(client, name) {
        Frame::Amqp {
            channel,
            performative,
            payload,
        } => (channel, performative, payload),
        other => panic!("{other:?}"),
    }
}

fn attach(client: &str, name: &str) -> Attach {
    match performative(client, name) {
        (_, Performative::Attach(attach), _) => *attach,
        other => panic!("{other:?}"),
    }
}

fn transfer(client: &str, name: &str) -> (Transfer, Bytes) {
    match performative(client, name) {
        (_, Performative::Transfer(transfer), payload) => (transfer, payload),
        other => panic!("{other:?}"),
    }
}

fn field<'f>(fields: &'f Fields, name: &str) -> Option<&'f Value> {
    fields
        .iter()
        .find_map(|(key, value)| (*key == *name).then_some(value))
}

#[test]
fn every_line_of_the_fixtures_can_be_read() {
    for line in PYTHON.lines().chain(JAVASCRIPT.lines()) {
        let (name, hex) = line.split_once(' ').unwrap();
        let bytes = from_hex(hex);
        if name.starts_with("message") {
            Message::decode(&bytes).unwrap();
        } else {
            frame::read(&mut BytesMut::from(&bytes[..]), 1 << 20)
                .unwrap()
                .unwrap();
        }
    }
}

#[test]
fn python_begins_like_this() {
    assert_eq!(read(PYTHON, "empty"), Frame::Empty { channel: 0 });
    let init = SaslInit {
        mechanism: Symbol::from_static("ANONYMOUS"),
        initial_response: Some(Bytes::new()),
        hostname: Some("localhost".into()),
    };
    assert_eq!(read(PYTHON, "sasl-init"), Frame::Sasl(SaslFrame::Init(init)));
    let open = Open {
        container_id: ID.into(),
        hostname: Some("localhost".into()),
        max_frame_size: 1_048_576,
        channel_max: 65535,
        idle_time_out: None,
        outgoing_locales: vec![],
        incoming_locales: vec![],
        offered_capabilities: vec![],
        desired_capabilities: vec![],
        properties: vec![],
    };
    let (channel, management, _) = performative(PYTHON, "open-management");
    assert_eq!((channel, management), (0, Performative::Open(Box::new(open))));
    let begin = Begin {
        remote_channel: None,
        next_outgoing_id: 0,
        incoming_window: 65536,
        outgoing_window: 65536,
        handle_max: u32::MAX,
        offered_capabilities: vec![],
        desired_capabilities: vec![],
        properties: vec![],
    };
    let (channel, read, _) = performative(PYTHON, "begin");
    assert_eq!((channel, read), (1, Performative::Begin(Box::new(begin))));
}

#[test]
fn python_says_who_it_is_in_open() {
    let (_, Performative::Open(open), _) = performative(PYTHON, "open") else {
        panic!("an open was expected");
    };
    assert_eq!(
        field(&open.properties, "product"),
        Some(&Value::from("azsdk-python-eventhubs"))
    );
}

#[test]
fn python_attaches_with_all_fields() {
    let link = attach(PYTHON, "attach-cbs-receiver");
    assert_eq!(
        (link.name.as_str(), link.handle, link.role),
        (ID, 2, Role::Receiver)
    );
    assert_eq!(link.source.unwrap().address.as_deref(), Some("$cbs"));
    assert_eq!(link.target.unwrap().address.as_deref(), Some("$cbs"));
    assert_eq!(link.initial_delivery_count, None);

    let link = attach(PYTHON, "attach-sender");
    assert_eq!((link.handle, link.role), (3, Role::Sender));
    assert_eq!(link.snd_settle_mode, SenderSettleMode::Unsettled);
    assert_eq!(link.rcv_settle_mode, ReceiverSettleMode::Second);
    assert_eq!(
        (link.initial_delivery_count, link.max_message_size),
        (Some(0), Some(0))
    );
    assert_eq!(
        link.target.unwrap().address.as_deref(),
        Some("amqps://localhost/hub")
    );
    assert_eq!(
        field(&link.properties, "com.microsoft:timeout"),
        Some(&Value::Long(60))
    );
}

#[test]
fn python_describes_its_selector_with_a_symbol() {
    let link = attach(PYTHON, "attach-receiver");
    let source = link.source.unwrap();
    let address = "amqps://localhost/hub/ConsumerGroups/$Default/Partitions/0";
    assert_eq!(source.address.as_deref(), Some(address));
    let selector = any::described(
        Value::Symbol(SELECTOR),
        Value::from("amqp.annotation.x-opt-offset > '-1'"),
    );
    assert_eq!(source.filter, [(SELECTOR, selector)]);
    assert_eq!(link.desired_capabilities, [RUNTIME_METRIC, GEOREPLICATION]);
    assert_eq!(link.max_message_size, Some(1_048_576));
    assert_eq!(
        field(&link.properties, "com.microsoft:epoch"),
        Some(&Value::Long(1))
    );
}

#[test]
fn python_flows_for_both_directions() {
    for (name, handle) in [("flow-receiver", 2), ("flow-sender", 1)] {
        let flow = Flow {
            next_incoming_id: Some(1),
            incoming_window: 65536,
            next_outgoing_id: 0,
            outgoing_window: 65536,
            handle: Some(handle),
            delivery_count: Some(0),
            link_credit: Some(10000),
            ..Flow::default()
        };
        assert_eq!(
            performative(PYTHON, name),
            (1, Performative::Flow(flow), Bytes::new())
        );
    }
    let detach = Detach {
        handle: 3,
        closed: true,
        error: None,
    };
    assert_eq!(performative(PYTHON, "detach").1, Performative::Detach(detach));
}

#[test]
fn python_asks_for_a_token_with_a_uuid() {
    let (transfer, payload) = transfer(PYTHON, "transfer-cbs");
    assert_eq!(
        (transfer.handle, transfer.message_format, transfer.more),
        (1, Some(0), false)
    );
    let message = Message::decode(&payload).unwrap();
    assert_eq!(
        message.properties.as_ref().unwrap().message_id,
        Some(MessageId::Uuid(ID_BYTES))
    );
    assert_eq!(
        message.application_property("operation"),
        Some(&Value::from("put-token"))
    );
    assert_eq!(
        message.application_property("expiration"),
        Some(&Value::Int(1_800_000_000))
    );
    assert_eq!(
        message.body,
        Body::Value(Value::from("SharedAccessSignature sr=..."))
    );
}

#[test]
fn python_sends_batches() {
    let expected = Transfer {
        handle: 3,
        delivery_id: Some(1),
        delivery_tag: Some(Bytes::from_static(&[0, 0, 0, 1])),
        message_format: Some(BATCH_FORMAT),
        settled: Some(false),
        ..Transfer::default()
    };
    for (name, key) in [("transfer-batch", None), ("transfer-batch-with-key", Some("key"))] {
        let (transfer, payload) = transfer(PYTHON, name);
        assert_eq!(transfer, expected);
        let batch = Batch::read(&payload).unwrap();
        let annotation = batch.envelope.message_annotations.get("x-opt-partition-key");
        assert_eq!(annotation.and_then(|annotation| annotation.as_str()), key);
        let bodies: Vec<Body> = batch
            .messages()
            .map(|event| Message::decode(&event).unwrap())
            .inspect(|event| assert_eq!(event.application_property("number"), Some(&Value::Int(7))))
            .inspect(|event| {
                assert_eq!(
                    event
                        .message_annotation("x-opt-partition-key")
                        .and_then(Value::as_str),
                    key
                )
            })
            .map(|event| event.body)
            .collect();
        let expected = ["first", "second"].map(|body| Body::Data(vec![Bytes::from(body)]));
        assert_eq!(bodies, expected);
    }
}

#[test]
fn python_writes_delivery_annotations_last() {
    let payload = bytes(PYTHON, "message-annotated");
    let sections = Sections::scan(&payload).unwrap();
    assert_eq!(
        sections.delivery_annotations.get("x-opt-note").unwrap().as_str(),
        Some("last")
    );
    assert_eq!(sections.message_annotations.len(), 2);
    let bare = Message::decode(&sections.bare).unwrap();
    assert_eq!(bare.body, Body::Data(vec![Bytes::from_static(b"body")]));
    assert_eq!(
        bare.footer,
        [(Value::Symbol(Symbol::from_static("x-opt-foot")), Value::Int(1))]
    );
    assert!(
        payload.as_ptr_range().contains(&sections.bare.as_ptr()),
        "no copy is needed"
    );
}

#[test]
fn javascript_leaves_trailing_fields_out() {
    let init = SaslInit {
        mechanism: Symbol::from_static("ANONYMOUS"),
        initial_response: Some(Bytes::from_static(b"\0RootManageSharedAccessKey")),
        hostname: Some("localhost".into()),
    };
    assert_eq!(read(JAVASCRIPT, "sasl-init"), Frame::Sasl(SaslFrame::Init(init)));
    let (_, Performative::Open(open), _) = performative(JAVASCRIPT, "open") else {
        panic!("an open was expected");
    };
    assert_eq!((open.max_frame_size, open.channel_max), (u32::MAX, 65535));
    assert_eq!(open.idle_time_out, Some(60000));
    assert_eq!(
        field(&open.properties, "product"),
        Some(&Value::from("MSJSClient"))
    );
    let (_, Performative::Begin(begin), _) = performative(JAVASCRIPT, "begin") else {
        panic!("a begin was expected");
    };
    assert_eq!((begin.incoming_window, begin.outgoing_window), (2048, u32::MAX));
    assert_eq!((begin.remote_channel, begin.handle_max), (None, u32::MAX));
    assert_eq!(
        performative(JAVASCRIPT, "end").1,
        Performative::End(Default::default())
    );
    assert_eq!(
        performative(JAVASCRIPT, "close").1,
        Performative::Close(Default::default())
    );
    let detach = Detach {
        handle: 0,
        closed: true,
        error: None,
    };
    assert_eq!(performative(JAVASCRIPT, "detach").1, Performative::Detach(detach));
}

#[test]
fn javascript_attaches_with_empty_termini() {
    let link = attach(JAVASCRIPT, "attach-cbs-sender");
    assert_eq!(
        (link.source, link.initial_delivery_count),
        (Some(Default::default()), Some(0))
    );
    assert_eq!(link.target.unwrap().address.as_deref(), Some("$cbs"));
    assert_eq!(link.snd_settle_mode, SenderSettleMode::Mixed);
    let link = attach(JAVASCRIPT, "attach-cbs-receiver");
    assert_eq!(
        (link.role, link.target),
        (Role::Receiver, Some(Default::default()))
    );
    let link = attach(JAVASCRIPT, "attach-sender");
    assert_eq!(link.target.unwrap().address.as_deref(), Some("hub/Partitions/0"));
    assert_eq!(link.desired_capabilities, [GEOREPLICATION]);
}

#[test]
fn javascript_describes_its_selector_with_a_number() {
    let link = attach(JAVASCRIPT, "attach-receiver");
    let source = link.source.unwrap();
    assert_eq!(
        source.address.as_deref(),
        Some("hub/ConsumerGroups/$Default/Partitions/0")
    );
    let [(name, Value::Described(filter))] = &source.filter[..] else {
        panic!("{:?}", source.filter);
    };
    assert_eq!(*name, SELECTOR);
    let value = Value::from("amqp.annotation.x-opt-offset > '-1'");
    assert_eq!(
        **filter,
        Described {
            descriptor: Value::Ulong(0x468c_0000_0004),
            value
        }
    );
    assert_eq!(link.desired_capabilities, [GEOREPLICATION, RUNTIME_METRIC]);
    assert_eq!(
        field(&link.properties, "com.microsoft:epoch")
            .unwrap()
            .as_integer(),
        Some(1)
    );
}

#[test]
fn javascript_counts_credit_from_deliveries() {
    let (_, Performative::Flow(flow), _) = performative(JAVASCRIPT, "flow") else {
        panic!("a flow was expected");
    };
    assert_eq!(
        (flow.delivery_count, flow.link_credit, flow.drain),
        (Some(5), Some(4), false)
    );
    let accepted = Disposition {
        role: Role::Receiver,
        first: 0,
        last: Some(2),
        settled: true,
        state: Some(DeliveryState::Outcome(Outcome::Accepted)),
        batchable: false,
    };
    assert_eq!(
        performative(JAVASCRIPT, "disposition").1,
        Performative::Disposition(accepted)
    );
}

#[test]
fn javascript_surrounds_batches_with_empty_sections() {
    let (transfer, payload) = transfer(JAVASCRIPT, "transfer-batch");
    assert_eq!(transfer.message_format, Some(BATCH_FORMAT));
    let batch = Batch::read(&payload).unwrap();
    assert_eq!(batch.len(), 2);
    assert!(batch.envelope.message_annotations.is_empty());
    for event in batch.messages() {
        let event = Message::decode(&event).unwrap();
        assert_eq!(event.body, Body::Data(vec![Bytes::from_static(b"event")]));
        assert_eq!(event.application_property("number"), Some(&Value::Uint(7)));
        assert_eq!(event.application_property("negative"), Some(&Value::Int(-7)));
    }
}

#[test]
fn javascript_asks_for_a_token_with_a_string() {
    let (_, payload) = transfer(JAVASCRIPT, "transfer-cbs");
    let message = Message::decode(&payload).unwrap();
    let properties = message.properties.as_ref().unwrap();
    assert_eq!(properties.message_id, Some(MessageId::String(ID.into())));
    assert_eq!(properties.to.as_deref(), Some("$cbs"));
    assert_eq!(
        properties.reply_to.as_deref(),
        Some("cbs-00112233-4455-6677-8899-aabbccddeeff")
    );
    assert_eq!(
        message.body,
        Body::Value(Value::from("SharedAccessSignature sr=..."))
    );
}

#[test]
fn rust_attaches_with_termini_that_are_lists_without_elements() {
    // attach ["s", 0, false, 0, 0, source [], target ["amqps://localhost/hub"]], and nothing behind
    let address = "616d7170733a2f2f6c6f63616c686f73742f687562";
    let hex = format!("005312 c02b07 a10173 43 42 5000 5000 00532845 005329 c01801 a115{address}");
    let read = Performative::decode(&mut from_hex(&hex));
    let Ok(Performative::Attach(link)) = read else {
        panic!("{read:?}");
    };
    assert_eq!(link.source, Some(Default::default()));
    assert_eq!(
        link.target.unwrap().address.as_deref(),
        Some("amqps://localhost/hub")
    );
    assert_eq!(link.max_message_size, None);
}

#[test]
fn descriptors_may_be_symbols_and_long_numbers() {
    let end = Performative::End(Default::default());
    for descriptor in [
        "a30d616d71703a656e643a6c697374",
        "b30000000d616d71703a656e643a6c697374",
        "800000000000000017",
    ] {
        let read = Performative::decode(&mut from_hex(&format!("00{descriptor} c00100")));
        assert_eq!(read.as_ref(), Ok(&end), "{descriptor}");
    }
}

#[test]
fn a_single_symbol_stands_for_an_array_of_one() {
    // open ["", null × 7, symbol "x"]
    let read = Performative::decode(&mut from_hex("005310 c00d09 a100 40404040404040 a30178"));
    let Ok(Performative::Open(open)) = read else {
        panic!("{read:?}");
    };
    assert_eq!(open.desired_capabilities, [Symbol::from_static("x")]);
}

#[test]
fn a_coordinator_is_told_from_a_target() {
    // attach ["t", 0, false, null, null, source [], coordinator []]
    let read = Performative::decode(&mut from_hex(
        "005312 c01007 a10174 43 42 40 40 00532845 00533045",
    ));
    let Ok(Performative::Attach(link)) = read else {
        panic!("{read:?}");
    };
    assert!(link.is_coordinator);
    assert_eq!(link.target, None);
}
