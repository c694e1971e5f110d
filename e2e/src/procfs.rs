//! What the kernel knows about a running process. Linux only, as the product's containers are.

use std::{fs, os::unix::fs::MetadataExt, path::Path, time::Duration};

use anyhow::Context;

/// Clock ticks per second in `/proc/PID/stat`; the kernel's user interface fixes it at 100.
const TICKS_PER_SECOND: u64 = 100;

/// User and system time together since the process began; 10 ms resolution.
pub fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("read /proc/PID/stat")?;
    // The command's name may hold spaces; everything after its closing parenthesis is regular.
    let after_name = stat
        .rsplit(')')
        .next()
        .context("find the fields of /proc/PID/stat")?;
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// How long a process has been running; 10 ms resolution.
pub fn age(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("read /proc/PID/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let started = after_name.split_whitespace().nth(19);
    let ticks: u64 = started
        .and_then(|field| field.parse().ok())
        .context("read when a process began")?;
    let uptime = fs::read_to_string("/proc/uptime").context("read /proc/uptime")?;
    let uptime: f64 = uptime
        .split_whitespace()
        .next()
        .and_then(|field| field.parse().ok())
        .context("read how long the machine is up")?;
    let began = Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND);
    Ok(Duration::from_secs_f64(uptime).saturating_sub(began))
}

/// The most resident memory that it has had, in bytes.
pub fn peak_resident_bytes(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "VmHWM:")
}

/// Resident memory in bytes.
pub fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "VmRSS:")
}

/// Resident memory in bytes that belongs to the process alone (heap and stacks, no mapped files).
pub fn anonymous_bytes(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "RssAnon:")
}

fn status_bytes(pid: u32, field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("read /proc/PID/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .with_context(|| format!("find {field}"))?;
    let kibibytes: u64 = line
        .split_whitespace()
        .nth(1)
        .context("read the number")?
        .parse()
        .context("parse it")?;
    Ok(kibibytes * 1024)
}

/// Bytes that a folder takes on its disk (blocks, so holes are free). Files that vanish meanwhile count as nothing.
pub fn disk_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// Lets this process and its children open as many files as its hard limit permits; returns that limit.
pub fn raise_open_files_limit() -> anyhow::Result<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )
    .context("raise the number of open files to the hard limit")?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}
