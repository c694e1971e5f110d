//! Version `v1alpha1`: a file per kind.

mod event_subscription;
mod hub;
mod namespace;
mod topic;

pub use event_subscription::{
    DeadLetter, EventSubscription, EventSubscriptionSpec, ObjectStoreDeadLetter, Queue,
};
pub use hub::{
    ConsumerGroup, ConsumerGroupStatus, EventHub, Hub, HubSpec, HubStatus, MessageRetention, PartitionStatus,
};
pub use namespace::{
    Checkpoint, ConfigMapCheckpoint, DeletionPolicy, Ephemeral, Identity, ImagePullSecret, Issuer, Namespace,
    NamespaceSpec, NamespaceStatus, ObjectStoreCheckpoint, Opaque, PersistentVolume, PodMetadata, PodSpec,
    PodTemplate, Resources, SecretReference, Service, ServiceType, Storage, Tls, UpgradePolicy,
};
pub use topic::{Topic, TopicSpec};
