//! The rules in Rust and the rules in CEL are the same rules.

use std::sync::LazyLock;

use crds::rules::{self, Rule};
use crds::{Kind, schema_for};
use kube_cel::{CompiledSchema, ErrorKind, Validator, compile_schema, estimate_rule_cost};
use plan::manifest;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::generate::{admitted, any_kind, cases, manifest};

static COMPILED: LazyLock<[CompiledSchema; 4]> =
    LazyLock::new(|| Kind::ALL.map(|kind| compile_schema(schema_for(kind))));

/// The messages of the CEL rules that the API server would answer with.
fn cel(kind: Kind, new: &Value, old: Option<&Value>) -> Vec<String> {
    let result = Validator::new().validate_compiled(&COMPILED[kind as usize], new, old);
    let Err(errors) = result else { return Vec::new() };
    errors
        .into_vec()
        .into_iter()
        .map(|error| {
            let evaluated = matches!(
                error.kind,
                ErrorKind::ValidationFailure | ErrorKind::EvaluationError
            );
            assert!(evaluated, "the rule was evaluated: {error:?}");
            error.message
        })
        .collect()
}

fn messages(violations: &[manifest::Violation]) -> Vec<String> {
    violations
        .iter()
        .map(|violation| format!("{}; {}", violation.rule, violation.fix))
        .collect()
}

#[test]
fn every_cel_rule_compiles_and_has_a_bounded_cost() {
    fn visit(schema: &Value) {
        let compiled = compile_schema(schema);
        assert!(!compiled.has_errors(), "{:?}", compiled.compilation_errors());
        for rule in schema["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let warnings = estimate_rule_cost(rule["rule"].as_str().unwrap_or_default(), &compiled);
            assert!(warnings.is_empty(), "{warnings:?}");
        }
        schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .for_each(|(_, property)| visit(property));
        for nested in ["items", "additionalProperties"] {
            schema.get(nested).into_iter().for_each(visit);
        }
    }
    Kind::ALL
        .into_iter()
        .for_each(|kind| visit(&schema_for(kind)["properties"]["spec"]));
}

#[test]
fn both_say_the_same_of_storage_that_changes() {
    let namespace = |storage: Value| {
        let spec = if storage.is_null() {
            json!({})
        } else {
            json!({"storage": storage})
        };
        json!({"apiVersion": "weft.dev/v1alpha1", "kind": "Namespace", "metadata": {"name": "shop"}, "spec": spec})
    };
    let volume = |size: &str| json!({"persistentVolume": {"size": size}});
    let of_class =
        |size: &str, class: &str| json!({"persistentVolume": {"size": size, "storageClassName": class}});
    let disk = |size: &str| json!({"ephemeral": {"sizeLimit": size}});
    let (kind, class, size) = (
        rules::STORAGE_KIND_IMMUTABLE,
        rules::STORAGE_CLASS_IMMUTABLE,
        rules::VOLUME_NEVER_SHRINKS,
    );
    let changes: [(Value, Value, &[Rule]); 16] = [
        (json!(null), json!(null), &[]),
        (json!(null), volume("10Gi"), &[]),
        (json!(null), volume("10240Mi"), &[]),
        (json!(null), volume("11Gi"), &[]),
        (json!(null), volume("9.9Gi"), &[size]),
        (volume("11Gi"), json!(null), &[size]),
        (volume("1Gi"), json!(null), &[]),
        (volume("1G"), volume("1Gi"), &[]),
        (volume("1Gi"), volume("1G"), &[size]),
        (volume("1Gi"), volume("1.001Gi"), &[]),
        (json!(null), of_class("10Gi", ""), &[class]),
        (of_class("1Gi", "a"), of_class("2Gi", "a"), &[]),
        (of_class("1Gi", "a"), of_class("32Mi", "b"), &[class, size]),
        (volume("1Gi"), disk("1Gi"), &[kind]),
        (disk("1Gi"), json!(null), &[kind]),
        (disk("2Gi"), disk("1Gi"), &[]),
    ];
    for (old, new, expected) in changes {
        let (old, new) = (namespace(old), namespace(new));
        let expected = sorted(expected.iter().map(Rule::message).collect());
        assert_eq!(
            sorted(messages(&manifest::check_change(Kind::Namespace, &old, &new))),
            expected,
            "{old} {new}"
        );
        assert_eq!(
            sorted(cel(Kind::Namespace, &new, Some(&old))),
            expected,
            "{old} {new}"
        );
    }
}

