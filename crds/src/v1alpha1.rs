//! Version `v1alpha1`: a file per kind.

mod event_subscription;
mod namespace;
mod topic;

pub use event_subscription::{DeadLetter, EventSubscription, EventSubscriptionSpec, Queue};
pub use namespace::{DeletionPolicy, Ephemeral, Namespace, NamespaceSpec, PersistentVolume, Storage};
pub use topic::{Topic, TopicSpec};
