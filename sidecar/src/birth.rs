//! How a log begins: which incarnation it is, and what it takes over from the one before it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use broker::{Broker, Origin};
use bytes::Bytes;
use checkpoint::{CheckpointStore, Claim, Entries, Log, Opened, StoreError};
use serde::{Deserialize, Serialize};
use storage::{Table, Version};
use uuid::Uuid;

use crate::error::Error;

/// Where the birth is noted on the disk.
const KEY: &str = "incarnation";

/// Between two tries to ask a copy that does not answer.
const RETRY: Duration = Duration::from_secs(2);

/// What the disk says about its log's beginning.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Note {
    /// The log has an identity, and nothing is numbered yet. Each start asks the copy, which gives a log that it knows
    /// already what it gave before: however often a start is interrupted, there was one beginning.
    Begun { log: Uuid },
    /// What the copy held is in the log.
    Complete { claim: Claim },
}

/// The beginning of a log.
#[derive(Debug)]
pub(crate) struct Birth {
    folder: PathBuf,
    /// Of the note.
    version: Version,
    claim: Claim,
    is_complete: bool,
    restored: Entries,
}

impl Birth {
    /// Reads what the disk says. Where it says nothing, the copy decides, and is waited for: numbers that were given
    /// before must not be given again.
    ///
    /// # Errors
    /// The disk refuses, or the copy belongs to somebody else.
    pub(crate) async fn find(
        table: &dyn Table,
        folder: &Path,
        namespace_uid: &str,
        places: &[&dyn CheckpointStore],
    ) -> Result<Self, Error> {
        let (note, version) = match read(table, folder)? {
            Some(noted) => noted,
            // Before the copy hears of it: it could not be told from another log after a crash otherwise.
            None => {
                let note = Note::first(table, namespace_uid);
                let version = write(table, folder, None, &note).await?;
                (note, version)
            }
        };
        let (claim, is_complete, restored) = match note {
            Note::Begun { log } => {
                let opened = ask(places, log, namespace_uid).await?;
                (opened.claim, false, opened.restored)
            }
            Note::Complete { claim } => (claim, true, Entries::new()),
        };
        Ok(Self {
            folder: folder.to_owned(),
            version,
            claim,
            is_complete,
            restored,
        })
    }

    /// What the broker begins with.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            incarnation: self.claim.incarnation,
            restored: self.restored.clone(),
        }
    }

    /// Once the broker has written down what it began with.
    pub(crate) async fn complete(self, table: &dyn Table, broker: &Broker) -> Result<Claim, Error> {
        if !self.is_complete {
            while !self.restored.is_empty() && !broker.has_restored().await {
                tracing::error!("the disk does not take the checkpoints that came back; trying again");
                tokio::time::sleep(RETRY).await;
            }
            let note = Note::Complete {
                claim: self.claim.clone(),
            };
            write(table, &self.folder, Some(self.version), &note).await?;
        }
        Ok(self.claim)
    }
}

impl Note {
    /// On a disk that has none.
    fn first(table: &dyn Table, namespace_uid: &str) -> Self {
        let log = Uuid::new_v4();
        if table.snapshot().is_empty() {
            return Self::Begun { log };
        }
        // A log from before there were incarnations has numbered already.
        Self::Complete {
            claim: Claim {
                incarnation: 0,
                log,
                data: namespace_uid.to_owned(),
                lost: false,
            },
        }
    }
}

fn read(table: &dyn Table, folder: &Path) -> Result<Option<(Note, Version)>, Error> {
    let entries = table.snapshot();
    let Some(entry) = entries.iter().find(|entry| entry.key == KEY) else {
        return Ok(None);
    };
    match serde_json::from_slice(&entry.value) {
        Ok(note) => Ok(Some((note, entry.version))),
        Err(cause) => Err(unreadable(folder, cause)),
    }
}

async fn write(
    table: &dyn Table,
    folder: &Path,
    version: Option<Version>,
    note: &Note,
) -> Result<Version, Error> {
    let value = serde_json::to_vec(note).map_err(|cause| unreadable(folder, cause))?;
    let written = table.compare_and_set(KEY, version, Bytes::from(value)).await;
    written.map_err(|cause| Error::Claim {
        folder: folder.to_owned(),
        cause,
    })
}

fn unreadable(folder: &Path, cause: serde_json::Error) -> Error {
    Error::Note {
        folder: folder.to_owned(),
        cause,
    }
}

/// Asks until there is an answer. Only what no waiting mends is an error.
async fn ask(places: &[&dyn CheckpointStore], log: Uuid, data: &str) -> Result<Opened, Error> {
    loop {
        match checkpoint::open(places, Log::New { id: log }, data, broker::least_incarnation).await {
            Ok(opened) => {
                tell_loss(&opened, places);
                return Ok(opened);
            }
            Err(cause @ (StoreError::Fenced | StoreError::Damaged(_))) => {
                return Err(Error::Copy {
                    place: names(places),
                    cause,
                });
            }
            Err(error) => {
                tracing::error!(
                    "the disk is empty, and whether it always was, only {} can say: {error}; trying again",
                    names(places)
                );
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn tell_loss(opened: &Opened, places: &[&dyn CheckpointStore]) {
    if opened.claim.lost {
        tracing::warn!(
            incarnation = opened.claim.incarnation,
            restored = opened.restored.len(),
            "the disk is empty though there were events before: they are lost; consumers go on from {}",
            names(places)
        );
    }
}

fn names(places: &[&dyn CheckpointStore]) -> String {
    let names: Vec<_> = places.iter().map(|place| place.name()).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests;
