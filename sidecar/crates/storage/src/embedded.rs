//! The log and the table on a disk of this machine.
//!
//! ```text
//! DIR/LOCK                        taken while a process has the data open
//! DIR/log/0/segment-00000000      see `segment`; `.idx` beside a full one says what it holds
//! DIR/table/0/KEY.0, KEY.1        the last two versions of each value
//! ```
//! Two threads per log: the *writer* turns everything that was appended while it was busy into one write and one sync;
//! the *cleaner* keeps free segments at hand.

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use model::{ByteCount, SequenceNumber};
use parking_lot::Mutex;
use roaring::RoaringTreemap;
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};

use crate::disk::{Disk, OsDisk};
use crate::file_table::EmbeddedTable;
use crate::group_commit::GroupCommit;
use crate::metrics::Metrics;
use crate::recovery::{self, History, OpenError, Recovered, io_error};
use crate::replay::Source;
use crate::segment::source::Window;
use crate::segment::{DATA_START, frame};
use crate::shared::{OnFatal, Shared};
use crate::space::{Sizes, Space, Spare, State};
use crate::sync::Durability;
use crate::writer::Cursor;
use crate::{
    Class, Commit, Full, Log, Payload, Position, ReadError, Record, RecordView, Replay, Reservation,
    StreamId, StreamUsage, Usage, catalog, cleaner, reader, writer,
};

/// What may be chosen about a log.
#[derive(Clone)]
pub struct Options {
    /// What log and table may occupy on disk together. At least [`CAPACITY_MIN`]. Default 10 GiB.
    pub capacity: ByteCount,
    /// What live records of one stream may occupy. Default: three quarters of the capacity.
    pub stream_quota: Option<ByteCount>,
    /// Size of a segment, a multiple of 4096. Default: a sixteenth of the capacity, within 256 KiB and 64 MiB. An append
    /// may be half as long.
    pub segment: Option<ByteCount>,
    /// Called when the disk failed. Default: end the process, so that nothing is acknowledged that is not there.
    pub on_fatal: OnFatal,
}

/// The smallest capacity: 2 MiB.
pub const CAPACITY_MIN: ByteCount = ByteCount::mib(2);

const SEGMENT_MIN: u64 = 256 << 10;
const SEGMENT_MAX: u64 = 64 << 20;

/// New data is refused while this much waits for the disk; see [`Full::Backlog`].
const BACKLOG_MAX: u64 = 32 << 20;

impl Default for Options {
    fn default() -> Self {
        Self {
            capacity: ByteCount::gib(10),
            stream_quota: None,
            segment: None,
            on_fatal: Arc::new(|_| std::process::abort()),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            capacity,
            stream_quota,
            segment,
            on_fatal: _,
        } = self;
        formatter
            .debug_struct("Options")
            .field("capacity", capacity)
            .field("stream_quota", stream_quota)
            .field("segment", segment)
            .finish_non_exhaustive()
    }
}

impl Options {
    fn segment(&self) -> Result<u32, OpenError> {
        let capacity = self.capacity.get();
        let room_for_groups = (capacity / 8).min(2 << 20);
        let usual = (capacity / 16)
            .clamp(SEGMENT_MIN, SEGMENT_MAX)
            .max(room_for_groups)
            / 4096
            * 4096;
        let segment = self.segment.map_or(usual, ByteCount::get);
        let least = if self.segment.is_some() {
            segment * 8
        } else {
            CAPACITY_MIN.get()
        };
        let segment = u32::try_from(segment).unwrap_or(u32::MAX);
        if capacity < least || !segment.is_multiple_of(4096) || (segment as usize) < 4 * DATA_START {
            return Err(OpenError::Capacity {
                given: capacity,
                least,
            });
        }
        Ok(segment)
    }
}

/// How a capacity is divided.
struct Shares {
    /// Of the segments.
    log: u64,
    /// Of one version of all values of the table. Two are kept, and a third is written beside them.
    table: u64,
    /// Of one stream, if nothing else was chosen.
    stream: u64,
}

