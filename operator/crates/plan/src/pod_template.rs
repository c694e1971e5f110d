//! The parts of a pod template that Kubernetes' own types describe.
//!
//! The CRD keeps them as they were written, because their schemas are large. A mistake in them is told here and not only
//! when the API server refuses the pod.

use crds::v1alpha1::{Opaque, PodTemplate};
use k8s_openapi::api::core::v1::{Affinity, Toleration, TopologySpreadConstraint};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::decision::Refusal;
use crate::manifest::Violation;

/// Whether the objects have the fields of Kubernetes' types. What the values may be is for the API server to say.
pub(crate) fn check(template: Option<&PodTemplate>) -> Result<(), Refusal> {
    let Some(spec) = template.and_then(|template| template.spec.as_ref()) else {
        return Ok(());
    };
    let at = |field: &str| format!("spec.podTemplate.spec.{field}");
    let mut found = Vec::new();
    check_one::<Affinity>(at("affinity"), spec.affinity.as_ref(), &mut found);
    for (index, toleration) in items(spec.tolerations.as_deref()) {
        check_one::<Toleration>(at(&format!("tolerations[{index}]")), Some(toleration), &mut found);
    }
    for (index, constraint) in items(spec.topology_spread_constraints.as_deref()) {
        let path = at(&format!("topologySpreadConstraints[{index}]"));
        check_one::<TopologySpreadConstraint>(path, Some(constraint), &mut found);
    }
    match found.is_empty() {
        true => Ok(()),
        false => Err(Refusal::invalid(found)),
    }
}

fn items(objects: Option<&[Opaque]>) -> impl Iterator<Item = (usize, &Opaque)> {
    objects.unwrap_or_default().iter().enumerate()
}

fn check_one<T: DeserializeOwned + Serialize>(
    path: String,
    object: Option<&Opaque>,
    found: &mut Vec<Violation>,
) {
    let Some(object) = object else { return };
    let written = Value::Object(object.clone());
    let read = serde_json::from_value::<T>(written.clone()).and_then(serde_json::to_value);
    match read {
        Ok(read) => lost(&written, &read, path, found),
        Err(error) => found.push(Violation::new(
            path,
            format!("Kubernetes cannot read this: {error}"),
            "write it as in the spec of a Pod",
        )),
    }
}

/// What the type did not take is a field that it does not have.
fn lost(written: &Value, read: &Value, path: String, found: &mut Vec<Violation>) {
    match (written, read) {
        (Value::Object(written), _) => {
            for (name, value) in written.iter().filter(|(_, value)| !value.is_null()) {
                let path = format!("{path}.{name}");
                match read.get(name) {
                    Some(read) => lost(value, read, path, found),
                    None => found.push(Violation::new(
                        path,
                        "Kubernetes has no field of this name here",
                        "write it as in the spec of a Pod",
                    )),
                }
            }
        }
        (Value::Array(written), Value::Array(read)) => {
            for (index, (written, read)) in written.iter().zip(read).enumerate() {
                lost(written, read, format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crds::v1alpha1::PodSpec;
    use serde_json::json;

    use super::*;

    fn checked(spec: Value) -> Result<(), Refusal> {
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        check(Some(&PodTemplate {
            metadata: None,
            spec: Some(spec),
        }))
    }

    #[test]
    fn what_a_pod_may_say_is_accepted() {
        let outcome = checked(json!({
            "affinity": {
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}},
                "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": {
                    "topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}, "namespaces": []}}]},
            },
            "tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 5}, {}],
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {}}}],
        }));
        assert_eq!(outcome, Ok(()));
    }

    #[test]
    fn a_field_that_does_not_exist_is_told_where_it_stands() {
        let refusal = checked(json!({
            "affinity": {"nodeAffinity": {"required": {}}},
            "tolerations": [{"key": "a"}, {"tolerationSecond": 5}],
            "topologySpreadConstraints": [{"maxSkew": "one"}],
        }))
        .unwrap_err();
        let paths: Vec<String> = refusal.violations().iter().map(|one| one.path.clone()).collect();
        let expected = [
            "affinity.nodeAffinity.required",
            "tolerations[1].tolerationSecond",
            "topologySpreadConstraints[0]",
        ];
        assert_eq!(
            paths,
            expected.map(|path| format!("spec.podTemplate.spec.{path}"))
        );
    }
}
