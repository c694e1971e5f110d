//! Anything that can be written. Strategies are boxed: the trees of unboxed ones do not fit the stack of a test's thread.

use amqp::frame::SaslFrame;
use amqp::message::{Body, Header, Message, MessageId, Properties};
use amqp::performative::{
    Attach, Begin, Close, DeliveryState, Detach, Disposition, End, Flow, Open, Outcome, ReceiverSettleMode,
    Role, SaslChallenge, SaslCode, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse, SenderSettleMode,
    Source, Target, Transfer,
};
use amqp::{Condition, Described, Error, Fields, Performative, Symbol, Value};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Union;

/// Long enough to need a length of four bytes now and then.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![20 => "\\PC{0,20}", 1 => "[a-z]{250,260}"]
}

pub(crate) fn symbol() -> impl Strategy<Value = Symbol> {
    prop_oneof![20 => "[ -~]{0,20}", 1 => "[ -~]{250,260}"].prop_map(Symbol::from)
}

pub(crate) fn binary() -> impl Strategy<Value = Bytes> {
    prop_oneof![20 => vec(any::<u8>(), 0..20), 1 => vec(any::<u8>(), 250..260)].prop_map(Bytes::from)
}

/// A strategy for each type that is not made of others.
fn simple_types() -> Vec<BoxedStrategy<Value>> {
    vec![
        Just(Value::Null).boxed(),
        any::<bool>().prop_map(Value::Bool).boxed(),
        any::<u8>().prop_map(Value::Ubyte).boxed(),
        any::<u16>().prop_map(Value::Ushort).boxed(),
        numbers().prop_map(|number| Value::Uint(number as u32)).boxed(),
        numbers().prop_map(|number| Value::Ulong(number as u64)).boxed(),
        any::<i8>().prop_map(Value::Byte).boxed(),
        any::<i16>().prop_map(Value::Short).boxed(),
        numbers().prop_map(|number| Value::Int(number as i32)).boxed(),
        numbers().prop_map(Value::Long).boxed(),
        any::<f32>().prop_map(Value::Float).boxed(),
        any::<f64>().prop_map(Value::Double).boxed(),
        any::<u32>().prop_map(Value::Decimal32).boxed(),
        any::<u64>().prop_map(Value::Decimal64).boxed(),
        any::<u128>().prop_map(Value::Decimal128).boxed(),
        any::<char>().prop_map(Value::Char).boxed(),
        any::<i64>().prop_map(Value::Timestamp).boxed(),
        any::<[u8; 16]>().prop_map(Value::Uuid).boxed(),
        binary().prop_map(Value::Binary).boxed(),
        text().prop_map(Value::String).boxed(),
        symbol().prop_map(Value::Symbol).boxed(),
    ]
}

/// Those that need few bytes as often as others.
fn numbers() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), -130..300_i64, any::<i64>()]
}

pub(crate) fn simple_value() -> impl Strategy<Value = Value> {
    Union::new(simple_types())
}

/// What the values inside of something may be.
pub(crate) type Values = fn() -> BoxedStrategy<Value>;

pub(crate) fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![3 => simple_value(), 1 => array(simple_types())];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let list = vec(inner.clone(), 0..6).prop_map(Value::List);
        let map = vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::Map);
        prop_oneof![
            list.clone(),
            map.clone(),
            (descriptor(), inner).prop_map(|(descriptor, value)| described(descriptor, value)),
            array(vec![list.boxed(), map.boxed()]),
            array_of_arrays(),
            array_of_described(),
        ]
    })
    .boxed()
}