impl Shares {
    fn of(capacity: u64) -> Self {
        // The table, and what lies beside the segments. At most what snapshots of 96 MiB take: the largest is that of
        // 64 MiB of blobs.
        let beside = (capacity / 8).min(384 << 20);
        Self {
            log: capacity - beside,
            table: beside / 4,
            stream: capacity / 4 * 3,
        }
    }
}

/// Opens or creates the data in `dir`. The log closes when `scope` is cancelled or the last handle is dropped, after it
/// has written everything that was appended; whoever appends has to be stopped before.
///
/// # Errors
/// [`OpenError`]: another process has it, the format is newer, the disk refuses. Damage is no error: it is logged,
/// counted, and what is left is served.
pub fn open(
    dir: &Path,
    options: Options,
    scope: &TaskScope,
    clock: &Clock,
    registry: &Registry,
) -> Result<(Arc<EmbeddedLog>, Arc<EmbeddedTable>, Replay), OpenError> {
    let disk = OsDisk::new(dir).map_err(io_error(format!("creating {}", dir.display())))?;
    open_on(Arc::new(disk), options, scope, clock, registry).map_err(|error| match error {
        OpenError::InUse { .. } => OpenError::InUse {
            dir: dir.display().to_string(),
        },
        other => other,
    })
}

/// As [`open`], on any disk.
///
/// # Errors
/// As [`open`].
pub fn open_on(
    disk: Arc<dyn Disk>,
    options: Options,
    scope: &TaskScope,
    clock: &Clock,
    registry: &Registry,
) -> Result<(Arc<EmbeddedLog>, Arc<EmbeddedTable>, Replay), OpenError> {
    let opened = open_unscoped(
        disk,
        options,
        clock,
        &Metrics::register(registry),
        Durability::default(),
    )?;
    let (threads, watched) = (opened.0.threads.clone(), scope.clone());
    scope.spawn("storage", async move {
        watched.cancelled().await;
        // Joining threads that write may take as long as the disk does.
        let _ = tokio::task::spawn_blocking(move || threads.close()).await;
    });
    Ok(opened)
}

/// A log, its table, and the replay with which an owner begins.
pub type Opened = (Arc<EmbeddedLog>, Arc<EmbeddedTable>, Replay);

pub(crate) fn open_unscoped(
    disk: Arc<dyn Disk>,
    options: Options,
    clock: &Clock,
    metrics: &Metrics,
    durability: Durability,
) -> Result<Opened, OpenError> {
    let segment = options.segment()?;
    let (log_dir, table_dir) = (PathBuf::from("log/0"), PathBuf::from("table/0"));
    let lock = take_lock(&*disk)?;
    for dir in [&log_dir, &table_dir] {
        disk.create_dir(dir)
            .map_err(io_error(format!("creating {}", dir.display())))?;
    }
    let capacity = options.capacity.get();
    let shares = Shares::of(capacity);
    let table_max = Arc::new(AtomicU64::new(shares.table));
    let table = EmbeddedTable::open(
        disk.clone(),
        table_dir,
        table_max.clone(),
        durability,
        metrics.clone(),
        lock.clone(),
    )?;
    let recovered = recovery::recover(&*disk, &log_dir, durability)?;
    report(&recovered, metrics);
    metrics.capacity.set(i64::try_from(capacity).unwrap_or(i64::MAX));
    let sizes = Sizes {
        segment,
        incarnation: recovered.incarnation,
        epoch: recovered.epoch.saturating_add(1),
    };
    let state = State::recovered(recovered.segments);
    let space = Space::new(
        sizes,
        shares.log,
        disk.clone(),
        log_dir,
        durability,
        metrics.clone(),
        state,
    );
    space.durable_end.store(recovered.end, Ordering::Release);
    let live = recovered.index.live_bytes();
    let shared = Arc::new(Shared {
        group_commit: GroupCommit::new(recovered.end),
        index: Mutex::new(recovered.index),
        space,
        clock: clock.clone(),
        metrics: metrics.clone(),
        durability,
        capacity: AtomicU64::new(capacity),
        stream_quota: AtomicU64::new(options.stream_quota.map_or(shares.stream, ByteCount::get)),
        table_max,
        reserved: Arc::default(),
        queued: AtomicU64::new(0),
        live: AtomicU64::new(live),
        failed: AtomicBool::new(false),
        on_fatal: options.on_fatal,
    });
    let cursor = cursor(&shared, recovered.active)?;
    shared
        .space
        .open_room
        .store(cursor.room() as u64, Ordering::Release);
    shared.space.recount(&shared.index);
    let replay = EmbeddedReplay {
        shared: shared.clone(),
        history: recovered.history,
        end: recovered.end,
    };
    let threads = Arc::new(Threads::start(&shared, disk, cursor, lock)?);
    Ok((
        Arc::new(EmbeddedLog { shared, threads }),
        Arc::new(table),
        Replay::new(replay),
    ))
}

