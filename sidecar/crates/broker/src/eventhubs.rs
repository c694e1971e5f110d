//! Hubs: partitions that are appended to, and read from any position as often as one likes.
//!
//! ```text
//! Hub ─► Partition ─► append: a number for every event, one record of the log, no hop and no wait
//!                  └► Receiver: a position; woken by the keeper once there is more that is durable
//! ```
//! A partition's state lies behind a lock of its own ([`partition`]); one task, the [`keeper`], follows the commits of all
//! of them, trims what is overdue and writes the snapshots. What an event contains is not known here.

mod ages;
mod consumer_group;
mod ended;
mod error;
mod follower;
mod hub;
mod hubs;
mod image;
mod index;
mod journal;
mod keeper;
mod metrics;
mod partition;
mod partition_key;
mod position;
mod producers;
mod reader;
mod reading;
mod receiver;
mod record;
mod shared;
mod stream;

use std::sync::Arc;

use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use storage::Log;
use tokio::sync::oneshot;

pub use self::consumer_group::RECEIVERS_MAX;
pub use self::error::{AppendError, ReceiveError, ReceiverError};
pub use self::follower::Follower;
pub use self::hub::Hub;
pub(crate) use self::hubs::Hubs;
pub(crate) use self::image::Image;
use self::keeper::Keeper;
pub use self::partition::{Appended, Partition, PartitionProperties};
pub use self::position::StartPosition;
pub use self::producers::{Producer, ProducerOptions, ProducerStamp};
pub use self::reader::Received;
pub use self::reading::{ConsumerGroup, Reading};
pub use self::receiver::{Receiver, ReceiverOptions};
use self::shared::Shared;
pub use self::stream::PARTITIONS_MAX;
pub(crate) use self::stream::{EVENTS, JOURNAL};
use crate::snapshots::{FirstSnapshot, Growth, Snapshots};

/// What hubs stand on.
pub(crate) struct Ground<'a> {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Clock,
    pub(crate) growth: Arc<Growth>,
    pub(crate) scope: &'a TaskScope,
    pub(crate) registry: &'a Registry,
}

/// Begins to look after the hubs of `image`, in `scope`, until the scope is cancelled or the sender is dropped.
pub(crate) fn start(
    ground: Ground<'_>,
    image: Image,
    snapshots: Snapshots,
) -> (Arc<Hubs>, oneshot::Sender<()>) {
    let first = FirstSnapshot::new(snapshots.exists());
    let shared = Shared::new(ground.log, ground.clock, ground.growth);
    let hubs = Arc::new(Hubs::new(Arc::new(shared), image, first));
    metrics::register(ground.registry, &hubs);
    let (holder, held) = oneshot::channel();
    let keeper = Keeper::new(hubs.clone(), snapshots, held);
    ground.scope.spawn("hubs", keeper.run(ground.scope.clone()));
    (hubs, holder)
}
