//! Receiving: what was stored long ago, beside a loop of pread and write; and what is being sent.

use std::{
    cell::RefCell,
    fs::{self, File},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use e2e::{Weft, manifests::Manifests};
use futures_util::future::{try_join, try_join_all};
use rustix::fs::Advice;

use super::{
    BATCHES, HUB, PARTITIONS, ROUNDS, TIME, peer,
    round::{Round, against},
    senders, settle,
};
use crate::{
    amqp_load::{EVENT_BYTES, Message, Peer, Receivers, Senders, Settling},
    bare_file, probe, requests, side_by_side,
    table::{Row, thousands},
    tally::Tally,
};

const EVENTS: u64 = 1024 * 1024;
/// Batches under way while the log is filled, and while somebody reads at its end.
const UNDER_WAY: usize = 256;
const AIM: f64 = 500_000.0;
const PATIENCE: Duration = Duration::from_secs(120);
const DEFAULT_GROUP: [&str; 1] = ["$Default"];
const FOUR_GROUPS: [&str; 4] = ["$Default", "a", "b", "c"];
/// Only what comes from now on.
const LATEST: &str = "amqp.annotation.x-opt-offset > '@latest'";

pub(super) fn run() -> anyhow::Result<Vec<Row>> {
    let mut rows = catch_up()?;
    rows.extend(tail()?);
    Ok(rows)
}

/// Where the bytes are before a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bytes {
    OnDisk,
    InPageCache,
}

fn catch_up() -> anyhow::Result<Vec<Row>> {
    let weft = keeping_everything()?;
    let stored = fill(&weft)?;
    let bare = bare_file::Server::start(stored * EVENT_BYTES as u64)?;
    let mut rows = Vec::new();
    for (bytes, from) in [
        (Bytes::OnDisk, "from disk"),
        (Bytes::InPageCache, "from the page cache"),
    ] {
        let (mut ours, mut bound) = (Vec::new(), Vec::new());
        let probe = probe::run()?;
        for _ in 0..ROUNDS {
            bytes.prepare(&weft.data_folder())?;
            let before = bytes_from_disk(weft.pid())?;
            ours.push(Round::measure(weft.pid(), || read_all(&weft, stored))?);
            let read = bytes_from_disk(weft.pid())? - before;
            ensure!(
                bytes == Bytes::InPageCache || read > stored * EVENT_BYTES as u64 / 2,
                "only {read} bytes came from the disk"
            );
            bytes.prepare(bare.file())?;
            bound.push(Round::measure(bare.pid(), || read_bare(&bare))?);
        }
        let (ours, bound) = (Round::median(ours)?, Round::median(bound)?);
        let mut row = ours.row(&format!("catch-up {from}, 1 GiB, {PARTITIONS} partitions"), probe);
        against(&mut row, &ours, &bound, "bare", "≥ 0.6 and ≥ 500,000/s");
        rows.push(row);
        rows.push(bound.row(&format!("bare loop of pread and write {from}"), probe));
    }
    Ok(rows)
}

impl Bytes {
    fn prepare(self, path: &Path) -> anyhow::Result<()> {
        settle();
        match self {
            Self::OnDisk => forget(path),
            Self::InPageCache => Ok(()),
        }
    }
}

/// What a process has had read from its disk so far.
fn bytes_from_disk(pid: u32) -> anyhow::Result<u64> {
    let counters = fs::read_to_string(format!("/proc/{pid}/io")).context("read /proc/PID/io")?;
    let line = counters
        .lines()
        .find_map(|line| line.strip_prefix("read_bytes: "));
    line.context("find read_bytes")?
        .parse()
        .context("parse read_bytes")
}

/// Takes a file, or all files of a folder, out of the page cache.
fn forget(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path).context("list a folder")? {
            forget(&entry.context("list a folder")?.path())?;
        }
        return Ok(());
    }
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).context("take a file out of the page cache")
}

fn manifests() -> Manifests {
    let [_, more @ ..] = FOUR_GROUPS;
    Manifests::new(requests::SIZE).hub(HUB, PARTITIONS, &more)
}

fn keeping_everything() -> anyhow::Result<Weft> {
    Weft::start(manifests().yaml())
}

/// Stores at least [`EVENTS`], and returns how many.
fn fill(weft: &Weft) -> anyhow::Result<u64> {
    let mut senders = batches(&peer(weft)?)?;
    let mut stored = 0;
    while stored < EVENTS {
        stored += senders.run(Duration::from_millis(250))?.events;
    }
    Ok(stored)
}

fn batches(peer: &Peer) -> anyhow::Result<Senders> {
    senders(peer, HUB, &Message::batch(BATCHES[0]), UNDER_WAY)
}

/// Every partition from its beginning.
fn read_all(weft: &Weft, stored: u64) -> anyhow::Result<Tally> {
    let mut receivers = Receivers::open(&peer(weft)?, &sources(&DEFAULT_GROUP), None, Settling::Sent)?;
    received(receivers.run(stored, PATIENCE)?)
}

fn read_bare(bare: &bare_file::Server) -> anyhow::Result<Tally> {
    let bytes = bare.read(PARTITIONS.into(), PATIENCE)?;
    received(bytes / EVENT_BYTES as u64)
}

fn received(events: u64) -> anyhow::Result<Tally> {
    Ok(Tally {
        events,
        ..Tally::default()
    })
}

fn sources(groups: &[&str]) -> Vec<String> {
    let partitions =
        |group| (0..PARTITIONS).map(move |index| format!("{HUB}/ConsumerGroups/{group}/Partitions/{index}"));
    groups.iter().flat_map(partitions).collect()
}

fn tail() -> anyhow::Result<Vec<Row>> {
    let weft = super::start(&manifests())?;
    let peer = peer(&weft)?;
    let mut senders = batches(&peer)?;
    let probe = probe::run()?;
    let (mut one, mut four) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (groups, rounds) in [(&DEFAULT_GROUP[..], &mut one), (&FOUR_GROUPS[..], &mut four)] {
            settle();
            rounds.push(read_what_is_sent(&weft, &peer, &mut senders, groups)?);
        }
    }
    let row = |what: &str, rounds| -> anyhow::Result<Row> {
        let round = Round::median(rounds)?;
        let mut row = round.row(what, probe);
        row.against = format!("aim ≥ {}", thousands(AIM));
        row.ratio = Some(round.per_second() / AIM);
        Ok(row)
    };
    Ok(vec![
        row(
            "consume from the tail what is sent meanwhile (CPU with that of sending)",
            one,
        )?,
        row("the same for four consumer groups, deliveries", four)?,
    ])
}

/// Sends, and receives all of it once for each group.
fn read_what_is_sent(
    weft: &Weft,
    peer: &Peer,
    senders: &mut Senders,
    groups: &[&str],
) -> anyhow::Result<Round> {
    let receivers = Receivers::open(peer, &sources(groups), Some(LATEST), Settling::Sent)?;
    Round::measure(weft.pid(), || {
        let sent = RefCell::<Tally>::default();
        let end = Instant::now() + TIME;
        let send = async {
            try_join_all(senders.tasks(end, &sent)).await?;
            receivers.want(sent.borrow().events * groups.len() as u64);
            Ok(())
        };
        side_by_side::run(
            [async { try_join(send, receivers.receive()).await.map(drop) }],
            PATIENCE,
        )?;
        received(receivers.received())
    })
}