#[test]
fn both_say_the_same_of_a_change() {
    let kind = Kind::EventSubscription;
    let subscription = |spec: Value| json!({"apiVersion": "weft.dev/v1alpha1", "kind": "EventSubscription", "metadata": {"name": "billing"}, "spec": spec});
    let old = subscription(
        json!({"topicRef": {"name": "a"}, "azureName": "Billing", "queue": {}, "deadLetter": {"topicRef": {"name": "d"}}}),
    );
    let changes = [
        (old.clone(), 0),
        (
            subscription(json!({"topicRef": {"name": "b"}, "azureName": "Billing", "queue": {}})),
            1,
        ),
        (
            subscription(json!({"topicRef": {"name": "a"}, "azureName": "billing", "queue": {}})),
            1,
        ),
        (
            subscription(json!({"topicRef": {"name": "a"}, "queue": {"maxDeliveryCount": 3}})),
            1,
        ),
        (
            subscription(
                json!({"topicRef": {"name": "b"}, "queue": {}, "deadLetter": {"topicRef": {"name": "e"}}}),
            ),
            3,
        ),
        (
            subscription(
                json!({"topicRef": {"name": "a"}, "azureName": "Billing", "queue": {}, "deadLetter": {"objectStore": {"url": "s3://a"}}}),
            ),
            0,
        ),
    ];
    for (new, expected) in changes {
        let ours = messages(&manifest::check_change(kind, &old, &new));
        let theirs = cel(kind, &new, Some(&old));
        assert_eq!(ours.len(), expected, "{new}: {ours:?}");
        assert_eq!(sorted(ours), sorted(theirs), "{new}");
    }
}

#[test]
fn both_say_the_same_of_where_dead_letters_go() {
    let kind = Kind::EventSubscription;
    for (dead_letter, expected) in [
        (json!({}), 1),
        (json!({"topicRef": {"name": "d"}}), 0),
        (json!({"objectStore": {"url": "s3://bucket/letters"}}), 0),
        (json!({"objectStore": {"url": "file:///tmp/letters"}}), 0),
        (json!({"objectStore": {"url": "https://bucket"}}), 1),
        (
            json!({"topicRef": {"name": "d"}, "objectStore": {"url": "az://a"}}),
            1,
        ),
    ] {
        let spec = json!({"topicRef": {"name": "a"}, "queue": {}, "deadLetter": dead_letter});
        let manifest = manifest(kind, "billing", spec);
        let ours = messages(&manifest::check(kind, &manifest));
        assert_eq!(ours.len(), expected, "{manifest}: {ours:?}");
        assert_eq!(sorted(ours), sorted(cel(kind, &manifest, None)), "{manifest}");
    }
}

#[test]
fn both_say_the_same_of_partitions_that_change() {
    let hub = |event_hub: Value| {
        let spec = json!({"namespaceRef": {"name": "n"}, "eventHub": event_hub});
        manifest(Kind::Hub, "telemetry", spec)
    };
    let partitions = |count: u32| json!({"partitionCount": count});
    let shrinks = &[rules::PARTITIONS_NEVER_SHRINK][..];
    for (old, new, expected) in [
        (json!({}), json!({}), &[][..]),
        (json!({}), partitions(4), &[]),
        (json!({}), partitions(3), shrinks),
        (partitions(5), json!({}), shrinks),
        (partitions(2), json!({}), &[]),
        (partitions(2), partitions(1024), &[]),
        (partitions(1024), partitions(1023), shrinks),
    ] {
        let (old, new) = (hub(old), hub(new));
        let expected: Vec<_> = expected.iter().map(Rule::message).collect();
        let ours = manifest::check_change(Kind::Hub, &old, &new);
        assert_eq!(messages(&ours), expected, "{old} {new}");
        assert_eq!(cel(Kind::Hub, &new, Some(&old)), expected, "{old} {new}");
    }
}

