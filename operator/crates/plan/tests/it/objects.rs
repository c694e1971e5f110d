//! Objects, and what is planned for them.

use crds::shared::Reason;
use plan::manifest::{self, Object};
use plan::{Inputs, Plan, plan};
use serde_json::{Value, json};

/// A cluster with these objects. The n-th is n seconds old and has the uid n.
pub(crate) fn planned(objects: &[Value]) -> Plan {
    plan(&inputs(&all_born(objects)))
}

pub(crate) fn all_born(objects: &[Value]) -> Vec<Object> {
    objects
        .iter()
        .enumerate()
        .map(|(index, object)| born(index, object))
        .collect()
}

pub(crate) fn inputs(objects: &[Object]) -> Inputs<'_> {
    let mut inputs = Inputs::default();
    for object in objects {
        match object {
            Object::Namespace(object) => inputs.namespaces.push(object),
            Object::Topic(object) => inputs.topics.push(object),
            Object::EventSubscription(object) => inputs.event_subscriptions.push(object),
            Object::Hub(object) => inputs.hubs.push(object),
        }
    }
    inputs
}

pub(crate) fn born(index: usize, object: &Value) -> Object {
    let mut object = object.clone();
    object["apiVersion"] = json!("weft.dev/v1alpha1");
    object["metadata"]["uid"] = json!(uid(index));
    object["metadata"]["creationTimestamp"] = json!(format!("2026-01-01T00:00:{index:02}Z"));
    if object["metadata"]["generation"].is_null() {
        object["metadata"]["generation"] = json!(4);
    }
    manifest::read(&object).unwrap_or_else(|found| panic!("{object}: {found:?}"))
}

pub(crate) fn uid(index: usize) -> String {
    format!("00000000-0000-0000-0000-{index:012}")
}

pub(crate) fn namespace(name: &str) -> Value {
    json!({"kind": "Namespace", "metadata": {"name": name, "namespace": "prod"}, "spec": {}})
}

pub(crate) fn topic(name: &str, namespace: &str) -> Value {
    json!({"kind": "Topic", "metadata": {"name": name, "namespace": "prod"}, "spec": {"namespaceRef": {"name": namespace}}})
}

pub(crate) fn subscription(name: &str, topic: &str) -> Value {
    json!({"kind": "EventSubscription", "metadata": {"name": name, "namespace": "prod"},
        "spec": {"topicRef": {"name": topic}, "queue": {}}})
}

pub(crate) fn hub(name: &str, namespace: &str) -> Value {
    json!({"kind": "Hub", "metadata": {"name": name, "namespace": "prod"},
        "spec": {"namespaceRef": {"name": namespace}, "eventHub": {}}})
}

pub(crate) fn with(mut object: Value, path: &str, value: Value) -> Value {
    *object.pointer_mut("/spec").expect("a spec") = merged(object["spec"].clone(), path, value);
    object
}

pub(crate) fn merged(mut spec: Value, path: &str, value: Value) -> Value {
    let place = path.split('.').fold(&mut spec, |place, field| &mut place[field]);
    *place = value;
    spec
}

pub(crate) fn reasons(plan: &Plan) -> Vec<(&str, Reason)> {
    plan.decisions
        .iter()
        .map(|decision| (decision.object.name.as_str(), decision.reason))
        .collect()
}

pub(crate) fn message_about(plan: &Plan, name: &str) -> String {
    plan.decisions
        .iter()
        .find(|decision| decision.object.name == name)
        .expect("a decision")
        .message()
}
