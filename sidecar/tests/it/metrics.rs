//! What `/metrics` tells is readable by machines and people.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::page;
use crate::plane::{Plane, configuration, topic};

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_parses_and_explains_itself() {
    let plane = Plane::start(configuration(vec![topic(1, "orders")])).await;
    let client = plane.client();
    client.publish("orders", "placed");
    client.receive("orders", "billing");
    let (status, text) = page(plane.operations(), "/metrics");
    assert_eq!(status, 200);
    let families = parse(&text);
    for part in [
        "weft_build_info",
        "weft_process_start_time_seconds",
        "weft_configuration_revision",
    ] {
        assert!(families.contains(part), "{part} is missing in\n{text}");
    }
    for part in ["weft_storage_", "weft_topics_", "weft_http_"] {
        assert!(
            families.iter().any(|name| name.starts_with(part)),
            "nothing of {part} in\n{text}"
        );
    }
    assert!(!text.contains("probe"), "the probe shows in\n{text}");
    plane.stop().await;
}

/// Reads the OpenMetrics text format; names of the metric families.
fn parse(text: &str) -> BTreeSet<String> {
    let body = text.strip_suffix("# EOF\n").expect("the text ends with `# EOF`");
    let (mut help, mut kind) = (BTreeMap::new(), BTreeMap::new());
    for line in body.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["#", "HELP", name, _, ..] => assert!(help.insert(name, line).is_none(), "repeated: {line}"),
            ["#", "TYPE", name, of] => assert!(kind.insert(name, of).is_none(), "repeated: {line}"),
            ["#", "UNIT", name, unit] => assert!(name.ends_with(&format!("_{unit}")), "{line}"),
            _ => check_sample(line, &kind),
        }
    }
    let explained = |name: &&str| {
        help.get(*name)
            .is_some_and(|line| line.trim_end().len() > name.len() + 10)
    };
    let silent: Vec<_> = kind.keys().filter(|name| !explained(name)).collect();
    assert!(silent.is_empty(), "without help: {silent:?}");
    kind.into_keys().map(str::to_owned).collect()
}

fn check_sample(line: &str, kinds: &BTreeMap<&str, &str>) {
    let (sample, value) = line
        .rsplit_once(' ')
        .unwrap_or_else(|| panic!("no value: {line}"));
    assert!(value.parse::<f64>().is_ok(), "no number: {line}");
    let name = sample.split('{').next().unwrap();
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    assert!(
        name.starts_with("weft_") && name.chars().all(legal),
        "odd name: {line}"
    );
    assert!(sample == name || sample.ends_with('}'), "odd labels: {line}");
    let suffixes = ["", "_total", "_bucket", "_sum", "_count", "_info"];
    let known = suffixes.iter().any(|suffix| {
        name.strip_suffix(suffix)
            .is_some_and(|name| kinds.contains_key(name))
    });
    assert!(known, "no TYPE: {line}");
}
