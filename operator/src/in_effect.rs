//! Whether an object in the cluster already is as we want it.
//!
//! The API server completes what it is given, respells some of it, and lets others add to it. A comparison that knows
//! this is what keeps a cluster at rest free of writes. It is one-sided: everything wanted must be there; what is there
//! beside it belongs to others. What we once wanted and want no longer is found by the digest of our fields' paths
//! ([`fields_digest`]), which every object carries as an annotation: it is a part of what is wanted.

mod fields;
mod lists;
pub(crate) mod quantity;

use k8s_openapi::ByteString;
use serde_json::{Map, Value};

pub use fields::fields_digest;

/// Whether every field of `desired` is so in `live`.
pub fn in_effect(desired: &Value, live: &Value) -> bool {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => object_in_effect(desired, live, Place::default()),
        _ => desired == live,
    }
}

/// Where in an object a value is, as far as its meaning depends on that.
#[derive(Clone, Copy, Default)]
struct Place<'a> {
    /// The name of the field.
    field: &'a str,
    /// The name of the field around it, without the steps into lists.
    parent: &'a str,
}

fn value_in_effect(desired: &Value, live: &Value, place: Place<'_>) -> bool {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => object_in_effect(desired, live, place),
        (Value::Array(desired), Value::Array(live)) => list_in_effect(desired, live, place),
        (desired, Value::String(live)) if quantity::is_at(place.field, place.parent) => match desired {
            Value::String(desired) => quantity::are_equal(desired, live),
            // A whole number may be written without quotes.
            other => quantity::are_equal(&other.to_string(), live),
        },
        _ => desired == live,
    }
}

fn object_in_effect(desired: &Map<String, Value>, live: &Map<String, Value>, place: Place<'_>) -> bool {
    desired.iter().all(|(field, wanted)| {
        let place = Place {
            field,
            parent: place.field,
        };
        match (live.get(field), field.as_str()) {
            (None, "stringData") => strings_in_effect(wanted, live.get("data")),
            // One more label in a selector selects something else.
            (Some(found), "selector" | "podSelector") => wanted == found,
            (Some(found), _) => value_in_effect(wanted, found, place),
            (None, _) => is_nothing(wanted),
        }
    })
}

fn list_in_effect(desired: &[Value], live: &[Value], place: Place<'_>) -> bool {
    if let Some(key) = lists::key(place.field, place.parent) {
        return desired.iter().all(|wanted| {
            live.iter()
                .find(|found| key.are_same(wanted, found))
                .is_some_and(|found| value_in_effect(wanted, found, place))
        });
    }
    desired.len() == live.len()
        && desired.iter().zip(live).all(|(wanted, found)| {
            value_in_effect(wanted, found, place) && is_same_rule(wanted, found, place)
        })
}

/// A peer that is added to a rule of a NetworkPolicy changes what the rule lets pass.
fn is_same_rule(desired: &Value, live: &Value, place: Place<'_>) -> bool {
    let (Some(desired), Some(live)) = (desired.as_object(), live.as_object()) else {
        return true;
    };
    !matches!(place.field, "ingress" | "egress")
        || live
            .iter()
            .all(|(field, value)| desired.contains_key(field) || is_nothing(value))
}

/// The API server moves the texts of `stringData` into `data`.
fn strings_in_effect(desired: &Value, data: Option<&Value>) -> bool {
    let Some(desired) = desired.as_object() else {
        return is_nothing(desired);
    };
    desired.iter().all(|(key, text)| {
        let bytes = text.as_str().map(|text| ByteString(text.as_bytes().to_vec()));
        let wanted = serde_json::to_value(bytes).unwrap_or_default();
        data.and_then(|data| data.get(key)) == Some(&wanted)
    })
}

