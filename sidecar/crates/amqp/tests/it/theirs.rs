//! The same things as another implementation names them, field by field.

use amqp::frame::SaslFrame;
use amqp::message::{Body, Header, Message, MessageId, Properties};
use amqp::performative::{
    Attach, Begin, DeliveryState, Disposition, Flow, Open, Outcome, ReceiverSettleMode, Role, SaslCode,
    SenderSettleMode, Source, Target, Transfer,
};
use amqp::{Error, Fields, Performative, Symbol, Value};
use fe2o3_amqp_types::definitions::{self as definitions, ErrorCondition, Handle};
use fe2o3_amqp_types::messaging::annotations::OwnedKey;
use fe2o3_amqp_types::messaging::{self as messaging, Batch};
use fe2o3_amqp_types::performatives::{self as performatives, ChannelMax, MaxFrameSize};
use fe2o3_amqp_types::primitives as theirs;
use fe2o3_amqp_types::sasl;
use serde_amqp::described::Described;
use serde_amqp::descriptor::Descriptor;
use serde_amqp::primitives::OrderedMap;

pub(crate) fn value(value: &Value) -> theirs::Value {
    use theirs::Value as Their;
    match value {
        Value::Null => Their::Null,
        Value::Bool(value) => Their::Bool(*value),
        Value::Ubyte(value) => Their::Ubyte(*value),
        Value::Ushort(value) => Their::Ushort(*value),
        Value::Uint(value) => Their::Uint(*value),
        Value::Ulong(value) => Their::Ulong(*value),
        Value::Byte(value) => Their::Byte(*value),
        Value::Short(value) => Their::Short(*value),
        Value::Int(value) => Their::Int(*value),
        Value::Long(value) => Their::Long(*value),
        Value::Float(value) => Their::Float((*value).into()),
        Value::Double(value) => Their::Double((*value).into()),
        Value::Decimal32(value) => Their::Decimal32(value.to_be_bytes().into()),
        Value::Decimal64(value) => Their::Decimal64(value.to_be_bytes().into()),
        Value::Decimal128(value) => Their::Decimal128(value.to_be_bytes().into()),
        Value::Char(value) => Their::Char(*value),
        Value::Timestamp(value) => Their::Timestamp((*value).into()),
        Value::Uuid(value) => Their::Uuid((*value).into()),
        Value::Binary(value) => Their::Binary(value.to_vec().into()),
        Value::String(value) => Their::String(value.clone()),
        Value::Symbol(value) => Their::Symbol(symbol(value)),
        Value::List(elements) => Their::List(elements.iter().map(self::value).collect()),
        Value::Map(pairs) => Their::Map(
            pairs
                .iter()
                .map(|(key, value)| (self::value(key), self::value(value)))
                .collect(),
        ),
        Value::Array(elements) => Their::Array(elements.iter().map(self::value).collect::<Vec<_>>().into()),
        Value::Described(described) => Their::Described(Box::new(Described {
            descriptor: match &described.descriptor {
                Value::Ulong(code) => Descriptor::Code(*code),
                Value::Symbol(name) => Descriptor::Name(symbol(name)),
                other => panic!("{other:?} is no descriptor"),
            },
            value: self::value(&described.value),
        })),
    }
}

fn symbol(symbol: &Symbol) -> theirs::Symbol {
    theirs::Symbol::from(symbol.as_str())
}

fn symbols(symbols: &[Symbol]) -> Option<theirs::Array<theirs::Symbol>> {
    let array = symbols.iter().map(symbol).collect::<Vec<_>>();
    (!array.is_empty()).then(|| array.into())
}

fn fields(fields: &Fields) -> Option<OrderedMap<theirs::Symbol, theirs::Value>> {
    let map = fields.iter().map(|(key, field)| (symbol(key), value(field)));
    (!fields.is_empty()).then(|| map.collect())
}

fn error(error: &Error) -> definitions::Error {
    let condition = error.condition.0.as_str();
    let condition = serde_amqp::from_slice::<ErrorCondition>(
        &serde_amqp::to_vec(&theirs::Symbol::from(condition)).unwrap(),
    );
    definitions::Error {
        condition: condition.unwrap(),
        description: Some(error.description.clone()),
        info: fields(&error.info).map(Box::new),
    }
}

