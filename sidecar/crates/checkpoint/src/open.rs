//! What a log and the copy of the one before it have to do with each other.

use uuid::Uuid;

use crate::page;
use crate::{CheckpointStore, Claim, Entries, StoreError, Stored};

/// How often the places are looked at: again after each claim, and after somebody else wrote at the same moment.
const LOOKS: usize = 8;

/// The log on this disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// It begins: the disk was empty, or nothing was numbered yet.
    New {
        /// Its identity.
        id: Uuid,
    },
    /// It goes on.
    Known {
        /// Its identity.
        id: Uuid,
        /// The incarnation that it began with.
        incarnation: u64,
    },
}

/// What [`open`] found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Ours from now on.
    pub claim: Claim,
    /// What a new log starts from; empty for one that goes on, which knows better.
    pub restored: Entries,
}

/// Claims the copy for this log.
///
/// `places` are all where the copy may lie: first the one that it is written to, then those that it was or may be
/// written to at other times, which only learn of the claim.
///
/// A new log gets the incarnation after the highest one that any place knows of, from its claim or its pages, and at
/// least what `least` wants for what was saved; 0 where there is nothing. It also gets everything that was saved last. If
/// it claimed before and then lost its footing (a crash between claim and first number), it gets the same again. A log
/// that goes on keeps its incarnation, and takes a place that it is new to.
///
/// What other `data` (the uid of a Namespace) left in a place is nothing to a log that goes on, and is replaced: its events
/// lie elsewhere. A new log goes on from it, unless there is something of its own: a cluster that was lost is made again
/// with other uids.
///
/// # Errors
/// [`StoreError::Fenced`] if a log that goes on meets another one that is not older: the disk was replaced while this one
/// was away. Else what a store says.
pub async fn open(
    places: &[&dyn CheckpointStore],
    log: Log,
    data: &str,
    least: impl Fn(&Entries) -> u64,
) -> Result<Opened, StoreError> {
    for _ in 0..LOOKS {
        let found = look(places, data).await?;
        let claim = match log {
            Log::New { id } => begin(&found, id, data, &least),
            Log::Known { id, incarnation } => go_on(&found, id, incarnation, data)?,
        };
        match take(places, &found, &claim).await {
            // The one before may have written until now.
            Ok(true) | Err(StoreError::Conflict) => {}
            Ok(false) => {
                let restored = match log {
                    Log::New { .. } => newest(found),
                    Log::Known { .. } => Entries::new(),
                };
                return Ok(Opened { claim, restored });
            }
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict)
}

/// Sees to it that this log's claim is in effect in a place, and says which it is and what is stored. Its incarnation may
/// be higher than that of `claim`: the place knows of a beginning that came to nothing.
///
/// # Errors
/// [`StoreError::Fenced`] if another log that is not older has claimed the place. Else what the store says.
pub async fn settle(store: &dyn CheckpointStore, claim: &Claim) -> Result<(Claim, Stored), StoreError> {
    let stored = store.load().await?;
    let found = [Found::new(store, &stored, &claim.data)];
    let incarnation = go_on(&found, claim.log, claim.incarnation, &claim.data)?.incarnation;
    let claim = Claim {
        incarnation,
        ..claim.clone()
    };
    if stored.claim.as_ref() != Some(&claim) {
        store.claim(stored.claim.as_ref(), &claim).await?;
    }
    Ok((claim, stored))
}

/// What a place says of the log before.
struct Found {
    claim: Option<Claim>,
    /// The claim is of other data.
    is_foreign: bool,
    own: Saved,
    /// Of other data.
    foreign: Saved,
}

/// Pages of one kind.
#[derive(Default)]
struct Saved {
    /// The highest incarnation that wrote one; `None` if there is none.
    written: Option<u64>,
    entries: Entries,
}

impl Found {
    fn new(store: &dyn CheckpointStore, stored: &Stored, data: &str) -> Self {
        let is_foreign = stored.claim.as_ref().is_some_and(|claim| claim.data != data);
        let (mut own, mut foreign) = (Saved::default(), Saved::default());
        for (index, bytes) in &stored.pages {
            match page::decode(bytes) {
                Ok(page) if page.data == data => own.add(page.incarnation, page.entries),
                Ok(page) => foreign.add(page.incarnation, page.entries),
                Err(error) => {
                    let whose = if is_foreign { &mut foreign } else { &mut own };
                    whose.add(0, Entries::new());
                    tracing::error!(
                        page = index,
                        "a page of the checkpoints in {} is left out: {error}",
                        store.name()
                    );
                }
            }
        }
        Self {
            claim: stored.claim.clone(),
            is_foreign,
            own,
            foreign,
        }
    }

    fn own(&self, id: Uuid) -> Option<&Claim> {
        self.claim.as_ref().filter(|claim| claim.log == id)
    }

    /// The incarnation of another log's claim, whatever its data.
    fn other(&self, id: Uuid) -> Option<u64> {
        let other = self.claim.as_ref().filter(|claim| claim.log != id);
        other.map(|claim| claim.incarnation)
    }

    /// Whether a log of this data that is not older than `incarnation` was here after the one with this `id`.
    fn has_overtaken(&self, id: Uuid, incarnation: u64) -> bool {
        if self.is_foreign {
            return false;
        }
        self.other(id) >= Some(incarnation) || self.own(id).is_none() && self.own.written > Some(incarnation)
    }

    fn saved(&self) -> [&Saved; 2] {
        [&self.own, &self.foreign]
    }
}

impl Saved {
    fn add(&mut self, incarnation: u64, entries: Entries) {
        self.written = self.written.max(Some(incarnation));
        self.entries.extend(entries);
    }
}

async fn look(places: &[&dyn CheckpointStore], data: &str) -> Result<Vec<Found>, StoreError> {
    let mut found = Vec::with_capacity(places.len());
    for place in places {
        found.push(Found::new(*place, &place.load().await?, data));
    }
    Ok(found)
}

/// The claim for a new log.
fn begin(found: &[Found], id: Uuid, data: &str, least: impl Fn(&Entries) -> u64) -> Claim {
    let saved = || found.iter().flat_map(Found::saved);
    let least = saved().map(|saved| least(&saved.entries)).max();
    let least = least.unwrap_or_default();
    let own = found.iter().filter_map(|place| place.own(id));
    let own = own.max_by_key(|claim| claim.incarnation);
    let others = found.iter().filter_map(|place| place.other(id));
    let written = saved().filter_map(|saved| saved.written).max();
    match (own, others.max()) {
        (Some(own), other) if other < Some(own.incarnation) && written <= Some(own.incarnation) => Claim {
            incarnation: own.incarnation.max(least),
            data: data.to_owned(),
            ..own.clone()
        },
        (own, other) => {
            let former = other.max(written).max(own.map(|own| own.incarnation));
            Claim {
                incarnation: former.map_or(0, |former| former + 1).max(least),
                log: id,
                data: data.to_owned(),
                lost: former.is_some(),
            }
        }
    }
}

/// The claim for a log that goes on.
fn go_on(found: &[Found], id: Uuid, incarnation: u64, data: &str) -> Result<Claim, StoreError> {
    let own = found.iter().filter_map(|place| place.own(id));
    let own = own.max_by_key(|claim| claim.incarnation);
    let incarnation = own.map_or(incarnation, |own| own.incarnation.max(incarnation));
    if found.iter().any(|place| place.has_overtaken(id, incarnation)) {
        return Err(StoreError::Fenced);
    }
    Ok(Claim {
        incarnation,
        log: id,
        data: data.to_owned(),
        lost: own.map_or(incarnation > 0, |own| own.lost),
    })
}

/// Claims where the claim is not in effect, and says whether that was anywhere.
async fn take(places: &[&dyn CheckpointStore], found: &[Found], claim: &Claim) -> Result<bool, StoreError> {
    let mut has_claimed = false;
    for (place, found) in places.iter().zip(found) {
        if found.claim.as_ref() != Some(claim) {
            place.claim(found.claim.as_ref(), claim).await?;
            has_claimed = true;
        }
    }
    Ok(has_claimed)
}

/// What the place holds that has something of this data, of the latest incarnation; or else of the data before. The first
/// one, if several are alike.
fn newest(found: Vec<Found>) -> Entries {
    let newest = found
        .into_iter()
        .rev()
        .max_by_key(|place| (place.own.written, place.foreign.written));
    newest.map_or_else(Entries::new, |place| {
        // Pages that were not written again since this data came are what it went on from.
        let mut entries = place.foreign.entries;
        entries.extend(place.own.entries);
        entries
    })
}

#[cfg(test)]
mod tests;
