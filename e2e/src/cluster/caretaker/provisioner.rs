//! What external-provisioner and external-resizer do for a driver: makes a volume for a claim, grows it, and removes it
//! with its claim. A volume is a folder of this machine that every node sees, like network storage; its capacity is a
//! number that nobody enforces.

use std::{
    fs,
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

use anyhow::{Context, bail};
use futures_util::StreamExt as _;
use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim},
    storage::v1::StorageClass,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;
use tokio::time::timeout;

use crate::cluster::{connection::Cluster, machine::Machine};

const PROVISIONER: &str = "e2e.weft.dev/folders";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// A watch that says nothing for so long may be one whose other end lost its power.
const SILENCE: Duration = Duration::from_secs(15);

/// Looks over everything once per change of a claim or a volume, until nothing has happened for a while. Ends with an
/// error when a watch breaks.
pub(super) async fn follow(cluster: &Cluster, machine: &Machine) -> anyhow::Result<()> {
    let provisioner = Provisioner {
        claims: Api::all(cluster.client()),
        volumes: Api::all(cluster.client()),
        classes: Api::all(cluster.client()),
        cluster: cluster.clone(),
        machine: machine.clone(),
    };
    let claims = watcher(provisioner.claims.clone(), watcher::Config::default()).touched_objects();
    let volumes = watcher(provisioner.volumes.clone(), watcher::Config::default()).touched_objects();
    let changes = futures_util::stream::select(
        claims.map(|change| change.map(drop)),
        volumes.map(|change| change.map(drop)),
    );
    let mut changes = pin!(changes);
    while let Ok(change) = timeout(SILENCE, changes.next()).await {
        let Some(change) = change else {
            bail!("the watches have ended")
        };
        change.context("watch claims and volumes")?;
        timeout(SILENCE, provisioner.look_over())
            .await
            .context("wait for the API server")??;
    }
    Ok(())
}

struct Provisioner {
    claims: Api<PersistentVolumeClaim>,
    volumes: Api<PersistentVolume>,
    classes: Api<StorageClass>,
    cluster: Cluster,
    machine: Machine,
}

impl Provisioner {
    async fn look_over(&self) -> anyhow::Result<()> {
        let everything = ListParams::default();
        let classes = self
            .classes
            .list(&everything)
            .await
            .context("list storage classes")?
            .items;
        let volumes = self
            .volumes
            .list(&everything)
            .await
            .context("list volumes")?
            .items;
        for claim in self.claims.list(&everything).await.context("list claims")? {
            let wanted = claim
                .spec
                .as_ref()
                .and_then(|spec| spec.storage_class_name.as_deref());
            let class = classes
                .iter()
                .find(|class| Some(class.name_any().as_str()) == wanted);
            let Some(class) = class.filter(|class| class.provisioner == PROVISIONER) else {
                continue;
            };
            let name = volume_name(&claim);
            match volumes.iter().find(|volume| volume.name_any() == name) {
                None if is_waiting(&claim, class) => self.provision(&claim, class).await?,
                Some(volume) if is_bound(&claim) => self.resize(&claim, volume).await?,
                _ => {}
            }
        }
        for volume in volumes {
            if is_ours(&volume) && is_released(&volume) {
                self.remove(&volume).await?;
            }
        }
        Ok(())
    }

    async fn provision(&self, claim: &PersistentVolumeClaim, class: &StorageClass) -> anyhow::Result<()> {
        let name = volume_name(claim);
        let folder = self.folder(&name);
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let volume = self.volume(&name, claim, class, &folder)?;
        match self.volumes.create(&PostParams::default(), &volume).await {
            // An earlier look made it, and the list did not hold it yet.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            other => other.map(drop).with_context(|| format!("create volume {name}")),
        }
    }

