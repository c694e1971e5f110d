//! The CEL rules of the schemas, once more in Rust.

use crds::annotation::PREFIX;
use crds::rules::{self, Rule};
use serde_json::Value;

use crate::duration::IsoDuration;
use crate::filter::is_key;
use crate::hub::PARTITIONS;
use crate::name::{
    ClientName, is_label_byte, is_label_value, is_metadata_key, is_namespace_name, is_object_name,
    is_reserved, is_rule_or_group_name, is_server_name,
};
use crate::place::{is_issuer, is_issuer_prefix, is_object_store};
use crate::size::{DEFAULT_SIZE, StorageSize, exact, is_quantity};

/// A rule in Rust. It is asked about values only that fit the schema.
pub(super) struct Twin {
    pub(super) rule: Rule,
    /// The field below the rule's place that a violation is about.
    pub(super) field: Option<&'static str>,
    pub(super) holds: fn(&Value) -> bool,
}

/// A rule about a change, in Rust.
pub(super) struct Transition {
    pub(super) rule: Rule,
    /// The field below the rule's place that a violation is about.
    pub(super) field: Option<&'static str>,
    pub(super) holds: fn(old: &Value, new: &Value) -> bool,
}

/// The twin of a CEL expression.
pub(super) fn twin(expression: &str) -> Option<&'static Twin> {
    TWINS.iter().find(|twin| twin.rule.expression == expression)
}

/// The twin of a CEL expression about `oldSelf`.
pub(super) fn transition(expression: &str) -> Option<&'static Transition> {
    TRANSITIONS
        .iter()
        .find(|transition| transition.rule.expression == expression)
}

const fn at(field: &'static str, rule: Rule, holds: fn(&Value) -> bool) -> Twin {
    Twin {
        rule,
        field: Some(field),
        holds,
    }
}

const fn here(rule: Rule, holds: fn(&Value) -> bool) -> Twin {
    Twin {
        rule,
        field: None,
        holds,
    }
}

