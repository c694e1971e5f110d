//! Memory per event that a receiver holds, and per subscription that nobody uses.

use std::{rc::Rc, thread, time::Duration};

use e2e::{Weft, manifests::Manifests, procfs};

use crate::{
    load::{self, Connection, Counter, Task},
    measure::as_f64,
    requests,
    table::{Row, thousands},
};

/// A subscription holds at most 65,536 events at once; this is below, so that a table which doubles is nearly full.
const EVENTS: u64 = 62_500;
const SUBSCRIPTIONS: u64 = 16;
const AIM_PER_EVENT: f64 = 24.0;

const TOPICS: u64 = 20;
const SUBSCRIPTIONS_PER_TOPIC: u64 = 500;
const AIM_PER_SUBSCRIPTION: f64 = 1024.0;

/// Long enough for everything here; measurements end when the work does.
const AT_MOST: Duration = Duration::from_secs(120);

pub(crate) fn in_flight() -> anyhow::Result<Vec<Row>> {
    const QUEUE: &str = "queue: {receiveLockDurationInSeconds: 300}";
    let mut manifests = Manifests::new(requests::SIZE)
        .topic("warm")
        .subscription("warm", "warm-0", QUEUE)
        .topic("held");
    for index in 0..SUBSCRIPTIONS {
        manifests = manifests.subscription("held", &format!("held-{index}"), QUEUE);
    }
    let weft = Weft::start(manifests.yaml())?;
    // Buffers and caches grow to their usual size first.
    publish(&weft, "warm", EVENTS)?;
    receive(&weft, "warm", "warm-0", EVENTS)?;
    publish(&weft, "held", EVENTS)?;
    let waiting = settled_memory(&weft)?;
    for index in 0..SUBSCRIPTIONS {
        receive(&weft, "held", &format!("held-{index}"), EVENTS)?;
    }
    let held = settled_memory(&weft)?;
    let count = as_f64(EVENTS * SUBSCRIPTIONS);
    let each = as_f64(held.saturating_sub(waiting)) / count;
    Ok(vec![Row {
        what: format!(
            "memory per in-flight event ({} received and not settled)",
            thousands(count)
        ),
        measured: format!("{each:.1} B"),
        against: "aim ≤ 24 B".to_owned(),
        ratio: Some(each / AIM_PER_EVENT),
        ..Row::default()
    }])
}

pub(crate) fn subscriptions() -> anyhow::Result<Vec<Row>> {
    let memory = |per_topic: u64| -> anyhow::Result<u64> {
        let mut manifests = Manifests::new("1Gi");
        for topic in 0..TOPICS {
            let name = format!("topic-{topic}");
            manifests = manifests.topic(&name);
            for index in 0..per_topic {
                manifests = manifests.subscription(&name, &format!("subscription-{topic}-{index}"), "");
            }
        }
        // The second start: what the first one needed to write everything down is gone.
        let mut weft = Weft::start(manifests.yaml())?;
        weft.terminate()?;
        weft.resume()?;
        settled_memory(&weft)
    };
    let (without, with) = (memory(0)?, memory(SUBSCRIPTIONS_PER_TOPIC)?);
    let count = TOPICS * SUBSCRIPTIONS_PER_TOPIC;
    let each = as_f64(with.saturating_sub(without)) / as_f64(count);
    Ok(vec![Row {
        what: format!(
            "memory per idle subscription ({} of them, local mode with its manifests)",
            thousands(as_f64(count))
        ),
        measured: format!("{each:.0} B"),
        against: "aim ≤ 1 KB".to_owned(),
        ratio: Some(each / AIM_PER_SUBSCRIPTION),
        ..Row::default()
    }])
}

fn settled_memory(weft: &Weft) -> anyhow::Result<u64> {
    thread::sleep(Duration::from_secs(2));
    procfs::anonymous_bytes(weft.pid())
}

/// Publishes small events in batches of 500.
fn publish(weft: &Weft, topic: &str, count: u64) -> anyhow::Result<()> {
    let (request, address) = (
        requests::publish(&weft.key()?, topic, 500, 100),
        weft.http_address(),
    );
    let counter = Counter::default();
    let task: Task = Box::pin(async move {
        let mut connection = Connection::open(address).await?;
        for _ in 0..count / 500 {
            connection.call(&request).await?;
        }
        Ok(())
    });
    load::run_for(AT_MOST, &counter, vec![task])?;
    Ok(())
}

/// Receives exactly `count` events and settles none.
fn receive(weft: &Weft, topic: &str, subscription: &str, count: u64) -> anyhow::Result<()> {
    let counter = Counter::default();
    let (request, address): (Rc<[u8]>, _) = (
        requests::receive(&weft.key()?, topic, subscription).into(),
        weft.http_address(),
    );
    let task = || -> Task {
        let (request, counter) = (Rc::clone(&request), counter.clone());
        Box::pin(async move {
            let mut connection = Connection::open(address).await?;
            while counter.get() < count {
                let answer = connection.call(&request).await?;
                counter.add(requests::lock_tokens(answer.text()?).len() as u64);
            }
            Ok(())
        })
    };
    let received = load::run_for(AT_MOST, &counter, vec![task()])?;
    anyhow::ensure!(received >= count, "only {received} of {count} events came");
    Ok(())
}