/// What fe2o3-amqp-types 0.18 agrees with the standard about. It does not know that the elements of an array share one
/// constructor (1.6.24) if they are lists, maps, arrays or described; it writes a byte more for every null in an array, and
/// two lengths for every string in an array that is not ASCII; the type of some keys of maps, and an empty array, it goes on to
/// write for the value that follows. And its maps hold a key only once.
pub(crate) fn common_value() -> BoxedStrategy<Value> {
    let mut types = simple_types().split_off(1);
    let strings = types.len() - 2;
    types[strings] = "[ -~]{0,20}".prop_map(Value::String).boxed();
    let array = array(types).prop_filter("empty", |array| *array != Value::Array(Vec::new()));
    let leaf = prop_oneof![3 => simple_value(), 1 => array];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::List),
            vec((symbol().prop_map(Value::Symbol), inner.clone()), 0..4)
                .prop_map(|pairs| Value::Map(without_repetition(pairs))),
            (descriptor(), inner).prop_map(|(descriptor, value)| described(descriptor, value)),
        ]
    })
    .boxed()
}

fn without_repetition(pairs: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    pairs.into_iter().fold(Vec::new(), |mut kept, (key, value)| {
        if kept.iter().all(|(other, _)| *other != key) {
            kept.push((key, value));
        }
        kept
    })
}

/// Of elements of one of `types`.
fn array(types: Vec<BoxedStrategy<Value>>) -> impl Strategy<Value = Value> {
    let arrays = types
        .into_iter()
        .map(|element| vec(element, 0..6).prop_map(Value::Array));
    Union::new(arrays)
}

/// The inner ones may have different types.
fn array_of_arrays() -> impl Strategy<Value = Value> {
    vec(array(simple_types()), 0..4).prop_map(Value::Array)
}

fn array_of_described() -> impl Strategy<Value = Value> {
    (descriptor(), array(simple_types())).prop_map(|(descriptor, array)| match array {
        Value::Array(elements) => Value::Array(
            elements
                .into_iter()
                .map(|element| described(descriptor.clone(), element))
                .collect(),
        ),
        other => other,
    })
}

/// None of the standard's: those have their places.
pub(crate) fn descriptor() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0x1_0000_0000_u64..).prop_map(Value::Ulong),
        "com[.][a-z:.]{1,20}".prop_map(|name| Value::Symbol(Symbol::from(name))),
    ]
}

pub(crate) fn described(descriptor: Value, value: Value) -> Value {
    Value::Described(Box::new(Described { descriptor, value }))
}

pub(crate) fn symbols() -> BoxedStrategy<Vec<Symbol>> {
    prop_oneof![2 => Just(Vec::new()), 1 => vec(symbol(), 1..4)].boxed()
}

/// With keys that differ, as maps should.
pub(crate) fn fields(of: Values) -> BoxedStrategy<Fields> {
    let some = proptest::collection::btree_map(symbol(), of(), 1..4).prop_map(Fields::from_iter);
    prop_oneof![2 => Just(Fields::new()), 1 => some].boxed()
}

pub(crate) fn error(of: Values) -> BoxedStrategy<Error> {
    let condition = prop_oneof![
        Just(Condition::NOT_FOUND),
        Just(Condition::STOLEN),
        Just(Condition::DETACH_FORCED),
        Just(Condition(Symbol::from_static("com.microsoft:server-busy"))),
    ];
    (condition, text(), fields(of))
        .prop_map(|(condition, description, info)| Error {
            condition,
            description,
            info,
        })
        .boxed()
}

pub(crate) fn performative(of: Values) -> impl Strategy<Value = Performative> {
    prop_oneof![
        open(of).prop_map(|open| Performative::Open(Box::new(open))),
        begin(of).prop_map(|begin| Performative::Begin(Box::new(begin))),
        attach(of).prop_map(|attach| Performative::Attach(Box::new(attach))),
        flow(of).prop_map(Performative::Flow),
        transfer(of).prop_map(Performative::Transfer),
        disposition(of).prop_map(Performative::Disposition),
        (any::<u32>(), any::<bool>(), option::of(error(of))).prop_map(|(handle, closed, error)| {
            Performative::Detach(Detach {
                handle,
                closed,
                error,
            })
        }),
        option::of(error(of)).prop_map(|error| Performative::End(End { error })),
        option::of(error(of)).prop_map(|error| Performative::Close(Close { error })),
    ]
}