fn take_lock(disk: &dyn Disk) -> Result<Arc<dyn Any + Send + Sync>, OpenError> {
    match disk.lock(Path::new("LOCK")) {
        Ok(lock) => Ok(Arc::from(lock)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(OpenError::InUse {
            dir: String::from("the data directory"),
        }),
        Err(error) => Err(io_error("locking the data")(error)),
    }
}

fn report(recovered: &Recovered, metrics: &Metrics) {
    for (slot, commits) in &recovered.damaged {
        metrics.damage.inc_by(u64::from(*commits));
        tracing::error!(
            slot,
            commits,
            "the log is damaged: what was durable does not verify any more"
        );
    }
    metrics.torn_tails.inc_by(u64::from(recovered.torn_tails));
    if recovered.torn_tails > 0 {
        tracing::warn!(
            "an unfinished commit was cut off at the end of the log; it had not been acknowledged"
        );
    }
}

/// Where the log goes on: behind its last commit, or in a free segment. An empty disk gets its first one here; the others
/// are made while the log is in use.
fn cursor(shared: &Shared, active: Option<recovery::Active>) -> Result<Cursor, OpenError> {
    let epoch = shared.space.sizes.epoch;
    if let Some(active) = active {
        let spare = Spare {
            slot: active.slot,
            header: active.header,
            file: active.file,
        };
        return Ok(Cursor::resumed(
            spare,
            epoch,
            &active.tail,
            active.first_ordinal,
            active.runs,
        ));
    }
    let spare = match shared.space.take_for_cleaner(&shared.index) {
        Some(spare) => spare,
        None => {
            let made = shared.space.make(false, &shared.index);
            made.map_err(io_error("making the first segment"))?;
            let none = || io_error("making the first segment")(io::ErrorKind::StorageFull.into());
            shared.space.take_for_cleaner(&shared.index).ok_or_else(none)?
        }
    };
    let previous = shared.space.newest_in_sequence();
    Ok(Cursor::fresh(spare, epoch, previous, false))
}

/// A log on a disk. Dropping the last handle writes what was appended and ends its threads.
#[derive(Debug)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    threads: Arc<Threads>,
}

impl EmbeddedLog {
    /// Writes everything that was appended, then ends the threads. Appends that come later never become durable.
    pub fn close(&self) {
        self.threads.close();
    }

    /// Lets log and table occupy `capacity` from now on; the volume has to have grown before. Segments keep the size
    /// that they have until the log is opened again. Less than what it may occupy already changes nothing, for what is
    /// written cannot be taken back. What one stream may hold grows in proportion.
    pub fn grow(&self, capacity: ByteCount) {
        let shared = &*self.shared;
        let (new, shares) = (capacity.get(), Shares::of(capacity.get()));
        let old = shared.capacity.fetch_max(new, Ordering::AcqRel);
        if new <= old {
            return;
        }
        let quota =
            u128::from(shared.stream_quota.load(Ordering::Acquire)) * u128::from(new) / u128::from(old);
        shared
            .stream_quota
            .store(u64::try_from(quota).unwrap_or(u64::MAX), Ordering::Release);
        shared.table_max.fetch_max(shares.table, Ordering::AcqRel);
        shared
            .metrics
            .capacity
            .set(i64::try_from(new).unwrap_or(i64::MAX));
        shared.space.grow(shares.log, &shared.index);
    }

