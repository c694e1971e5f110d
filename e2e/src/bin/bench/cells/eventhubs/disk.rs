//! What the machine sets as a bound to every durable write of large batches: a loop of pwrite and fdatasync, into a file
//! that is new and over one that was there.
//!
//! The first can be far slower. On a virtual machine whose host takes back what memory is free, the page cache has to be
//! given memory first, page after page.

use std::{fs::File, os::unix::fs::FileExt, time::Instant};

use anyhow::Context;

use super::{ROUNDS, settle};
use crate::{
    amqp_load::EVENT_BYTES,
    measure::as_f64,
    probe,
    table::{Row, thousands},
};

const FILE_BYTES: u64 = 1 << 30;
/// Of a write, as large as a batch.
const WRITE_BYTES: usize = 1 << 20;

pub(super) fn run() -> anyhow::Result<Vec<Row>> {
    let probe = probe::run()?;
    let (mut new, mut old) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        settle();
        let file = tempfile::tempfile().context("create a file")?;
        new.push(write(&file)?);
        old.push(write(&file)?);
    }
    let row = |what: &str, mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        Row {
            what: format!("bare loop of pwrite and fdatasync, 1 MiB each, {what}"),
            measured: format!("{} events/s", thousands(rates[ROUNDS / 2])),
            against: "bound of this machine for large batches".to_owned(),
            probe: Some(probe),
            ..Row::default()
        }
    };
    Ok(vec![row("into a new file", new), row("over an old file", old)])
}

/// Returns events of 1 KiB per second.
fn write(file: &File) -> anyhow::Result<f64> {
    let buffer = vec![b'x'; WRITE_BYTES];
    let start = Instant::now();
    for place in (0..FILE_BYTES).step_by(WRITE_BYTES) {
        file.write_all_at(&buffer, place).context("write")?;
        file.sync_data().context("sync")?;
    }
    Ok(as_f64(FILE_BYTES / EVENT_BYTES as u64) / start.elapsed().as_secs_f64())
}
