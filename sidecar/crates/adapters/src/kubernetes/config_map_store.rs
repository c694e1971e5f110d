//! The copy of checkpoints in ConfigMaps.
//!
//! Sixteen objects, which the operator makes empty, so that `get` and `patch` by name are all that a pod has
//! to be allowed. Key `page.json.gz` holds a page; `claim.json` of the first holds the claim. Every patch
//! names the version of the object that it was made for, so nothing is overwritten that was not seen.

use std::time::Duration;

use bytes::Bytes;
use checkpoint::{CheckpointStore, Claim, PAGES, StoreError, Stored};
use config::objects::{
    CHECKPOINT_CLAIM_KEY, CHECKPOINT_PAGE_KEY, CHECKPOINT_PAGES, NAMESPACE_UID_LABEL, checkpoints,
};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::api_server::ApiServer;
use super::reach::{is_refusal, why};
use super::reporter::FIELD_MANAGER;

const _: () = assert!(
    PAGES == CHECKPOINT_PAGES,
    "the operator makes an object for each page"
);

/// The least time between two writes of one object: what a thousand Namespaces may do to one API server.
const PAUSE: Duration = Duration::from_secs(10);

/// An object stays below 64 KiB: this much for a page, the rest for the claim and the metadata.
const PAGE_BYTES_MAX: usize = 63 << 10;

/// How many objects are read at the same time.
const AT_ONCE: usize = 4;

/// The page whose object holds the claim.
const FIRST: usize = 0;

/// See the module.
#[derive(Debug)]
pub struct ConfigMapStore {
    server: ApiServer,
    kubernetes_namespace: String,
    namespace: String,
    namespace_uid: String,
    seen: Mutex<Seen>,
}

/// The objects as they were last seen.
#[derive(Debug, Default)]
struct Seen {
    /// `None` of those that have to be read first.
    versions: [Option<String>; PAGES],
    /// What the first object said in its version.
    claim: Option<Claim>,
}

impl ConfigMapStore {
    /// For the Namespace `namespace` in `kubernetes_namespace`. What one with another uid left behind is not
    /// read.
    pub fn new(
        server: ApiServer,
        kubernetes_namespace: impl Into<String>,
        namespace: impl Into<String>,
        namespace_uid: impl Into<String>,
    ) -> Self {
        Self {
            server,
            kubernetes_namespace: kubernetes_namespace.into(),
            namespace: namespace.into(),
            namespace_uid: namespace_uid.into(),
            seen: Mutex::default(),
        }
    }

    async fn load_all(&self) -> Result<Stored, StoreError> {
        let pages: Vec<(usize, Option<Bytes>)> = stream::iter(0..PAGES)
            .map(async |index| self.read(index).await.map(|page| (index, page)))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let present = |(index, page): (usize, Option<Bytes>)| page.map(|page| (index, page));
        Ok(Stored {
            claim: self.seen.lock().claim.clone(),
            pages: pages.into_iter().filter_map(present).collect(),
        })
    }

    async fn replace_claim(&self, former: Option<&Claim>, next: &Claim) -> Result<(), StoreError> {
        self.read(FIRST).await?;
        if self.seen.lock().claim.as_ref() != former {
            return Err(StoreError::Conflict);
        }
        let text = serde_json::to_string(next).map_err(|error| StoreError::Refused(error.to_string()))?;
        self.patch(FIRST, json!({"data": {CHECKPOINT_CLAIM_KEY: text}}))
            .await?;
        self.seen.lock().claim = Some(next.clone());
        Ok(())
    }

    async fn save_page(&self, claim: &Claim, index: usize, page: Bytes) -> Result<(), StoreError> {
        self.must_hold(claim, index).await?;
        let page = json!({"binaryData": {CHECKPOINT_PAGE_KEY: ByteString(page.to_vec())}});
        match self.patch(index, page.clone()).await {
            // Somebody touched the object: it is ours if the claim is.
            Err(StoreError::Conflict) => {
                self.read(index).await?;
                self.must_hold(claim, index).await?;
                self.patch(index, page).await
            }
            outcome => outcome,
        }
    }

    /// That the claim is in effect. As long as nobody touched the first object, that takes a look at its
    /// version; and none to patch that object itself, which fails if the version is another.
    async fn must_hold(&self, claim: &Claim, index: usize) -> Result<(), StoreError> {
        let known = self.seen.lock().versions[FIRST].clone();
        let is_fresh = known.is_some() && (index == FIRST || self.version(FIRST).await? == known);
        if !is_fresh {
            self.read(FIRST).await?;
        }
        match &self.seen.lock().claim {
            Some(present) if present == claim => Ok(()),
            Some(_) => Err(StoreError::Fenced),
            None => Err(StoreError::Conflict),
        }
    }

