//! Durable sends in batches, beside Kafka as it comes and Kafka that syncs.

use super::{
    BATCHES, HUB, KEPT_BYTES, OUTSTANDING, ROUNDS, TIME, no_peer, peer,
    round::{Round, against},
    senders, settle, warm, weft,
};
use crate::{
    amqp_load::Message,
    peers::kafka::{self, Flush, Producers, Server},
    probe,
    table::{Row, thousands},
};

const AIM: f64 = 300_000.0;
/// Events under way, of all connections together, if they are in batches: enough that a side which works on one request
/// of a connection at a time has the next one at hand.
const EVENTS_UNDER_WAY: usize = 16_000;

pub(super) fn run() -> anyhow::Result<Vec<Row>> {
    let weft = weft()?;
    let default = Server::start(Flush::Default, KEPT_BYTES);
    let flushing = Server::start(Flush::EveryMessage, KEPT_BYTES);
    let peers = [default, flushing];
    let mut rows = Vec::new();
    for size in [BATCHES[0], BATCHES[1], 1] {
        rows.extend(compare(size, &weft, &peers)?);
    }
    for (peer, name) in peers.iter().zip(NAMES) {
        if let Err(error) = peer {
            rows.push(no_peer(&format!("Kafka, {name}"), error));
        }
    }
    Ok(rows)
}

const NAMES: [&str; 2] = ["default (unsynced)", "`flush.messages=1`"];

/// The three of them, in turns, with batches of this size.
fn compare(size: usize, weft: &e2e::Weft, peers: &[anyhow::Result<Server>; 2]) -> anyhow::Result<Vec<Row>> {
    let message = if size == 1 {
        Message::event()
    } else {
        Message::batch(size)
    };
    let mut ours = senders(&peer(weft)?, HUB, &message, deliveries(size))?;
    warm(|time| ours.run(time))?;
    let mut theirs = Vec::new();
    for server in peers {
        theirs.push(
            server
                .as_ref()
                .ok()
                .map(|server| Kafka::open(server, size))
                .transpose()?,
        );
    }
    let probe = probe::run()?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        settle();
        rounds.push(Round::measure(weft.pid(), || ours.run(TIME))?);
        for kafka in theirs.iter_mut().flatten() {
            settle();
            kafka.produce()?;
        }
    }
    let ours = Round::median(rounds)?;
    let what = if size == 1 {
        "one event per request".to_owned()
    } else {
        format!("batches of {size}")
    };
    let mut row = ours.row(&format!("durable send, {what}"), probe);
    if size > 1 {
        row.against = format!("aim ≥ {}", thousands(AIM));
        row.ratio = Some(ours.per_second() / AIM);
    }
    let mut rows = vec![row];
    for ((kafka, name), aim) in theirs.into_iter().zip(NAMES).zip(["≥ 1×", "≥ 10×"]) {
        let Some(kafka) = kafka else { continue };
        let theirs = Round::median(kafka.rounds)?;
        let mut row = theirs.row(&format!("Kafka {}, {name}, {what}", kafka::VERSION), probe);
        against(&mut row, &ours, &theirs, "ours", aim);
        row.against = format!("ours / Kafka; aim {aim}");
        rows.push(row);
    }
    Ok(rows)
}

/// Under way at once, of batches of this size.
fn deliveries(size: usize) -> usize {
    if size == 1 {
        OUTSTANDING
    } else {
        EVENTS_UNDER_WAY / size
    }
}

struct Kafka {
    pid: u32,
    producers: Producers,
    rounds: Vec<Round>,
}

impl Kafka {
    fn open(server: &Server, size: usize) -> anyhow::Result<Self> {
        let outstanding = deliveries(size) / kafka::PARTITIONS;
        let mut producers = Producers::open(server.address(), size, outstanding)?;
        warm(|time| producers.run(time))?;
        Ok(Self {
            pid: server.pid(),
            producers,
            rounds: Vec::new(),
        })
    }

    fn produce(&mut self) -> anyhow::Result<()> {
        let round = Round::measure(self.pid, || self.producers.run(TIME))?;
        self.rounds.push(round);
        Ok(())
    }
}
