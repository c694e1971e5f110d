//! What a connection costs that does nothing, counted by the allocator.

use std::sync::Arc;

use super::peer::{Peer, attach, begin, config, detach, open, session_flow};
use crate::connection::Connection;
use crate::performative::*;

#[test]
fn an_idle_connection_with_a_session_and_a_link_takes_less_than_two_kilobytes() {
    let bytes = footprint(|peer| {
        peer.says(0, begin());
        peer.hears();
        let link = peer.attaches_receiver(0, 0, 1000);
        for _ in 0..50 {
            assert!(peer.server.send(link, 0, &[&[0; 1000]]));
        }
        peer.hears();
        for _ in 0..100 {
            peer.says(0, session_flow(51, u32::MAX));
        }
        assert!(peer.events().is_empty());
    });
    assert!(bytes < 2048, "{bytes}");
}

#[test]
fn a_connection_that_was_busy_gives_its_memory_back() {
    let calm = footprint(|_| {});
    let busy = footprint(|peer| {
        for channel in 0..50 {
            peer.says(channel, begin());
            for handle in 0..20 {
                peer.says(channel, attach("many", handle, Role::Sender));
            }
        }
        assert_eq!(peer.events().len(), 1000);
        for channel in 0..50 {
            for handle in 0..10 {
                peer.says(channel, detach(handle, true));
            }
            peer.says(channel, End::default());
        }
        assert_eq!(peer.events().len(), 1000);
        peer.hears();
        // Nothing happens any more but this.
        peer.says_bytes(&[0, 0, 0, 8, 2, 0, 0, 0]);
    });
    assert!(busy < calm + 500, "{calm} {busy}");
}

/// Bytes of an open connection after that, without the configuration, which connections share.
fn footprint(does: impl FnOnce(&mut Peer)) -> usize {
    let config = Arc::new(config());
    let mut kept = None;
    let counted = allocation_counter::measure(|| {
        let mut peer = Peer::opened(Arc::clone(&config), open());
        does(&mut peer);
        kept = Some(peer.server);
    });
    size_of::<Connection>() + usize::try_from(counted.bytes_current).expect("something was allocated")
}
