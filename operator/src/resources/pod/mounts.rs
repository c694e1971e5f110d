//! What the pod finds in its file system.

use config::{SHARD_COUNT, objects};
use k8s_openapi::api::core::v1::{
    ConfigMapProjection, EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaimVolumeSource,
    ProjectedVolumeSource, SecretVolumeSource, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::object::Owner;
use crate::resources::{PodVolume, Shape};

pub(super) const DATA_FOLDER: &str = "/var/lib/weft";
pub(super) const CONFIG_FOLDER: &str = "/etc/weft/config";
pub(super) const SECRETS_FOLDER: &str = "/etc/weft/secrets";

const DATA: &str = "data";
const CONFIG: &str = "config";
const SECRETS: &str = "secrets";

/// Owner and group (65532, by `fsGroup`) may read, nobody else.
const SECRET_MODE: i32 = 0o440;
/// Beside the log there are the newest configuration and its kin. A pod whose disk holds more than its limit is
/// evicted, and its events go with it, so that the limit must lie above what the log can take.
const BESIDE_THE_LOG: u64 = 64 << 20;

pub(super) fn mounts() -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str, read_only| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only,
        ..VolumeMount::default()
    };
    vec![
        mount(DATA, DATA_FOLDER, None),
        mount(CONFIG, CONFIG_FOLDER, Some(true)),
        mount(SECRETS, SECRETS_FOLDER, Some(true)),
    ]
}

pub(super) fn volumes(owner: &Owner, shape: &Shape) -> Vec<Volume> {
    vec![
        data(&shape.volume),
        Volume {
            name: CONFIG.to_owned(),
            projected: Some(configuration(&owner.name)),
            ..Volume::default()
        },
        Volume {
            name: SECRETS.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(objects::secrets(&owner.name)),
                default_mode: Some(SECRET_MODE),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
    ]
}

fn data(volume: &PodVolume) -> Volume {
    let named = Volume {
        name: DATA.to_owned(),
        ..Volume::default()
    };
    match volume {
        PodVolume::Claim { name, .. } => Volume {
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: name.clone(),
                read_only: None,
            }),
            ..named
        },
        PodVolume::Ephemeral { size_bytes } => Volume {
            empty_dir: Some(EmptyDirVolumeSource {
                size_limit: Some(Quantity(size_bytes.saturating_add(BESIDE_THE_LOG).to_string())),
                medium: None,
            }),
            ..named
        },
    }
}

/// Head and shards in one folder.
fn configuration(name: &str) -> ProjectedVolumeSource {
    let head = item(
        objects::head(name),
        objects::HEAD_KEY,
        objects::HEAD_KEY.to_owned(),
    );
    let shards = (0..SHARD_COUNT).map(|index| {
        item(
            objects::shard(name, index),
            objects::SHARD_KEY,
            objects::shard_file(index),
        )
    });
    ProjectedVolumeSource {
        sources: Some(std::iter::once(head).chain(shards).collect()),
        default_mode: None,
    }
}

fn item(config_map: String, key: &str, path: String) -> VolumeProjection {
    VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: config_map,
            items: Some(vec![KeyToPath {
                key: key.to_owned(),
                path,
                mode: None,
            }]),
            optional: None,
        }),
        ..VolumeProjection::default()
    }
}