    fn waiting(&self) -> u64 {
        self.shared.reserved.load(Ordering::Acquire) + self.shared.queued.load(Ordering::Acquire)
    }

    fn check_room(&self, class: Class, stream: StreamId, bytes: usize) -> Result<(), Full> {
        let shared = &*self.shared;
        if shared.failed.load(Ordering::Acquire) || shared.group_commit.is_closed() {
            return Err(Full::Closed);
        }
        let limit = shared.group_bytes_max();
        if bytes > limit {
            return Err(Full::Oversize { bytes, limit });
        }
        let waiting = self.waiting();
        let needed = waiting + frame::commit_bytes(bytes) as u64;
        match class {
            Class::Settle => {
                // The last segment is the cleaner's.
                let least = u64::from(shared.space.sizes.segment);
                if shared.space.room_at_hand() >= needed + least {
                    return Ok(());
                }
                // Before the first spares are made there is no reserve to take from, but there is room for everybody.
                self.check_free(needed + shared.space.reserve_bytes())
            }
            Class::Publish if waiting > 0 && needed > BACKLOG_MAX => Err(Full::Backlog),
            Class::Publish => {
                // As long as all streams together hold less, none has to be asked for its own share.
                let quota = shared.stream_quota.load(Ordering::Acquire);
                let may_exceed = shared.live.load(Ordering::Acquire) + needed > quota;
                if may_exceed && shared.index.lock().usage(stream).bytes + bytes as u64 > quota {
                    return Err(Full::Stream);
                }
                self.check_free(needed + shared.space.reserve_bytes())
            }
        }
    }

    fn check_free(&self, needed: u64) -> Result<(), Full> {
        let space = &self.shared.space;
        if space.room() >= needed {
            return Ok(());
        }
        // The count may be old: what died since then is room as well.
        space.recount(&self.shared.index);
        if space.room() >= needed {
            return Ok(());
        }
        space.look();
        Err(Full::Log)
    }
}

impl Log for EmbeddedLog {
    fn reserve(&self, class: Class, stream: StreamId, bytes: usize) -> Result<Reservation, Full> {
        self.check_room(class, stream, bytes)
            .map_err(|full| self.shared.metrics.refuse(full))?;
        Ok(Reservation::new(
            &self.shared.reserved,
            class,
            frame::commit_bytes(bytes) as u64,
        ))
    }

    fn append(&self, reservation: Reservation, records: &[Record<'_>]) -> Commit {
        let bytes: usize = records
            .iter()
            .map(|record| crate::footprint(record.payload.len()))
            .sum();
        self.shared.queued.fetch_add(bytes as u64, Ordering::AcqRel);
        self.shared.group_commit.append(reservation.class(), records)
    }

    fn read(
        &self,
        stream: StreamId,
        sequences: Vec<SequenceNumber>,
        bytes_max: ByteCount,
    ) -> BoxFuture<'static, Result<Vec<Payload>, ReadError>> {
        reader::read(self.shared.clone(), stream, sequences, bytes_max).boxed()
    }

    fn trim_before(&self, stream: StreamId, sequence: SequenceNumber) {
        let emptied = self.shared.index.lock().trim(stream, sequence.get());
        if emptied {
            self.shared.space.look();
        }
    }

    fn release(&self, stream: StreamId, sequences: &[SequenceNumber]) {
        let emptied = {
            let mut index = self.shared.index.lock();
            index.release(stream, sequences.iter().map(|sequence| sequence.get()))
        };
        if emptied {
            self.shared.space.look();
        }
    }

    fn end(&self) -> Position {
        Position::new(self.shared.group_commit.end())
    }

    fn forget_before(&self, owner: &'static str, position: Position) {
        self.shared.space.forget_before(owner, position);
    }

