//! What the pod may do at the API server: read its own configuration and keys, report, keep a copy of its positions, and
//! ask what somebody may do in its Kubernetes namespace. Every object is named, so that a pod that was taken over learns
//! nothing about its neighbours; nothing can be created but that question, of which nothing is kept. `list` with a name
//! is granted only to requests that ask for that name: a watch begins with such a list.

use config::{SHARD_COUNT, objects};
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};

use crate::labels::Component;
use crate::names;
use crate::object::{Owner, Prepared};

pub(super) fn role(owner: &Owner) -> Prepared {
    let name = owner.name.as_str();
    let shards = (0..SHARD_COUNT)
        .map(|index| objects::shard(name, index))
        .collect();
    let pages = (0..objects::CHECKPOINT_PAGES)
        .map(|index| objects::checkpoints(name, index))
        .collect();
    let rules = vec![
        // Its configuration, followed: the head tells of every change.
        rule("configmaps", vec![objects::head(name)], &["get", "list", "watch"]),
        // The rest of its configuration, read when the head says that it changed.
        rule("configmaps", shards, &["get"]),
        // Its keys and serving certificate, followed.
        rule("secrets", vec![objects::secrets(name)], &["get", "list", "watch"]),
        // What it says about itself.
        rule("configmaps", vec![names::report(name)], &["get", "patch"]),
        // The copy of its positions, from which it goes on when it finds its disk empty.
        rule("configmaps", pages, &["get", "patch"]),
        reviews(),
    ];
    Prepared::new(&Role {
        metadata: owner.child(names::main(name), Component::Sidecar),
        rules: Some(rules),
    })
}

pub(super) fn role_binding(owner: &Owner) -> Prepared {
    let name = names::main(&owner.name);
    Prepared::new(&RoleBinding {
        metadata: owner.child(name.clone(), Component::Sidecar),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "Role".to_owned(),
            name: name.clone(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name,
            namespace: Some(owner.kubernetes_namespace.clone()),
            api_group: None,
        }]),
    })
}

/// Whether whoever shows a token may do what is asked for, in this Kubernetes namespace alone.
fn reviews() -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec!["authorization.k8s.io".to_owned()]),
        resources: Some(vec!["localsubjectaccessreviews".to_owned()]),
        verbs: vec!["create".to_owned()],
        ..PolicyRule::default()
    }
}

fn rule(resource: &str, names: Vec<String>, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: Some(names),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        non_resource_urls: None,
    }
}