pub(crate) fn performative(performative: &Performative) -> performatives::Performative {
    use performatives::Performative as Their;
    match performative {
        Performative::Open(open) => Their::Open(self::open(open)),
        Performative::Begin(begin) => Their::Begin(self::begin(begin)),
        Performative::Attach(attach) => Their::Attach(self::attach(attach)),
        Performative::Flow(flow) => Their::Flow(self::flow(flow)),
        Performative::Transfer(transfer) => Their::Transfer(self::transfer(transfer)),
        Performative::Disposition(disposition) => Their::Disposition(self::disposition(disposition)),
        Performative::Detach(detach) => Their::Detach(performatives::Detach {
            handle: Handle(detach.handle),
            closed: detach.closed,
            error: detach.error.as_ref().map(error),
        }),
        Performative::End(end) => Their::End(performatives::End {
            error: end.error.as_ref().map(error),
        }),
        Performative::Close(close) => Their::Close(performatives::Close {
            error: close.error.as_ref().map(error),
        }),
    }
}

fn open(open: &Open) -> performatives::Open {
    performatives::Open {
        container_id: open.container_id.clone(),
        hostname: open.hostname.clone(),
        max_frame_size: MaxFrameSize(open.max_frame_size),
        channel_max: ChannelMax(open.channel_max),
        idle_time_out: open.idle_time_out,
        outgoing_locales: symbols(&open.outgoing_locales),
        incoming_locales: symbols(&open.incoming_locales),
        offered_capabilities: symbols(&open.offered_capabilities),
        desired_capabilities: symbols(&open.desired_capabilities),
        properties: fields(&open.properties),
    }
}

fn begin(begin: &Begin) -> performatives::Begin {
    performatives::Begin {
        remote_channel: begin.remote_channel,
        next_outgoing_id: begin.next_outgoing_id,
        incoming_window: begin.incoming_window,
        outgoing_window: begin.outgoing_window,
        handle_max: Handle(begin.handle_max),
        offered_capabilities: symbols(&begin.offered_capabilities),
        desired_capabilities: symbols(&begin.desired_capabilities),
        properties: fields(&begin.properties),
    }
}

fn attach(attach: &Attach) -> performatives::Attach {
    performatives::Attach {
        name: attach.name.clone(),
        handle: Handle(attach.handle),
        role: role(attach.role),
        snd_settle_mode: match attach.snd_settle_mode {
            SenderSettleMode::Unsettled => definitions::SenderSettleMode::Unsettled,
            SenderSettleMode::Settled => definitions::SenderSettleMode::Settled,
            SenderSettleMode::Mixed => definitions::SenderSettleMode::Mixed,
        },
        rcv_settle_mode: receiver_mode(attach.rcv_settle_mode),
        source: attach.source.as_ref().map(source).map(Box::new),
        target: attach.target.as_ref().map(target).map(Box::new),
        unsettled: match &attach.unsettled {
            Value::Null => None,
            _ => Some(OrderedMap::new()),
        },
        incomplete_unsettled: attach.incomplete_unsettled,
        initial_delivery_count: attach.initial_delivery_count,
        max_message_size: attach.max_message_size,
        offered_capabilities: symbols(&attach.offered_capabilities),
        desired_capabilities: symbols(&attach.desired_capabilities),
        properties: fields(&attach.properties),
    }
}

fn role(role: Role) -> definitions::Role {
    match role {
        Role::Sender => definitions::Role::Sender,
        Role::Receiver => definitions::Role::Receiver,
    }
}

fn receiver_mode(mode: ReceiverSettleMode) -> definitions::ReceiverSettleMode {
    match mode {
        ReceiverSettleMode::First => definitions::ReceiverSettleMode::First,
        ReceiverSettleMode::Second => definitions::ReceiverSettleMode::Second,
    }
}

fn durability(durable: u32) -> messaging::TerminusDurability {
    match durable {
        0 => messaging::TerminusDurability::None,
        1 => messaging::TerminusDurability::Configuration,
        _ => messaging::TerminusDurability::UnsettledState,
    }
}

fn expiry_policy(policy: Option<&Symbol>) -> messaging::TerminusExpiryPolicy {
    use messaging::TerminusExpiryPolicy::{ConnectionClose, LinkDetach, Never, SessionEnd};
    match policy.map(Symbol::as_str) {
        None | Some("session-end") => SessionEnd,
        Some("link-detach") => LinkDetach,
        Some("connection-close") => ConnectionClose,
        Some("never") => Never,
        Some(other) => panic!("{other} is no expiry policy"),
    }
}