    fn usage(&self) -> Usage {
        let space = &self.shared.space;
        space.recount(&self.shared.index);
        let taken = self.waiting() + space.reserve_bytes();
        Usage {
            capacity: ByteCount(self.shared.capacity.load(Ordering::Acquire)),
            free: ByteCount(space.room().saturating_sub(taken)),
            live: ByteCount(self.shared.index.lock().live_bytes()),
        }
    }

    fn stream_usage(&self, stream: StreamId) -> StreamUsage {
        self.shared.index.lock().usage(stream)
    }
}

/// The threads of one log, ended once.
struct Threads {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
}

struct Running {
    writer: JoinHandle<()>,
    cleaner: JoinHandle<()>,
    /// Held until nothing writes any more.
    _lock: Arc<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Threads").finish_non_exhaustive()
    }
}

impl Threads {
    fn start(
        shared: &Arc<Shared>,
        disk: Arc<dyn Disk>,
        cursor: Cursor,
        lock: Arc<dyn Any + Send + Sync>,
    ) -> Result<Self, OpenError> {
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
            thread.map_err(io_error("starting a thread"))
        };
        let (for_writer, for_cleaner) = (shared.clone(), shared.clone());
        let writer = spawn("log-writer", Box::new(move || writer::run(&for_writer, cursor)))?;
        let cleaner = spawn(
            "log-cleaner",
            Box::new(move || cleaner::run(&for_cleaner, &*disk)),
        )?;
        let running = Running {
            writer,
            cleaner,
            _lock: lock,
        };
        Ok(Self {
            shared: shared.clone(),
            running: Mutex::new(Some(running)),
        })
    }

    fn close(&self) {
        // Whoever comes second waits for the first.
        let mut running = self.running.lock();
        let Some(Running {
            writer,
            cleaner,
            _lock,
        }) = running.take()
        else {
            return;
        };
        self.shared.group_commit.close();
        let written = writer.join();
        self.shared.space.stop();
        if written.is_err() || cleaner.join().is_err() {
            tracing::error!("a thread of the log panicked");
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.close();
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        // The scope's task may hold the threads too; the log ends with its handle all the same.
        self.threads.close();
    }
}

struct EmbeddedReplay {
    shared: Arc<Shared>,
    history: Vec<History>,
    end: u64,
}

impl Source for EmbeddedReplay {
    fn records(&mut self, from: Position, visit: &mut dyn FnMut(Position, RecordView<'_>)) {
        let mut next = from.get();
        for part in self.history.iter().filter(|part| part.end_ordinal > from.get()) {
            if part.first_ordinal > next {
                self.shared.report_damage(part.slot, 1);
            }
            next = part.end_ordinal;
            let mut window = Window::new(&*part.file, part.header.size as usize);
            let trust = self.shared.durability.trust();
            let walk = catalog::walk(&mut window, &part.header, trust, part.until, &mut |met| {
                let header = &met.record.header;
                if (from.get()..self.end).contains(&met.ordinal) && !header.relocated {
                    let view = RecordView {
                        stream: header.stream,
                        sequence: header.sequence,
                        kind: header.kind,
                        time: header.time,
                        payload: met.record.payload,
                    };
                    visit(Position::new(met.ordinal), view);
                }
            });
            match walk {
                // Its catalog stood in for it so far.
                Ok(walk) if walk.damaged > part.damaged => {
                    self.shared.report_damage(part.slot, walk.damaged - part.damaged);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, slot = part.slot, "a segment cannot be read; its records are left out");
                    self.shared.metrics.damage.inc();
                }
            }
        }
    }

    fn finish(&mut self, live: Vec<(StreamId, RoaringTreemap)>) {
        {
            let mut index = self.shared.index.lock();
            let mut forgotten = index.streams();
            for (stream, live) in live {
                forgotten.retain(|other| *other != stream);
                index.retain(stream, live);
            }
            for stream in forgotten {
                index.retain(stream, RoaringTreemap::new());
            }
        }
        self.shared.space.begin_cleaning();
        self.shared.space.recount(&self.shared.index);
    }
}
