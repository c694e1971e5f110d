//! The Service in front of the pod.

use std::collections::BTreeMap;

use crds::v1alpha1::{self, ServiceType};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Shape;
use super::pod::{AMQP, AMQPS, BLOB, HTTP, HTTPS};
use crate::labels::{self, Component};
use crate::names;
use crate::object::{Owner, Prepared};

/// What the user says about the Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// From where it can be reached.
    pub service_type: ServiceType,
    /// For whoever provides load balancers.
    pub annotations: BTreeMap<String, String>,
}

impl Exposure {
    /// What `namespace` says, with defaults applied.
    pub fn of(namespace: &v1alpha1::NamespaceSpec) -> Self {
        let service = namespace.service.as_ref();
        Self {
            service_type: service
                .and_then(|service| service.service_type)
                .unwrap_or_default(),
            annotations: service
                .and_then(|service| service.annotations.clone())
                .unwrap_or_default(),
        }
    }
}

pub(super) fn build(owner: &Owner, shape: &Shape, exposure: &Exposure) -> Prepared {
    let mut metadata = owner.child(names::main(&owner.name), Component::Sidecar);
    metadata.annotations = Some(exposure.annotations.clone());
    let mut ports = vec![port(HTTPS, 443), port(AMQPS, 5671)];
    if shape.plaintext {
        ports.push(port(HTTP, 80));
        ports.push(port(AMQP, 5672));
    }
    let service_type = match exposure.service_type {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::LoadBalancer => "LoadBalancer",
        ServiceType::NodePort => "NodePort",
    };
    Prepared::new(&Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(service_type.to_owned()),
            selector: Some(labels::selector(owner)),
            ports: Some(ports),
            ..ServiceSpec::default()
        }),
        status: None,
    })
}

/// The Service of the door for checkpoints. It is for programs in the cluster, whatever the user says about the other
/// one: those outside find their checkpoints there, too.
pub(super) fn blob(owner: &Owner) -> Prepared {
    Prepared::new(&Service {
        metadata: owner.child(names::blob(&owner.name), Component::Sidecar),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(labels::selector(owner)),
            ports: Some(vec![port(BLOB, 443)]),
            ..ServiceSpec::default()
        }),
        status: None,
    })
}

fn port(name: &str, number: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}