fn sorted(mut messages: Vec<String>) -> Vec<String> {
    messages.sort();
    messages
}

/// The rules of a schema run only where the schema below holds, and a parent's only where the children's hold: in
/// both, a broken child may hide a broken parent.
fn same_verdict(kind: Kind, manifest: &Value) -> Result<(), TestCaseError> {
    let ours = messages(&manifest::check(kind, manifest));
    let theirs = cel(kind, manifest, None);
    prop_assert_eq!(
        ours.is_empty(),
        theirs.is_empty(),
        "ours {:?}, CEL {:?}",
        &ours,
        &theirs
    );
    for message in &ours {
        prop_assert!(
            theirs.contains(message),
            "ours alone: {:?}, CEL {:?}",
            message,
            &theirs
        );
    }
    Ok(())
}

/// What generated objects meet too seldom: each rule's last allowed value and the first forbidden one.
#[test]
fn both_say_the_same_at_the_edges() {
    let namespace = |spec: Value| (Kind::Namespace, "shop".to_owned(), spec);
    let topic = |spec: Value| {
        (
            Kind::Topic,
            "orders".to_owned(),
            merge(json!({"namespaceRef": {"name": "n"}}), spec),
        )
    };
    let subscription = |spec: Value| {
        (
            Kind::EventSubscription,
            "billing".to_owned(),
            merge(json!({"topicRef": {"name": "t"}, "queue": {}}), spec),
        )
    };
    let filters = |filters: Value| subscription(json!({"filtersConfiguration": {"filters": filters}}));
    let mut edges = Vec::new();
    for length in [1, 2, 3, 40, 41, 50, 51] {
        let name = "n".repeat(length);
        edges.push((Kind::Namespace, name.clone(), json!({})));
        edges.push((Kind::Topic, name.clone(), json!({"namespaceRef": {"name": "n"}})));
        edges.push((
            Kind::EventSubscription,
            name.clone(),
            json!({"topicRef": {"name": "t"}, "queue": {}}),
        ));
        edges.push(topic(
            json!({"azureName": name.chars().take(50).collect::<String>()}),
        ));
        edges.push(namespace(
            json!({"authorizationRules": [{"name": &name[..length.min(50)], "rights": ["Send"]}]}),
        ));
    }
    for name in ["1a", "a1", "a-b"] {
        edges.push((Kind::Namespace, name.to_owned(), json!({})));
    }
    let sizes = [
        "32Mi",
        "33554432",
        "33554431",
        "33554431.999",
        "32767Ki",
        "32768Ki",
        "33.554M",
        "33.555M",
        "64Ti",
        "64.001Ti",
        "70368744177664",
        "70368744177664.001",
        "70.369T",
        "1.2345Gi",
        "0.032Gi",
        "10G",
        "10g",
        "1e9",
        "100000000000000k",
        "99999999999999k",
        "Mi",
        ".5Gi",
        "5.Gi",
        "+1Gi",
        "1Gi\n",
    ];
    edges.extend(sizes.map(|size| namespace(json!({"storage": {"ephemeral": {"sizeLimit": size}}}))));
    let durations = [
        "P",
        "PT",
        "P1",
        "P1D",
        "P1DT",
        "P0D",
        "PT0S",
        "PT0M",
        "PT1M",
        "PT60S",
        "P99D",
        "P100D",
        "P999D",
        "P1000D",
        "PT999H",
        "PT1000H",
        "PT99999M",
        "PT100000M",
        "PT999999M",
        "PT1000000M",
        "PT99999999S",
        "PT100000000S",
        "P1DT1H1M1S",
        "P1DT1H1M",
        "PT1M1H",
        "P01D",
        "P1W",
        "P1D\n",
        "pt1m",
        "PT१M",
    ];
    for duration in durations {
        edges.push(namespace(json!({"deletionGracePeriod": duration})));
        edges.push(subscription(json!({"queue": {"eventTimeToLive": duration}})));
    }
    for key in [
        "data",
        "data.",
        "data.a",
        "Data.a",
        "DATA.a",
        "data..a",
        "data.a.",
        "a.b",
        "a-b",
        "",
        "ü",
        "data.\n",
        "abcdefghij0123456789",
        "abcdefghij0123456789x",
    ] {
        edges.push(filters(json!([{"key": key, "isNotNull": true}])));
    }
    for range in [
        json!([1, 1]),
        json!([1, 1.0]),
        json!([1.5, 1]),
        json!([-1, 1]),
        json!([i64::MIN, i64::MAX]),
        json!([i64::MAX, i64::MIN]),
    ] {
        edges.push(filters(
            json!([{"key": "data.n", "numberInRange": [[0, 1], range]}]),
        ));
    }
    for one in [
        json!({"numberIn": [1]}),
        json!({"numberNotInRange": [[1, 2]]}),
        json!({"numberLessThan": 1}),
        json!({"boolEquals": false}),
        json!({"stringNotContains": ["x"]}),
        json!({"isNotNull": true}),
        json!({"isNotNull": false}),
    ] {
        let one = merge(json!({"key": "id"}), one);
        for values in [23, 24, 25] {
            edges.push(filters(
                json!([{"key": "id", "stringIn": vec!["x"; values]}, one]),
            ));
        }
    }
    edges.extend(edges_of_the_cluster().into_iter().map(namespace));
    edges.extend(edges_of_places().into_iter().map(namespace));
    edges.extend(edges_of_hubs());
    for rules in [["app", "App"], ["app", "apq"]] {
        let rules: Vec<Value> = rules
            .iter()
            .map(|name| json!({"name": name, "rights": ["Send"]}))
            .collect();
        edges.push(namespace(json!({"authorizationRules": rules})));
    }
    let mut admitted = 0;
    let count = edges.len();
    for (kind, name, spec) in edges {
        let manifest = manifest(kind, &name, spec);
        same_verdict(kind, &manifest).unwrap_or_else(|error| panic!("{manifest}: {error}"));
        admitted += usize::from(manifest::check(kind, &manifest).is_empty());
    }
    assert!(
        (count / 3..count * 2 / 3).contains(&admitted),
        "both sides of the edges: {admitted} of {count}"
    );
}

