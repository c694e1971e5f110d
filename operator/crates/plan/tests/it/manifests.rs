//! What a person reads who made a mistake.

use crds::Kind;
use plan::manifest::{self, Object};
use serde_json::{Value, json};

fn billing(change: impl FnOnce(&mut Value)) -> Value {
    let mut manifest = json!({
        "apiVersion": "weft.dev/v1alpha1",
        "kind": "EventSubscription",
        "metadata": {"name": "billing"},
        "spec": {
            "topicRef": {"name": "orders"},
            "queue": {"receiveLockDurationInSeconds": 60, "maxDeliveryCount": 10, "eventTimeToLive": "P1D"},
            "filtersConfiguration": {
                "includedEventTypes": ["com.example.order.placed"],
                "filters": [{"key": "data.country", "stringIn": ["FR", "DE"]}],
            },
        },
    });
    change(&mut manifest);
    manifest
}

/// The mistakes in one text, a line each.
fn mistakes(manifest: &Value) -> String {
    let found = manifest::read(manifest).expect_err("there is a mistake");
    found
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_manifests_of_the_design_are_read() {
    assert!(matches!(
        manifest::read(&billing(|_| {})),
        Ok(Object::EventSubscription(_))
    ));
    let shop = json!({"apiVersion": "weft.dev/v1alpha1", "kind": "Namespace", "metadata": {"name": "shop"},
        "spec": {"storage": {"persistentVolume": {"size": "10Gi"}}}});
    assert!(matches!(manifest::read(&shop), Ok(Object::Namespace(_))));
    let orders = json!({"apiVersion": "weft.dev/v1alpha1", "kind": "Topic", "metadata": {"name": "orders"},
        "spec": {"namespaceRef": {"name": "shop"}}});
    assert!(matches!(manifest::read(&orders), Ok(Object::Topic(_))));
}

#[test]
fn an_unknown_field_is_refused_with_the_one_that_was_meant() {
    let text = mistakes(&billing(|manifest| {
        manifest["spec"]["queue"]["maxDeliverycount"] = json!(3)
    }));
    assert_eq!(
        text,
        "spec.queue.maxDeliverycount: spec.queue has no field of this name; did you mean maxDeliveryCount?"
    );
    let text = mistakes(&billing(|manifest| manifest["specs"] = json!({})));
    assert_eq!(text, "specs: a manifest has no such field; did you mean spec?");
    let text = mistakes(&billing(|manifest| manifest["metadata"]["lables"] = json!({})));
    assert_eq!(
        text,
        "metadata.lables: metadata has no such field; did you mean labels?"
    );
}

#[test]
fn a_field_of_a_later_version_is_refused_rather_than_ignored() {
    for (field, value) in [
        ("push", json!({})),
        ("expirationTimeUtc", json!("2030-01-01T00:00:00Z")),
    ] {
        assert!(
            mistakes(&billing(|manifest| manifest["spec"][field] = value))
                .starts_with(&format!("spec.{field}: "))
        );
    }
}

#[test]
fn wrong_types_and_ranges_say_what_to_write() {
    let text = mistakes(&billing(|manifest| {
        manifest["spec"]["queue"]["maxDeliveryCount"] = json!("3")
    }));
    assert_eq!(
        text,
        "spec.queue.maxDeliveryCount: this is a whole number; write a whole number, without quotes"
    );
    let text = mistakes(&billing(|manifest| {
        manifest["spec"]["queue"]["maxDeliveryCount"] = json!(11)
    }));
    assert_eq!(
        text,
        "spec.queue.maxDeliveryCount: this is a whole number from 1 to 10; write for example 10"
    );
    let text = mistakes(&billing(|manifest| manifest["spec"]["queue"] = Value::Null));
    assert_eq!(text, "spec.queue: queue is required; write queue: {}");
    let text = mistakes(&billing(|manifest| {
        manifest["spec"]["topicRef"] = json!("orders")
    }));
    assert_eq!(text, "spec.topicRef: this is a map; write {name: …}");
}

#[test]
fn a_duration_says_what_a_duration_is() {
    let text = mistakes(&billing(|manifest| {
        manifest["spec"]["queue"]["eventTimeToLive"] = json!("1d")
    }));
    assert_eq!(
        text,
        "spec.queue.eventTimeToLive: this is an ISO 8601 duration of days, hours and minutes, at least one minute; write for example P1D, PT12H or PT90M"
    );
}

#[test]
fn a_filter_has_exactly_one_operator() {
    let at = "/spec/filtersConfiguration/filters/0";
    let none = billing(|manifest| *manifest.pointer_mut(at).unwrap() = json!({"key": "subject"}));
    assert!(
        mistakes(&none)
            .starts_with("spec.filtersConfiguration.filters[0]: a filter has exactly one operator")
    );
    let two = billing(|manifest| manifest.pointer_mut(at).unwrap()["isNotNull"] = json!(true));
    assert!(
        mistakes(&two).starts_with("spec.filtersConfiguration.filters[0]: a filter has exactly one operator")
    );
}

#[test]
fn the_limits_of_filters_are_azures() {
    let filters =
        |filters: Value| billing(|manifest| manifest["spec"]["filtersConfiguration"]["filters"] = filters);
    let of_values = |count: usize| json!([{"key": "subject", "stringIn": vec!["x"; count]}, {"key": "id", "stringNotIn": ["y"]}]);
    assert!(manifest::read(&filters(of_values(24))).is_ok());
    assert!(mistakes(&filters(of_values(25))).contains("at most 25 values together"));
    let many = vec![json!({"key": "subject", "isNotNull": true}); 26];
    assert!(mistakes(&filters(json!(many))).contains("1 to 25 entries, found 26"));
    let long = |length: usize| filters(json!([{"key": "subject", "stringContains": ["ü".repeat(length)]}]));
    assert!(manifest::read(&long(512)).is_ok());
    assert!(mistakes(&long(513)).contains("1 to 512 characters, found 513"));
    assert!(mistakes(&filters(json!([]))).contains("add an entry or remove the field"));
    assert!(
        mistakes(&filters(json!([{"key": "data.n", "numberInRange": [[3, 1]]}])))
            .contains("write the lower number first")
    );
    assert!(mistakes(&filters(json!([{"key": "data.n", "isNotNull": false}]))).contains("takes only true"));
}

#[test]
fn names_that_clients_cannot_use_need_an_azure_name() {
    let topic = |name: &str, spec: Value| json!({"apiVersion": "weft.dev/v1alpha1", "kind": "Topic", "metadata": {"name": name}, "spec": spec});
    let plain = json!({"namespaceRef": {"name": "shop"}});
    for name in ["ab", "a.b.c", "api", "topics"] {
        let text = mistakes(&topic(name, plain.clone()));
        assert!(
            text.starts_with("metadata.name: ") && text.contains("set spec.azureName"),
            "{text}"
        );
        let named = json!({"namespaceRef": {"name": "shop"}, "azureName": "OrdersV2"});
        assert!(manifest::read(&topic(name, named)).is_ok(), "{name}");
    }
    let reserved = json!({"namespaceRef": {"name": "shop"}, "azureName": "MQTT"});
    assert!(mistakes(&topic("orders", reserved)).contains("are reserved"));
}

#[test]
fn a_namespace_has_one_kind_of_storage_and_rules_with_different_names() {
    let shop = |spec: Value| json!({"apiVersion": "weft.dev/v1alpha1", "kind": "Namespace", "metadata": {"name": "shop"}, "spec": spec});
    let both = json!({"storage": {"persistentVolume": {"size": "1Gi"}, "ephemeral": {"sizeLimit": "1Gi"}}});
    assert!(mistakes(&shop(both)).starts_with("spec.storage: storage has exactly one of"));
    assert!(mistakes(&shop(json!({"storage": {}}))).starts_with("spec.storage: storage has exactly one of"));
    let small = json!({"storage": {"ephemeral": {"sizeLimit": "1Mi"}}});
    assert!(mistakes(&shop(small)).contains("from 32Mi to 64Ti"));
    let rule = |name: &str| json!({"name": name, "rights": ["Send"]});
    let twice = json!({"authorizationRules": [rule("app"), rule("App")]});
    assert!(mistakes(&shop(twice)).contains("unique, ignoring case"));
    let root = json!({"authorizationRules": [rule("rootManageSharedAccessKey")]});
    assert!(mistakes(&shop(root)).contains("always exists"));
    let idle = json!({"deletionPolicy": "Retain", "deletionGracePeriod": "P1D"});
    assert!(mistakes(&shop(idle)).starts_with("spec.deletionGracePeriod: "));
    let right = json!({"authorizationRules": [{"name": "app", "rights": ["send"]}]});
    assert_eq!(
        mistakes(&shop(right)),
        "spec.authorizationRules[0].rights[0]: this is one of Send, Listen, Manage; did you mean Send?"
    );
}

#[test]
fn an_issuer_needs_a_url_and_a_prefix_that_cannot_be_mistaken() {
    let shop = |issuer: Value| {
        json!({"apiVersion": "weft.dev/v1alpha1", "kind": "Namespace", "metadata": {"name": "shop"},
        "spec": {"identity": {"issuers": [issuer]}}})
    };
    let issuer = |url: &str, prefix: &str| shop(json!({"url": url, "audiences": ["weft"], "prefix": prefix}));
    assert!(manifest::read(&issuer("https://login.example.com", "corp:")).is_ok());
    let text = mistakes(&issuer("http://login.example.com", "corp:"));
    assert!(
        text.starts_with("spec.identity.issuers[0].url: the URL of an issuer begins with https://"),
        "{text}"
    );
    for prefix in ["system:", "sys"] {
        let text = mistakes(&issuer("https://login.example.com", prefix));
        assert!(
            text.starts_with("spec.identity.issuers[0].prefix: ") && text.contains("write for example corp:"),
            "{text}"
        );
    }
    assert!(
        mistakes(&issuer("https://login.example.com", "")).starts_with("spec.identity.issuers[0].prefix: ")
    );
    let missing = mistakes(&shop(
        json!({"url": "https://login.example.com", "prefix": "corp:"}),
    ));
    assert!(missing.contains("audiences is required"), "{missing}");
}

#[test]
fn the_copy_of_positions_lies_in_one_place_that_stores_understand() {
    let shop = |checkpoint: Value| {
        json!({"apiVersion": "weft.dev/v1alpha1", "kind": "Namespace",
        "metadata": {"name": "shop"}, "spec": {"checkpoint": checkpoint}})
    };
    assert!(manifest::read(&shop(json!({"configMap": {}}))).is_ok());
    let both = json!({"configMap": {}, "objectStore": {"url": "s3://bucket"}});
    for checkpoint in [json!({}), both] {
        assert!(mistakes(&shop(checkpoint)).starts_with("spec.checkpoint: checkpoint has exactly one of"));
    }
    let text = mistakes(&shop(
        json!({"objectStore": {"url": "https://bucket.s3.amazonaws.com/shop"}}),
    ));
    assert!(text.contains("write for example s3://bucket/weft/shop"), "{text}");
    let text = mistakes(&shop(json!({"configMap": {"name": "mine"}})));
    assert!(text.starts_with("spec.checkpoint.configMap.name: "), "{text}");
}

#[test]
fn a_foreign_kind_or_version_is_named() {
    assert!(
        mistakes(&billing(|manifest| manifest["kind"] = json!("EventSubscripton")))
            .contains("did you mean EventSubscription?")
    );
    assert!(
        mistakes(&billing(|manifest| manifest["apiVersion"] = json!("v1")))
            .contains("write apiVersion: weft.dev/v1alpha1")
    );
    assert!(mistakes(&json!([])).contains("apiVersion"));
}

#[test]
fn every_mistake_is_reported_at_once() {
    let manifest = billing(|manifest| {
        manifest["spec"]["queue"]["maxDeliveryCount"] = json!(0);
        manifest["spec"]["extra"] = json!(1);
        manifest["metadata"]["name"] = json!("Billing");
    });
    assert_eq!(manifest::check(Kind::EventSubscription, &manifest).len(), 3);
}

#[test]
fn what_kubectl_printed_can_be_read_again() {
    let manifest = billing(|manifest| {
        manifest["metadata"]["managedFields"] =
            json!([{"manager": "kubectl", "operation": "Apply", "fieldsV1": {}}]);
        manifest["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        manifest["status"] = json!({"conditions": [{"type": "Ready"}]});
    });
    assert!(
        manifest::read(&manifest).is_ok(),
        "{:?}",
        manifest::read(&manifest)
    );
    let text = mistakes(&billing(|manifest| {
        manifest["metadata"]["finalizers"] = json!("x")
    }));
    assert!(
        text.starts_with("metadata: the metadata cannot be read"),
        "{text}"
    );
}
