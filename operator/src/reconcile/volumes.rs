//! Claims: kept while a Namespace uses them, deleted when their time has come.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Resource as _;
use kube::api::{Api, ListParams};
use serde_json::json;

use super::plane::Plane;
use super::snapshot::Snapshot;
use super::{Again, Now, Reconciler};
use crate::annotations;
use crate::apply::{Failure, LOOK_AGAIN};
use crate::cache::{Child, Key, Versioned};
use crate::events::{Happening, Reason};
use crate::labels;
use crate::object::ChildKind;
use crate::sweep::{self, VolumeOutcome};
use crate::volumes;

impl Reconciler {
    /// Looks after every claim of ours in the Kubernetes namespace.
    pub(super) async fn look_after_volumes(
        &self,
        seen: &Snapshot,
        plane: &Plane,
        now: Now,
        again: &mut Again,
    ) -> Result<(), Failure> {
        let living = seen.living();
        let chosen: BTreeSet<&str> = plane
            .affairs
            .values()
            .filter_map(|affair| affair.decided.as_ref()?.claim.as_deref())
            .collect();
        // A Namespace that is not accepted at the moment still has its data, and what it asks to adopt waits for it.
        let is_used = |claim: &PersistentVolumeClaim| {
            seen.namespaces.iter().any(|one| {
                let adopt = annotations::get(&one.object.metadata, annotations::ADOPT_DATA);
                living.contains(one.uid()) && volumes::is_used_by(claim, one.uid(), adopt)
            })
        };
        for claim in &seen.claims {
            let metadata = &claim.object.metadata;
            let user = metadata
                .labels
                .as_ref()
                .and_then(|labels| labels.get(labels::NAMESPACE_UID));
            let in_use =
                metadata.name.as_deref().is_some_and(|name| chosen.contains(name)) || is_used(&claim.object);
            if self.left_behind(claim, plane, user.map(String::as_str)) {
                let released = self.release(claim).await;
                note(released.map(|()| VolumeOutcome::Kept), again, now)?;
                continue;
            }
            let is_wanted = self.is_wanted(&claim.object);
            let outcome = sweep::volume(
                &self.applier,
                &claim.object,
                claim.version(),
                in_use,
                now.wall,
                is_wanted,
            );
            if let Some(outcome) = note(outcome.await, again, now)? {
                self.tell_of_volume(claim, &outcome, now, again);
            }
        }
        Ok(())
    }

    /// Whether its Namespace has gone on to other data, so that the claim only bears its mark.
    fn left_behind(&self, claim: &Child<PersistentVolumeClaim>, plane: &Plane, user: Option<&str>) -> bool {
        let metadata = &claim.object.metadata;
        let data_uid = metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(labels::DATA_UID));
        let affair = user.and_then(|user| plane.affairs.get(user));
        let chosen = affair
            .filter(|affair| !affair.is_behind)
            .and_then(|affair| affair.decided.as_ref()?.claim.as_ref());
        chosen.is_some_and(|chosen| metadata.name.as_ref() != Some(chosen))
            && data_uid.map(String::as_str) != user
    }

    /// Takes the mark away: from now on the claim is like one whose Namespace is gone.
    async fn release(&self, claim: &Child<PersistentVolumeClaim>) -> Result<(), Failure> {
        let metadata = &claim.object.metadata;
        let at = Key::new(
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
        );
        let patch = json!({"metadata": {"labels": {labels::NAMESPACE_UID: null}}});
        self.applier
            .patch(ChildKind::PersistentVolumeClaim, &at, claim.version(), patch)
            .await
    }

    /// Whether a Namespace that is there uses the claim or asks to adopt it: asked of the API server, by a read as new as
    /// the question. If it cannot say (its kind is gone, for example), that is a failure.
    async fn is_wanted(&self, claim: &PersistentVolumeClaim) -> Result<bool, Failure> {
        let plane = claim.metadata.namespace.as_deref().unwrap_or_default();
        let api: Api<crds::v1alpha1::Namespace> = Api::namespaced(self.client.clone(), plane);
        let parameters = ListParams::default();
        let all = self
            .requests
            .read("Namespace", || api.list_metadata(&parameters))
            .await?;
        Ok(all.items.iter().any(|one| {
            let adopt = annotations::get(&one.metadata, annotations::ADOPT_DATA);
            let uid = one.metadata.uid.as_deref().unwrap_or_default();
            volumes::is_used_by(claim, uid, adopt)
        }))
    }

    fn tell_of_volume(
        &self,
        claim: &Child<PersistentVolumeClaim>,
        outcome: &VolumeOutcome,
        now: Now,
        again: &mut Again,
    ) {
        let (reason, note) = match outcome {
            VolumeOutcome::Kept => return,
            VolumeOutcome::Until(then) => return again.at(now.at(*then)),
            VolumeOutcome::Scheduled(then) => {
                again.at(now.at(*then));
                let note = format!("no Namespace uses this volume any more: it will be deleted after {then}");
                (Reason::VolumeScheduledForDeletion, note)
            }
            VolumeOutcome::Released => (Reason::VolumeKept, "this volume will not be deleted".to_owned()),
            VolumeOutcome::Deleted => (
                Reason::VolumeDeleted,
                "no Namespace has used this volume for its grace period".to_owned(),
            ),
        };
        self.events.tell(Happening {
            about: claim.object.object_ref(&()),
            reason,
            note,
        });
    }
}

/// What became of one claim, unless it has to be looked at again.
fn note(
    outcome: Result<VolumeOutcome, Failure>,
    again: &mut Again,
    now: Now,
) -> Result<Option<VolumeOutcome>, Failure> {
    match outcome {
        Ok(outcome) => return Ok(Some(outcome)),
        Err(Failure::NotLeading) => return Err(Failure::NotLeading),
        // By trying at once it would be refused again.
        Err(Failure::Refused(why)) => {
            tracing::warn!(why, "the API server does not take a change of a volume");
            again.at(now.monotonic + LOOK_AGAIN);
        }
        Err(failure) => {
            tracing::debug!(%failure, "a volume is looked at again");
            again.failed = true;
        }
    }
    Ok(None)
}
