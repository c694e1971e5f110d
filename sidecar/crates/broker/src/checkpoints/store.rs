//! All containers and blobs: a machine without IO.
//!
//! What is asked for becomes [`Step`]s, decided against the newest state and changing nothing; [`Store::apply`] is their
//! effect, now and when they are replayed. A step says how things are after it, so that to repeat the steps since any
//! moment gives the same as to have done them once.

mod groups;
mod requests;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Timestamp;
use smallvec::SmallVec;

pub(super) use self::groups::Groups;
use super::content::Content;
use super::etag::ETag;

/// Containers that there may be.
pub const CONTAINERS_MAX: usize = 1000;

/// Blobs that there may be in all containers together.
pub const BLOBS_MAX: usize = 200_000;

/// What blobs may take together: 64 MiB, or a 64th of the log if that is less. Counted are names, metadata, bodies and
/// [`OVERHEAD`] for each.
pub(super) const BYTES_MAX: u64 = 64 << 20;

/// What a blob or container takes beside its name and content, about.
const OVERHEAD: u64 = 64;

/// When something was made, as a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) etag: ETag,
    pub(super) time: Timestamp,
}

/// One blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) stamp: Stamp,
    pub(super) created: Timestamp,
    pub(super) content: Arc<Content>,
}

/// One container that was used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) stamp: Stamp,
    pub(super) blobs: BTreeMap<Arc<str>, Entry>,
}

/// What happens to one container or blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) stamp: Stamp,
    pub(super) container: Arc<str>,
    pub(super) change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The container exists from now on.
    Used,
    /// It is gone, and so are its blobs.
    Deleted,
    /// The blob has this content.
    Written {
        name: Arc<str>,
        created: Timestamp,
        content: Arc<Content>,
    },
    /// The blob is gone.
    BlobDeleted { name: Arc<str> },
}

impl Step {
    pub(super) fn used(container: Arc<str>, stamp: Stamp) -> Self {
        Self {
            stamp,
            container,
            change: Change::Used,
        }
    }
}

/// Steps of one request, to be written down together.
pub(super) type Steps = SmallVec<[Step; 2]>;

/// See the module.
#[derive(Debug)]
pub(super) struct Store {
    containers: BTreeMap<Arc<str>, Held>,
    blobs: usize,
    bytes: u64,
    /// The newest version there ever was.
    newest: Stamp,
    /// The version of containers that nobody used yet.
    unused: Stamp,
    bytes_max: u64,
}

impl Default for Store {
    fn default() -> Self {
        let stamp = Stamp {
            etag: ETag::new(0),
            time: Timestamp::default(),
        };
        Self {
            containers: BTreeMap::new(),
            blobs: 0,
            bytes: 0,
            newest: stamp,
            unused: stamp,
            bytes_max: BYTES_MAX,
        }
    }
}

impl Store {
    /// Begins a process: versions that the last one lost are not given again.
    pub(super) fn begin(&mut self, now: Timestamp, bytes_max: u64) {
        self.bytes_max = bytes_max;
        self.newest.etag = self.newest.etag.skipped();
        self.unused = Self::next_stamp(self.newest.etag, now);
        self.newest = self.unused;
    }

    pub(super) fn has(&self, container: &str) -> bool {
        self.containers.contains_key(container)
    }

    pub(super) fn containers_count(&self) -> usize {
        self.containers.len()
    }

    pub(super) fn blobs(&self) -> usize {
        self.blobs
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn newest(&self) -> Stamp {
        self.newest
    }

    /// Makes sure that no later version has this one's ETag or a lower one.
    pub(super) fn advance_to(&mut self, stamp: Stamp) {
        if self.newest.etag < stamp.etag {
            self.newest = stamp;
        }
    }

    /// Versions are ordered by their ETags alone. Their times are those of the clock, even if they are earlier than others
    /// because it was ahead once: consumers compare them with their own clocks to tell who is dead.
    fn next_stamp(after: ETag, now: Timestamp) -> Stamp {
        Stamp {
            etag: after.next(now),
            time: now,
        }
    }

    /// The effect of a step.
    pub(super) fn apply(&mut self, step: Step) {
        let Step {
            stamp,
            container,
            change,
        } = step;
        self.advance_to(stamp);
        match change {
            Change::Used => self.held(container, stamp).stamp = stamp,
            Change::Deleted => self.remove_container(&container),
            Change::Written {
                name,
                created,
                content,
            } => {
                let entry = Entry {
                    stamp,
                    created,
                    content,
                };
                self.insert(container, stamp, name, entry);
            }
            Change::BlobDeleted { name } => {
                let held = self.containers.get_mut(&container);
                if let Some(entry) = held.and_then(|held| held.blobs.remove(&name)) {
                    self.blobs -= 1;
                    self.bytes -= taken(&name, &entry.content);
                }
            }
        }
    }

    fn held(&mut self, container: Arc<str>, stamp: Stamp) -> &mut Held {
        let bytes = &mut self.bytes;
        self.containers.entry(container).or_insert_with_key(|name| {
            *bytes += name.len() as u64 + OVERHEAD;
            Held {
                stamp,
                blobs: BTreeMap::new(),
            }
        })
    }

    fn remove_container(&mut self, name: &str) {
        let Some(held) = self.containers.remove(name) else {
            return;
        };
        self.bytes -= name.len() as u64 + OVERHEAD;
        self.blobs -= held.blobs.len();
        let blobs = held.blobs.iter().map(|(name, entry)| taken(name, &entry.content));
        self.bytes -= blobs.sum::<u64>();
    }

    /// Puts a blob in its place, in a container that was first used at `used` if it is new.
    pub(super) fn insert(&mut self, container: Arc<str>, used: Stamp, name: Arc<str>, entry: Entry) {
        let added = taken(&name, &entry.content);
        let before = self.held(container, used).blobs.insert(name.clone(), entry);
        self.bytes += added;
        match before {
            Some(before) => self.bytes -= taken(&name, &before.content),
            None => self.blobs += 1,
        }
    }
}

fn taken(name: &str, content: &Content) -> u64 {
    (name.len() + content.bytes()) as u64 + OVERHEAD
}

#[cfg(test)]
mod tests;
