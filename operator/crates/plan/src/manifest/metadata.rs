//! The API server's rules for metadata.

use serde_json::Value;

use super::Violation;
use super::suggest;
use crate::name::{is_dns_label, is_dns_subdomain};

const FIELDS: [&str; 14] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "generateName",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "ownerReferences",
    "finalizers",
    "managedFields",
];

pub(super) fn check(metadata: &Value, found: &mut Vec<Violation>) {
    let Some(fields) = metadata.as_object() else {
        found.push(Violation::new(
            "metadata",
            "metadata is a map with a name",
            "write metadata: {name: NAME}",
        ));
        return;
    };
    for unknown in fields.keys().filter(|field| !FIELDS.contains(&field.as_str())) {
        let fix = suggest::fix(unknown, &FIELDS[..4]);
        found.push(Violation::new(
            format!("metadata.{unknown}"),
            "metadata has no such field",
            fix,
        ));
    }
    name(&metadata["name"], found);
    if !metadata["namespace"].is_null() && !metadata["namespace"].as_str().is_some_and(is_dns_label) {
        let rule = "a Kubernetes namespace is a DNS label: at most 63 of a-z 0-9 -";
        found.push(Violation::new(
            "metadata.namespace",
            rule,
            "write the name of a Kubernetes namespace, or remove it",
        ));
    }
    for field in ["labels", "annotations"] {
        strings(field, &metadata[field], found);
    }
}

fn name(name: &Value, found: &mut Vec<Violation>) {
    if !name.as_str().is_some_and(is_dns_subdomain) {
        let rule = "a name is required and has at most 253 of a-z 0-9 - . and begins and ends with a letter or digit";
        let fix = "choose such a name; what clients use instead can stand in spec.azureName of a Topic, EventSubscription or Hub";
        found.push(Violation::new("metadata.name", rule, fix));
    }
}

fn strings(field: &str, value: &Value, found: &mut Vec<Violation>) {
    let all_strings = |map: &serde_json::Map<String, Value>| map.values().all(Value::is_string);
    if !value.is_null() && !value.as_object().is_some_and(all_strings) {
        let rule = format!("{field} are a map of strings");
        found.push(Violation::new(
            format!("metadata.{field}"),
            rule,
            "put each value in quotes",
        ));
    }
}
