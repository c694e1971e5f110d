//! The pod, as a template.

mod container;
mod mounts;

use std::collections::BTreeMap;

use crds::v1alpha1::PodTemplate;
use k8s_openapi::api::core::v1::{PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::Shape;
use crate::labels::{self, Component};
use crate::names;
use crate::object::Owner;

pub(super) use container::{AMQP, AMQPS, BLOB, HTTP, HTTPS};

/// The conventional "nonroot" of images without a distribution.
const USER: i64 = 65532;
/// Time for the doors to close, receivers to be told, and the log to be synced; far more than it takes.
const STOP_SECONDS: i64 = 60;

/// The template, with what the user adds to the pod put in as it is.
pub(super) fn template(owner: &Owner, shape: &Shape, image: &str) -> Value {
    let user = shape.pod_template.clone().unwrap_or_default();
    let metadata = user.metadata.unwrap_or_default();
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(with(metadata.labels, labels::child(owner, Component::Sidecar))),
            annotations: metadata.annotations,
            ..ObjectMeta::default()
        }),
        spec: Some(spec(owner, shape, image)),
    };
    let mut template = serde_json::to_value(template).expect("a pod consists of JSON types");
    add(&mut template["spec"], shape.pod_template.as_ref());
    template
}

/// Ours win: the Service finds the pod by them.
fn with(users: Option<BTreeMap<String, String>>, ours: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut labels = users.unwrap_or_default();
    labels.extend(ours);
    labels
}

fn spec(owner: &Owner, shape: &Shape, image: &str) -> PodSpec {
    PodSpec {
        service_account_name: Some(names::main(&owner.name)),
        automount_service_account_token: Some(true),
        // Variables named after Services would look like settings of ours to a Service called `weft`.
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(STOP_SECONDS),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            // Else the kubelet looks at every file of the volume before each start.
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container::build(owner, shape, image)],
        volumes: Some(mounts::volumes(owner, shape)),
        ..PodSpec::default()
    }
}

/// Adds what the user says, in Kubernetes' own spelling: `resources` belong to the container, everything else to the
/// pod.
fn add(pod: &mut Value, user: Option<&PodTemplate>) {
    let Some(spec) = user.and_then(|template| template.spec.as_ref()) else {
        return;
    };
    let Ok(Value::Object(mut fields)) = serde_json::to_value(spec) else {
        return;
    };
    if let Some(resources) = fields.remove("resources") {
        container::add_resources(&mut pod["containers"][0]["resources"], &resources);
    }
    for (field, value) in fields {
        pod[field.as_str()] = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_users_cannot_take_the_pod_from_its_service() {
        let map = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            pairs.collect::<BTreeMap<_, _>>()
        };
        let labels = with(
            Some(map(&[("team", "shop"), ("ours", "theirs")])),
            map(&[("ours", "ours")]),
        );
        assert_eq!(labels, map(&[("team", "shop"), ("ours", "ours")]));
    }
}
