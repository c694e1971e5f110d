//! A Namespace with one hub of four partitions, over a log in memory or an embedded one on a disk in memory.

use std::sync::Arc;
use std::time::Duration;

use auth::Permit;
use broker::*;
use bytes::Bytes;
use model::{ByteCount, Uid};
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use storage::embedded::{self, Options};
use storage::memory::Store;
use storage::shadow::Survivors;
use storage::{Log, Replay, Table};

use super::gate::GatedDisk;

pub(in crate::it) const HOUR: Duration = Duration::from_secs(3600);
pub(in crate::it) const DAY: Duration = Duration::from_secs(86_400);
/// Uids of hubs lie further apart than a hub has partitions, as random ones do.
pub(in crate::it) const TELEMETRY: Uid = Uid::from_u128(0x1_0000_0000);
pub(in crate::it) const AUDIT: Uid = Uid::from_u128(0x2_0000_0000);
pub(in crate::it) const MUCH: ByteCount = ByteCount::mib(1);

/// What outlives a restart.
#[derive(Clone)]
pub(in crate::it) enum Ground {
    Memory(Store),
    Embedded(GatedDisk, Options),
}

impl Ground {
    pub(in crate::it) fn memory() -> Self {
        Self::Memory(Store::unbounded())
    }

    pub(in crate::it) fn embedded(capacity: ByteCount) -> Self {
        let disk = GatedDisk::default();
        disk.shadow.record();
        let options = Options {
            capacity,
            ..Options::default()
        };
        Self::Embedded(disk, options)
    }

    /// One of each kind.
    pub(in crate::it) fn each() -> [Self; 2] {
        [Self::memory(), Self::embedded(ByteCount::mib(16))]
    }

    /// What a process finds that comes after one that was killed together with the machine.
    pub(in crate::it) fn after_power_cut(&self, survivors: Survivors) -> Self {
        match self {
            // Everything is durable at once.
            Self::Memory(store) => Self::Memory(store.clone()),
            Self::Embedded(disk, options) => {
                let image = disk.shadow.image(disk.shadow.now(), survivors);
                image.record();
                Self::Embedded(GatedDisk::over(image), options.clone())
            }
        }
    }

    fn open(&self, scope: &TaskScope, registry: &Registry) -> (Arc<dyn Log>, Arc<dyn Table>, Replay) {
        match self {
            Self::Memory(store) => {
                let (log, table, replay) = store.open();
                (log, table, replay)
            }
            Self::Embedded(disk, options) => {
                let (disk, clock) = (Arc::new(disk.clone()), Clock::system());
                let opened = embedded::open_on(disk, options.clone(), scope, &clock, registry);
                let (log, table, replay) = opened.expect("the disk opens");
                (log, table, replay)
            }
        }
    }
}

pub(in crate::it) struct World {
    pub(in crate::it) broker: Broker,
    pub(in crate::it) clock: Clock,
    pub(in crate::it) registry: Registry,
    pub(in crate::it) log: Arc<dyn Log>,
    pub(in crate::it) ground: Ground,
    scope: TaskScope,
    storage: TaskScope,
    pub(in crate::it) config: HubConfig,
    origin: Origin,
}

impl World {
    pub(in crate::it) async fn new() -> Self {
        Self::over(Ground::memory()).await
    }

    pub(in crate::it) async fn over(ground: Ground) -> Self {
        Self::with(ground, telemetry()).await
    }

    pub(in crate::it) async fn with(ground: Ground, config: HubConfig) -> Self {
        let world = Self::unconfigured(ground, testkit::clock(), config);
        world.configure(vec![world.config.clone()]).await;
        world
    }

    /// As [`World::over`], on a log that began in that way.
    pub(in crate::it) async fn born(ground: Ground, origin: Origin) -> Self {
        let world = Self::begun(ground, testkit::clock(), telemetry(), origin);
        world.configure(vec![world.config.clone()]).await;
        world
    }

    pub(in crate::it) fn unconfigured(ground: Ground, clock: Clock, config: HubConfig) -> Self {
        Self::begun(ground, clock, config, Origin::default())
    }

    fn begun(ground: Ground, clock: Clock, config: HubConfig, origin: Origin) -> Self {
        let (scope, storage, registry) = (TaskScope::root(), TaskScope::root(), Registry::default());
        let (log, table, replay) = ground.open(&storage, &registry);
        let broker = Broker::start(
            log.clone(),
            table,
            replay,
            clock.clone(),
            &scope,
            &registry,
            origin.clone(),
        );
        Self {
            broker: broker.expect("it starts"),
            clock,
            registry,
            log,
            ground,
            scope,
            storage,
            config,
            origin,
        }
    }

    pub(in crate::it) async fn configure(&self, hubs: Vec<HubConfig>) {
        let deletion = DeletionConfig {
            policy: DeletionPolicy::Delete,
            grace: DAY,
        };
        let configured = self.broker.configure(Vec::new(), hubs, deletion).await;
        configured.expect("it is valid");
    }

