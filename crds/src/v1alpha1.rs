//! Version `v1alpha1`: a file per kind.

mod event_subscription;
mod hub;
mod namespace;
mod topic;

pub use event_subscription::{DeadLetter, EventSubscription, EventSubscriptionSpec, Queue};
pub use hub::{ConsumerGroup, EventHub, Hub, HubSpec, MessageRetention};
pub use namespace::{
    DeletionPolicy, Ephemeral, ImagePullSecret, Namespace, NamespaceSpec, NamespaceStatus, Opaque,
    PersistentVolume, PodMetadata, PodSpec, PodTemplate, Resources, SecretReference, Service, ServiceType,
    Storage, Tls, UpgradePolicy,
};
pub use topic::{Topic, TopicSpec};
