use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{self, validations};
use crate::schema::plain;
use crate::shared::{FiltersConfiguration, Reference, Status};
use crate::v1alpha1::SecretReference;

/// A subscription to a Topic: it receives its own copy of every event that passes its filters.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "weft.dev",
    version = "v1alpha1",
    kind = "EventSubscription",
    plural = "eventsubscriptions",
    shortname = "evsub",
    category = "weft",
    namespaced,
    status = "Status",
    derive = "PartialEq",
    derive = "Default",
    doc = "A subscription to a Topic: it receives its own copy of every event that passes its filters.",
    validation = rules::NAME_FOR_CLIENTS,
    printcolumn(name = "Topic", type_ = "string", json_path = ".spec.topicRef.name"),
    printcolumn(name = "Azure name", type_ = "string", json_path = ".spec.azureName", priority = 1),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rules::AZURE_NAME_IMMUTABLE])))]
pub struct EventSubscriptionSpec {
    /// The Topic whose events it receives, from its creation on. Immutable.
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::REFERENCE_IMMUTABLE])))]
    pub topic_ref: Reference,
    /// The name that clients use, where Kubernetes cannot spell it (`BillingV2`): 3 to 50 of `A-Z a-z 0-9 -`,
    /// compared ignoring case, unique in the Topic. `metadata.name` if absent. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::AZURE_NAME])))]
    pub azure_name: Option<String>,
    /// Delivery by queue: programs ask for events and settle them. `queue: {}` takes every default.
    pub queue: Queue,
    /// Which of the topic's events it receives. All of them if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters_configuration: Option<FiltersConfiguration>,
    /// Where events go that were rejected, delivered too often or not in time. They are dropped if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetter>,
}

/// Delivery by queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct Queue {
    /// How long a receiver holds an event before it is offered to others again, in seconds: 60 to 300.
    /// 60 if absent. Receivers can renew.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 300))]
    pub receive_lock_duration_in_seconds: Option<i32>,
    /// How often an event is delivered before it becomes a dead letter: 1 to 10. 10 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub max_delivery_count: Option<i32>,
    /// How long after publishing an event is still delivered, as an ISO 8601 duration in whole minutes such as `P1D`
    /// or `PT90M`: from one minute to the topic's `eventRetentionInDays`, which it is if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::DURATION_IN_MINUTES])))]
    pub event_time_to_live: Option<String>,
}

/// Where dead letters go: exactly one of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rules::ONE_DEAD_LETTER])))]
pub struct DeadLetter {
    /// A Topic in the same Namespace as the subscription's own, and not that one. Immutable; to use another topic,
    /// apply the subscription without `deadLetter` first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::DEAD_LETTER_TOPIC_IMMUTABLE])))]
    pub topic_ref: Option<Reference>,
    /// An object store, to which they are written as JSON files, several in one. It may be exchanged at any time; what
    /// waits goes to the new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_store: Option<ObjectStoreDeadLetter>,
}

/// A place in an object store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct ObjectStoreDeadLetter {
    /// Bucket or container, and a path in it: `s3://bucket/path`, `gs://bucket/path`, `az://container/path` (or
    /// `azure:`). Files are `NAMESPACE/TOPIC/SUBSCRIPTION/YEAR/MONTH/DAY/HOUR/GUID.json` below it. In local mode, and
    /// nowhere else, `file:///path` is a folder.
    #[schemars(length(min = 1, max = 1024))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::OBJECT_STORE_URL])))]
    pub url: String,
    /// A Secret with the credentials and whatever else the store needs to be told, such as `aws_access_key_id`,
    /// `aws_secret_access_key`, `aws_region`, `aws_endpoint`, `azure_storage_account_name`, `azure_storage_account_key`,
    /// `google_service_account_key`. What it leaves open, the pod's surroundings say: the variables that EKS and Azure's
    /// workload identity put into the container (`AWS_*`, `AZURE_*`, `GOOGLE_*`), and the cloud's metadata service. Once it
    /// has a credential, nobody else's is used. The Secrets of a Namespace's subscriptions take at most 512 KiB together,
    /// each counted once. Has no meaning in local mode, where the environment of `weft dev` says it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretReference>,
}
