//! Lists that are maps: their elements have a key, and several writers share them.

use serde_json::Value;

/// By what the elements of a list are told apart: fields, and the value that an absent field stands for.
#[derive(Clone, Copy)]
pub(super) struct Key(&'static [(&'static str, &'static str)]);

/// The key of the elements of the list called `field` inside `parent`; `None` for a list that belongs to one writer as
/// a whole. These are the `x-kubernetes-list-map-keys` of the API's schema, for the lists that our objects have.
pub(super) fn key(field: &str, parent: &str) -> Option<Key> {
    let fields: &'static [_] = match (field, parent) {
        ("ownerReferences", _) => &[("uid", "")],
        ("containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets", _) => &[("name", "")],
        ("volumeMounts", _) => &[("mountPath", "")],
        ("ports", "containers" | "initContainers") => &[("containerPort", ""), ("protocol", "TCP")],
        ("ports", "spec") => &[("port", ""), ("protocol", "TCP")],
        ("topologySpreadConstraints", _) => &[("topologyKey", ""), ("whenUnsatisfiable", "")],
        ("hostAliases", _) => &[("ip", "")],
        _ => return None,
    };
    Some(Key(fields))
}

impl Key {
    pub(super) fn are_same(self, one: &Value, other: &Value) -> bool {
        self.of(one) == self.of(other)
    }

    /// The key of an element, as text.
    pub(super) fn of(self, element: &Value) -> String {
        let part = |(field, default): &(&str, &str)| match element.get(field) {
            None => (*default).to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        self.0.iter().map(part).collect::<Vec<_>>().join(",")
    }
}
