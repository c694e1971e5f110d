//! One event per request: how much the product adds to a bare handler that awaits the same kind of commit.

use std::time::Duration;

use crate::{
    bare,
    cells::plain,
    load,
    measure::{self, median},
    probe, requests,
    table::{Row, thousands},
};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;
const TIME: Duration = Duration::from_secs(3);

pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    let weft = plain()?;
    let bare = bare::Server::start()?;
    let request = requests::publish(&weft.key()?, "orders", 1, 1024);
    let probe = probe::run()?;
    let (mut ours, mut bound) = (Vec::new(), Vec::new());
    // In turns, so that both meet the same minutes of the disk.
    for _ in 0..ROUNDS {
        for (pid, address, rates) in [
            (weft.pid(), weft.http_address(), &mut ours),
            (bare.pid(), bare.address, &mut bound),
        ] {
            let request = request.clone();
            rates.push(measure::rate(pid, || {
                load::repeat_for(TIME, address, CONNECTIONS, request, 1)
            })?);
        }
    }
    let (ours, bound) = (median(ours), median(bound));
    let ratio = ours.per_second() / bound.per_second();
    let row = |what: &str, rate: measure::Rate, against: &str, ratio| Row {
        what: what.to_owned(),
        measured: format!("{} events/s", thousands(rate.per_second())),
        against: against.to_owned(),
        ratio,
        cpu: Some(rate.cpu_per_event()),
        probe: Some(probe),
        ..Row::default()
    };
    Ok(vec![
        row(
            "one 1 KiB event per request, 64 connections",
            ours,
            "bare handler; aim ≥ 0.70",
            Some(ratio),
        ),
        row(
            "bare hyper handler awaiting a bare group commit",
            bound,
            "physical bound",
            None,
        ),
    ])
}
