//! How fast this disk makes 1 KiB durable at this moment.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use anyhow::Context;

const APPENDS: u64 = 400;

/// The p50 of 400 appends of 1 KiB, each with fdatasync, on the disk of the temporary folder.
pub(crate) fn run() -> anyhow::Result<Duration> {
    let file = tempfile::NamedTempFile::new().context("create the probe's file")?;
    let file: &File = file.as_file();
    let payload = [7; 1024];
    let mut times = Vec::new();
    for index in 0..APPENDS {
        let start = Instant::now();
        file.write_all_at(&payload, index * 1024)
            .context("write the probe")?;
        file.sync_data().context("sync the probe")?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
