//! A hub with a thousand partitions, beside a hub with one.

use std::time::Duration;

use e2e::{Weft, manifests::Manifests};

use super::{
    BATCHES, OUTSTANDING, ROUNDS, TIME, peer,
    round::{Round, against},
    senders, settle, warm,
};
use crate::{amqp_load::Message, probe, requests, table::Row};

const MANY: u32 = 1_000;
/// Batches under way.
const UNDER_WAY: usize = 256;

pub(super) fn run() -> anyhow::Result<Vec<Row>> {
    let weft = super::start(
        &Manifests::new(requests::SIZE)
            .hub("one", 1, &[])
            .hub("many", MANY, &[]),
    )?;
    let probe = probe::run()?;
    let single = compare(
        &weft,
        &Message::event(),
        OUTSTANDING,
        "one event per transfer",
        probe,
    )?;
    let batches = format!("batches of {}", BATCHES[0]);
    let batched = compare(&weft, &Message::batch(BATCHES[0]), UNDER_WAY, &batches, probe)?;
    Ok(vec![single, batched])
}

fn compare(
    weft: &Weft,
    message: &Message,
    outstanding: usize,
    what: &str,
    probe: Duration,
) -> anyhow::Result<Row> {
    let peer = peer(weft)?;
    let mut one = (senders(&peer, "one", message, outstanding)?, Vec::new());
    let mut many = (senders(&peer, "many", message, outstanding)?, Vec::new());
    for (senders, _) in [&mut one, &mut many] {
        warm(|time| senders.run(time))?;
    }
    for _ in 0..ROUNDS {
        for (senders, rounds) in [&mut one, &mut many] {
            settle();
            rounds.push(Round::measure(weft.pid(), || senders.run(TIME))?);
        }
    }
    let (one, many) = (Round::median(one.1)?, Round::median(many.1)?);
    let mut row = many.row(&format!("a hub of {MANY} partitions, {what}"), probe);
    against(&mut row, &many, &one, "one partition", "≥ 0.90");
    let cpu = one.rate.cpu_per_event().as_secs_f64() * 1e6;
    row.against += &format!(" (CPU with one: {cpu:.2} µs)");
    Ok(row)
}
