//! Claims: kept while a Namespace uses them, deleted when their time has come.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Resource as _;
use kube::api::{Api, ListParams};

use super::plane::Plane;
use super::snapshot::Snapshot;
use super::{Again, Now, Reconciler};
use crate::annotations;
use crate::apply::Failure;
use crate::cache::{Child, Versioned};
use crate::events::{Happening, Reason};
use crate::labels;
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
            let user_exists = self.exists(metadata.namespace.as_deref(), user.map(String::as_str));
            let outcome = sweep::volume(
                &self.applier,
                &claim.object,
                claim.version(),
                in_use,
                now.wall,
                user_exists,
            );
            match outcome.await {
                Ok(outcome) => self.tell_of_volume(claim, &outcome, now, again),
                Err(Failure::NotLeading) => return Err(Failure::NotLeading),
                Err(failure) => {
                    tracing::debug!(%failure, "a volume is looked at again");
                    again.failed = true;
                }
            }
        }
        Ok(())
    }

    /// Whether a Namespace with that uid exists: asked of the API server, by a read as new as the question. If it cannot
    /// say (its kind is gone, for example), that is a failure.
    async fn exists(&self, plane: Option<&str>, uid: Option<&str>) -> Result<bool, Failure> {
        let plane = plane.unwrap_or_default();
        let api: Api<crds::v1alpha1::Namespace> = Api::namespaced(self.client.clone(), plane);
        let parameters = ListParams::default();
        let all = self
            .requests
            .read("Namespace", || api.list_metadata(&parameters))
            .await?;
        Ok(all.items.iter().any(|one| one.metadata.uid.as_deref() == uid))
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