    /// Another process over the same data.
    pub(in crate::it) async fn restart(self) -> Self {
        self.stop().await;
        let Self {
            broker,
            log,
            clock,
            ground,
            config,
            origin,
            ..
        } = self;
        drop((broker, log));
        let renewed = Self::begun(ground, clock, config, origin);
        renewed.configure(vec![renewed.config.clone()]).await;
        renewed
    }

    /// Another process over what a power cut left. What is acknowledged is there.
    pub(in crate::it) async fn power_cut(self, survivors: Survivors) -> Self {
        let ground = self.ground.after_power_cut(survivors);
        // Nothing tells the old process that it is dead, so it must not be able to see time pass.
        let clock = Clock::manual(self.clock.now());
        let (config, origin) = (self.config.clone(), self.origin.clone());
        std::mem::forget(self);
        let renewed = Self::begun(ground, clock, config, origin);
        renewed.configure(vec![renewed.config.clone()]).await;
        renewed
    }

    pub(in crate::it) async fn stop(&self) {
        assert!(self.scope.shutdown(Duration::from_secs(10)).await.is_empty());
        if let Ground::Embedded(..) = self.ground {
            self.storage.cancel();
        }
    }

    /// In another task.
    pub(in crate::it) fn spawn<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.storage.spawn("test", future)
    }

    /// Of an embedded log.
    pub(in crate::it) fn disk(&self) -> &GatedDisk {
        match &self.ground {
            Ground::Embedded(disk, _) => disk,
            Ground::Memory(_) => panic!("there is no disk"),
        }
    }

    pub(in crate::it) fn hub(&self) -> Hub {
        self.broker.hub("Telemetry").expect("it is declared")
    }

    pub(in crate::it) fn partition(&self, id: u32) -> Partition {
        self.hub().partition(id).expect("it exists")
    }

    /// Appends and waits until it is durable.
    pub(in crate::it) async fn append(&self, partition: u32, events: &[&str]) -> Appended {
        append(&self.partition(partition), events).await
    }

    /// The whole partition.
    pub(in crate::it) async fn read(&self, partition: u32) -> Vec<Received> {
        read_from(&self.partition(partition), StartPosition::Earliest).await
    }

    /// Lets time pass, and everything happen that is due.
    pub(in crate::it) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.settle().await;
    }

    /// Waits until the log holds no event any more, which it may be told after the next commit.
    pub(in crate::it) async fn forgotten(&self) {
        for _ in 0..1000 {
            if self.log.usage().live == ByteCount(0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the log still holds {}", self.log.usage().live);
    }

    pub(in crate::it) async fn settle(&self) {
        for _ in 0..3 {
            self.broker.streams().await.expect("it runs");
            tokio::task::yield_now().await;
        }
    }
}

pub(in crate::it) fn telemetry() -> HubConfig {
    HubConfig {
        uid: TELEMETRY,
        name: String::from("telemetry"),
        partition_count: 4,
        retention: DAY,
        size: None,
        consumer_groups: vec![String::from("billing")],
    }
}

pub(in crate::it) async fn append(partition: &Partition, events: &[&str]) -> Appended {
    let events: Vec<Bytes> = events
        .iter()
        .map(|event| Bytes::copy_from_slice(event.as_bytes()))
        .collect();
    let appended = partition
        .append(&Permit::internal(), &events, None)
        .expect("there is room");
    appended.durable().await;
    appended
}

/// Everything from there on, in several steps.
pub(in crate::it) async fn read_from(partition: &Partition, start: StartPosition) -> Vec<Received> {
    let mut events: Vec<Received> = Vec::new();
    let mut start = start;
    loop {
        let read = partition.peek(&Permit::internal(), start, 50).await;
        let read = read.expect("the position exists");
        let Some(last) = read.last() else {
            return events;
        };
        start = StartPosition::Sequence {
            sequence: last.sequence,
            inclusive: false,
        };
        events.extend(read);
    }
}

pub(in crate::it) fn texts(events: &[Received]) -> Vec<&str> {
    events
        .iter()
        .map(|received| std::str::from_utf8(&received.event).expect("it is text"))
        .collect()
}

pub(in crate::it) fn receive(partition: &Partition, start: StartPosition) -> Receiver {
    connect(partition, "$Default", start, "", None).expect("there is a place")
}

pub(in crate::it) fn connect(
    partition: &Partition,
    group: &str,
    start: StartPosition,
    name: &str,
    epoch: Option<i64>,
) -> Result<Receiver, ReceiveError> {
    let options = ReceiverOptions {
        name: (!name.is_empty()).then(|| String::from(name)),
        epoch,
    };
    partition.receive(&Permit::internal(), group, start, options)
}
