//! Durable publish in batches, the way that costs the server least per event.

use crate::{
    cells::{TIME, plain},
    load, measure, probe, requests,
    table::{Row, thousands},
};

const CONNECTIONS: usize = 16;
const BATCH: usize = 100;
const AIM_PER_CORE: f64 = 300_000.0;

pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    let weft = plain()?;
    let request = requests::publish(&weft.key()?, "orders", BATCH, 1024);
    let probe = probe::run()?;
    let rate = measure::rate(weft.pid(), || {
        load::repeat_for(TIME, weft.http_address(), CONNECTIONS, request, BATCH as u64)
    })?;
    Ok(vec![Row {
        what: format!("durable publish, HTTP batches of {BATCH} × 1 KiB, {CONNECTIONS} connections"),
        measured: format!(
            "{} events/s; {} events/s per core of server CPU",
            thousands(rate.per_second()),
            thousands(rate.per_core_second())
        ),
        against: format!("aim ≥ {} per core", thousands(AIM_PER_CORE)),
        ratio: Some(rate.per_core_second() / AIM_PER_CORE),
        cpu: Some(rate.cpu_per_event()),
        probe: Some(probe),
        ..Row::default()
    }])
}
