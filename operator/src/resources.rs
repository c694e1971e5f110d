//! The objects that a Namespace's pod consists of and needs: [`build`] makes all of them but those with changing
//! content (configuration, keys, connection settings), which have modules of their own.
//!
//! A file per kind. Nothing here can fail: what comes in is valid, and what a user adds to the pod is put in as it is,
//! for the API server to judge.

pub mod config_map;
mod network_policy;
mod pod;
mod pod_disruption_budget;
mod rbac;
mod service;
mod shape;
mod stateful_set;

use std::collections::BTreeSet;

use config::objects;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};

use crate::labels::Component;
use crate::names;
use crate::object::{Owner, Prepared};
use crate::release;
use crate::volumes::Claim;

pub use service::Exposure;
pub use shape::{PodVolume, Shape};

/// What a Namespace's objects are made from.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Whose they are.
    pub owner: &'a Owner,
    /// What the user says about the pod.
    pub shape: &'a Shape,
    /// What the user says about the Service.
    pub exposure: &'a Exposure,
    /// Ports, beside those of DNS and the API server, at which it talks to others.
    pub outside: &'a BTreeSet<u16>,
    /// The pod template, and the version in it.
    pub template: &'a release::Decision,
    /// The claim of the volume, where there is one.
    pub claim: Option<&'a Claim>,
}

/// The objects, in the order in which they are to be applied: what a pod needs comes before the pod.
pub fn build(parts: &Parts<'_>) -> Vec<Prepared> {
    let owner = parts.owner;
    let mut all = vec![
        service_account(owner),
        rbac::role(owner),
        rbac::role_binding(owner),
        report(owner),
        service::build(owner, parts.shape, parts.exposure),
        service::blob(owner),
        network_policy::build(owner, parts.shape, parts.outside),
        pod_disruption_budget::build(owner),
    ];
    all.extend((0..objects::CHECKPOINT_PAGES).map(|index| checkpoints(owner, index)));
    all.extend(parts.claim.map(|claim| claim.prepared.clone()));
    all.push(stateful_set::build(owner, parts.shape, parts.template));
    all
}

fn service_account(owner: &Owner) -> Prepared {
    Prepared::new(&ServiceAccount {
        metadata: owner.child(names::main(&owner.name), Component::Sidecar),
        ..ServiceAccount::default()
    })
}

/// The ConfigMap in which the pod reports. It is the pod that fills it: a Role can allow a change of one object by
/// name, but not its creation.
fn report(owner: &Owner) -> Prepared {
    Prepared::new(&ConfigMap {
        metadata: owner.child(names::report(&owner.name), Component::Configuration),
        ..ConfigMap::default()
    })
}

/// One of the ConfigMaps in which the pod keeps a copy of its positions, without content: that is the pod's alone, and
/// what is applied here says nothing about it.
fn checkpoints(owner: &Owner, index: usize) -> Prepared {
    Prepared::new(&ConfigMap {
        metadata: owner.child(objects::checkpoints(&owner.name, index), Component::Checkpoint),
        ..ConfigMap::default()
    })
}
