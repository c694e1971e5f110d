//! Makes the cluster have an object as it is wanted.
//!
//! Nothing is written that is in effect already. What is written is written by server-side apply, with the uid of the
//! object that was looked at as a precondition, and, where the content carries state rather than following from a spec,
//! with its resourceVersion as well. An object that is not ours is never touched.

mod request;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Client;
use kube::Resource;
use kube::api::{DeleteParams, DynamicObject, PartialObjectMeta, Patch, PatchParams, Preconditions};
use kube::core::Request;
use serde_json::{Value, json};

pub use request::{Failure, Requests, chance};

use crate::cache::{Caches, Content, Key, Live, as_cached, version_of, wanted_content};
use crate::in_effect::in_effect;
use crate::object::{ChildKind, Prepared};
use crate::{FIELD_MANAGER, labels};

/// When to look again at something that no watch tells of: a stranger's object that is in the way, a quota.
pub const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// A resourceVersion that no object ever has: a request with it creates an object or fails.
const NEVER: &str = "1";

/// What holds of a wanted object now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in effect; nothing was written.
    InEffect,
    /// It was written.
    Written,
    /// Something of that name that is ours, or was ours, is on its way into or out of the cluster; a watch will tell.
    Waiting,
    /// Something of that name is not ours.
    Taken,
    /// The API server does not take it, and why.
    Refused(String),
}

/// What a write assumes of the object that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assume {
    /// That it is the same object. For what follows from a spec: the last writer is right.
    SameObject,
    /// That nobody has written it since it was read. For what carries state: keys, revisions.
    SameVersion,
}

/// Applies and deletes. Cheap to clone.
#[derive(Clone)]
pub struct Applier {
    client: Client,
    caches: Arc<Caches>,
    requests: Requests,
}

impl Applier {
    /// Applies through `client`, as `requests` allows, and tells `caches` what the API server answered.
    pub fn new(client: Client, caches: Arc<Caches>, requests: Requests) -> Self {
        Self {
            client,
            caches,
            requests,
        }
    }

    /// Brings one object into effect.
    ///
    /// # Errors
    /// It is worth another try later; see [`Failure`]. What will not change by trying is an [`Applied`].
    pub async fn apply(&self, wanted: &Prepared, assume: Assume) -> Result<Applied, Failure> {
        let live = self.caches.live(wanted.kind, &wanted.namespace, &wanted.name);
        let outcome = match &live {
            Some(live) if !is_ours(wanted, &live.owners) => return Ok(self.not_ours(wanted, &live.owners)),
            Some(live) if is_in_effect(wanted, live) => return Ok(Applied::InEffect),
            Some(live) => {
                let version = (assume == Assume::SameVersion).then(|| live.version.to_string());
                self.write(wanted, Some(&live.uid), version.as_deref()).await
            }
            None => self.create(wanted, assume).await,
        };
        match outcome {
            Err(Failure::Refused(why)) => {
                tracing::warn!(object = ?wanted, why, "the API server does not take an object");
                Ok(Applied::Refused(why))
            }
            outcome => outcome,
        }
    }

    /// Deletes an object, if it still is the one with that uid.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn delete(
        &self,
        kind: ChildKind,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<(), Failure> {
        self.delete_at(&address(kind, namespace), kind.as_str(), name, uid, None)
            .await
    }

    /// Deletes a claim, if nobody has changed it since it was read.
    ///
    /// # Errors
    /// See [`Failure`]; [`Failure::Conflict`] if somebody has.
    pub async fn delete_claim(&self, at: &Key, uid: &str, version: u64) -> Result<(), Failure> {
        let kind = ChildKind::PersistentVolumeClaim;
        self.delete_at(
            &address(kind, &at.namespace),
            kind.as_str(),
            &at.name,
            uid,
            Some(version),
        )
        .await
    }