    /// A `local` volume and not a `hostPath`, because the kubelet gives only the former to the pod's group.
    fn volume(
        &self,
        name: &str,
        claim: &PersistentVolumeClaim,
        class: &StorageClass,
        folder: &Path,
    ) -> anyhow::Result<PersistentVolume> {
        let nodes: Vec<_> = self.machine.nodes()?.iter().map(|node| node.name()).collect();
        let spec = claim.spec.as_ref().context("a claim has a spec")?;
        serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
            "spec": {
                "capacity": {"storage": requested(claim).context("a claim asks for a size")?},
                "accessModes": spec.access_modes,
                "volumeMode": "Filesystem",
                "storageClassName": class.name_any(),
                "persistentVolumeReclaimPolicy": class.reclaim_policy,
                "local": {"path": folder},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                    {"key": "kubernetes.io/hostname", "operator": "In", "values": nodes},
                ]}]}},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": claim.namespace(),
                    "name": claim.name_any(),
                    "uid": claim.uid(),
                },
            },
        }))
        .context("write a volume")
    }

    /// Grows the volume, then tells its claim. The API server has refused already what the class does not allow.
    async fn resize(&self, claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> anyhow::Result<()> {
        let wanted = json!({"storage": requested(claim)});
        let has = |capacity: Option<serde_json::Value>| capacity.as_ref() == Some(&wanted["storage"]);
        let parameters = PatchParams::default();
        let of_volume = volume
            .spec
            .as_ref()
            .and_then(|spec| spec.capacity.as_ref()?.get("storage").map(|size| json!(size)));
        if !has(of_volume) {
            let change = json!({"spec": {"capacity": wanted}});
            self.volumes
                .patch(&volume.name_any(), &parameters, &Patch::Merge(change))
                .await
                .with_context(|| format!("grow volume {}", volume.name_any()))?;
        }
        let of_claim = claim
            .status
            .as_ref()
            .and_then(|status| status.capacity.as_ref()?.get("storage").map(|size| json!(size)));
        if !has(of_claim) {
            let change = json!({"status": {"capacity": wanted, "conditions": null}});
            let claims: Api<PersistentVolumeClaim> = self.cluster.api(&claim.namespace().unwrap_or_default());
            claims
                .patch_status(&claim.name_any(), &parameters, &Patch::Merge(change))
                .await
                .with_context(|| format!("tell claim {} its size", claim.name_any()))?;
        }
        Ok(())
    }

    async fn remove(&self, volume: &PersistentVolume) -> anyhow::Result<()> {
        let name = volume.name_any();
        let folder = self.folder(&name);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove {}", folder.display()));
            }
            _ => {}
        }
        match self.volumes.delete(&name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(drop).with_context(|| format!("delete volume {name}")),
        }
    }

    fn folder(&self, volume: &str) -> PathBuf {
        self.machine.state_folder().join("volumes").join(volume)
    }
}

fn volume_name(claim: &PersistentVolumeClaim) -> String {
    format!("pvc-{}", claim.uid().unwrap_or_default())
}

fn requested(claim: &PersistentVolumeClaim) -> Option<serde_json::Value> {
    let resources = claim.spec.as_ref()?.resources.as_ref()?;
    Some(json!(resources.requests.as_ref()?.get("storage")?))
}

/// A class that waits for the first consumer wants the scheduler's word first.
fn is_waiting(claim: &PersistentVolumeClaim, class: &StorageClass) -> bool {
    let unbound = claim.spec.as_ref().is_some_and(|spec| spec.volume_name.is_none());
    let at_once = class.volume_binding_mode.as_deref() != Some("WaitForFirstConsumer");
    unbound
        && claim.metadata.deletion_timestamp.is_none()
        && (at_once || claim.annotations().contains_key(SELECTED_NODE))
}

fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Bound")
}

fn is_ours(volume: &PersistentVolume) -> bool {
    volume.annotations().get(PROVISIONED_BY).map(String::as_str) == Some(PROVISIONER)
}

fn is_released(volume: &PersistentVolume) -> bool {
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
    let policy = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    matches!(phase, Some("Released" | "Failed")) && policy == Some("Delete")
}
