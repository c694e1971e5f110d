//! What 499 subscriptions that do not want an event add to the publish of it.

use std::{fmt::Write, time::Duration};

use e2e::{Weft, manifests::Manifests};

use crate::{
    load,
    measure::{self, median},
    probe, requests,
    table::{Row, thousands},
};

const CONNECTIONS: usize = 16;
const BATCH: usize = 100;
const SUBSCRIPTIONS: usize = 500;
const ROUNDS: usize = 3;
const TIME: Duration = Duration::from_secs(2);

pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    let weft = Weft::start(manifests().yaml())?;
    let probe = probe::run()?;
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (topic, rates) in [("one", &mut one), ("many", &mut many)] {
            let request = requests::publish(&weft.key()?, topic, BATCH, 1024);
            rates.push(measure::rate(weft.pid(), || {
                load::repeat_for(TIME, weft.http_address(), CONNECTIONS, request, BATCH as u64)
            })?);
        }
    }
    let (one, many) = (median(one), median(many));
    let mut measured = String::new();
    let _ = write!(
        measured,
        "{} events/s; with one: {}",
        thousands(many.per_second()),
        thousands(one.per_second())
    );
    let _ = write!(
        measured,
        " ({:.2} µs CPU)",
        one.cpu_per_event().as_secs_f64() * 1e6
    );
    Ok(vec![Row {
        what: format!("{SUBSCRIPTIONS} subscriptions, one of which matches"),
        measured,
        against: "slowdown over one subscription; aim ≤ 1.5".to_owned(),
        ratio: Some(one.per_second() / many.per_second()),
        cpu: Some(many.cpu_per_event()),
        probe: Some(probe),
        ..Row::default()
    }])
}

/// The topic `one` with one matching subscription, and `many` with the same and 499 that do not match.
fn manifests() -> Manifests {
    let filter =
        |value: &str| format!("filtersConfiguration: {{filters: [{{key: data.k, stringIn: [{value}]}}]}}");
    let manifests = Manifests::new(requests::SIZE)
        .topic("one")
        .subscription("one", "one-matches", &filter("v"))
        .topic("many")
        .subscription("many", "many-matches", &filter("v"));
    (1..SUBSCRIPTIONS).fold(manifests, |manifests, index| {
        manifests.subscription(
            "many",
            &format!("many-{index}"),
            &filter(&format!("other-{index}")),
        )
    })
}
