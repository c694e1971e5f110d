//! The schemas as the API server gets them.

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::Kind;
use crate::rules::{self, Rule, validations};
use crate::v1alpha1::{EventSubscription, Hub, Namespace, Topic};

/// The CustomResourceDefinition of a kind.
pub fn crd(kind: Kind) -> CustomResourceDefinition {
    match kind {
        Kind::Namespace => Namespace::crd(),
        Kind::Topic => Topic::crd(),
        Kind::EventSubscription => EventSubscription::crd(),
        Kind::Hub => Hub::crd(),
    }
}

/// The structural OpenAPI schema of a whole object of this kind, as it stands in the CRD.
pub fn schema_for(kind: Kind) -> &'static Value {
    static SCHEMAS: LazyLock<[Value; 4]> = LazyLock::new(|| Kind::ALL.map(open_api_schema));
    &SCHEMAS[kind as usize]
}

fn open_api_schema(kind: Kind) -> Value {
    let mut crd = serde_json::to_value(crd(kind)).expect("a CRD consists of JSON types");
    crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema")
        .expect("the derive writes one version with a schema")
        .take()
}

/// Labels that users give to an object of ours.
pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    strings(63, &[rules::KEYS, rules::LABEL_VALUES, rules::LABELS_OF_USERS])
}

/// Labels to look for.
pub(crate) fn label_values(_: &mut SchemaGenerator) -> Schema {
    strings(63, &[rules::KEYS, rules::LABEL_VALUES])
}

/// Annotations that users give to an object of ours.
pub(crate) fn annotations(_: &mut SchemaGenerator) -> Schema {
    strings(4096, &[rules::KEYS, rules::ANNOTATIONS_OF_USERS])
}

/// Names for a certificate of ours.
pub(crate) fn dns_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 16,
        "items": {"type": "string", "maxLength": 253, VALIDATIONS: validations(&[rules::DNS_NAME])},
        "x-kubernetes-list-type": "set",
    })
}

/// Audiences of tokens.
pub(crate) fn audiences(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 16,
        "items": {"type": "string", "minLength": 1, "maxLength": 256},
        "x-kubernetes-list-type": "set",
    })
}

/// Amounts by the name of what is measured. YAML makes numbers of some of them.
pub(crate) fn quantities(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 8,
        "additionalProperties": {"x-kubernetes-int-or-string": true, "maxLength": 32},
        VALIDATIONS: validations(&[rules::KEYS, rules::QUANTITIES]),
    })
}

/// A part of Kubernetes' own schema; `plan` and the API server check it when it is used.
pub(crate) fn some_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", PRESERVE: true})
}

/// [`some_object`], several times.
pub(crate) fn some_objects(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 32,
        "items": {"type": "object", PRESERVE: true},
        "x-kubernetes-list-type": "atomic",
    })
}

const VALIDATIONS: &str = "x-kubernetes-validations";
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

fn strings(longest: u32, rules: &[Rule]) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": longest},
        VALIDATIONS: validations(rules),
    })
}

/// Drops what Rust's `Option` and `Default` leave in a schema. Without `nullable` the API server prunes an
/// explicit null, so that `has()` in a rule means "has a value"; without defaults, reading an
/// object back shows what its author wrote.
pub(crate) fn plain(schema: &mut Schema) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    properties
        .values_mut()
        .filter_map(Value::as_object_mut)
        .for_each(plain_property);
}

fn plain_property(property: &mut Map<String, Value>) {
    property.remove("default");
    if let Some(values) = property.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    if let Some(types) = property.get_mut("type")
        && let Some(only) = types
            .as_array()
            .and_then(|all| all.iter().find(|one| *one != "null"))
    {
        *types = only.clone();
    }
    if let Some(Value::Array(branches)) = property.remove("anyOf")
        && let Some(Value::Object(branch)) = branches.into_iter().next()
    {
        property.extend(branch);
    }
}