fn open(of: Values) -> BoxedStrategy<Open> {
    let numbers = (any::<u32>(), any::<u16>(), option::of(any::<u32>()));
    let names = (text(), option::of(text()));
    (
        names,
        numbers,
        symbols(),
        symbols(),
        symbols(),
        symbols(),
        fields(of),
    )
        .prop_map(
            |(names, numbers, outgoing_locales, incoming_locales, offered, desired, properties)| Open {
                container_id: names.0,
                hostname: names.1,
                max_frame_size: numbers.0,
                channel_max: numbers.1,
                idle_time_out: numbers.2,
                outgoing_locales,
                incoming_locales,
                offered_capabilities: offered,
                desired_capabilities: desired,
                properties,
            },
        )
        .boxed()
}

fn begin(of: Values) -> BoxedStrategy<Begin> {
    let channel = option::of(any::<u16>());
    let numbers = any::<[u32; 4]>();
    (channel, numbers, symbols(), symbols(), fields(of))
        .prop_map(
            |(remote_channel, numbers, offered_capabilities, desired_capabilities, properties)| Begin {
                remote_channel,
                next_outgoing_id: numbers[0],
                incoming_window: numbers[1],
                outgoing_window: numbers[2],
                handle_max: numbers[3],
                offered_capabilities,
                desired_capabilities,
                properties,
            },
        )
        .boxed()
}

fn attach(of: Values) -> BoxedStrategy<Attach> {
    let link = (text(), any::<u32>(), role(), sender_mode(), receiver_mode());
    let unsettled = prop_oneof![3 => Just(Value::Null), 1 => Just(Value::Map(Vec::new()))];
    let limits = (any::<bool>(), option::of(any::<u32>()), option::of(any::<u64>()));
    let termini = (option::of(source(of)), option::of(target(of)));
    (link, termini, unsettled, limits, symbols(), symbols(), fields(of))
        .prop_map(
            |(link, termini, unsettled, limits, offered_capabilities, desired_capabilities, properties)| {
                Attach {
                    name: link.0,
                    handle: link.1,
                    role: link.2,
                    snd_settle_mode: link.3,
                    rcv_settle_mode: link.4,
                    source: termini.0,
                    target: termini.1,
                    is_coordinator: false,
                    unsettled,
                    incomplete_unsettled: limits.0,
                    initial_delivery_count: limits.1,
                    max_message_size: limits.2,
                    offered_capabilities,
                    desired_capabilities,
                    properties,
                }
            },
        )
        .boxed()
}

pub(crate) fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Sender), Just(Role::Receiver)]
}

fn sender_mode() -> impl Strategy<Value = SenderSettleMode> {
    use SenderSettleMode::{Mixed, Settled, Unsettled};
    prop_oneof![Just(Unsettled), Just(Settled), Just(Mixed)]
}

fn receiver_mode() -> impl Strategy<Value = ReceiverSettleMode> {
    prop_oneof![Just(ReceiverSettleMode::First), Just(ReceiverSettleMode::Second)]
}

/// Without the one that is the same as none.
fn expiry_policy() -> impl Strategy<Value = Symbol> {
    prop_oneof![Just("link-detach"), Just("connection-close"), Just("never")].prop_map(Symbol::from_static)
}

fn source(of: Values) -> BoxedStrategy<Source> {
    let numbers = (0..3_u32, any::<u32>(), any::<bool>());
    let distribution = prop_oneof![Just("move"), Just("copy")].prop_map(Symbol::from_static);
    let symbols = (
        option::of(expiry_policy()),
        option::of(distribution),
        symbols(),
        symbols(),
    );
    let default_outcome = prop_oneof![
        2 => Just(Value::Null),
        1 => Just(described(Value::Ulong(0x26), Value::List(Vec::new()))),
    ];
    (
        option::of(text()),
        numbers,
        symbols,
        fields(of),
        fields(of),
        default_outcome,
    )
        .prop_map(
            |(address, numbers, symbols, dynamic_node_properties, filter, default_outcome)| Source {
                address,
                durable: numbers.0,
                expiry_policy: symbols.0,
                timeout: numbers.1,
                dynamic: numbers.2,
                dynamic_node_properties,
                distribution_mode: symbols.1,
                filter,
                default_outcome,
                outcomes: symbols.2,
                capabilities: symbols.3,
            },
        )
        .boxed()
}

