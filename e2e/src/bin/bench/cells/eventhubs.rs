//! Event hubs over AMQP, each cell beside what else could be used, or beside the bound that the machine sets.

mod batches;
mod codec;
mod consume;
mod disk;
mod idle;
mod latency;
mod partitions;
mod round;
mod send;

use std::time::Duration;

use e2e::{Weft, eventhubs::ConnectionString, manifests::Manifests};

use super::Cell;
use crate::{
    amqp_load::{EVENT_BYTES, Message, Peer, Senders},
    requests,
    table::Row,
    tally::Tally,
};

/// Name on the command line, and what it does.
pub(super) const ALL: &[(&str, Cell)] = &[
    ("eventhubs-send", send::run),
    ("eventhubs-latency", latency::run),
    ("eventhubs-disk", disk::run),
    ("eventhubs-batches", batches::run),
    ("eventhubs-consume", consume::run),
    ("eventhubs-partitions", partitions::run),
    ("eventhubs-idle", idle::run),
    ("eventhubs-codec", codec::run),
];

const HUB: &str = "telemetry";
const PARTITIONS: u32 = 4;

/// Rounds of each side of a comparison, in turns.
const ROUNDS: usize = 3;
/// Of a round.
const TIME: Duration = Duration::from_secs(3);
/// Before a side's rounds, and not counted: files are made, virtual machines learn, and what is kept goes around.
const WARM: Duration = Duration::from_secs(6);

/// Connections of a loader.
const CONNECTIONS: usize = 4;
/// Deliveries under way, of all connections together.
const OUTSTANDING: usize = 512;
/// Events in a batch that fills one frame, and in one that is as large as a message may be.
const BATCHES: [usize; 2] = [60, 1_000];

/// What is kept of what is sent, so that a side reaches the state in which it stays: what it writes takes the place of
/// what goes. A disk that only fills up costs more, everybody the same: see the cell about it.
const KEPT_BYTES: u64 = 1 << 30;

/// A Namespace with one hub.
fn weft() -> anyhow::Result<Weft> {
    start(&Manifests::new(requests::SIZE).hub(HUB, PARTITIONS, &[]))
}

/// A Namespace whose hubs keep [`KEPT_BYTES`] each.
fn start(manifests: &Manifests) -> anyhow::Result<Weft> {
    let retention = format!("    messageRetention: {{sizeInBytes: {KEPT_BYTES}}}\n    partitionCount:");
    Weft::start(&manifests.yaml().replace("    partitionCount:", &retention))
}

/// Its AMQP door, in clear, with its key.
fn peer(weft: &Weft) -> anyhow::Result<Peer> {
    let connection = ConnectionString::of(weft)?;
    let part = |key| connection.get(key).unwrap_or_default().to_owned();
    let mut address = weft.http_address();
    address.set_port(address.port() + 2);
    Ok(Peer {
        address,
        user: part("SharedAccessKeyName"),
        password: part("SharedAccessKey"),
    })
}

/// Connections that send to a hub, which chooses the partition.
fn senders(peer: &Peer, hub: &str, message: &Message, outstanding: usize) -> anyhow::Result<Senders> {
    let targets = vec![hub.to_owned(); CONNECTIONS];
    Senders::open(peer, &targets, message, outstanding / CONNECTIONS)
}

/// Sends until what is kept has been replaced once, or for [`WARM`]. Returns how many events.
fn warm(mut send: impl FnMut(Duration) -> anyhow::Result<Tally>) -> anyhow::Result<u64> {
    const STEP: Duration = Duration::from_secs(1);
    let (mut events, mut time) = (0, Duration::ZERO);
    while time < WARM && events * (EVENT_BYTES as u64) < 2 * KEPT_BYTES {
        events += send(STEP)?.events;
        time += STEP;
    }
    Ok(events)
}

/// So that nobody's unsynced writes slow down the next round of somebody else.
fn settle() {
    rustix::fs::sync();
}

/// The rows of a peer that cannot be had on this machine.
fn no_peer(what: &str, error: &anyhow::Error) -> Row {
    Row {
        what: what.to_owned(),
        measured: format!("no peer: {error:#}").replace('\n', " "),
        ..Row::default()
    }
}
