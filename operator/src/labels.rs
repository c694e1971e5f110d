//! Labels on the objects that we make, and the one by which users offer theirs.

use std::collections::BTreeMap;

pub use crds::label::USABLE;

use crate::object::Owner;

/// Who made an object. The operator's caches hold what carries it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Its value on our objects.
pub const MANAGED_BY_OPERATOR: &str = "weft-operator";
/// The uid of the Namespace that an object was made for.
pub const NAMESPACE_UID: &str = "weft.dev/namespace-uid";
/// On claims: the uid under which the data on the volume was first written.
pub const DATA_UID: &str = "weft.dev/data-uid";

const NAME: &str = "app.kubernetes.io/name";
const INSTANCE: &str = "app.kubernetes.io/instance";
const COMPONENT: &str = "app.kubernetes.io/component";

/// What an object is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The broker's pod and what it needs to run.
    Sidecar,
    /// What the broker is told, and what it answers.
    Configuration,
    /// What programs are given.
    Connection,
    /// Where the copy of positions lies. What is in it is the broker's.
    Checkpoint,
    /// Where events are.
    Data,
}

impl Component {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sidecar => "sidecar",
            Self::Configuration => "configuration",
            Self::Connection => "connection",
            Self::Checkpoint => "checkpoint",
            Self::Data => "data",
        }
    }
}

/// Whether an object with these labels was made for `component`.
pub fn is_of(labels: Option<&BTreeMap<String, String>>, component: Component) -> bool {
    labels
        .and_then(|labels| labels.get(COMPONENT))
        .is_some_and(|found| found == component.as_str())
}

/// The labels of a child of `owner`.
pub fn child(owner: &Owner, component: Component) -> BTreeMap<String, String> {
    let pairs = [
        (NAME, "weft"),
        (INSTANCE, owner.name.as_str()),
        (COMPONENT, component.as_str()),
        (MANAGED_BY, MANAGED_BY_OPERATOR),
        (NAMESPACE_UID, owner.uid.as_str()),
    ];
    to_map(&pairs)
}

/// The labels of an object that stays when `owner` goes, and so has no owner reference. Without the name of an instance:
/// Argo CD, where it tracks by label, takes an object without an owner for a part of the Application of that name, and
/// deletes it as one that is not in Git.
pub fn survivor(owner: &Owner, component: Component) -> BTreeMap<String, String> {
    let mut labels = child(owner, component);
    labels.remove(INSTANCE);
    labels
}

/// The labels that select the pods of `owner`. With the uid among them, the pod of an earlier Namespace of this name,
/// which may still be stopping, gets nothing that is meant for this one.
pub fn selector(owner: &Owner) -> BTreeMap<String, String> {
    let pairs = [
        (NAME, "weft"),
        (INSTANCE, owner.name.as_str()),
        (COMPONENT, Component::Sidecar.as_str()),
        (NAMESPACE_UID, owner.uid.as_str()),
    ];
    to_map(&pairs)
}

fn to_map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}
