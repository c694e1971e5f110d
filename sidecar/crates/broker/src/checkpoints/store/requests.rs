//! What is asked for, decided against the state as it is.

use std::sync::Arc;

use model::Timestamp;
use smallvec::smallvec;

use super::views::container;
use super::{BLOBS_MAX, CONTAINERS_MAX, Change, Entry, Stamp, Step, Steps, Store, taken};
use crate::checkpoints::conditions::Conditions;
use crate::checkpoints::content::{Container, Content, Metadata, Written};
use crate::checkpoints::error::CheckpointError;

impl Store {
    pub(in crate::checkpoints) fn create_container(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<(Steps, Container), CheckpointError> {
        if self.containers.contains_key(name) {
            return Err(CheckpointError::ContainerAlreadyExists);
        }
        let (steps, stamp) = self.used(name, now)?;
        Ok((steps, container(name, stamp)))
    }

    pub(in crate::checkpoints) fn delete_container(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<(Steps, ()), CheckpointError> {
        let (name, _) = self
            .containers
            .get_key_value(name)
            .ok_or(CheckpointError::ContainerNotFound)?;
        let step = Step {
            stamp: Self::next_stamp(self.newest.etag, now),
            container: name.clone(),
            change: Change::Deleted,
        };
        Ok((smallvec![step], ()))
    }

    pub(in crate::checkpoints) fn put(
        &self,
        container: &str,
        name: &str,
        content: Arc<Content>,
        conditions: &Conditions,
        now: Timestamp,
    ) -> Result<(Steps, Written), CheckpointError> {
        let known = self.entry(container, name);
        let version = known.map(|entry| (entry.stamp.etag, entry.stamp.time));
        if !conditions.are_met_by(version) {
            return Err(match known {
                Some(_) if conditions.want_none() => CheckpointError::BlobAlreadyExists,
                _ => CheckpointError::ConditionNotMet,
            });
        }
        self.write(container, name, known, content, now)
    }

    pub(in crate::checkpoints) fn set_metadata(
        &self,
        container: &str,
        name: &str,
        metadata: Metadata,
        conditions: &Conditions,
        now: Timestamp,
    ) -> Result<(Steps, Written), CheckpointError> {
        let known = self.wanted(container, name, conditions)?;
        let content = Content {
            metadata,
            content_type: known.content.content_type.clone(),
            body: known.content.body.clone(),
        };
        self.write(container, name, Some(known), Arc::new(content), now)
    }

    pub(in crate::checkpoints) fn delete_blob(
        &self,
        container: &str,
        name: &str,
        conditions: &Conditions,
        now: Timestamp,
    ) -> Result<(Steps, ()), CheckpointError> {
        self.wanted(container, name, conditions)?;
        let step = Step {
            stamp: Self::next_stamp(self.newest.etag, now),
            container: Arc::from(container),
            change: Change::BlobDeleted {
                name: Arc::from(name),
            },
        };
        Ok((smallvec![step], ()))
    }

    fn wanted(
        &self,
        container: &str,
        name: &str,
        conditions: &Conditions,
    ) -> Result<&Entry, CheckpointError> {
        let known = self.entry(container, name).ok_or(CheckpointError::BlobNotFound)?;
        let version = Some((known.stamp.etag, known.stamp.time));
        if !conditions.are_met_by(version) {
            return Err(CheckpointError::ConditionNotMet);
        }
        Ok(known)
    }

    /// A container exists as soon as it is used.
    fn used(&self, name: &str, now: Timestamp) -> Result<(Steps, Stamp), CheckpointError> {
        if self.containers.len() >= CONTAINERS_MAX {
            return Err(CheckpointError::TooManyContainers {
                limit: CONTAINERS_MAX,
            });
        }
        let stamp = Self::next_stamp(self.newest.etag, now);
        Ok((smallvec![Step::used(Arc::from(name), stamp)], stamp))
    }

    fn write(
        &self,
        container: &str,
        name: &str,
        known: Option<&Entry>,
        content: Arc<Content>,
        now: Timestamp,
    ) -> Result<(Steps, Written), CheckpointError> {
        self.check_room(name, known, &content)?;
        let (mut steps, before) = match self.containers.contains_key(container) {
            true => (Steps::new(), self.newest.etag),
            false => {
                let (steps, stamp) = self.used(container, now)?;
                (steps, stamp.etag)
            }
        };
        let stamp = Self::next_stamp(before, now);
        steps.push(Step {
            stamp,
            container: Arc::from(container),
            change: Change::Written {
                name: Arc::from(name),
                created: known.map_or(stamp.time, |entry| entry.created),
                content,
            },
        });
        let written = Written {
            etag: stamp.etag,
            last_modified: stamp.time,
        };
        Ok((steps, written))
    }

    fn check_room(
        &self,
        name: &str,
        known: Option<&Entry>,
        content: &Content,
    ) -> Result<(), CheckpointError> {
        if known.is_none() && self.blobs >= BLOBS_MAX {
            return Err(CheckpointError::TooManyBlobs { limit: BLOBS_MAX });
        }
        let before = known.map_or(0, |entry| taken(name, &entry.content));
        let after = taken(name, content);
        // What makes room is never refused.
        if after > before && self.bytes - before + after > self.bytes_max {
            let reason = format!(
                "all blobs together take {} bytes, at most {} are allowed: delete some that are not used any more",
                self.bytes, self.bytes_max
            );
            return Err(CheckpointError::Full { reason });
        }
        Ok(())
    }
}
