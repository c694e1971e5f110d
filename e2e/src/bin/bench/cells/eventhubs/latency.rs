//! One event under way: how much the product adds to the disk.

use std::time::Duration;

use super::{HUB, ROUNDS, TIME, peer, round::Round, settle, weft};
use crate::{
    amqp_load::{Message, Senders},
    probe,
    table::Row,
};

const AIM_FACTOR: f64 = 1.3;
const AIM_MORE: Duration = Duration::from_micros(100);

pub(super) fn run() -> anyhow::Result<Vec<Row>> {
    let weft = weft()?;
    let mut senders = Senders::open(&peer(&weft)?, &[HUB.to_owned()], &Message::event(), 1)?;
    senders.run(TIME)?;
    let (mut rounds, mut probes) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        settle();
        probes.push(probe::run()?);
        rounds.push(Round::measure(weft.pid(), || senders.run(TIME))?);
    }
    probes.sort_unstable();
    let probe = probes[ROUNDS / 2];
    rounds.sort_by_key(|round| round.p50);
    let round = &rounds[ROUNDS / 2];
    let aim = probe.mul_f64(AIM_FACTOR) + AIM_MORE;
    let mut row = round.row("one outstanding send, 1 KiB", probe);
    row.against = format!("aim: p50 ≤ 1.3 × probe + 100 µs = {} µs", aim.as_micros());
    row.ratio = Some(round.p50.as_secs_f64() / aim.as_secs_f64());
    Ok(vec![row])
}
