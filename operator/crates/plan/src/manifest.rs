//! Checks one manifest the way the API server would, and says more.
//!
//! The API server checks a manifest in three steps: the schema of the CRD, the CEL rules in it, and its own rules for
//! metadata. The same schema is walked here; each CEL rule has a twin in Rust (a property test compares the two).
//! What this module passes, the API server admits.

mod metadata;
mod rules;
mod schema;
mod suggest;
mod violation;

use crds::v1alpha1::{EventSubscription, Hub, Namespace, Topic};
use crds::{API_VERSION, Kind, schema_for};
use kube::core::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use violation::Violation;

/// One typed object.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each kind is documented in crds")]
pub enum Object {
    Namespace(Box<Namespace>),
    Topic(Box<Topic>),
    EventSubscription(Box<EventSubscription>),
    Hub(Box<Hub>),
}

impl Object {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Namespace(_) => Kind::Namespace,
            Self::Topic(_) => Kind::Topic,
            Self::EventSubscription(_) => Kind::EventSubscription,
            Self::Hub(_) => Kind::Hub,
        }
    }

    /// Its metadata.
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Namespace(object) => &object.metadata,
            Self::Topic(object) => &object.metadata,
            Self::EventSubscription(object) => &object.metadata,
            Self::Hub(object) => &object.metadata,
        }
    }
}

/// Reads a manifest of any of our kinds, without its status.
///
/// # Errors
/// Everything that is wrong with it, in the order of the schema; never empty.
pub fn read(manifest: &Value) -> Result<Object, Vec<Violation>> {
    let kind = kind_of(manifest).map_err(|violation| vec![violation])?;
    let violations = check(kind, manifest);
    if !violations.is_empty() {
        return Err(violations);
    }
    match kind {
        Kind::Namespace => typed(manifest).map(Object::Namespace),
        Kind::Topic => typed(manifest).map(Object::Topic),
        Kind::EventSubscription => typed(manifest).map(Object::EventSubscription),
        Kind::Hub => typed(manifest).map(Object::Hub),
    }
}

/// Everything that is wrong with a manifest of this kind; empty if the API server would admit it. An explicit null is
/// an absent field, as it is for the API server. `status` is not looked at: it is not the user's to write.
pub fn check(kind: Kind, manifest: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    if !manifest.is_object() {
        found.push(Violation::new(
            "",
            "a manifest is a map",
            "write apiVersion, kind, metadata and spec",
        ));
        return found;
    }
    if let Err(violation) = kind_of(manifest) {
        found.push(violation);
    }
    metadata::check(&manifest["metadata"], &mut found);
    schema::check_object(schema_for(kind), manifest, &mut found);
    found
}

/// What the API server would say about changing `old` into `new`: what must not change. Both must have passed
/// [`check`].
pub fn check_change(kind: Kind, old: &Value, new: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    schema::check_transitions(schema_for(kind), old, new, "", &mut found);
    found
}

/// Which kind a manifest says it is.
///
/// # Errors
/// It is not a kind of ours, or of another version.
pub fn kind_of(manifest: &Value) -> Result<Kind, Violation> {
    if manifest["apiVersion"] != API_VERSION {
        let rule = format!("the resources of Weft have apiVersion: {API_VERSION}");
        return Err(Violation::new(
            "apiVersion",
            rule,
            format!("write apiVersion: {API_VERSION}"),
        ));
    }
    let name = manifest["kind"].as_str().unwrap_or_default();
    Kind::from_name(name).ok_or_else(|| {
        let kinds = Kind::ALL.map(Kind::as_str);
        let rule = format!("the kinds of {API_VERSION} are {}", kinds.join(", "));
        Violation::new("kind", rule, suggest::fix(name, &kinds))
    })
}

/// The schema has vouched for the spec, so that only metadata can still be of a wrong type.
fn typed<T: DeserializeOwned>(manifest: &Value) -> Result<T, Vec<Violation>> {
    let mut manifest = manifest.clone();
    if let Some(fields) = manifest.as_object_mut() {
        fields.remove("status");
    }
    drop_nulls(&mut manifest);
    T::deserialize(manifest).map_err(|error| {
        let rule = format!("the metadata cannot be read: {error}");
        vec![Violation::new(
            "metadata",
            rule,
            "remove what is not name, namespace, labels or annotations",
        )]
    })
}

/// As the API server does: an explicit null is an absent field, also where the keys are the user's.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