static TWINS: [Twin; 37] = [
    at("metadata.name", rules::NAMESPACE_NAME, |object| {
        is_namespace_name(text(&object["metadata"]["name"]))
    }),
    at("metadata.name", rules::NAME_FOR_CLIENTS, |object| {
        has(&object["spec"], "azureName") || is_lower_case_client_name(text(&object["metadata"]["name"]))
    }),
    at("metadata.name", rules::NAME_RESERVED, |object| {
        has(&object["spec"], "azureName") || !is_reserved(text(&object["metadata"]["name"]))
    }),
    here(rules::AZURE_NAME, |name| ClientName::new(text(name)).is_some()),
    here(rules::HUB_AZURE_NAME, |name| {
        ClientName::of_hub(text(name)).is_some()
    }),
    here(rules::AZURE_NAME_RESERVED, |name| !is_reserved(text(name))),
    here(rules::ONE_STORAGE, |storage| {
        has(storage, "persistentVolume") != has(storage, "ephemeral")
    }),
    here(rules::STORAGE_SIZE, |size| {
        StorageSize::parse(text(size)).is_some()
    }),
    here(rules::STORAGE_CLASS_NAME, |name| {
        text(name).is_empty() || is_object_name(text(name))
    }),
    here(rules::ONE_CHECKPOINT, |checkpoint| {
        has(checkpoint, "configMap") != has(checkpoint, "objectStore")
    }),
    here(rules::ONE_DEAD_LETTER, |dead_letter| {
        has(dead_letter, "topicRef") != has(dead_letter, "objectStore")
    }),
    here(rules::OBJECT_STORE_URL, |url| is_object_store(text(url))),
    here(rules::ISSUER_URL, |url| is_issuer(text(url))),
    here(rules::ISSUER_PREFIX, |prefix| is_issuer_prefix(text(prefix))),
    here(rules::CERTIFICATES, |pem| {
        text(pem).contains("-----BEGIN CERTIFICATE-----")
    }),
    at("dnsNames", rules::DNS_NAMES_WITHOUT_SECRET, |tls| {
        !has(tls, "secretRef") || !has(tls, "dnsNames")
    }),
    here(rules::DNS_NAME, |name| is_server_name(text(name))),
    here(rules::OBJECT_NAME, |name| is_object_name(text(name))),
    here(rules::KEYS, |map| keys(map).all(is_metadata_key)),
    here(rules::LABEL_VALUES, |map| {
        values_of(map).all(|value| is_label_value(text(value)))
    }),
    here(rules::LABELS_OF_USERS, |map| {
        keys(map).all(|key| !key.starts_with(PREFIX) && !rules::OWN_LABELS.contains(&key))
    }),
    here(rules::ANNOTATIONS_OF_USERS, |map| {
        keys(map).all(|key| !key.starts_with(PREFIX))
    }),
    here(rules::QUANTITIES, |map| {
        values_of(map).all(|value| match value {
            Value::String(text) => is_quantity(text),
            number => is_quantity(&number.to_string()),
        })
    }),
    here(rules::DURATION, |duration| {
        IsoDuration::parse(text(duration)).is_some()
    }),
    here(rules::DURATION_IN_MINUTES, |duration| {
        IsoDuration::parse_minutes(text(duration)).is_some()
    }),
    at("deletionGracePeriod", rules::GRACE_ONLY_WITH_DELETE, |spec| {
        !has(spec, "deletionGracePeriod")
            || !has(spec, "deletionPolicy")
            || spec["deletionPolicy"] == "Delete"
    }),
    here(rules::AUTHORIZATION_RULE_NAME, |name| {
        is_rule_or_group_name(text(name))
    }),
    here(rules::AUTHORIZATION_RULE_RESERVED, |name| {
        !text(name).eq_ignore_ascii_case("RootManageSharedAccessKey")
    }),
    here(rules::AUTHORIZATION_RULES_UNIQUE, unique_names),
    at("messageRetention.sizeInBytes", rules::SIZE_OF_PARTITIONS, |hub| {
        let size = hub["messageRetention"]["sizeInBytes"].as_i64();
        size.is_none_or(|size| size >= partitions(hub) << 20)
    }),
    here(rules::CONSUMER_GROUP_NAME, |name| {
        is_default_group(text(name)) || is_rule_or_group_name(text(name))
    }),
    here(rules::CONSUMER_GROUP_RESERVED, |name| {
        !is_default_group(text(name))
    }),
    here(rules::ONE_OPERATOR, |filter| operators(filter).count() == 1),
    here(rules::FILTER_VALUES, |filters| {
        items(filters).flat_map(operators).map(values).sum::<usize>() <= 25
    }),
    here(rules::FILTER_KEY, |key| is_key(text(key))),
    here(rules::RANGES_ASCEND, |ranges| {
        items(ranges).all(|range| range[0].as_f64() <= range[1].as_f64())
    }),
    here(rules::ONLY_TRUE, |flag| *flag == true),
];

static TRANSITIONS: [Transition; 7] = [
    Transition {
        rule: rules::AZURE_NAME_IMMUTABLE,
        field: Some("azureName"),
        holds: |old, new| old["azureName"] == new["azureName"],
    },
    Transition {
        rule: rules::REFERENCE_IMMUTABLE,
        field: None,
        holds: |old, new| old == new,
    },
    Transition {
        rule: rules::DEAD_LETTER_TOPIC_IMMUTABLE,
        field: None,
        holds: |old, new| old["name"] == new["name"],
    },
    Transition {
        rule: rules::PARTITIONS_NEVER_SHRINK,
        field: Some("partitionCount"),
        holds: |old, new| partitions(old) <= partitions(new),
    },
    Transition {
        rule: rules::STORAGE_KIND_IMMUTABLE,
        field: Some("storage"),
        holds: |old, new| is_ephemeral(old) == is_ephemeral(new),
    },
    Transition {
        rule: rules::STORAGE_CLASS_IMMUTABLE,
        field: Some("storage.persistentVolume.storageClassName"),
        holds: |old, new| {
            let class = |spec: &Value| spec["storage"]["persistentVolume"]["storageClassName"].clone();
            is_ephemeral(old) || is_ephemeral(new) || class(old) == class(new)
        },
    },
    Transition {
        rule: rules::VOLUME_NEVER_SHRINKS,
        field: Some("storage.persistentVolume.size"),
        holds: |old, new| {
            is_ephemeral(old) || is_ephemeral(new) || volume_thousandths(old) <= volume_thousandths(new)
        },
    },
];

