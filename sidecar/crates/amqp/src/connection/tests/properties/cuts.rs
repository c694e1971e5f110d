//! TCP knows no frames.

use bytes::BytesMut;
use proptest::prelude::*;

use crate::Performative;
use crate::connection::tests::peer::{
    Peer, attach, begin, config, credit_flow, detach, init, open, transfer,
};
use crate::connection::{Accept, Event};
use crate::frame::{self, ProtocolHeader};
use crate::performative::*;

proptest! {
    #[test]
    fn wherever_the_bytes_are_cut_the_application_learns_the_same(
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40)
    ) {
        let bytes = conversation();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
        prop_assert_eq!(converse(pieces), converse([&bytes[..]].into_iter()));
    }

    /// Most of it is not a conversation any more.
    #[test]
    fn a_conversation_with_wrong_bytes_ends_or_goes_on_but_does_not_break_the_machine(
        wrong in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut bytes = conversation();
        for (place, value) in wrong {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let cut = cut.index(bytes.len());
        converse([&bytes[..cut], &bytes[cut..]].into_iter());
    }
}

/// What the application gets to know, but for hints about credit: those depend on how much was read at once.
fn converse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut peer = Peer::new(config());
    let mut events = Vec::new();
    for piece in pieces {
        peer.says_bytes(piece);
        while let Some(event) = peer.event() {
            if !matches!(event, Event::Flow { .. }) {
                events.push(format!("{event:?}"));
            }
            answer(&mut peer, event);
        }
        // What it says is in order, whatever it was told.
        peer.hears();
    }
    events
}

fn answer(peer: &mut Peer, event: Event) {
    match event {
        Event::Sasl { .. } => peer.server.sasl_outcome(SaslCode::Ok),
        Event::Attached { link, attach } => match attach.role {
            Role::Sender => peer.server.accept_receiver(link, Accept::default(), 10),
            Role::Receiver => peer.server.accept_sender(link, Accept::default()),
        },
        Event::Delivery {
            link,
            delivery,
            settled: false,
            ..
        } => peer.server.settle(link, delivery, Outcome::Accepted),
        Event::Flow { link } => while peer.server.send(link, 0, &[b"an event"]) {},
        Event::Opened { .. }
        | Event::Delivery { .. }
        | Event::TooLarge { .. }
        | Event::Detached { .. }
        | Event::Closed { .. } => {}
    }
}

fn conversation() -> BytesMut {
    let mut bytes = BytesMut::new();
    bytes.extend_from_slice(&ProtocolHeader::Sasl.bytes());
    frame::write_sasl(&init("ANONYMOUS"), &mut bytes);
    bytes.extend_from_slice(&ProtocolHeader::Amqp.bytes());
    let more = true;
    let frames: [(Performative, &[u8]); 14] = [
        (open().into(), b""),
        (begin().into(), b""),
        (attach("sender", 0, Role::Sender).into(), b""),
        (attach("receiver", 1, Role::Receiver).into(), b""),
        (credit_flow(1, 0, 5).into(), b""),
        (transfer(0, 0).into(), b"early"),
        (
            Transfer {
                more,
                ..transfer(0, 1)
            }
            .into(),
            b"in two",
        ),
        (credit_flow(1, 5, 2).into(), b""),
        (transfer(0, 1).into(), b" frames"),
        (transfer(0, 2).into(), b""),
        (detach(0, true).into(), b""),
        (attach("sender", 0, Role::Sender).into(), b""),
        (transfer(0, 3).into(), b"again"),
        (Close::default().into(), b""),
    ];
    for (index, (performative, payload)) in frames.iter().enumerate() {
        frame::write(0, performative, &[payload], &mut bytes);
        if index % 3 == 0 {
            frame::write_empty(&mut bytes);
        }
    }
    bytes
}
