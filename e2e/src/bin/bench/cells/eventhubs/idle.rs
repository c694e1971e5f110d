//! Memory of connections that do nothing.

use std::{
    fs,
    io::{Read, Write},
    thread,
    time::Duration,
};

use anyhow::Context;
use e2e::{Weft, procfs};

use super::{HUB, peer, weft};
use crate::{
    amqp_load::{Peer, Session, Tls},
    measure::as_f64,
    table::{Row, thousands},
};

const CONNECTIONS: u64 = 5_000;
/// Opened and closed before: what they leave behind is not the others'.
const BEFORE: u64 = 500;
const AIM_PLAIN: f64 = 8.0 * 1024.0;
const AIM_TLS: f64 = 20.0 * 1024.0;

/// What a connection has done before it does nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is open, with a session.
    Open,
    /// It has a link to send on.
    Attached,
}

pub(super) fn run() -> anyhow::Result<Vec<Row>> {
    let plain = |peer: &Peer, _: &Tls| peer.connect();
    let secure = |peer: &Peer, tls: &Tls| tls.over(peer.connect()?);
    Ok(vec![
        row("idle connection, plain", AIM_PLAIN, 0, plain)?,
        row("idle connection, TLS", AIM_TLS, 1, secure)?,
    ])
}

/// `port` is that of the door, counted from the first of AMQP.
fn row<Stream: Read + Write>(
    what: &str,
    aim: f64,
    port: u16,
    connect: impl Fn(&Peer, &Tls) -> anyhow::Result<Stream>,
) -> anyhow::Result<Row> {
    let open = each(port, State::Open, &connect)?;
    let attached = each(port, State::Attached, &connect)?;
    Ok(Row {
        what: format!("{what} ({} of them)", thousands(as_f64(CONNECTIONS))),
        measured: format!("{open:.0} B with a session; {attached:.0} B with a link to send on, too"),
        against: format!("aim ≤ {:.0} KB", aim / 1024.0),
        ratio: Some(attached / aim),
        ..Row::default()
    })
}

/// Bytes of the server's own memory for each connection.
fn each<Stream: Read + Write>(
    port: u16,
    state: State,
    connect: impl Fn(&Peer, &Tls) -> anyhow::Result<Stream>,
) -> anyhow::Result<f64> {
    let weft = weft()?;
    let mut peer = peer(&weft)?;
    peer.address.set_port(peer.address.port() + port);
    let tls = Tls::trusting(&authorities(&weft)?)?;
    let open = |count: u64| -> anyhow::Result<Vec<Session<Stream>>> {
        let one = |_| {
            let mut session = Session::open(connect(&peer, &tls)?, &peer)?;
            if state == State::Attached {
                session.attach_sender(HUB)?;
            }
            Ok(session)
        };
        (0..count).map(one).collect()
    };
    drop(open(BEFORE)?);
    let before = settled_memory(&weft)?;
    let connections = open(CONNECTIONS)?;
    let with = settled_memory(&weft)?;
    drop(connections);
    Ok(as_f64(with.saturating_sub(before)) / as_f64(CONNECTIONS))
}

fn authorities(weft: &Weft) -> anyhow::Result<Vec<u8>> {
    let settings = weft.settings()?;
    let bundle = settings
        .get("SSL_CERT_FILE")
        .context("find SSL_CERT_FILE among the settings")?;
    fs::read(bundle).with_context(|| format!("read {bundle}"))
}

fn settled_memory(weft: &Weft) -> anyhow::Result<u64> {
    thread::sleep(Duration::from_secs(2));
    procfs::anonymous_bytes(weft.pid())
}
