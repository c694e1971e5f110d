//! The chart's values and their schema.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::files::{documents, read};
use crate::helm::{self, refusal};

#[test]
fn the_chart_has_the_version_of_everything_else() {
    let chart = documents(&read("charts/weft/Chart.yaml")).remove(0);
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_schema_knows_exactly_the_values_that_there_are() {
    let values = documents(&read("charts/weft/values.yaml")).remove(0);
    let schema: Value = serde_json::from_str(&read("charts/weft/values.schema.json")).unwrap();
    let mut properties = keys(&schema["properties"]);
    assert!(
        properties.remove("global"),
        "without it the chart cannot be part of another"
    );
    assert_eq!(keys(&values), properties);
    for group in [
        "crds",
        "log",
        "userRoles",
        "connect",
        "podMonitor",
        "serviceAccount",
        "image",
    ] {
        let of_schema = keys(&schema["properties"][group]["properties"]);
        assert_eq!(keys(&values[group]), of_schema, "{group}");
        assert_eq!(
            schema["properties"][group]["additionalProperties"], false,
            "{group}"
        );
    }
    for image in ["operator", "sidecar"] {
        let of_schema = keys(&schema["properties"]["image"]["properties"][image]["properties"]);
        assert_eq!(keys(&values["image"][image]), of_schema, "{image}");
    }
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn every_value_is_explained() {
    let text = read("charts/weft/values.yaml");
    let lines: Vec<_> = text.lines().collect();
    // Explained together by the comment above the first of them.
    let of_a_pod = [
        "podLabels",
        "podAnnotations",
        "nodeSelector",
        "tolerations",
        "affinity",
        "topologySpreadConstraints",
        "priorityClassName",
    ];
    for near in lines.windows(3) {
        let Some((key, _)) = near[1]
            .split_once(':')
            .filter(|(key, _)| !key.starts_with([' ', '#']))
        else {
            continue;
        };
        let is_explained = near[0].starts_with('#') || near[2].trim_start().starts_with('#');
        assert!(is_explained || of_a_pod.contains(&key), "`{key}` has no comment");
    }
}

#[test]
fn mistakes_are_refused_before_anything_is_installed() {
    let cases = [
        ("replica=2", "additional properties 'replica' not allowed"),
        (r#"scope="everywhere""#, "/scope"),
        (r#"watchNamespaces=["shop"]"#, "/watchNamespaces"),
        ("crds.enable=true", "additional properties 'enable' not allowed"),
        (r#"crds.enabled="yes""#, "/crds/enabled"),
        (r#"image.operator.digest="0.1.0""#, "/image/operator/digest"),
        ("replicas=-1", "/replicas"),
        (r#"log.format="xml""#, "/log/format"),
        (
            "resources.request={}",
            "additional properties 'request' not allowed",
        ),
    ];
    for (setting, words) in cases {
        let said = refusal(&[setting]);
        assert!(said.contains(words), "{setting}: {said}");
    }
}

#[test]
fn the_chart_can_be_part_of_another() {
    assert!(!helm::objects(&[r#"global={"team":"events"}"#]).is_empty());
}

fn keys(value: &Value) -> BTreeSet<String> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.clone())
        .collect()
}
