//! Publish, receive and acknowledge, all durable, beside NATS JetStream.

use std::{cell::Cell, rc::Rc, time::Duration};

use e2e::Weft;

use crate::{
    cells::{TIME, plain},
    load::{self, Connection, Counter, Task},
    measure::{self, Rate},
    peers::nats,
    probe, requests,
    table::{Row, thousands},
};

const PUBLISHERS: usize = 8;
const RECEIVERS: usize = 16;
const BATCH: usize = 100;
const AIM: f64 = 150_000.0;

/// Publishers pause while this many events wait, so that the three calls are measured at the same rate.
const WAITING_AT_MOST: i64 = 20_000;

pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    let (our_probe, ours) = (probe::run()?, round_trip(&plain()?)?);
    let mut rows = vec![row(
        "publish + receive + acknowledge, all durable",
        ours,
        our_probe,
        "aim ≥ 150,000",
        AIM,
        ours,
    )];
    let unsynced = nats::Server::start(nats::Sync::Default)?;
    let (publish_probe, published) = (probe::run()?, unsynced.publish(TIME)?);
    let (pull_probe, pulled) = (probe::run()?, unsynced.pull(TIME)?);
    drop(unsynced);
    let always = nats::Server::start(nats::Sync::Always)?;
    let (synced_probe, synced) = (probe::run()?, always.publish(TIME)?);
    let pulling = format!(
        "ours / NATS pull+ack: {:.2}×, aim ≥ 1×",
        ours.per_second() / pulled.per_second()
    );
    let publishing = format!(
        "ours / NATS durable publish: {:.1}×, aim ≥ 20×",
        ours.per_second() / synced.per_second()
    );
    rows.push(row(
        "NATS JetStream publish, default (unsynced)",
        published,
        publish_probe,
        "peer",
        published.per_second(),
        ours,
    ));
    rows.push(row(
        "NATS JetStream pull + ack, default (unsynced)",
        pulled,
        pull_probe,
        &pulling,
        pulled.per_second(),
        ours,
    ));
    rows.push(row(
        "NATS JetStream publish, `sync_interval: always`",
        synced,
        synced_probe,
        &publishing,
        synced.per_second(),
        ours,
    ));
    Ok(rows)
}

/// A line whose ratio is our rate over `base`.
fn row(what: &str, rate: Rate, probe: Duration, against: &str, base: f64, ours: Rate) -> Row {
    Row {
        what: what.to_owned(),
        measured: format!("{} events/s", thousands(rate.per_second())),
        against: against.to_owned(),
        ratio: Some(ours.per_second() / base),
        cpu: Some(rate.cpu_per_event()),
        probe: Some(probe),
        ..Row::default()
    }
}

/// Counts acknowledged events.
fn round_trip(weft: &Weft) -> anyhow::Result<Rate> {
    let (key, address) = (weft.key()?, weft.http_address());
    let publish: Rc<[u8]> = requests::publish(&key, "orders", BATCH, 1024).into();
    let (key, waiting, acknowledged): (Rc<str>, Rc<Cell<i64>>, _) =
        (key.into(), Rc::default(), Counter::default());
    let mut tasks = Vec::new();
    for _ in 0..PUBLISHERS {
        let (publish, waiting) = (Rc::clone(&publish), Rc::clone(&waiting));
        let task: Task = Box::pin(async move {
            let mut connection = Connection::open(address).await?;
            loop {
                while waiting.get() > WAITING_AT_MOST {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                waiting.set(waiting.get() + BATCH as i64);
                connection.call(&publish).await?;
            }
        });
        tasks.push(task);
    }
    for _ in 0..RECEIVERS {
        let (key, waiting, acknowledged) = (Rc::clone(&key), Rc::clone(&waiting), acknowledged.clone());
        let task: Task = Box::pin(async move {
            let mut connection = Connection::open(address).await?;
            let receive = requests::receive(&key, "orders", "billing");
            loop {
                let (acknowledge, count) = {
                    let answer = connection.call(&receive).await?;
                    let tokens = requests::lock_tokens(answer.text()?);
                    (
                        requests::acknowledge(&key, "orders", "billing", &tokens),
                        tokens.len(),
                    )
                };
                if count > 0 {
                    connection.call(&acknowledge).await?;
                    waiting.set(waiting.get() - i64::try_from(count)?);
                    acknowledged.add(count as u64);
                }
            }
        });
        tasks.push(task);
    }
    measure::rate(weft.pid(), || load::run_for(TIME, &acknowledged, tasks))
}
