//! The one container.

use std::collections::BTreeMap;

use config::objects;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, ObjectFieldSelector, Probe,
    ResourceRequirements, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use super::mounts;
use crate::in_effect::quantity;
use crate::object::Owner;
use crate::release::CONTAINER;
use crate::resources::Shape;

/// Name of the port with TLS, in the pod and on the Service.
pub(crate) const HTTPS: &str = "https";
/// Name of the port without.
pub(crate) const HTTP: &str = "http";
/// Name of AMQP's port with TLS.
pub(crate) const AMQPS: &str = "amqps";
/// Name of AMQP's port without.
pub(crate) const AMQP: &str = "amqp";
/// Name of the port of the door for checkpoints, with TLS.
pub(crate) const BLOB: &str = "blob";
/// Name of the port with health and metrics, in the pod alone.
const OPERATIONS: &str = "operations";

pub(super) fn build(owner: &Owner, shape: &Shape, image: &str) -> Container {
    Container {
        name: CONTAINER.to_owned(),
        image: Some(image.to_owned()),
        args: Some(arguments(owner, shape)),
        env: Some(vec![
            from_pod("POD_NAME", "metadata.name"),
            from_pod("POD_UID", "metadata.uid"),
        ]),
        ports: Some(ports(shape)),
        volume_mounts: Some(mounts::mounts()),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&[("cpu", "50m"), ("memory", "64Mi")])),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                add: None,
            }),
            read_only_root_filesystem: Some(true),
            ..SecurityContext::default()
        }),
        // What counts is that the process runs: a long log may take its time, and readiness tells when it is done.
        startup_probe: Some(probe("/healthz", 1, 2, 600)),
        liveness_probe: Some(probe("/healthz", 10, 5, 6)),
        readiness_probe: Some(probe("/readyz", 1, 2, 3)),
        ..Container::default()
    }
}

/// Adds what the user says about resources. What we ask for stays where the user does not say anything, as far as the
/// user's limit allows it.
pub(super) fn add_resources(ours: &mut Value, users: &Value) {
    for section in ["requests", "limits"] {
        for (resource, amount) in users[section].as_object().into_iter().flatten() {
            ours[section][resource.as_str()] = amount.clone();
        }
    }
    for (resource, limit) in users["limits"].as_object().into_iter().flatten() {
        if let Some(request) = ours["requests"].get_mut(resource)
            && amount(request) > amount(limit)
            && users["requests"].get(resource).is_none()
        {
            *request = limit.clone();
        }
    }
}

fn amount(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => quantity::parse(text),
        other => quantity::parse(&other.to_string()),
    }
}

fn arguments(owner: &Owner, shape: &Shape) -> Vec<String> {
    let mut arguments: Vec<String> = [
        ("--name", owner.name.as_str()),
        ("--kubernetes-namespace", owner.kubernetes_namespace.as_str()),
        ("--namespace-uid", owner.uid.as_str()),
        ("--pod", "$(POD_NAME)"),
        ("--pod-uid", "$(POD_UID)"),
        ("--data-dir", mounts::DATA_FOLDER),
        ("--config-dir", mounts::CONFIG_FOLDER),
        ("--secrets-dir", mounts::SECRETS_FOLDER),
    ]
    .into_iter()
    .flat_map(|(name, value)| [name.to_owned(), value.to_owned()])
    .collect();
    if shape.plaintext {
        arguments.push("--plaintext".to_owned());
    }
    arguments
}

fn from_pod(name: &str, field: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: field.to_owned(),
                api_version: None,
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

fn ports(shape: &Shape) -> Vec<ContainerPort> {
    let mut ports = vec![
        port(HTTPS, objects::HTTPS_PORT),
        port(AMQPS, objects::AMQPS_PORT),
        port(BLOB, objects::BLOB_PORT),
    ];
    if shape.plaintext {
        ports.push(port(HTTP, objects::HTTP_PORT));
        ports.push(port(AMQP, objects::AMQP_PORT));
    }
    ports.push(port(OPERATIONS, objects::OPERATIONS_PORT));
    ports
}

fn port(name: &str, number: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number.into(),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn probe(path: &str, period: i32, timeout: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(OPERATIONS.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(timeout),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

fn quantities(pairs: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    pairs
        .iter()
        .map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_user_says_about_resources_goes_over_what_we_ask_for() {
        let ours = json!({"requests": {"cpu": "50m", "memory": "64Mi"}});
        for (users, expected) in [
            (json!({}), ours.clone()),
            (
                json!({"requests": {"cpu": 2}, "limits": {"memory": "1Gi"}}),
                json!({"requests": {"cpu": 2, "memory": "64Mi"}, "limits": {"memory": "1Gi"}}),
            ),
            // A request above the limit would be refused, and it is not the user's.
            (
                json!({"limits": {"memory": "48Mi"}}),
                json!({"requests": {"cpu": "50m", "memory": "48Mi"}, "limits": {"memory": "48Mi"}}),
            ),
        ] {
            let mut resources = ours.clone();
            add_resources(&mut resources, &users);
            assert_eq!(resources, expected);
        }
    }
}
