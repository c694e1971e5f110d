//! Kubernetes' own types as a judge: an object that reads and writes without a difference has no field that Kubernetes
//! does not know, and none of a wrong type.

use k8s_openapi::api::admissionregistration::v1::{MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Panics with the difference.
pub(crate) fn check(object: &Value) {
    match (text(object, "/apiVersion"), text(object, "/kind")) {
        ("apps/v1", "Deployment") => same::<Deployment>(object),
        ("v1", "ServiceAccount") => same::<ServiceAccount>(object),
        ("v1", "ConfigMap") => same::<ConfigMap>(object),
        ("v1", "Namespace") => same::<Namespace>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => same::<ClusterRole>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => same::<ClusterRoleBinding>(object),
        ("rbac.authorization.k8s.io/v1", "Role") => same::<Role>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => same::<RoleBinding>(object),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition") => same::<CustomResourceDefinition>(object),
        ("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy") => {
            same::<MutatingAdmissionPolicy>(object)
        }
        ("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding") => {
            same::<MutatingAdmissionPolicyBinding>(object)
        }
        // The Prometheus operator's.
        ("monitoring.coreos.com/v1", "PodMonitor") => {}
        (version, kind) => panic!("nobody expects a {kind} of {version}"),
    }
}

/// A string inside of an object.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Kind and name, for messages.
pub(crate) fn title(object: &Value) -> String {
    format!("{} {}", text(object, "/kind"), text(object, "/metadata/name"))
}

fn same<K: DeserializeOwned + Serialize>(object: &Value) {
    let read: K =
        serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{}: {error}", title(object)));
    let written = serde_json::to_value(read).expect("objects are JSON");
    assert_eq!(&written, object, "{}", title(object));
}
