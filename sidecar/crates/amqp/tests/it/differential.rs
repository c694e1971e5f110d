//! Another implementation means the same: what we write they read, and what they write we read. What is left out are arrays
//! that it gets wrong, see [`any::common_value`].

use amqp::frame::{self, Frame};
use amqp::message::{Body, Message};
use amqp::{Performative, Value};
use bytes::{Bytes, BytesMut};
use fe2o3_amqp_types::messaging::message::__private::{Deserializable, Serializable};
use fe2o3_amqp_types::{performatives, primitives};
use proptest::prelude::*;

use crate::theirs::TheirMessage;
use crate::{any, theirs};

proptest! {
    #[test]
    fn they_read_the_values_that_we_write(value in any::common_value()) {
        let mut out = BytesMut::new();
        value.encode(&mut out);
        let read: primitives::Value = serde_amqp::from_slice(&out).map_err(failed)?;
        prop_assert_eq!(read, theirs::value(&value));
    }

    #[test]
    fn we_read_the_values_that_they_write(value in any::common_value()) {
        let mut written = serde_amqp::to_vec(&theirs::value(&value)).map(Bytes::from).map_err(failed)?;
        prop_assert_eq!(Value::decode(&mut written), Ok(value));
    }

    #[test]
    fn they_read_the_performatives_that_we_write(performative in any::performative(any::common_value)) {
        let mut out = BytesMut::new();
        performative.encode(&mut out);
        let read: performatives::Performative = serde_amqp::from_slice(&out).map_err(failed)?;
        prop_assert_eq!(read, theirs::performative(&performative));
    }

    #[test]
    fn we_read_the_performatives_that_they_write(performative in any::performative(any::common_value)) {
        let mut written = serde_amqp::to_vec(&theirs::performative(&performative)).map(Bytes::from).map_err(failed)?;
        prop_assert_eq!(Performative::decode(&mut written), Ok(performative));
    }

    #[test]
    fn we_read_the_sasl_frames_that_they_write(sasl in any::sasl_frame()) {
        let body = theirs::sasl_frame(&sasl);
        let size = u32::try_from(body.len() + 8).unwrap();
        let mut wire = BytesMut::from(&size.to_be_bytes()[..]);
        wire.extend_from_slice(&[2, 1, 0, 0]);
        wire.extend_from_slice(&body);
        prop_assert_eq!(frame::read(&mut wire, u32::MAX), Ok(Some(Frame::Sasl(sasl))));
    }

    #[test]
    fn they_read_the_messages_that_we_write(message in any::message(any::common_value)) {
        let mut out = BytesMut::new();
        message.encode(&mut out);
        let read: Deserializable<TheirMessage> = serde_amqp::from_slice(&out).map_err(failed)?;
        prop_assert_eq!(read.0, theirs::message(&message));
    }

    #[test]
    fn we_read_the_messages_that_they_write(mut message in any::message(any::common_value)) {
        let written = serde_amqp::to_vec(&Serializable(theirs::message(&message))).map(Bytes::from).map_err(failed)?;
        if message.body == Body::Empty {
            // They do not write that there is no body.
            message.body = Body::Value(Value::Null);
        }
        prop_assert_eq!(Message::decode(&written), Ok(message));
    }
}

fn failed(error: serde_amqp::Error) -> TestCaseError {
    TestCaseError::fail(format!("they fail: {error}"))
}
