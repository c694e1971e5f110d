//! What a connection costs that does nothing.

use super::peer::{Peer, config, open};
use crate::connection::link::Link;
use crate::connection::session::Session;
use crate::connection::{Connection, Event};
use crate::performative::*;

#[test]
fn an_idle_connection_with_a_session_and_a_link_takes_less_than_two_kilobytes() {
    let mut peer = Peer::begun(config());
    let link = peer.attaches_receiver(0, 0, 1000);
    for _ in 0..50 {
        assert!(peer.server.send(link, 0, &[&[0; 1000]]));
    }
    peer.hears();
    for _ in 0..100 {
        peer.says(0, super::peer::session_flow(51, u32::MAX));
    }
    assert!(peer.events().is_empty());
    let size = footprint(&peer.server);
    assert!(size < 2048, "{size}");
}

#[test]
fn a_connection_that_was_busy_gives_its_memory_back() {
    let mut peer = Peer::opened(config(), open());
    let before = footprint(&peer.server);
    peer.says(0, super::peer::begin());
    for round in 0..3 {
        for handle in 0..200 {
            peer.says(0, super::peer::attach("many", handle, Role::Sender));
            peer.says(0, super::peer::detach(handle, true));
        }
        assert!(peer.events().len() >= 400, "{round}");
        peer.hears();
    }
    peer.says(0, End::default());
    assert!(peer.events().is_empty());
    peer.hears();
    let after = footprint(&peer.server);
    assert!(after <= before + 500, "{before} {after}");
}

/// Without the configuration, which connections share.
fn footprint(connection: &Connection) -> usize {
    let links: usize = connection.links.len();
    size_of::<Connection>()
        + connection.sessions.footprint()
        + connection.sessions.len() * size_of::<Session>()
        + connection.links.footprint()
        + links * (size_of::<Link>() + 4 * 16)
        + connection.events.capacity() * size_of::<Event>()
        + connection.listed.capacity() * 2
        + connection.output.capacity()
        + connection.held.capacity()
}
