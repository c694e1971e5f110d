use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{self, validations};
use crate::schema::plain;
use crate::shared::{Reference, Status};

/// An Event Grid topic in a Namespace: publishers send CloudEvents to it, its subscriptions hand them out.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "weft.dev",
    version = "v1alpha1",
    kind = "Topic",
    plural = "topics",
    shortname = "evt",
    category = "weft",
    namespaced,
    status = "Status",
    derive = "PartialEq",
    derive = "Default",
    doc = "An Event Grid topic in a Namespace: publishers send CloudEvents to it, EventSubscriptions hand them out.",
    validation = rules::NAME_FOR_CLIENTS,
    validation = rules::NAME_RESERVED,
    printcolumn(name = "Namespace", type_ = "string", json_path = ".spec.namespaceRef.name"),
    printcolumn(name = "Azure name", type_ = "string", json_path = ".spec.azureName", priority = 1),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rules::AZURE_NAME_IMMUTABLE])))]
pub struct TopicSpec {
    /// The Namespace that the topic is in. Immutable.
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::REFERENCE_IMMUTABLE])))]
    pub namespace_ref: Reference,
    /// The name that clients use, where Kubernetes cannot spell it (`OrdersV2`): 3 to 50 of `A-Z a-z 0-9 -`,
    /// compared ignoring case, unique in the Namespace. `metadata.name` if absent. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[
        rules::AZURE_NAME, rules::AZURE_NAME_RESERVED])))]
    pub azure_name: Option<String>,
    /// For how many days an event is kept at most, from publishing: 1 to 7. 1 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 7))]
    pub event_retention_in_days: Option<i32>,
}