/// Values that the API server leaves out.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_added_does_not_matter_and_what_we_want_does() {
        let live = json!({"metadata": {"labels": {"a": "1", "theirs": "x"}, "uid": "u"}, "status": {}});
        assert!(in_effect(&json!({"metadata": {"labels": {"a": "1"}}}), &live));
        assert!(!in_effect(&json!({"metadata": {"labels": {"a": "2"}}}), &live));
        assert!(!in_effect(&json!({"metadata": {"labels": {"b": "1"}}}), &live));
    }

    #[test]
    fn containers_are_found_by_name_and_may_have_company() {
        let live = json!({"containers": [
            {"name": "injected", "image": "proxy"},
            {"name": "weft", "image": "weft:1", "terminationMessagePath": "/dev/termination-log"},
        ]});
        assert!(in_effect(
            &json!({"containers": [{"name": "weft", "image": "weft:1"}]}),
            &live
        ));
        assert!(!in_effect(
            &json!({"containers": [{"name": "weft", "image": "weft:2"}]}),
            &live
        ));
    }

    #[test]
    fn a_volume_may_be_mounted_twice() {
        let desired = json!({"volumeMounts": [
            {"name": "data", "mountPath": "/a"},
            {"name": "data", "mountPath": "/b", "readOnly": true},
        ]});
        let live = json!({"volumeMounts": [
            {"name": "data", "mountPath": "/b", "readOnly": true},
            {"name": "data", "mountPath": "/a"},
        ]});
        assert!(in_effect(&desired, &live));
    }

    #[test]
    fn a_port_that_somebody_opened_in_a_network_policy_is_not_what_we_want() {
        let desired = json!({"spec": {"ingress": [{"ports": [{"port": 8443, "protocol": "TCP"}]}]}});
        let live = json!({"spec": {"ingress": [{"ports": [
            {"port": 8443, "protocol": "TCP"}, {"port": 22, "protocol": "TCP"},
        ]}]}});
        assert!(!in_effect(&desired, &live));
        let service = json!({"spec": {"ports": [{"port": 443, "protocol": "TCP", "name": "https", "nodePort": 30001}]}});
        assert!(in_effect(
            &json!({"spec": {"ports": [{"port": 443, "name": "https"}]}}),
            &service
        ));
    }

    #[test]
    fn what_somebody_added_to_a_selector_is_not_what_we_want() {
        let desired = json!({"spec": {"selector": {"app": "weft"}}});
        assert!(in_effect(
            &desired,
            &json!({"spec": {"selector": {"app": "weft"}, "type": "ClusterIP"}})
        ));
        assert!(!in_effect(
            &desired,
            &json!({"spec": {"selector": {"app": "weft", "x": "y"}}})
        ));
        let policy = json!({"spec": {"podSelector": {"matchLabels": {"app": "weft"}}}});
        assert!(!in_effect(
            &policy,
            &json!({"spec": {"podSelector": {"matchLabels": {"app": "weft", "x": "y"}}}})
        ));
        let rule = json!({"spec": {"ingress": [{"ports": [{"port": 8443}]}]}});
        let narrowed =
            json!({"spec": {"ingress": [{"ports": [{"port": 8443}], "from": [{"podSelector": {}}]}]}});
        assert!(!in_effect(&rule, &narrowed));
    }

    #[test]
    fn quantities_are_compared_by_value() {
        let desired = json!({"resources": {"requests": {"memory": "1024Mi", "cpu": "0.05"}}});
        let live = json!({"resources": {"requests": {"memory": "1Gi", "cpu": "50m"}}});
        assert!(in_effect(&desired, &live));
        assert!(in_effect(
            &json!({"limits": {"cpu": 2}}),
            &json!({"limits": {"cpu": "2"}})
        ));
        assert!(!in_effect(
            &json!({"annotations": {"memory": "1024Mi"}}),
            &json!({"annotations": {"memory": "1Gi"}})
        ));
    }

    #[test]
    fn the_texts_of_a_secret_are_found_in_its_data() {
        let live = json!({"data": {"key": "aHVzaA==", "other": ""}});
        assert!(in_effect(&json!({"stringData": {"key": "hush"}}), &live));
        assert!(!in_effect(&json!({"stringData": {"key": "hush!"}}), &live));
    }

    #[test]
    fn what_the_api_server_leaves_out_is_in_effect() {
        assert!(in_effect(
            &json!({"spec": {"hostNetwork": false, "nodeSelector": {}, "x": null}}),
            &json!({"spec": {}})
        ));
        assert!(!in_effect(
            &json!({"spec": {"hostNetwork": true}}),
            &json!({"spec": {}})
        ));
    }
}
