//! What the API server demands of a schema, and what we do.

use crds::{Kind, rules, schema_for};
use serde_json::{Value, json};

/// Visits every schema below `schema`, itself included, with its path.
fn visit(path: &str, schema: &Value, check: &mut impl FnMut(&str, &Value)) {
    check(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        visit(&format!("{path}.{name}"), property, check);
    }
    if let Some(items) = schema.get("items") {
        visit(&format!("{path}[]"), items, check);
    }
    if let Some(values) = schema.get("additionalProperties") {
        visit(&format!("{path}[]"), values, check);
    }
}

fn each_schema(mut check: impl FnMut(&str, &Value)) {
    for kind in Kind::ALL {
        visit(kind.as_str(), schema_for(kind), &mut check);
    }
}

#[test]
fn every_schema_is_structural() {
    const KNOWN: [&str; 20] = [
        "type",
        "description",
        "properties",
        "required",
        "items",
        "enum",
        "format",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "pattern",
        "title",
        "additionalProperties",
        "maxProperties",
        "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    ];
    const TYPES: [&str; 6] = ["object", "array", "string", "integer", "number", "boolean"];
    each_schema(|path, schema| {
        assert!(
            TYPES.contains(&schema["type"].as_str().unwrap_or_default())
                || schema["x-kubernetes-int-or-string"] == true,
            "{path} has one type"
        );
        for keyword in schema.as_object().unwrap().keys() {
            // The derive marks a whole status as nullable; nobody but the operator writes there.
            let known = KNOWN.contains(&keyword.as_str())
                || keyword.starts_with("x-kubernetes-list-")
                || (keyword == "nullable" && path.ends_with(".status") && !path.contains(".spec"));
            assert!(
                known,
                "{path}: {keyword} is not structural, or not wanted (nullable, default, anyOf …)"
            );
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(
                schema["properties"].get(name.as_str().unwrap()).is_some(),
                "{path}.{name} exists"
            );
        }
        if schema["type"] == "array" {
            assert!(
                schema.get("items").is_some_and(Value::is_object),
                "{path} has one schema for its items"
            );
        }
    });
}

#[test]
fn numbers_have_formats_that_the_api_server_knows() {
    each_schema(|path, schema| {
        if let Some(format) = schema.get("format") {
            let known = ["int32", "int64", "double", "date-time"].map(Value::from);
            assert!(known.contains(format), "{path}: {format}");
        }
    });
}

#[test]
fn everything_a_user_writes_has_a_bound() {
    each_schema(|path, schema| {
        if !path.contains(".spec") {
            return;
        }
        match schema["type"].as_str().unwrap_or("string") {
            "object" => assert!(
                schema.get("additionalProperties").is_none() || schema["maxProperties"].is_u64(),
                "{path} has a largest size"
            ),
            "string" => assert!(
                schema.get("maxLength").or(schema.get("enum")).is_some(),
                "{path} has a length"
            ),
            "array" => {
                assert!(schema["maxItems"].is_u64(), "{path} has a longest length");
                assert!(
                    schema["minItems"].as_u64() >= Some(1),
                    "{path}: an empty list means nothing"
                );
                assert!(
                    schema.get("x-kubernetes-list-type").is_some() || path.ends_with("[]"),
                    "{path} says how it merges"
                );
            }
            "integer" => assert!(
                schema["minimum"].is_number() && schema["maximum"].is_number(),
                "{path} has a range"
            ),
            _ => {}
        }
    });
}

#[test]
fn every_field_is_documented() {
    each_schema(|path, schema| {
        if path.contains(".spec.") && !path.ends_with("[]") {
            assert!(
                schema["description"].as_str().is_some_and(|text| text.len() > 15),
                "{path} says what it is"
            );
        }
    });
}

#[test]
fn lists_that_are_maps_have_their_keys() {
    each_schema(|path, schema| {
        if schema["x-kubernetes-list-type"] == "map" {
            for key in schema["x-kubernetes-list-map-keys"].as_array().unwrap() {
                assert!(
                    schema["items"]["required"].as_array().unwrap().contains(key),
                    "{path}: {key} is required"
                );
            }
        }
    });
}

#[test]
fn every_rule_says_what_to_do_in_one_line() {
    let mut rules = 0;
    each_schema(|path, schema| {
        for rule in schema["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let message = rule["message"].as_str().unwrap();
            let (what, fix) = message.split_once("; ").unwrap();
            assert!(
                what.len() > 15 && fix.len() > 15 && !message.contains('\n'),
                "{path}: {message}"
            );
            rules += 1;
        }
    });
    assert!(rules > 20, "the rules were found: {rules}");
}

#[test]
fn the_reserved_names_are_the_same_in_each_rule() {
    let list = rules::RESERVED_NAMES.map(|name| format!("'{name}'")).join(", ");
    for rule in [rules::NAME_RESERVED, rules::AZURE_NAME_RESERVED] {
        assert!(rule.expression.contains(&format!("[{list}]")));
        assert!(rule.rule.contains(&rules::RESERVED_NAMES.join(" ")));
    }
}

#[test]
fn the_labels_that_belong_to_weft_are_the_same_in_each_place() {
    let list = rules::OWN_LABELS.map(|name| format!("'{name}'")).join(", ");
    assert!(rules::LABELS_OF_USERS.expression.contains(&format!("[{list}]")));
    for rule in [rules::LABELS_OF_USERS, rules::ANNOTATIONS_OF_USERS] {
        assert!(
            rule.expression
                .contains(&format!("startsWith('{}')", crds::annotation::PREFIX))
        );
    }
}

#[test]
fn what_kubernetes_checks_itself_is_kept_as_it_was_written() {
    let manifest = json!({
        "apiVersion": "weft.dev/v1alpha1",
        "kind": "Namespace",
        "metadata": {"name": "shop"},
        "spec": {
            "service": {"type": "ClusterIP"},
            "podTemplate": {
                "metadata": {"labels": {"team": "a"}},
                "spec": {
                    "affinity": {"nodeAffinity": {"x": [1, {"y": null}]}},
                    "tolerations": [{"key": "a", "operator": "Exists"}],
                    "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
                },
            },
        },
    });
    let object: crds::v1alpha1::Namespace = serde_json::from_value(manifest.clone()).unwrap();
    assert_eq!(serde_json::to_value(object).unwrap(), manifest);
}

#[test]
fn references_and_names_for_clients_are_immutable() {
    let rules_at =
        |kind, path: &str| schema_for(kind).pointer(path).unwrap()["x-kubernetes-validations"].to_string();
    for (kind, parent) in [
        (Kind::Topic, "namespaceRef"),
        (Kind::EventSubscription, "topicRef"),
        (Kind::Hub, "namespaceRef"),
    ] {
        assert!(rules_at(kind, "/properties/spec").contains(rules::AZURE_NAME_IMMUTABLE.expression));
        let at = format!("/properties/spec/properties/{parent}");
        assert!(rules_at(kind, &at).contains(rules::REFERENCE_IMMUTABLE.expression));
    }
    let at = "/properties/spec/properties/deadLetter";
    assert!(rules_at(Kind::EventSubscription, at).contains(rules::ONE_DEAD_LETTER.expression));
    let at = "/properties/spec/properties/deadLetter/properties/topicRef";
    assert!(rules_at(Kind::EventSubscription, at).contains(rules::DEAD_LETTER_TOPIC_IMMUTABLE.expression));
}

#[test]
fn kubectl_shows_whether_and_why_and_since_when() {
    for kind in Kind::ALL {
        let crd = crds::crd(kind);
        let version = &crd.spec.versions[0];
        let columns: Vec<&str> = version
            .additional_printer_columns
            .iter()
            .flatten()
            .map(|column| column.name.as_str())
            .collect();
        assert!(
            columns.ends_with(&["Ready", "Reason", "Age"]),
            "{kind}: {columns:?}"
        );
        assert!(
            version
                .subresources
                .as_ref()
                .is_some_and(|sub| sub.status.is_some()),
            "{kind} has a status"
        );
        assert_eq!(
            crd.spec.names.categories.as_deref(),
            Some(&["weft".to_owned()][..])
        );
        assert_eq!(crd.spec.scope, "Namespaced");
    }
}

#[test]
fn the_kinds_have_their_names() {
    let names = Kind::ALL.map(|kind| {
        let names = crds::crd(kind).spec.names;
        (names.kind, names.plural, names.short_names.unwrap().join(","))
    });
    let expected = [
        ("Namespace", "eventnamespaces", "evns"),
        ("Topic", "topics", "evt"),
        ("EventSubscription", "eventsubscriptions", "evsub"),
        ("Hub", "hubs", "evhub"),
    ];
    assert_eq!(
        names,
        expected.map(|(kind, plural, short)| (kind.into(), plural.into(), short.into()))
    );
}

#[test]
fn a_manifest_reads_and_writes_without_additions() {
    let manifest = json!({
        "apiVersion": "weft.dev/v1alpha1",
        "kind": "EventSubscription",
        "metadata": {"name": "billing"},
        "spec": {
            "topicRef": {"name": "orders"},
            "queue": {"maxDeliveryCount": 3},
            "filtersConfiguration": {"filters": [{"key": "data.country", "stringIn": ["FR", "DE"]}]},
        },
    });
    let object: crds::v1alpha1::EventSubscription = serde_json::from_value(manifest.clone()).unwrap();
    assert_eq!(serde_json::to_value(object).unwrap(), manifest);
}
