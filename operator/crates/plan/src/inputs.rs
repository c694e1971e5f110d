//! What is planned.

use crds::shared::Reason;
use crds::v1alpha1::{EventSubscription, Hub, Namespace, Topic};
use kube::ResourceExt;

use crate::manifest::Violation;

/// Every object there is, in any order. Each needs `metadata.name` and `metadata.uid` (a UUID);
/// `metadata.creationTimestamp` decides who keeps a name. One with a `metadata.deletionTimestamp` counts as absent
/// and gets no decision.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the types say it")]
pub struct Inputs<'a> {
    pub namespaces: Vec<&'a Namespace>,
    pub topics: Vec<&'a Topic>,
    pub event_subscriptions: Vec<&'a EventSubscription>,
    pub hubs: Vec<&'a Hub>,
    /// What is wrong with Namespaces and EventSubscriptions as only a look at their surroundings shows, at most one each.
    pub findings: Vec<Finding>,
}

/// What is wrong with a Namespace or an EventSubscription as only a look at its surroundings shows: a Secret that is not
/// there, a name that is taken. Such an object is refused, unless its own spec is wrong already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `metadata.uid` of the object.
    pub uid: String,
    /// The reason of its condition `Accepted`; never [`Reason::Accepted`].
    pub reason: Reason,
    /// Field, rule and fix.
    pub violation: Violation,
}

/// The living objects, oldest first. One without a creationTimestamp does not exist in the cluster yet: it is the
/// youngest.
pub(crate) fn by_age<'a, T: ResourceExt>(objects: &[&'a T]) -> Vec<&'a T> {
    let mut living: Vec<&T> = objects
        .iter()
        .copied()
        .filter(|object| is_living(*object))
        .collect();
    living.sort_by(|a, b| age(*a).cmp(&age(*b)));
    living
}

pub(crate) fn is_living(object: &impl ResourceExt) -> bool {
    object.meta().deletion_timestamp.is_none()
}

/// Kubernetes namespace and name.
pub(crate) type Key<'a> = (&'a str, &'a str);

pub(crate) fn key_of(object: &impl ResourceExt) -> Key<'_> {
    (
        kubernetes_namespace(object),
        object.meta().name.as_deref().unwrap_or_default(),
    )
}

/// Empty if it has none.
pub(crate) fn kubernetes_namespace(object: &impl ResourceExt) -> &str {
    object.meta().namespace.as_deref().unwrap_or_default()
}

fn age(object: &impl ResourceExt) -> impl Ord {
    let meta = object.meta();
    let created = meta.creation_timestamp.as_ref().map(|time| time.0);
    (created.is_none(), created, meta.uid.as_deref(), key_of(object))
}
