//! From `kill -9` with 1 GiB of events waiting to the first event in a receiver's hands.

use std::time::{Duration, Instant};

use e2e::Weft;

use crate::{
    cells::plain,
    load::{self, Connection, Counter, Task},
    probe, requests,
    table::Row,
};

const EVENTS: u64 = 1024 * 1024;
const BATCH: usize = 100;
const ROUNDS: usize = 3;
const AIM: Duration = Duration::from_millis(500);

pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    let mut weft = plain()?;
    fill(&weft)?;
    let probe = probe::run()?;
    let mut times = Vec::new();
    let mut ready = Vec::new();
    for _ in 0..ROUNDS {
        weft.kill()?;
        let start = Instant::now();
        ready.push(weft.resume()?);
        let received = weft.client()?.receive("orders", "billing", 1)?;
        times.push(start.elapsed());
        anyhow::ensure!(received.len() == 1, "nothing was received after the restart");
    }
    times.sort_unstable();
    ready.sort_unstable();
    let time = times[ROUNDS / 2];
    Ok(vec![Row {
        what: "restart after `kill -9` with 1 GiB retained, to the first receive".to_owned(),
        measured: format!(
            "{} ms (ready after {} ms)",
            time.as_millis(),
            ready[ROUNDS / 2].as_millis()
        ),
        against: "aim ≤ 500 ms".to_owned(),
        ratio: Some(time.as_secs_f64() / AIM.as_secs_f64()),
        probe: Some(probe),
        ..Row::default()
    }])
}

fn fill(weft: &Weft) -> anyhow::Result<()> {
    let counter = Counter::default();
    let (request, address) = (
        requests::publish(&weft.key()?, "orders", BATCH, 1024),
        weft.http_address(),
    );
    let task = |request: Vec<u8>, counter: Counter| -> Task {
        Box::pin(async move {
            let mut connection = Connection::open(address).await?;
            while counter.get() < EVENTS {
                counter.add(BATCH as u64);
                connection.call(&request).await?;
            }
            Ok(())
        })
    };
    let tasks = (0..8).map(|_| task(request.clone(), counter.clone())).collect();
    load::run_for(Duration::from_secs(120), &counter, tasks)?;
    Ok(())
}