fn source(source: &Source) -> messaging::Source {
    messaging::Source {
        address: source.address.clone(),
        durable: durability(source.durable),
        expiry_policy: expiry_policy(source.expiry_policy.as_ref()),
        timeout: source.timeout,
        dynamic: source.dynamic,
        dynamic_node_properties: fields(&source.dynamic_node_properties),
        distribution_mode: source.distribution_mode.as_ref().map(|mode| match mode.as_str() {
            "move" => messaging::DistributionMode::Move,
            _ => messaging::DistributionMode::Copy,
        }),
        filter: fields(&source.filter),
        default_outcome: match &source.default_outcome {
            Value::Null => None,
            _ => Some(messaging::Outcome::Released(messaging::Released {})),
        },
        outcomes: symbols(&source.outcomes),
        capabilities: symbols(&source.capabilities),
    }
}

fn target(target: &Target) -> messaging::TargetArchetype {
    messaging::TargetArchetype::Target(messaging::Target {
        address: target.address.clone(),
        durable: durability(target.durable),
        expiry_policy: expiry_policy(target.expiry_policy.as_ref()),
        timeout: target.timeout,
        dynamic: target.dynamic,
        dynamic_node_properties: fields(&target.dynamic_node_properties),
        capabilities: symbols(&target.capabilities),
    })
}

fn flow(flow: &Flow) -> performatives::Flow {
    performatives::Flow {
        next_incoming_id: flow.next_incoming_id,
        incoming_window: flow.incoming_window,
        next_outgoing_id: flow.next_outgoing_id,
        outgoing_window: flow.outgoing_window,
        handle: flow.handle.map(Handle),
        delivery_count: flow.delivery_count,
        link_credit: flow.link_credit,
        available: flow.available,
        drain: flow.drain,
        echo: flow.echo,
        properties: fields(&flow.properties),
    }
}

fn transfer(transfer: &Transfer) -> performatives::Transfer {
    performatives::Transfer {
        handle: Handle(transfer.handle),
        delivery_id: transfer.delivery_id,
        delivery_tag: transfer.delivery_tag.as_ref().map(|tag| tag.to_vec().into()),
        message_format: transfer.message_format,
        settled: transfer.settled,
        more: transfer.more,
        rcv_settle_mode: transfer.rcv_settle_mode.map(receiver_mode),
        state: transfer.state.as_deref().map(state),
        resume: transfer.resume,
        aborted: transfer.aborted,
        batchable: transfer.batchable,
    }
}

fn disposition(disposition: &Disposition) -> performatives::Disposition {
    performatives::Disposition {
        role: role(disposition.role),
        first: disposition.first,
        last: disposition.last,
        settled: disposition.settled,
        state: disposition.state.as_ref().map(state),
        batchable: disposition.batchable,
    }
}

fn state(state: &DeliveryState) -> messaging::DeliveryState {
    use messaging::DeliveryState as Their;
    match state {
        DeliveryState::Received {
            section_number,
            section_offset,
        } => Their::Received(messaging::Received {
            section_number: *section_number,
            section_offset: *section_offset,
        }),
        DeliveryState::Outcome(Outcome::Accepted) => Their::Accepted(messaging::Accepted {}),
        DeliveryState::Outcome(Outcome::Rejected(cause)) => Their::Rejected(messaging::Rejected {
            error: cause.as_ref().map(error),
        }),
        DeliveryState::Outcome(Outcome::Released) => Their::Released(messaging::Released {}),
        DeliveryState::Outcome(Outcome::Modified {
            delivery_failed,
            undeliverable_here,
            message_annotations,
        }) => Their::Modified(messaging::Modified {
            delivery_failed: Some(*delivery_failed),
            undeliverable_here: Some(*undeliverable_here),
            message_annotations: fields(message_annotations),
        }),
        DeliveryState::Other(other) => panic!("{other:?} is no state that they know"),
    }
}

/// They have no enum of all SASL frames that can be read, so each is encoded by itself.
pub(crate) fn sasl_frame(frame: &SaslFrame) -> Vec<u8> {
    let binary = |bytes: &bytes::Bytes| theirs::Binary::from(bytes.to_vec());
    let encoded = match frame {
        SaslFrame::Mechanisms(frame) => serde_amqp::to_vec(&sasl::SaslMechanisms {
            sasl_server_mechanisms: frame.mechanisms.iter().map(symbol).collect::<Vec<_>>().into(),
        }),
        SaslFrame::Init(frame) => serde_amqp::to_vec(&sasl::SaslInit {
            mechanism: symbol(&frame.mechanism),
            initial_response: frame.initial_response.as_ref().map(binary),
            hostname: frame.hostname.clone(),
        }),
        SaslFrame::Challenge(frame) => serde_amqp::to_vec(&sasl::SaslChallenge {
            challenge: binary(&frame.challenge),
        }),
        SaslFrame::Response(frame) => serde_amqp::to_vec(&sasl::SaslResponse {
            response: binary(&frame.response),
        }),
        SaslFrame::Outcome(frame) => serde_amqp::to_vec(&sasl::SaslOutcome {
            code: match frame.code {
                SaslCode::Ok => sasl::SaslCode::Ok,
                SaslCode::Auth => sasl::SaslCode::Auth,
                SaslCode::Sys => sasl::SaslCode::Sys,
                SaslCode::SysPerm => sasl::SaslCode::SysPerm,
                SaslCode::SysTemp => sasl::SaslCode::SysTemp,
            },
            additional_data: frame.additional_data.as_ref().map(binary),
        }),
    };
    encoded.unwrap()
}

