//! A Namespace with nothing in it: how fast it starts and how little it holds.

use std::{thread, time::Duration};

use e2e::{Weft, manifests::Manifests, procfs};

use crate::{measure::as_f64, probe, table::Row};

const ROUNDS: usize = 9;
const AIM: Duration = Duration::from_millis(20);
const AIM_MIB: f64 = 15.0;

pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    // The first start makes keys, certificates and the log's files.
    let mut weft = Weft::start(Manifests::new("1Gi").yaml())?;
    let probe = probe::run()?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        weft.terminate()?;
        times.push(weft.resume()?);
    }
    thread::sleep(Duration::from_secs(2));
    let resident = as_f64(procfs::resident_bytes(weft.pid())?) / (1024.0 * 1024.0);
    times.sort_unstable();
    let time = times[ROUNDS / 2];
    let row = |what: &str, measured, against: &str, ratio| Row {
        what: what.to_owned(),
        measured,
        against: against.to_owned(),
        ratio: Some(ratio),
        probe: Some(probe),
        ..Row::default()
    };
    Ok(vec![
        row(
            "start of an empty Namespace (`weft dev`, from exec to `ready`)",
            format!("{:.1} ms", time.as_secs_f64() * 1e3),
            "aim ≤ 20 ms",
            time.as_secs_f64() / AIM.as_secs_f64(),
        ),
        row(
            "its resident memory",
            format!("{resident:.1} MiB"),
            "aim ≤ 15 MB",
            resident / AIM_MIB,
        ),
    ])
}