/// Names, groups and sizes of event hubs.
fn edges_of_hubs() -> Vec<(Kind, String, Value)> {
    let hub = |more: Value| {
        let spec = merge(json!({"namespaceRef": {"name": "n"}, "eventHub": {}}), more);
        (Kind::Hub, "telemetry".to_owned(), spec)
    };
    let mut edges = Vec::new();
    for name in ["api", "a", "messages", "a.b", "0"] {
        let spec = json!({"namespaceRef": {"name": "n"}, "eventHub": {}});
        edges.push((Kind::Hub, name.to_owned(), spec));
    }
    for name in [
        "a",
        "_a",
        "a_",
        "a.b_c-d",
        "a/b",
        "a b",
        "API",
        "ü",
        "a\n",
        "$Default",
        "$DEFAULT",
        "$Defaults",
    ] {
        edges.push(hub(json!({"azureName": name})));
        edges.push(hub(json!({"eventHub": {"consumerGroups": [{"name": name}]}})));
    }
    for length in [2, 50] {
        let name = "g".repeat(length);
        edges.push(hub(json!({"eventHub": {"consumerGroups": [{"name": name}]}})));
    }
    for length in [255, 256] {
        edges.push(hub(json!({"azureName": "h".repeat(length)})));
    }
    let groups: Vec<Value> = (0..1_000)
        .map(|number| json!({"name": format!("group-{number}")}))
        .collect();
    edges.push(hub(json!({"eventHub": {"consumerGroups": groups}})));
    for (partitions, size) in [
        (json!(null), 4_i64 << 20),
        (json!(null), (4 << 20) - 1),
        (json!(1), 1 << 20),
        (json!(3), (3 << 20) - 1),
        (json!(1_024), 1 << 30),
        (json!(1_024), (1 << 30) - 1),
    ] {
        let mut event_hub = json!({"messageRetention": {"timeInHours": 1, "sizeInBytes": size}});
        if !partitions.is_null() {
            event_hub["partitionCount"] = partitions;
        }
        edges.push(hub(json!({"eventHub": event_hub})));
    }
    edges
}