fn target(of: Values) -> BoxedStrategy<Target> {
    let numbers = (0..3_u32, any::<u32>(), any::<bool>());
    (
        option::of(text()),
        numbers,
        option::of(expiry_policy()),
        fields(of),
        symbols(),
    )
        .prop_map(
            |(address, numbers, expiry_policy, dynamic_node_properties, capabilities)| Target {
                address,
                durable: numbers.0,
                expiry_policy,
                timeout: numbers.1,
                dynamic: numbers.2,
                dynamic_node_properties,
                capabilities,
            },
        )
        .boxed()
}

fn flow(of: Values) -> BoxedStrategy<Flow> {
    let number = || option::of(any::<u32>());
    let link = (number(), number(), number(), number());
    (number(), any::<[u32; 3]>(), link, any::<[bool; 2]>(), fields(of))
        .prop_map(|(next_incoming_id, session, link, flags, properties)| Flow {
            next_incoming_id,
            incoming_window: session[0],
            next_outgoing_id: session[1],
            outgoing_window: session[2],
            handle: link.0,
            delivery_count: link.1,
            link_credit: link.2,
            available: link.3,
            drain: flags[0],
            echo: flags[1],
            properties,
        })
        .boxed()
}

pub(crate) fn transfer(of: Values) -> BoxedStrategy<Transfer> {
    let number = || option::of(any::<u32>());
    let tag = option::of(vec(any::<u8>(), 0..=32).prop_map(Bytes::from));
    let modes = (
        option::of(any::<bool>()),
        option::of(receiver_mode()),
        any::<[bool; 4]>(),
    );
    (
        any::<u32>(),
        number(),
        tag,
        number(),
        modes,
        option::of(state(of)),
    )
        .prop_map(
            |(handle, delivery_id, delivery_tag, message_format, modes, state)| Transfer {
                handle,
                delivery_id,
                delivery_tag,
                message_format,
                settled: modes.0,
                more: modes.2[0],
                rcv_settle_mode: modes.1,
                state: state.map(Box::new),
                resume: modes.2[1],
                aborted: modes.2[2],
                batchable: modes.2[3],
            },
        )
        .boxed()
}

fn disposition(of: Values) -> BoxedStrategy<Disposition> {
    let last = option::of(any::<u32>());
    (
        role(),
        any::<u32>(),
        last,
        any::<[bool; 2]>(),
        option::of(state(of)),
    )
        .prop_map(|(role, first, last, flags, state)| Disposition {
            role,
            first,
            last,
            settled: flags[0],
            state,
            batchable: flags[1],
        })
        .boxed()
}

fn state(of: Values) -> BoxedStrategy<DeliveryState> {
    prop_oneof![
        (any::<u32>(), any::<u64>()).prop_map(|(section_number, section_offset)| DeliveryState::Received {
            section_number,
            section_offset,
        }),
        outcome(of).prop_map(DeliveryState::Outcome),
    ]
    .boxed()
}

fn outcome(of: Values) -> BoxedStrategy<Outcome> {
    prop_oneof![
        Just(Outcome::Accepted),
        option::of(error(of)).prop_map(Outcome::Rejected),
        Just(Outcome::Released),
        (any::<[bool; 2]>(), fields(of)).prop_map(|(flags, message_annotations)| Outcome::Modified {
            delivery_failed: flags[0],
            undeliverable_here: flags[1],
            message_annotations,
        }),
    ]
    .boxed()
}

