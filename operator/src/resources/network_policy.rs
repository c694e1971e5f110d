//! Who may talk to the pod, and to whom it may talk.

use std::collections::BTreeSet;

use config::objects;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Shape;
use crate::labels::{self, Component};
use crate::names;
use crate::object::{Owner, Prepared};

const DNS: u16 = 53;
/// Where API servers listen: behind their Service, and beside it (some network plugins look at the address that a
/// Service stands for).
const API_SERVER: [u16; 2] = [443, 6443];

/// Everybody may come in through the doors and ask for metrics; keys and tokens decide the rest. Out goes the pod only
/// to DNS, to the API server, and at the ports of those whom the Namespace names (`others`): issuers, an object store.
pub(super) fn build(owner: &Owner, shape: &Shape, others: &BTreeSet<u16>) -> Prepared {
    let mut doors = [objects::HTTPS_PORT, objects::AMQPS_PORT, objects::BLOB_PORT]
        .map(tcp)
        .to_vec();
    if shape.plaintext {
        doors.push(tcp(objects::HTTP_PORT));
        doors.push(tcp(objects::AMQP_PORT));
    }
    doors.push(tcp(objects::OPERATIONS_PORT));
    let mut outside = vec![port(DNS, "UDP"), port(DNS, "TCP")];
    outside.extend(API_SERVER.map(tcp));
    let others = others.iter().filter(|port| !API_SERVER.contains(port));
    outside.extend(others.map(|port| tcp(*port)));
    let spec = NetworkPolicySpec {
        pod_selector: Some(LabelSelector {
            match_labels: Some(labels::selector(owner)),
            ..LabelSelector::default()
        }),
        policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
        ingress: Some(vec![NetworkPolicyIngressRule {
            from: None,
            ports: Some(doors),
        }]),
        egress: Some(vec![NetworkPolicyEgressRule {
            to: None,
            ports: Some(outside),
        }]),
    };
    Prepared::new(&NetworkPolicy {
        metadata: owner.child(names::main(&owner.name), Component::Sidecar),
        spec: Some(spec),
    })
}

fn tcp(number: u16) -> NetworkPolicyPort {
    port(number, "TCP")
}

fn port(number: u16, protocol: &str) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number.into())),
        protocol: Some(protocol.to_owned()),
        end_port: None,
    }
}