/// Where issuers and object stores are.
fn edges_of_places() -> Vec<Value> {
    let issuer = |more: Value| {
        let plain = json!({"url": "https://login.example.com", "audiences": ["weft"], "prefix": "corp:"});
        json!({"identity": {"issuers": [merge(plain, more)]}})
    };
    let store = |url: &str| json!({"checkpoint": {"objectStore": {"url": url}}});
    let mut specs = vec![
        json!({"checkpoint": {}}),
        json!({"checkpoint": {"configMap": {}}}),
        json!({"checkpoint": {"configMap": {}, "objectStore": {"url": "s3://a"}}}),
    ];
    for url in [
        "https://a",
        "https://a/",
        "https://login.example.com/tenant/v2.0",
        "https://a:1",
        "https://a:65535/x",
        "https://a:65536",
        "https://a:0",
        "https://a:01",
        "https://a:+1",
        "https://a:",
        "https://a.",
        "https://-a",
        "https://",
        "https:///a",
        "https://a@b",
        "https://a?b",
        "https://a/?b",
        "https://a/b#c",
        "https://a b",
        "http://a",
        "HTTPS://a",
        "https://[::1]",
        "https://ü",
        "https://a\n",
    ] {
        specs.push(issuer(json!({"url": url})));
    }
    for length in [253, 254] {
        specs.push(issuer(json!({"url": format!("https://{}", "a".repeat(length))})));
    }
    for prefix in [
        "s", "system", "system:", "system:a", "systems:", "corp:", "-", "#", "a b", "ü", "a\n", "System:",
    ] {
        specs.push(issuer(json!({"prefix": prefix})));
    }
    for pem in [
        "-----BEGIN CERTIFICATE-----",
        "ca.crt",
        "-----BEGIN CERTIFICATE REQUEST-----",
    ] {
        specs.push(issuer(json!({"certificateAuthority": pem})));
    }
    specs.extend(
        [
            "s3://a",
            "s3://a/",
            "s3://a//",
            "s3://a/b",
            "s3://a/b/c=d/~e+f/",
            "s3://a/b//c",
            "s3://a/.b",
            "s3://a/..",
            "s3://a/b.c",
            "s3://a/b?c",
            "s3://a.",
            "s3://",
            "s3:///a",
            "S3://a",
            "gs://a/b",
            "az://a/b",
            "azure://a_b/c",
            "https://a/b",
            "file://a",
            "file:///",
            "file:///a",
            "file:///ü/.. b",
            "file:///a\n",
            "s3://a\n",
        ]
        .map(store),
    );
    for length in [222, 223] {
        specs.push(store(&format!("s3://{}", "a".repeat(length))));
    }
    specs
}