pub(crate) fn sasl_frame() -> impl Strategy<Value = SaslFrame> {
    use SaslCode::{Auth, Ok, Sys, SysPerm, SysTemp};
    let code = prop_oneof![Just(Ok), Just(Auth), Just(Sys), Just(SysPerm), Just(SysTemp)];
    prop_oneof![
        vec(symbol(), 1..4).prop_map(|mechanisms| SaslFrame::Mechanisms(SaslMechanisms { mechanisms })),
        (symbol(), option::of(binary()), option::of(text())).prop_map(
            |(mechanism, initial_response, hostname)| SaslFrame::Init(SaslInit {
                mechanism,
                initial_response,
                hostname,
            })
        ),
        binary().prop_map(|challenge| SaslFrame::Challenge(SaslChallenge { challenge })),
        binary().prop_map(|response| SaslFrame::Response(SaslResponse { response })),
        (code, option::of(binary())).prop_map(|(code, additional_data)| SaslFrame::Outcome(SaslOutcome {
            code,
            additional_data,
        })),
    ]
}

pub(crate) fn message(of: Values) -> impl Strategy<Value = Message> {
    let named = proptest::collection::btree_map(text(), simple_value(), 0..4).prop_map(Vec::from_iter);
    let sections = (annotations(of), annotations(of), annotations(of));
    (
        option::of(header()),
        sections,
        option::of(properties()),
        named,
        body(of),
    )
        .prop_map(
            |(header, sections, properties, application_properties, body)| Message {
                header,
                delivery_annotations: sections.0,
                message_annotations: sections.1,
                properties,
                application_properties,
                body,
                footer: sections.2,
            },
        )
}

pub(crate) fn annotations(of: Values) -> BoxedStrategy<Vec<(Value, Value)>> {
    let pairs = proptest::collection::btree_map(symbol(), of(), 0..4);
    pairs
        .prop_map(|pairs| {
            let pair = |(key, value)| (Value::Symbol(key), value);
            pairs.into_iter().map(pair).collect()
        })
        .boxed()
}

fn header() -> BoxedStrategy<Header> {
    (
        any::<[bool; 2]>(),
        any::<u8>(),
        option::of(any::<u32>()),
        any::<u32>(),
    )
        .prop_map(|(flags, priority, ttl, delivery_count)| Header {
            durable: flags[0],
            priority,
            ttl,
            first_acquirer: flags[1],
            delivery_count,
        })
        .boxed()
}

fn message_id() -> impl Strategy<Value = MessageId> {
    prop_oneof![
        any::<u64>().prop_map(MessageId::Ulong),
        any::<[u8; 16]>().prop_map(MessageId::Uuid),
        binary().prop_map(MessageId::Binary),
        text().prop_map(MessageId::String),
    ]
}

fn properties() -> BoxedStrategy<Properties> {
    let ids = (
        option::of(message_id()),
        option::of(binary()),
        option::of(message_id()),
    );
    let name = || option::of(text());
    let names = (name(), name(), name(), name(), name());
    let types = (option::of(symbol()), option::of(symbol()));
    let times = (
        option::of(any::<i64>()),
        option::of(any::<i64>()),
        option::of(any::<u32>()),
    );
    (ids, names, types, times)
        .prop_map(|(ids, names, types, times)| Properties {
            message_id: ids.0,
            user_id: ids.1,
            to: names.0,
            subject: names.1,
            reply_to: names.2,
            correlation_id: ids.2,
            content_type: types.0,
            content_encoding: types.1,
            absolute_expiry_time: times.0,
            creation_time: times.1,
            group_id: names.3,
            group_sequence: times.2,
            reply_to_group_id: names.4,
        })
        .boxed()
}

fn body(of: Values) -> BoxedStrategy<Body> {
    prop_oneof![
        Just(Body::Empty),
        vec(binary(), 1..4).prop_map(Body::Data),
        vec(vec(of(), 0..4), 1..4).prop_map(Body::Sequence),
        of().prop_map(Body::Value),
    ]
    .boxed()
}
