//! What the pod may do at the API server: read its own configuration and keys, and report. Every object is named, so
//! that a pod that was taken over learns nothing about its neighbours; nothing can be created. `list` with a name is
//! granted only to requests that ask for that name: a watch begins with such a list.

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
    let rules = vec![
        rule("configmaps", vec![objects::head(name)], &["get", "list", "watch"]),
        rule("configmaps", shards, &["get"]),
        rule("secrets", vec![objects::secrets(name)], &["get", "list", "watch"]),
        rule("configmaps", vec![names::report(name)], &["get", "patch"]),
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

fn rule(resource: &str, names: Vec<String>, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: Some(names),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        non_resource_urls: None,
    }
}