    /// Deletes a pod, if it still is the one with that uid.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn delete_pod(&self, namespace: &str, name: &str, uid: &str) -> Result<(), Failure> {
        use k8s_openapi::api::core::v1::Pod;
        self.delete_at(
            &Request::new(Pod::url_path(&(), Some(namespace))),
            "Pod",
            name,
            uid,
            None,
        )
        .await
    }

    async fn delete_at(
        &self,
        at: &Request,
        kind: &'static str,
        name: &str,
        uid: &str,
        version: Option<u64>,
    ) -> Result<(), Failure> {
        let preconditions = Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: version.map(|version| version.to_string()),
        };
        let parameters = DeleteParams::background().preconditions(preconditions);
        let delete = || async {
            let request = at.delete(name, &parameters).map_err(kube::Error::BuildRequest)?;
            self.client.request_status::<Value>(request).await
        };
        match self.requests.write(kind, "delete", delete).await {
            Ok(_) | Err(Failure::Gone(_)) => Ok(()),
            // Another object by now: the one that was meant is no more.
            Err(Failure::Conflict(_)) if version.is_none() => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Changes a claim by a JSON merge patch, if nobody has changed it since it was read.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn patch(
        &self,
        kind: ChildKind,
        at: &Key,
        version: u64,
        mut patch: Value,
    ) -> Result<(), Failure> {
        let (namespace, name) = (&at.namespace, &at.name);
        patch["metadata"]["resourceVersion"] = version.to_string().into();
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let send = || async {
            let request = address(kind, namespace).patch(name, &parameters, &Patch::Merge(&patch));
            self.client
                .request::<Value>(request.map_err(kube::Error::BuildRequest)?)
                .await
        };
        let answer = self.requests.write(kind.as_str(), "patch", send).await?;
        self.caches.wrote(kind, namespace, name, answer);
        Ok(())
    }

    /// Creates an object that the cache does not have. It may be there all the same: then it is somebody else's, or the
    /// cache is behind, or somebody took away the label by which it is watched.
    async fn create(&self, wanted: &Prepared, assume: Assume) -> Result<Applied, Failure> {
        match self.write(wanted, None, Some(NEVER)).await {
            Err(Failure::Conflict(_)) => {}
            outcome => return outcome,
        }
        let Some(there) = self.look_at(wanted).await? else {
            return Err(Failure::Conflict(format!("{wanted:?} comes and goes")));
        };
        let owners = there.owner_references.clone().unwrap_or_default();
        let is_ours = wanted.owner_uid().is_some() && is_ours(wanted, &owners);
        if !is_ours && there.deletion_timestamp.is_none() {
            return Ok(self.not_ours(wanted, &owners));
        }
        let label = there
            .labels
            .as_ref()
            .and_then(|labels| labels.get(labels::MANAGED_BY));
        if !is_ours || label.is_some_and(|label| label == labels::MANAGED_BY_OPERATOR) {
            return Ok(Applied::Waiting);
        }
        match assume {
            Assume::SameObject => self.write(wanted, there.uid.as_deref(), None).await,
            Assume::SameVersion => self.give_back_label(wanted, &there).await,
        }
    }

    /// What is wanted was made up because nothing was seen: the keys and authorities that are there must not be written
    /// over. With the label they are seen again, and what is wanted follows from them.
    async fn give_back_label(&self, wanted: &Prepared, there: &ObjectMeta) -> Result<Applied, Failure> {
        let label = json!({"metadata": {"labels": {labels::MANAGED_BY: labels::MANAGED_BY_OPERATOR}}});
        let at = Key::new(&wanted.namespace, &wanted.name);
        self.patch(wanted.kind, &at, version_of(there), label).await?;
        Err(Failure::Conflict(format!("{wanted:?} had lost its label")))
    }

    async fn look_at(&self, wanted: &Prepared) -> Result<Option<ObjectMeta>, Failure> {
        let get = || async {
            let request = address(wanted.kind, &wanted.namespace)
                .get_metadata(&wanted.name, &kube::api::GetParams::default())
                .map_err(kube::Error::BuildRequest)?;
            self.client
                .request::<PartialObjectMeta<DynamicObject>>(request)
                .await
        };
        match self.requests.read(wanted.kind.as_str(), get).await {
            Ok(found) => Ok(Some(found.metadata)),
            Err(Failure::Gone(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn write(
        &self,
        wanted: &Prepared,
        uid: Option<&str>,
        version: Option<&str>,
    ) -> Result<Applied, Failure> {
        let mut body = wanted.value.clone();
        if let Some(uid) = uid {
            body["metadata"]["uid"] = uid.into();
        }
        if let Some(version) = version {
            body["metadata"]["resourceVersion"] = version.into();
        }
        let parameters = PatchParams {
            force: uid.is_some(),
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let (kind, name) = (wanted.kind, &wanted.name);
        let send = || async {
            let request = address(kind, &wanted.namespace).patch(name, &parameters, &Patch::Apply(&body));
            self.client
                .request::<Value>(request.map_err(kube::Error::BuildRequest)?)
                .await
        };
        let answer = self.requests.write(kind.as_str(), "apply", send).await?;
        self.caches.wrote(kind, &wanted.namespace, name, answer);
        Ok(Applied::Written)
    }

    /// An object that is not ours goes by itself if it belonged to a resource of ours that is gone: it is being
    /// collected. Any other stays, and is left alone.
    fn not_ours(&self, wanted: &Prepared, owners: &[OwnerReference]) -> Applied {
        let ours = owners.iter().find(|owner| owner.api_version == crds::API_VERSION);
        match ours {
            Some(owner) if !self.caches.knows(&wanted.namespace, &owner.uid) => Applied::Waiting,
            _ => Applied::Taken,
        }
    }
}

fn address(kind: ChildKind, namespace: &str) -> Request {
    Request::new(DynamicObject::url_path(&kind.api_resource(), Some(namespace)))
}

/// Claims outlive their Namespace, so that they have no owner; who chose one has made sure that it is ours.
fn is_ours(wanted: &Prepared, owners: &[OwnerReference]) -> bool {
    wanted
        .owner_uid()
        .is_none_or(|uid| owners.iter().any(|owner| owner.uid == uid))
}

fn is_in_effect(wanted: &Prepared, live: &Live) -> bool {
    match &live.content {
        Content::Value(value) => in_effect(&as_cached(wanted), value),
        Content::Digest(digest) => wanted_content(wanted) == Some(*digest),
    }
}
