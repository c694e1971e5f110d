//! How many pods a drain of nodes may take at once.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::labels::{self, Component};
use crate::names;
use crate::object::{Owner, Prepared};

/// One, and one that is not ready may always go: else a pod that cannot start would keep its node from being drained.
pub(super) fn build(owner: &Owner) -> Prepared {
    let spec = PodDisruptionBudgetSpec {
        max_unavailable: Some(IntOrString::Int(1)),
        selector: Some(LabelSelector {
            match_labels: Some(labels::selector(owner)),
            ..LabelSelector::default()
        }),
        unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
        ..PodDisruptionBudgetSpec::default()
    };
    Prepared::new(&PodDisruptionBudget {
        metadata: owner.child(names::main(&owner.name), Component::Sidecar),
        spec: Some(spec),
        status: None,
    })
}