    /// The page in an object. Of the first one the claim is remembered.
    async fn read(&self, index: usize) -> Result<Option<Bytes>, StoreError> {
        let name = self.object(index);
        let object = self
            .server
            .ask(async |client| self.api(client).get(&name).await)
            .await;
        let object = object.map_err(|error| failed("get", &name, &error))?;
        self.must_be_ours(&object.metadata, &name)?;
        let claim = match index {
            FIRST => read_claim(object.data.unwrap_or_default().get(CHECKPOINT_CLAIM_KEY), &name)?,
            _ => None,
        };
        let mut seen = self.seen.lock();
        seen.versions[index] = object.metadata.resource_version;
        if index == FIRST {
            seen.claim = claim;
        }
        let data = object.binary_data;
        Ok(data
            .and_then(|mut data| data.remove(CHECKPOINT_PAGE_KEY))
            .map(|page| page.0.into()))
    }

    async fn version(&self, index: usize) -> Result<Option<String>, StoreError> {
        let name = self.object(index);
        let object = self
            .server
            .ask(async |client| self.api(client).get_metadata(&name).await)
            .await;
        let object = object.map_err(|error| failed("get", &name, &error))?;
        Ok(object.metadata.resource_version)
    }

    /// Changes an object if it is as it was last seen; one that was never seen is read first.
    async fn patch(&self, index: usize, mut patch: Value) -> Result<(), StoreError> {
        if self.seen.lock().versions[index].is_none() {
            self.read(index).await?;
        }
        let version = self.seen.lock().versions[index].clone();
        let name = self.object(index);
        patch["metadata"] = json!({"resourceVersion": version});
        let (params, patch) = (PatchParams::apply(FIELD_MANAGER), Patch::Merge(patch));
        let answer = self
            .server
            .ask(async |client| self.api(client).patch_metadata(&name, &params, &patch).await)
            .await;
        match answer {
            Ok(object) => {
                self.seen.lock().versions[index] = object.metadata.resource_version;
                Ok(())
            }
            Err(error) => {
                // It may have been done nevertheless.
                self.seen.lock().versions[index] = None;
                Err(failed("patch", &name, &error))
            }
        }
    }

    fn must_be_ours(&self, metadata: &ObjectMeta, name: &str) -> Result<(), StoreError> {
        let labels = metadata.labels.as_ref();
        let owner = labels.and_then(|labels| labels.get(NAMESPACE_UID_LABEL));
        match owner {
            Some(owner) if *owner != self.namespace_uid => Err(StoreError::Unavailable(format!(
                "the ConfigMap {name} was left behind by another Namespace of this name and is being replaced"
            ))),
            _ => Ok(()),
        }
    }

    fn api(&self, client: kube::Client) -> Api<ConfigMap> {
        Api::namespaced(client, &self.kubernetes_namespace)
    }

    fn object(&self, index: usize) -> String {
        checkpoints(&self.namespace, index)
    }
}

fn read_claim(text: Option<&String>, name: &str) -> Result<Option<Claim>, StoreError> {
    let read = text.map(|text| serde_json::from_str(text)).transpose();
    read.map_err(|error| {
        StoreError::Damaged(format!(
            "{CHECKPOINT_CLAIM_KEY} of the ConfigMap {name} is not what Weft writes ({error}); without that key the \
             Namespace begins anew"
        ))
    })
}

fn failed(action: &str, name: &str, error: &kube::Error) -> StoreError {
    let text = format!("{action} the ConfigMap {name}: {}", why(error));
    match error {
        kube::Error::Api(status) if status.code == 409 => StoreError::Conflict,
        // The operator makes it, and makes it again.
        kube::Error::Api(status) if status.code == 404 => StoreError::Unavailable(text),
        error if is_refusal(error) => StoreError::Refused(text),
        _ => StoreError::Unavailable(text),
    }
}

impl CheckpointStore for ConfigMapStore {
    fn name(&self) -> String {
        format!("ConfigMaps {}…{:02}", self.object(FIRST), PAGES - 1)
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    fn page_bytes_max(&self) -> usize {
        PAGE_BYTES_MAX
    }

    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>> {
        Box::pin(self.load_all())
    }

    fn claim<'a>(
        &'a self,
        former: Option<&'a Claim>,
        next: &'a Claim,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.replace_claim(former, next))
    }

    fn save<'a>(
        &'a self,
        claim: &'a Claim,
        page: usize,
        bytes: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.save_page(claim, page, bytes))
    }
}

#[cfg(test)]
mod tests;
