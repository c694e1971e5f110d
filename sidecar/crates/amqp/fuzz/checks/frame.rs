// What must hold for any input; shared by the fuzz target and the replay of its corpus.

use amqp::DecodeError;
use amqp::frame::{self, Frame, FrameError, ProtocolHeader};
use bytes::BytesMut;

const MAX_FRAME_SIZE: u32 = 65_536;

/// Frames come off the front until one is incomplete or wrong, and each of them can be written and read again.
pub(crate) fn check(input: &[u8]) {
    let _ = ProtocolHeader::read(&mut BytesMut::from(input));
    let mut wire = BytesMut::from(input);
    loop {
        let before = wire.len();
        match frame::read(&mut wire, MAX_FRAME_SIZE) {
            Ok(Some(frame)) => {
                assert!(before - wire.len() >= 8, "a frame has a header");
                check_frame(&frame);
            }
            Ok(None) => {
                assert_eq!(wire.len(), before, "an incomplete frame stays");
                return;
            }
            Err(_) => return,
        }
    }
}

/// Bytes are compared, since a value may hold a number that does not equal itself.
fn check_frame(frame: &Frame) {
    let first = write(frame);
    match frame::read(&mut first.clone(), u32::MAX) {
        Ok(Some(again)) => assert_eq!(write(&again), first, "{frame:?}"),
        // An array may repeat a descriptor so often that a few bytes more for each are too many.
        Err(FrameError::Undecodable(DecodeError::TooManyElements)) => {}
        other => panic!("{frame:?} became {other:?}"),
    }
}

fn write(frame: &Frame) -> BytesMut {
    let mut out = BytesMut::new();
    match frame {
        Frame::Empty { .. } => frame::write_empty(&mut out),
        Frame::Amqp {
            channel,
            performative,
            payload,
        } => frame::write(*channel, performative, &[payload], &mut out),
        Frame::Sasl(sasl) => frame::write_sasl(sasl, &mut out),
    }
    out
}
