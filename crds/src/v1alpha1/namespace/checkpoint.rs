use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretReference;
use crate::rules::{self, validations};
use crate::schema::plain;

/// Where the copy of positions lies that a pod with an empty disk starts from: exactly one of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rules::ONE_CHECKPOINT])))]
pub struct Checkpoint {
    /// In ConfigMaps beside the Namespace, `NAME-checkpoints-00` to `NAME-checkpoints-15`: `configMap: {}`. They take
    /// 64 KiB each, which is a few thousand checkpoints. Has no meaning in local mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapCheckpoint>,
    /// In an object store, for more than that, or to outlive the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_store: Option<ObjectStoreCheckpoint>,
}

/// ConfigMaps; there is nothing to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigMapCheckpoint {}

/// A place in an object store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct ObjectStoreCheckpoint {
    /// Bucket or container, and a path in it that no other Namespace uses: `s3://bucket/path`, `gs://bucket/path`,
    /// `az://container/path` (or `azure:`). In local mode, and nowhere else, `file:///path` is a folder.
    #[schemars(length(min = 1, max = 1024))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::OBJECT_STORE_URL])))]
    pub url: String,
    /// A Secret with the credentials and whatever else the store needs to be told, such as `aws_access_key_id`,
    /// `aws_secret_access_key`, `aws_region`, `aws_endpoint`, `azure_storage_account_name`, `azure_storage_account_key`,
    /// `google_service_account_key`. What it leaves open, the pod's surroundings say: the variables that EKS and Azure's
    /// workload identity put into the container (`AWS_*`, `AZURE_*`, `GOOGLE_*`), and the cloud's metadata service. Once it
    /// has a credential, nobody else's is used. Has no meaning in local mode, where the environment of `weft dev` says it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretReference>,
}