/// The fields that only a cluster gives a meaning.
fn edges_of_the_cluster() -> Vec<Value> {
    let mut specs = Vec::new();
    for name in [
        "a",
        "a.b",
        "*.a",
        "*.*.a",
        "*",
        "*a.b",
        "a.*",
        "A.b",
        "a..b",
        "a.",
        ".a",
        "a_b",
        "a-b",
        "a-",
        "a.1",
        "1.a",
        "10.0.0.1",
        "10.0.0.256",
        "10.0.0.01",
        "10.0.0",
        "*.10.0.0.1",
        "::1",
        "a\n",
    ] {
        specs.push(json!({"tls": {"dnsNames": [name]}}));
    }
    for length in [63, 64] {
        specs.push(json!({"tls": {"dnsNames": [format!("{}.a", "b".repeat(length))]}}));
        let labels =
            |key: String, value: String| json!({"podTemplate": {"metadata": {"labels": {key: value}}}});
        specs.push(labels("k".repeat(length), "v".to_owned()));
        specs.push(labels(format!("{}/k", "p".repeat(length + 252)), "v".to_owned()));
        specs.push(labels(format!("{}/k", "p".repeat(length + 189)), "v".to_owned()));
    }
    specs.push(json!({"tls": {"secretRef": {"name": "a"}}}));
    specs.push(json!({"tls": {"secretRef": {"name": "a"}, "dnsNames": ["a"]}}));
    for name in ["", "a", "a.b", "a..b", "-a", "a-", "A", "a/b", "a\n"] {
        let volume = json!({"size": "1Gi", "storageClassName": name});
        specs.push(json!({"storage": {"persistentVolume": volume}}));
        specs.push(json!({"podTemplate": {"spec": {"schedulerName": name}}}));
    }
    for key in [
        "",
        "a",
        "A",
        "a.b",
        "a_b",
        "-a",
        "a-",
        "a/b",
        "A/b",
        "a/B",
        "a.b/c",
        "a..b/c",
        "/a",
        "a/",
        "a/b/c",
        "weft.dev/a",
        "weft.dev/",
        "Weft.dev/a",
        "x.weft.dev/a",
        "app.kubernetes.io/name",
        "app.kubernetes.io/part-of",
        "a b",
        "ü",
        "a\n",
    ] {
        let map = json!({key: "x"});
        specs.push(json!({"service": {"annotations": map}}));
        specs.push(json!({"podTemplate": {"metadata": {"labels": map}}}));
        specs.push(json!({"podTemplate": {"spec": {"nodeSelector": map}}}));
        specs.push(json!({"podTemplate": {"spec": {"resources": {"limits": {key: "1"}}}}}));
    }
    for value in ["", "a", "A.b", "a b", "-a", "a-", "ü", "a\n"] {
        specs.push(json!({"podTemplate": {"spec": {"nodeSelector": {"a": value}}}}));
    }
    for amount in [
        json!(0),
        json!(-1),
        json!(i64::MAX),
        json!("0"),
        json!("-1"),
        json!("1m"),
        json!("1.5"),
        json!("1.5555"),
        json!("1Mi"),
        json!("1Ei"),
        json!("1e3"),
        json!("1 Gi"),
        json!(""),
        json!("m"),
        json!("1Gi\n"),
    ] {
        specs.push(json!({"podTemplate": {"spec": {"resources": {"requests": {"memory": amount}}}}}));
    }
    specs
}

fn merge(mut base: Value, more: Value) -> Value {
    for (field, value) in more.as_object().into_iter().flatten() {
        base[field] = value.clone();
    }
    base
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn plan_refuses_what_cel_refuses_and_admits_what_cel_admits(
        (kind, manifest) in any_kind().prop_flat_map(|kind| (Just(kind), admitted(kind))),
    ) {
        same_verdict(kind, &manifest)?;
    }

    #[test]
    fn what_is_admitted_can_be_read(
        (kind, manifest) in any_kind().prop_flat_map(|kind| (Just(kind), admitted(kind))),
    ) {
        if manifest::check(kind, &manifest).is_empty() {
            prop_assert!(manifest::read(&manifest).is_ok(), "{:?}", manifest::read(&manifest));
        }
    }
}

#[test]
fn the_generator_reaches_both_sides_of_every_rule() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    for kind in Kind::ALL {
        let strategy = admitted(kind);
        let samples: Vec<Value> = (0..1_500)
            .map(|_| strategy.new_tree(&mut runner).expect("a value").current())
            .collect();
        let refusals: Vec<String> = samples
            .iter()
            .flat_map(|sample| messages(&manifest::check(kind, sample)))
            .collect();
        let accepted = samples
            .iter()
            .filter(|sample| manifest::check(kind, sample).is_empty())
            .count();
        assert!(accepted >= 45, "{kind}: {accepted} of 1,500 are accepted");
        for message in rules_of(schema_for(kind)) {
            assert!(
                refusals.contains(&message),
                "{kind}: nothing generated breaks {message:?}"
            );
        }
    }
}

fn rules_of(schema: &Value) -> Vec<String> {
    let own = schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten();
    let about_one_object =
        own.filter(|rule| !rule["rule"].as_str().is_some_and(|rule| rule.contains("oldSelf")));
    let mut messages: Vec<String> = about_one_object
        .filter_map(|rule| rule["message"].as_str().map(str::to_owned))
        .collect();
    messages.extend(
        schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(_, property)| rules_of(property)),
    );
    for nested in ["items", "additionalProperties"] {
        messages.extend(schema.get(nested).into_iter().flat_map(rules_of));
    }
    messages
}
