//! What the fuzz target does with its bytes; `cargo test -p plan` does the same with the corpus.

use crds::Kind;
use plan::manifest::{self, Object};
use plan::{Inputs, plan};
use serde_json::Value;

/// Reads the bytes as a JSON list of manifests, one manifest per element, and plans what can be read. Every mistake
/// must be explained, every document must be whole.
pub(crate) fn run(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let manifests = match value {
        Value::Array(manifests) => manifests,
        one => vec![one],
    };
    let mut objects = Vec::new();
    for (index, manifest) in manifests.iter().enumerate() {
        for kind in Kind::ALL {
            for violation in manifest::check(kind, manifest) {
                assert!(
                    !violation.rule.is_empty() && !violation.fix.is_empty(),
                    "{violation:?}"
                );
            }
        }
        objects.extend(manifest::read(&with_uid(manifest, index)).ok());
    }
    plan_all(&objects);
}

fn with_uid(manifest: &Value, index: usize) -> Value {
    let mut manifest = manifest.clone();
    if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata
            .entry("uid")
            .or_insert_with(|| format!("{index:032x}").into());
    }
    manifest
}

fn plan_all(objects: &[Object]) {
    let mut inputs = Inputs::default();
    for object in objects {
        match object {
            Object::Namespace(object) => inputs.namespaces.push(object),
            Object::Topic(object) => inputs.topics.push(object),
            Object::EventSubscription(object) => inputs.event_subscriptions.push(object),
            Object::Hub(object) => inputs.hubs.push(object),
        }
    }
    let plan = plan(&inputs);
    for decision in &plan.decisions {
        assert_eq!(decision.accepted(), decision.violations.is_empty());
    }
    for configuration in &plan.configurations {
        let pieces = configuration
            .pieces(1)
            .expect("a manifest holds finite numbers only");
        assert!((0..16).all(|index| pieces.head.vouches_for(index, &pieces.shards[index])));
    }
}
