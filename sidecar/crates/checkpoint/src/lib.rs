//! The copy of positions outside the disk.
//!
//! The log is the truth. What a pod with an empty disk has to know (where consumers stood, which numbers were
//! given out) is copied to a [`CheckpointStore`]: a handful of objects of the cluster, or an object store.
//! The copy holds positions, never events, and may be some seconds behind.
//!
//! - [`open`] decides at the start which *incarnation* this is, how often the log began on an empty disk, and
//!   what comes back. Streams are numbered from a place that grows with the incarnation, so no old position
//!   hides a new event.
//! - [`Copier`] is the task that keeps the copy up to date, with few writes: it copies [`PAGES`] pages, each
//!   at most once in [`CheckpointStore::pause`], and writes nothing where nothing changed.
//! - [`Memory`] is a store for tests, and [`conformance`] what every store has to keep.

pub mod conformance;
mod copier;
mod memory;
mod metrics;
mod open;
mod page;
mod store;

use std::collections::BTreeMap;

use bytes::Bytes;

pub use copier::{Copier, CopyState};
pub use memory::Memory;
pub use open::{Log, Opened, open, settle};
pub use store::{CheckpointStore, Claim, StoreError, Stored};

/// Into how many pieces a copy is cut. An entry's page never changes, so neither does this number.
pub const PAGES: usize = 16;

/// What is copied: JSON texts by flat keys such as `blob/CONTAINER/NAME`.
pub type Entries = BTreeMap<String, Bytes>;
