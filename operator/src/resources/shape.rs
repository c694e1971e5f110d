//! What the user says about the pod.

use config::Digest;
use crds::v1alpha1::{NamespaceSpec, PodTemplate, Storage};
use serde::Serialize;

use crate::object::digest_of;
use crate::volumes::Choice;

/// Everything that the user determines about the pod. A change of it rolls the pod.
///
/// The digest of its JSON is kept in the cluster and compared by later versions: a new field must be left out where it
/// says nothing new, or every pod would roll with the upgrade that brings it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// Whether the port without TLS is open.
    pub plaintext: bool,
    /// Where events are.
    pub volume: PodVolume,
    /// What is added to the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<PodTemplate>,
}

/// Where a pod keeps events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PodVolume {
    /// On a volume that outlives the pod.
    #[serde(rename_all = "camelCase")]
    Claim {
        /// Name of the PersistentVolumeClaim.
        name: String,
    },
    /// On the pod's own disk.
    #[serde(rename_all = "camelCase")]
    Ephemeral {
        /// Room for the log, in bytes.
        size_bytes: u64,
    },
}

impl Shape {
    /// What `spec` says about the pod.
    pub fn of(spec: &NamespaceSpec, volume: PodVolume) -> Self {
        let tls = spec.tls.as_ref();
        Self {
            plaintext: tls.and_then(|tls| tls.plaintext).unwrap_or_default(),
            volume,
            pod_template: spec.pod_template.clone(),
        }
    }

    /// Tells two shapes apart.
    pub fn digest(&self) -> Digest {
        digest_of(self)
    }
}

impl PodVolume {
    /// The volume of a claim.
    pub fn claim(choice: &Choice<'_>) -> Self {
        Self::Claim {
            name: choice.name.clone(),
        }
    }

    /// Whether `spec` asks for the pod's own disk.
    pub fn is_ephemeral(spec: &NamespaceSpec) -> bool {
        matches!(
            &spec.storage,
            Some(Storage {
                ephemeral: Some(_),
                ..
            })
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_plain_shape_is_what_other_versions_expect() {
        let volume = PodVolume::Claim {
            name: "shop-data-4f6d7a52".to_owned(),
        };
        let shape = Shape::of(&NamespaceSpec::default(), volume);
        assert_eq!(
            serde_json::to_string(&shape).unwrap(),
            r#"{"plaintext":false,"volume":{"claim":{"name":"shop-data-4f6d7a52"}}}"#
        );
    }
}
