//! Durable sends of single events, beside RabbitMQ's quorum queues.

use std::time::Duration;

use super::{
    CONNECTIONS, HUB, OUTSTANDING, ROUNDS, TIME, no_peer, peer,
    round::{Round, against},
    senders, settle, warm, weft,
};
use crate::{
    amqp_load::{Message, Receivers, Senders, Settling},
    peers::rabbitmq::{self, Server},
    probe,
    table::Row,
    tally::Tally,
};

const QUEUES: usize = 4;
/// For everything that was sent to be received.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn run() -> anyhow::Result<Vec<Row>> {
    let weft = weft()?;
    let mut ours = senders(&peer(&weft)?, HUB, &Message::event(), OUTSTANDING)?;
    warm(|time| ours.run(time))?;
    let mut rabbit = Rabbit::start();
    let probe = probe::run()?;
    let (mut rounds, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        settle();
        rounds.push(Round::measure(weft.pid(), || ours.run(TIME))?);
        settle();
        if let Ok(rabbit) = &mut rabbit {
            theirs.push(rabbit.send()?);
        }
    }
    let ours = Round::median(rounds)?;
    let mut row = ours.row(
        "durable send, 1 KiB, one event per transfer, 512 outstanding",
        probe,
    );
    let rabbit = match rabbit {
        Ok(rabbit) => rabbit,
        Err(error) => return Ok(vec![row, no_peer("RabbitMQ quorum queues, send", &error)]),
    };
    let theirs = Round::median(theirs)?;
    against(&mut row, &ours, &theirs, "RabbitMQ", "≥ 5×, CPU ≤ 1/6");
    let share = ours.rate.cpu_per_event().as_secs_f64() / theirs.rate.cpu_per_event().as_secs_f64();
    row.against += &format!(" (measured: 1/{:.1})", 1.0 / share);
    let name = format!("RabbitMQ {}, {QUEUES} quorum queues", rabbit.server.version()?);
    let sent = theirs.row(&format!("{name}, send"), probe);
    let received = rabbit
        .receive()?
        .row(&format!("{name}, receive and accept"), probe);
    Ok(vec![row, sent, received])
}

struct Rabbit {
    server: Server,
    senders: Senders,
    /// Messages that lie in the queues.
    sent: u64,
}

impl Rabbit {
    fn start() -> anyhow::Result<Self> {
        let server = Server::start(QUEUES)?;
        let targets: Vec<_> = (0..CONNECTIONS)
            .map(|index| rabbitmq::queue(index % QUEUES))
            .collect();
        let message = Message::durable_event();
        let mut senders = Senders::open(&server.peer(), &targets, &message, OUTSTANDING / CONNECTIONS)?;
        let sent = warm(|time| senders.run(time))?;
        Ok(Self {
            server,
            senders,
            sent,
        })
    }

    fn send(&mut self) -> anyhow::Result<Round> {
        let round = Round::measure(self.server.pid()?, || self.senders.run(TIME))?;
        self.sent += round.rate.events;
        Ok(round)
    }

    /// All that was sent, once: the queues are empty then.
    fn receive(&self) -> anyhow::Result<Round> {
        let sources: Vec<_> = (0..QUEUES).map(rabbitmq::queue).collect();
        let mut receivers = Receivers::open(&self.server.peer(), &sources, None, Settling::Accept)?;
        Round::measure(self.server.pid()?, || {
            let events = receivers.run(self.sent, PATIENCE)?;
            Ok(Tally {
                events,
                ..Tally::default()
            })
        })
    }
}
