use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{annotations, plain};

/// The Service in front of the pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct Service {
    /// From where the endpoint can be reached: `ClusterIP` from within the cluster, `NodePort` also through a port of
    /// every node, `LoadBalancer` also through a load balancer of the cluster's provider. `ClusterIP` if absent.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub service_type: Option<ServiceType>,
    /// Annotations of the Service, such as those that a load balancer's provider reads. At most 32; those of
    /// `weft.dev/` belong to Weft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "annotations")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// From where the endpoint can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(
    missing_docs,
    reason = "a documented variant would split the schema's enum; Service::service_type says it"
)]
pub enum ServiceType {
    #[default]
    ClusterIP,
    LoadBalancer,
    NodePort,
}
