//! The objects and their history.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// By resource and name: tests use one namespace.
#[derive(Debug, Default)]
pub(super) struct Store {
    objects: BTreeMap<(String, String), Value>,
    history: Vec<Change>,
}

/// What happened to an object; its resource version is its place in the history, from 1.
#[derive(Clone, Debug)]
struct Change {
    resource: String,
    kind: &'static str,
    object: Value,
}

impl Store {
    pub(super) fn version(&self) -> usize {
        self.history.len()
    }

    pub(super) fn put(&mut self, resource: &str, object: Value) {
        let key = (resource.to_owned(), name(&object));
        // As the real one: what does not change anything is no change.
        if self
            .objects
            .get(&key)
            .is_some_and(|present| is_same(present, &object))
        {
            return;
        }
        let kind = match self.objects.contains_key(&key) {
            true => "MODIFIED",
            false => "ADDED",
        };
        let object = self.record(resource, kind, object);
        self.objects.insert(key, object);
    }

    pub(super) fn remove(&mut self, resource: &str, name: &str) {
        let key = (resource.to_owned(), name.to_owned());
        if let Some(object) = self.objects.remove(&key) {
            self.record(resource, "DELETED", object);
        }
    }

    pub(super) fn get(&self, resource: &str, name: &str) -> Option<Value> {
        self.objects.get(&(resource.to_owned(), name.to_owned())).cloned()
    }

    pub(super) fn list(&self, resource: &str, of: Option<&str>) -> Vec<Value> {
        let fits =
            |(key, _): &(&(String, String), &Value)| key.0 == resource && of.is_none_or(|of| key.1 == of);
        let found = self.objects.iter().filter(fits);
        found.map(|(_, object)| object.clone()).collect()
    }

    /// The watch event that comes first after `version`, with the version to go on from.
    pub(super) fn next_event(
        &self,
        resource: &str,
        of: Option<&str>,
        version: usize,
    ) -> Option<(usize, Value)> {
        let fits =
            |change: &Change| change.resource == resource && of.is_none_or(|of| name(&change.object) == of);
        let later = self.history.iter().enumerate().skip(version);
        let (index, change) = later.into_iter().find(|(_, change)| fits(change))?;
        Some((index + 1, json!({"type": change.kind, "object": change.object})))
    }

    fn record(&mut self, resource: &str, kind: &'static str, mut object: Value) -> Value {
        object["metadata"]["resourceVersion"] = json!((self.history.len() + 1).to_string());
        self.history.push(Change {
            resource: resource.to_owned(),
            kind,
            object: object.clone(),
        });
        object
    }
}

fn name(object: &Value) -> String {
    object["metadata"]["name"]
        .as_str()
        .expect("every object has a name")
        .to_owned()
}

fn is_same(present: &Value, object: &Value) -> bool {
    let without_version = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
        }
        object
    };
    without_version(present) == without_version(object)
}

/// RFC 7386.
pub(super) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.as_object_mut().map(|target| target.remove(&key));
            }
            value => merge(&mut target[key], value),
        }
    }
}
