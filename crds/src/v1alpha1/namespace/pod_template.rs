use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::rules::{self, validations};
use crate::schema::{annotations, label_values, labels, plain, quantities, some_object, some_objects};

/// A part of Kubernetes' own schema, as it was written.
pub type Opaque = Map<String, Value>;

/// What you add to the broker's pods. A change replaces the pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct PodTemplate {
    /// Labels and annotations of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<PodMetadata>,
    /// Where the pods run and what they may use. The container, its identity and its volumes are Weft's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<PodSpec>,
}

/// Labels and annotations of the pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct PodMetadata {
    /// Further labels, at most 32. Those of `weft.dev/`, and `name`, `instance`, `component` and `managed-by` of
    /// `app.kubernetes.io/`, belong to Weft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Further annotations, at most 32. Those of `weft.dev/` belong to Weft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "annotations")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Where the pods run and what they may use: fields of a Pod's `spec` with the meaning they have there, and the
/// resources of the one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct PodSpec {
    /// Labels that a node must have; at most 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "label_values")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Taints of nodes that the pods bear, each as in a Pod; at most 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "some_objects")]
    pub tolerations: Option<Vec<Opaque>>,
    /// Which nodes and which neighbours the pods want, as in a Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "some_object")]
    pub affinity: Option<Opaque>,
    /// How the pods spread over zones and nodes, each as in a Pod; at most 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "some_objects")]
    pub topology_spread_constraints: Option<Vec<Opaque>>,
    /// The PriorityClass of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::OBJECT_NAME])))]
    pub priority_class_name: Option<String>,
    /// Secrets with which the image is pulled, at most 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub image_pull_secrets: Option<Vec<ImagePullSecret>>,
    /// The RuntimeClass that runs the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::OBJECT_NAME])))]
    pub runtime_class_name: Option<String>,
    /// The scheduler that places the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::OBJECT_NAME])))]
    pub scheduler_name: Option<String>,
    /// What the container asks for and what it may use at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// A Secret with which the image is pulled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImagePullSecret {
    /// `metadata.name` of a Secret of type `kubernetes.io/dockerconfigjson` in the same Kubernetes namespace.
    #[schemars(length(max = 253))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::OBJECT_NAME])))]
    pub name: String,
}

/// What the container asks for and what it may use at most. An amount is a text or a whole number; the latter does not have
/// to fit into the 32 bits that Kubernetes' own type for that has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct Resources {
    /// What the node must have free, such as `{cpu: 500m, memory: 256Mi}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantities")]
    pub requests: Option<BTreeMap<String, Value>>,
    /// What the container may use at most, such as `{memory: 1Gi}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantities")]
    pub limits: Option<BTreeMap<String, Value>>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_amount_the_schema_lets_through_can_be_read() {
        for amount in [
            json!(4_294_967_296_u64),
            json!(99_999_999_999_999_u64),
            json!(0),
            json!("1Gi"),
        ] {
            let resources = json!({"limits": {"memory": amount}});
            let read: Resources = serde_json::from_value(resources.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), resources);
        }
    }
}
