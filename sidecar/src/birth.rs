//! How a log begins: which incarnation it is, and what it takes over from the one before it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use broker::{Broker, Origin};
use bytes::Bytes;
use checkpoint::{CheckpointStore, Claim, Entries, Log, StoreError};
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
struct Note {
    claim: Claim,
    /// What the copy held is in the log. Until then a start takes it over again.
    is_complete: bool,
}

/// The beginning of a log.
#[derive(Debug)]
pub(crate) struct Birth {
    folder: PathBuf,
    note: Note,
    version: Option<Version>,
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
        let entries = table.snapshot();
        let found = entries.iter().find(|entry| entry.key == KEY);
        let mut birth = match found {
            Some(entry) => Self {
                folder: folder.to_owned(),
                note: serde_json::from_slice(&entry.value).map_err(|cause| Error::Note {
                    folder: folder.to_owned(),
                    cause,
                })?,
                version: Some(entry.version),
                restored: Entries::new(),
            },
            // A log from before there were incarnations has numbered already.
            None if !entries.is_empty() => Self::complete_at_once(folder, namespace_uid),
            None => Self::at_the_copy(folder, namespace_uid, places).await?,
        };
        if birth.version.is_none() {
            birth.write(table).await?;
        } else if !birth.note.is_complete {
            birth.ask_again(table, places).await?;
        }
        Ok(birth)
    }

    fn complete_at_once(folder: &Path, namespace_uid: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            note: Note {
                claim: Claim {
                    incarnation: 0,
                    log: Uuid::new_v4(),
                    data: namespace_uid.to_owned(),
                    lost: false,
                },
                is_complete: true,
            },
            version: None,
            restored: Entries::new(),
        }
    }

    /// Whoever claimed the copy meanwhile has given numbers that are not known here: the claim is another one then.
    async fn ask_again(&mut self, table: &dyn Table, places: &[&dyn CheckpointStore]) -> Result<(), Error> {
        let opened = ask(places, self.log(), &self.note.claim.data).await?;
        self.restored = opened.restored;
        if self.note.claim != opened.claim {
            self.note.claim = opened.claim;
            self.write(table).await?;
        }
        Ok(())
    }

    async fn at_the_copy(
        folder: &Path,
        namespace_uid: &str,
        places: &[&dyn CheckpointStore],
    ) -> Result<Self, Error> {
        let log = Log::New { id: Uuid::new_v4() };
        let opened = ask(places, log, namespace_uid).await?;
        if opened.claim.lost {
            tracing::warn!(
                incarnation = opened.claim.incarnation,
                restored = opened.restored.len(),
                "the disk is empty though there were events before: they are lost; consumers go on from {}",
                names(places)
            );
        }
        Ok(Self {
            folder: folder.to_owned(),
            note: Note {
                claim: opened.claim,
                is_complete: false,
            },
            version: None,
            restored: opened.restored,
        })
    }

    /// What the broker begins with.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            incarnation: self.note.claim.incarnation,
            restored: self.restored.clone(),
        }
    }

    /// Once the broker has written down what it began with.
    pub(crate) async fn complete(mut self, table: &dyn Table, broker: &Broker) -> Result<Claim, Error> {
        if !self.note.is_complete {
            while !self.restored.is_empty() && !broker.has_restored().await {
                tracing::error!("the disk does not take the checkpoints that came back; trying again");
                tokio::time::sleep(RETRY).await;
            }
            self.note.is_complete = true;
            self.write(table).await?;
        }
        Ok(self.note.claim)
    }

    /// As the copy knows it.
    fn log(&self) -> Log {
        let Claim { incarnation, log, .. } = self.note.claim;
        match self.note.is_complete {
            true => Log::Known { id: log, incarnation },
            false => Log::New { id: log },
        }
    }

    async fn write(&mut self, table: &dyn Table) -> Result<(), Error> {
        let value = serde_json::to_vec(&self.note).map_err(|cause| Error::Note {
            folder: self.folder.clone(),
            cause,
        })?;
        let written = table.compare_and_set(KEY, self.version, Bytes::from(value)).await;
        let version = written.map_err(|cause| Error::Claim {
            folder: self.folder.clone(),
            cause,
        })?;
        self.version = Some(version);
        Ok(())
    }
}

/// Asks until there is an answer. Only what no waiting mends is an error.
async fn ask(places: &[&dyn CheckpointStore], log: Log, data: &str) -> Result<checkpoint::Opened, Error> {
    loop {
        match checkpoint::open(places, log, data, broker::least_incarnation).await {
            Ok(opened) => return Ok(opened),
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

fn names(places: &[&dyn CheckpointStore]) -> String {
    let names: Vec<_> = places.iter().map(|place| place.name()).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests;
