//! Brings a Namespace's configuration to its pod: changed shards first, the head last.
//!
//! A pod takes a revision only when every shard has the digest that the head names, so that a writer may stop anywhere
//! in between. The revision grows with every change and never goes back, also when somebody deletes the head: what the
//! pod reported and what this process wrote are lower bounds. Each write names the resourceVersion that was read; two
//! writers cannot both win.

mod since;

use config::{Digest, Head, SHARD_COUNT, objects};
use futures_util::{StreamExt, TryStreamExt, stream};
use plan::Configuration;

pub use since::Since;

use crate::apply::{Applied, Applier, Assume, Failure};
use crate::cache::{Caches, Versioned};
use crate::object::{ChildKind, Owner, is_owned_by};
use crate::resources::config_map;

/// Shards that are written at once.
const AT_ONCE: usize = 4;

/// What this process knows of one Namespace's configuration beyond the caches.
#[derive(Debug, Default)]
pub struct Memory {
    written: Option<Written>,
    /// Since which revision each entity is in the document as it is.
    pub since: Since,
}

/// A configuration that was found or brought into effect.
#[derive(Debug)]
struct Written {
    configuration: Configuration,
    wanted: Wanted,
    /// The resourceVersions at which head and shards were seen to be as they should.
    versions: Versions,
}

/// What a pod has to report for everything to be programmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The head's revision.
    pub revision: u64,
    /// The digest of each shard.
    pub shards: [Digest; SHARD_COUNT],
}

/// resourceVersions in the cache: of the shards by index, then of the head. 0 where there is none.
type Versions = [u64; SHARD_COUNT + 1];

/// Why a configuration is not in effect.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A piece could not be written; it is worth another try.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// An object of a stranger has the name of a piece.
    #[error("{0} is not ours")]
    Taken(String),
    /// The API server does not take a piece.
    #[error("{name}: {why}")]
    Refused {
        /// Which piece.
        name: String,
        /// What it said.
        why: String,
    },
    /// A piece of a predecessor has to go first.
    #[error("{0} is on its way")]
    Waiting(String),
}

impl Memory {
    /// What a pod has to report, as of the last time that [`bring`] succeeded.
    pub fn wanted(&self) -> Option<&Wanted> {
        self.written.as_ref().map(|written| &written.wanted)
    }

    /// Whether the entities and settings of `planned` are those in effect.
    pub fn is_written(&self, planned: &Configuration) -> bool {
        self.written.as_ref().is_some_and(|written| {
            written.configuration.settings == planned.settings
                && written.configuration.topics == planned.topics
                && written.configuration.hubs == planned.hubs
        })
    }

    /// The shards that were not seen in effect, with these digests and at these versions.
    fn unsure(
        &self,
        digests: &[Digest; SHARD_COUNT],
        versions: &Versions,
        shards: [Vec<u8>; SHARD_COUNT],
    ) -> Vec<(usize, Vec<u8>)> {
        let seen = |index: usize| {
            self.written.as_ref().is_some_and(|written| {
                written.wanted.shards[index] == digests[index] && written.versions[index] == versions[index]
            })
        };
        shards
            .into_iter()
            .enumerate()
            .filter(|(index, _)| !seen(*index))
            .collect()
    }
}

/// Brings `configuration` into effect, writing as little as possible. `floor` is the highest revision that anybody was
/// seen to use.
///
/// # Errors
/// See [`Error`]. The memory then still says what was in effect before.
pub async fn bring(
    applier: &Applier,
    caches: &Caches,
    owner: &Owner,
    configuration: Configuration,
    floor: u64,
    memory: &mut Memory,
) -> Result<Wanted, Error> {
    let versions = versions(caches, owner);
    if let Some(written) = &memory.written
        && written.versions == versions
        && written.configuration == configuration
    {
        return Ok(written.wanted.clone());
    }
    let live = live_head(caches, owner);
    let known = memory.wanted().map_or(0, |wanted| wanted.revision).max(floor);
    let (head, shards) = pieces(&configuration, live.as_ref(), known)?;
    let changed = memory.unsure(&head.shards, &versions, shards);
    let mut writes = Vec::with_capacity(changed.len());
    for (index, json) in changed {
        writes.push(write_shard(applier, owner, index, json));
    }
    stream::iter(writes)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    let piece = config_map::head(owner, &head);
    written(&piece.name, applier.apply(&piece, Assume::SameVersion).await?)?;
    let wanted = Wanted {
        revision: head.revision,
        shards: head.shards,
    };
    let before = memory.written.as_ref().map(|written| &written.configuration);
    memory
        .since
        .advance(before, &configuration, &wanted, live.as_ref());
    memory.written = Some(Written {
        configuration,
        wanted: wanted.clone(),
        versions: self::versions(caches, owner),
    });
    Ok(wanted)
}

/// Made when its turn comes, so that only a few compressed shards are in memory at once.
async fn write_shard(applier: &Applier, owner: &Owner, index: usize, json: Vec<u8>) -> Result<(), Error> {
    let shard = config_map::shard(owner, index, &json);
    written(&shard.name, applier.apply(&shard, Assume::SameVersion).await?)
}

fn written(name: &str, applied: Applied) -> Result<(), Error> {
    match applied {
        Applied::InEffect | Applied::Written => Ok(()),
        Applied::Waiting => Err(Error::Waiting(name.to_owned())),
        Applied::Taken => Err(Error::Taken(name.to_owned())),
        Applied::Refused(why) => Err(Error::Refused {
            name: name.to_owned(),
            why,
        }),
    }
}

/// The head and the JSON of every shard. The revision is that of the live head if it says the same, else a new one.
fn pieces(
    configuration: &Configuration,
    live: Option<&Head>,
    known: u64,
) -> Result<(Head, [Vec<u8>; SHARD_COUNT]), Error> {
    let current = live.map_or(0, |head| head.revision).max(known);
    let pieces = configuration.pieces(current).map_err(|error| Error::Refused {
        name: objects::head(&configuration.namespace.name),
        why: error.to_string(),
    })?;
    let mut head = pieces.head;
    let unchanged = live.is_some_and(|live| *live == head) && current > 0;
    if !unchanged {
        head.revision = current.saturating_add(1);
    }
    Ok((head, pieces.shards))
}

/// The head that is there, if it is ours and can be read.
fn live_head(caches: &Caches, owner: &Owner) -> Option<Head> {
    let config_map = caches
        .config_maps
        .get(&owner.kubernetes_namespace, &objects::head(&owner.name))?;
    if !is_owned_by(&config_map.object.metadata, &owner.uid) {
        return None;
    }
    serde_json::from_str(config_map.object.data.as_ref()?.get(objects::HEAD_KEY)?).ok()
}

fn versions(caches: &Caches, owner: &Owner) -> Versions {
    std::array::from_fn(|index| {
        let name = match index {
            SHARD_COUNT => objects::head(&owner.name),
            shard => objects::shard(&owner.name, shard),
        };
        let found = caches.config_maps.get(&owner.kubernetes_namespace, &name);
        found.map_or(0, |config_map| config_map.version())
    })
}

/// The names of every piece, by which the sweep knows them.
pub fn names(owner: &Owner) -> impl Iterator<Item = (ChildKind, String)> {
    let shards = (0..SHARD_COUNT).map(|index| objects::shard(&owner.name, index));
    let names: Vec<_> = shards.chain([objects::head(&owner.name)]).collect();
    names.into_iter().map(|name| (ChildKind::ConfigMap, name))
}