fn is_default_group(name: &str) -> bool {
    name.eq_ignore_ascii_case("$Default")
}

/// How many partitions an event hub asks for.
fn partitions(hub: &Value) -> i64 {
    hub["partitionCount"].as_i64().unwrap_or(PARTITIONS.into())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn has(object: &Value, field: &str) -> bool {
    object.get(field).is_some_and(|value| !value.is_null())
}

fn keys(map: &Value) -> impl Iterator<Item = &str> {
    present(map).map(|(key, _)| key.as_str())
}

fn values_of(map: &Value) -> impl Iterator<Item = &Value> {
    present(map).map(|(_, value)| value)
}

fn present(map: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let fields = map.as_object().into_iter().flatten();
    fields.filter(|(_, value)| !value.is_null())
}

fn is_ephemeral(spec: &Value) -> bool {
    has(&spec["storage"], "ephemeral")
}

/// The size of a Namespace's volume; nothing if it is none that we know, as an older schema may have admitted.
fn volume_thousandths(spec: &Value) -> Option<u128> {
    match &spec["storage"]["persistentVolume"]["size"] {
        Value::String(size) => exact(size),
        _ => exact(DEFAULT_SIZE),
    }
}

fn is_lower_case_client_name(name: &str) -> bool {
    (3..=50).contains(&name.len()) && name.bytes().all(is_label_byte)
}

fn unique_names(rules: &Value) -> bool {
    let mut names: Vec<String> = items(rules)
        .map(|rule| text(&rule["name"]).to_ascii_lowercase())
        .collect();
    let all = names.len();
    names.sort();
    names.dedup();
    names.len() == all
}

/// The operators of a filter that has passed the schema: what it has beside its key.
fn operators(filter: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = filter.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| *name != "key" && !value.is_null())
        .map(|(name, value)| (name.as_str(), value))
}

/// How many values an operator counts for.
fn values((name, value): (&str, &Value)) -> usize {
    match value {
        Value::Array(values) => values.len(),
        _ => usize::from(!matches!(name, "isNullOrUndefined" | "isNotNull")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::{Kind, schema_for};

    fn collect(schema: &Value, into: &mut Vec<String>) {
        into.extend(items(&schema["x-kubernetes-validations"]).map(|rule| text(&rule["rule"]).to_owned()));
        schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .for_each(|(_, property)| collect(property, into));
        for nested in ["items", "additionalProperties"] {
            if has(schema, nested) {
                collect(&schema[nested], into);
            }
        }
    }

    #[test]
    fn every_rule_of_every_schema_has_a_twin_and_the_other_way_round() {
        let mut expressions = Vec::new();
        Kind::ALL
            .into_iter()
            .for_each(|kind| collect(schema_for(kind), &mut expressions));
        for expression in &expressions {
            let about_changes = expression.contains("oldSelf");
            assert_eq!(twin(expression).is_some(), !about_changes, "{expression}");
            assert_eq!(transition(expression).is_some(), about_changes, "{expression}");
        }
        let used = |rule: &Rule| expressions.iter().any(|expression| expression == rule.expression);
        assert!(
            TWINS.iter().all(|twin| used(&twin.rule)),
            "a rule in Rust that no schema has"
        );
        assert!(TRANSITIONS.iter().all(|transition| used(&transition.rule)));
    }
}