pub(crate) type TheirMessage = messaging::Message<messaging::Body<theirs::Value>>;

pub(crate) fn message(message: &Message) -> TheirMessage {
    let named = message.application_properties.iter().map(|(name, property)| {
        let property = theirs::SimpleValue::try_from(value(property));
        (name.clone(), property.unwrap())
    });
    messaging::Message {
        header: message.header.as_ref().map(header),
        delivery_annotations: annotations(&message.delivery_annotations).map(messaging::DeliveryAnnotations),
        message_annotations: annotations(&message.message_annotations).map(messaging::MessageAnnotations),
        properties: message.properties.as_ref().map(properties),
        application_properties: (!message.application_properties.is_empty())
            .then(|| messaging::ApplicationProperties(named.collect())),
        body: body(&message.body),
        footer: annotations(&message.footer).map(messaging::Footer),
    }
}

fn annotations(pairs: &[(Value, Value)]) -> Option<OrderedMap<OwnedKey, theirs::Value>> {
    let key = |key: &Value| match key {
        Value::Symbol(name) => OwnedKey::Symbol(symbol(name)),
        Value::Ulong(number) => OwnedKey::Ulong(*number),
        other => panic!("{other:?} is no key of annotations"),
    };
    (!pairs.is_empty()).then(|| {
        pairs
            .iter()
            .map(|(name, annotation)| (key(name), value(annotation)))
            .collect()
    })
}

fn header(header: &Header) -> messaging::Header {
    messaging::Header {
        durable: header.durable,
        priority: messaging::Priority(header.priority),
        ttl: header.ttl,
        first_acquirer: header.first_acquirer,
        delivery_count: header.delivery_count,
    }
}

fn message_id(id: &MessageId) -> messaging::MessageId {
    match id {
        MessageId::Ulong(id) => messaging::MessageId::Ulong(*id),
        MessageId::Uuid(id) => messaging::MessageId::Uuid((*id).into()),
        MessageId::Binary(id) => messaging::MessageId::Binary(id.to_vec().into()),
        MessageId::String(id) => messaging::MessageId::String(id.clone()),
    }
}

fn properties(properties: &Properties) -> messaging::Properties {
    messaging::Properties {
        message_id: properties.message_id.as_ref().map(message_id),
        user_id: properties.user_id.as_ref().map(|id| id.to_vec().into()),
        to: properties.to.clone(),
        subject: properties.subject.clone(),
        reply_to: properties.reply_to.clone(),
        correlation_id: properties.correlation_id.as_ref().map(message_id),
        content_type: properties.content_type.as_ref().map(symbol),
        content_encoding: properties.content_encoding.as_ref().map(symbol),
        absolute_expiry_time: properties.absolute_expiry_time.map(Into::into),
        creation_time: properties.creation_time.map(Into::into),
        group_id: properties.group_id.clone(),
        group_sequence: properties.group_sequence,
        reply_to_group_id: properties.reply_to_group_id.clone(),
    }
}

fn body(body: &Body) -> messaging::Body<theirs::Value> {
    match body {
        Body::Empty => messaging::Body::Empty,
        Body::Data(sections) => {
            let data = |section: &bytes::Bytes| messaging::Data(section.to_vec().into());
            messaging::Body::Data(Batch::new(sections.iter().map(data).collect::<Vec<_>>()))
        }
        Body::Sequence(sections) => {
            let sequence = |list: &Vec<Value>| messaging::AmqpSequence(list.iter().map(value).collect());
            messaging::Body::Sequence(Batch::new(sections.iter().map(sequence).collect::<Vec<_>>()))
        }
        Body::Value(content) => messaging::Body::Value(messaging::AmqpValue(value(content))),
    }
}
