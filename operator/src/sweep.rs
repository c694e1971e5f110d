//! Removes what is no longer wanted: objects that a Namespace has no use for any more, and volumes whose time has come.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::jiff::Timestamp;

use crate::apply::{Applier, Failure};
use crate::cache::{Caches, Key};
use crate::object::{ChildKind, Owner};
use crate::volumes::{Lifecycle, lifecycle};

/// An object that is to be deleted, if it still has that uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// What it is.
    pub kind: ChildKind,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// What `owner` owns and has no use for: everything that carries its uid and is not among the `wanted`. Claims have no
/// owner and are no orphans; they have a [`lifecycle`].
pub fn orphans(caches: &Caches, owner: &Owner, wanted: &BTreeSet<(ChildKind, String)>) -> Vec<Orphan> {
    let kinds = ChildKind::ALL
        .into_iter()
        .filter(|kind| *kind != ChildKind::PersistentVolumeClaim);
    let of = |kind: ChildKind| {
        let owned = caches
            .owned(kind, &owner.kubernetes_namespace, &owner.uid)
            .into_iter();
        owned
            .filter(move |(name, _)| !wanted.contains(&(kind, name.clone())))
            .map(move |(name, uid)| Orphan { kind, name, uid })
    };
    kinds.flat_map(of).collect()
}

/// Deletes orphans.
///
/// # Errors
/// The first failure; the others are left for the next time.
pub async fn remove(applier: &Applier, owner: &Owner, orphans: &[Orphan]) -> Result<(), Failure> {
    for orphan in orphans {
        tracing::info!(
            kind = orphan.kind.as_str(),
            namespace = owner.kubernetes_namespace,
            name = orphan.name,
            "removing an object that is no longer wanted"
        );
        applier
            .delete(
                orphan.kind,
                &owner.kubernetes_namespace,
                &orphan.name,
                &orphan.uid,
            )
            .await?;
    }
    Ok(())
}

/// What happened to a volume, or when to look again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeOutcome {
    /// Nothing.
    Kept,
    /// Nothing until then.
    Until(Timestamp),
    /// It will be deleted then.
    Scheduled(Timestamp),
    /// It will not be deleted.
    Released,
    /// It was deleted.
    Deleted,
}

/// Looks after one claim. `is_wanted` asks the API server itself, past every cache, whether a Namespace that is there uses
/// the claim or asks to adopt it: a cache that is behind must not destroy an event. It is asked only before a deletion.
///
/// # Errors
/// See [`Failure`].
pub async fn volume(
    applier: &Applier,
    claim: &PersistentVolumeClaim,
    version: u64,
    in_use: bool,
    now: Timestamp,
    is_wanted: impl Future<Output = Result<bool, Failure>>,
) -> Result<VolumeOutcome, Failure> {
    let metadata = &claim.metadata;
    let key = Key::new(
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    );
    let patch = |patch| applier.patch(ChildKind::PersistentVolumeClaim, &key, version, patch);
    match lifecycle(claim, in_use, now) {
        Lifecycle::Keep => Ok(VolumeOutcome::Kept),
        Lifecycle::Wait { until } => Ok(VolumeOutcome::Until(until)),
        Lifecycle::Mark {
            delete_after,
            patch: note,
        } => {
            patch(note).await?;
            Ok(VolumeOutcome::Scheduled(delete_after))
        }
        Lifecycle::Unmark { patch: note } => {
            patch(note).await?;
            Ok(VolumeOutcome::Released)
        }
        Lifecycle::Delete => {
            if is_wanted.await? {
                return Ok(VolumeOutcome::Kept);
            }
            let uid = metadata.uid.as_deref().unwrap_or_default();
            applier.delete_claim(&key, uid, version).await?;
            Ok(VolumeOutcome::Deleted)
        }
    }
}
