//! What keeps the pod running.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{Shape, pod};
use crate::annotations;
use crate::labels::{self, Component};
use crate::names;
use crate::object::{Owner, Prepared};
use crate::release::{Decision, Template};

/// Old templates that `kubectl rollout history` shows.
const REVISIONS_KEPT: i32 = 3;

pub(super) fn build(owner: &Owner, shape: &Shape, decision: &Decision) -> Prepared {
    let name = names::main(&owner.name);
    let mut metadata = owner.child(name.clone(), Component::Sidecar);
    metadata.annotations = Some(BTreeMap::from([
        (annotations::TEMPLATE_VERSION.to_owned(), decision.version.clone()),
        (annotations::SHAPE.to_owned(), decision.shape.to_string()),
    ]));
    let template = match &decision.template {
        Template::Live(template) => (**template).clone(),
        Template::New { .. } => PodTemplateSpec::default(),
    };
    let prepared = Prepared::new(&StatefulSet {
        metadata,
        spec: Some(StatefulSetSpec {
            replicas: Some(1),
            selector: LabelSelector {
                match_labels: Some(labels::selector(owner)),
                ..LabelSelector::default()
            },
            service_name: Some(name),
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".to_owned()),
                rolling_update: None,
            }),
            revision_history_limit: Some(REVISIONS_KEPT),
            template,
            ..StatefulSetSpec::default()
        }),
        status: None,
    });
    match &decision.template {
        Template::Live(_) => prepared,
        Template::New { image } => prepared.with(|object| {
            object["spec"]["template"] = pod::template(owner, shape, image);
        }),
    }
}
