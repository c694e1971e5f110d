//! What a real API server makes of the golden objects: pairs of what was applied and what came back. To record them
//! anew, with any cluster: `UPDATE_GOLDEN=1 KUBECONFIG=… cargo test -p operator --test it -- --ignored`.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use operator::annotations;
use operator::connection;
use operator::in_effect::in_effect;
use operator::object::{ChildKind, Prepared};
use operator::release::Release;
use serde_json::{Map, Value, json};

use crate::fixture::{CASES, Fixture};
use crate::golden::file;

#[test]
fn what_was_applied_is_in_effect_in_what_the_api_server_gives_back() {
    let pairs = recorded();
    for kind in ChildKind::ALL {
        assert!(
            pairs.iter().any(|[applied, _]| applied["kind"] == kind.as_str()),
            "{kind:?}"
        );
    }
    for [applied, live] in pairs {
        assert_in_effect(&applied, &live);
    }
}

#[test]
fn a_changed_value_anywhere_is_noticed() {
    for [applied, live] in recorded() {
        for path in leaves(&applied) {
            let mut changed = applied.clone();
            let leaf = changed.pointer_mut(&path).unwrap();
            *leaf = match leaf {
                Value::String(text) => Value::from(format!("1{text}")),
                Value::Number(number) => Value::from(number.as_i64().unwrap() + 1),
                Value::Bool(value) => Value::from(!*value),
                other => panic!("{other} is no leaf"),
            };
            assert!(!in_effect(&changed, &live), "{} {path}", applied["kind"]);
        }
    }
}

#[test]
fn a_pod_that_waits_for_approval_keeps_its_template_to_the_last_field() {
    for case in CASES {
        let fixture = Fixture::new(case);
        let is_it = |live: &Value| {
            live["kind"] == "StatefulSet" && live["metadata"]["namespace"] == format!("weft-golden-{case}")
        };
        let live = recorded().into_iter().map(|[_, live]| live).find(is_it).unwrap();
        let release = Release {
            version: "2.0.0".to_owned(),
            image: "registry.example/weft-sidecar:2.0.0".to_owned(),
        };
        let stateful_set = serde_json::from_value(live.clone()).unwrap();
        let objects = fixture.parts_after(Some(&stateful_set), &release);
        let wanted = &objects.last().unwrap().value;
        assert_eq!(wanted["spec"]["template"], live["spec"]["template"]);
        let version = &wanted["metadata"]["annotations"][annotations::TEMPLATE_VERSION];
        assert_eq!(version, "1.2.3");
    }
}

#[test]
#[ignore = "needs a cluster; `cargo run -p e2e -- test`, and so `make test`, runs it on one"]
fn golden_objects_are_in_effect_once_they_are_applied() {
    let mut pairs = Vec::new();
    for case in CASES {
        let namespace = format!("weft-golden-{case}");
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        kubectl(&APPLY, Some(&object));
        let fixture = Fixture::new(case);
        let mut objects = fixture.objects();
        objects.push(connection::trust(&fixture.owner, None));
        for object in objects {
            let pair = apply(&object, &namespace);
            assert_in_effect(&pair[0], &pair[1]);
            // The public roots are long, and a text like any other.
            if object.name != "shop-trust" {
                pairs.push(pair);
            }
        }
        kubectl(&["delete", "namespace", &namespace, "--wait=false"], None);
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = serde_json::to_string_pretty(&pairs).unwrap() + "\n";
        fs::write(file("live.json"), text).unwrap();
    }
}

fn recorded() -> Vec<[Value; 2]> {
    serde_json::from_str(&fs::read_to_string(file("live.json")).unwrap()).unwrap()
}

fn assert_in_effect(applied: &Value, live: &Value) {
    let (kind, name) = (&applied["kind"], &applied["metadata"]["name"]);
    assert!(in_effect(applied, live), "{kind} {name}:\n{applied}\n{live}");
}

/// Applies an object, first in another state, so that it goes through a change; returns it with what came back.
fn apply(object: &Prepared, namespace: &str) -> [Value; 2] {
    let mut wanted = object.value.clone();
    wanted["metadata"]["namespace"] = json!(namespace);
    let subjects = wanted.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten() {
        subject["namespace"] = json!(namespace);
    }
    let mut before = wanted.clone();
    before["metadata"]["annotations"][annotations::FIELDS] = json!("before");
    before["metadata"]["labels"]["gone"] = json!("soon");
    let first = answer(&before);
    assert!(!in_effect(&wanted, &first), "{object:?}");
    let live = answer(&wanted);
    assert!(live["metadata"]["labels"].get("gone").is_none(), "{object:?}");
    [wanted, live]
}

const APPLY: [&str; 6] = [
    "apply",
    "--server-side",
    "--force-conflicts",
    "--field-manager=weft-operator",
    "--filename=-",
    "--output=json",
];

/// The object as the answer to its application has it. It is not asked for again: its owner does not exist, so the
/// garbage collector may have taken it a moment later.
fn answer(object: &Value) -> Value {
    let mut live: Value = serde_json::from_str(&kubectl(&APPLY, Some(object))).unwrap();
    live["metadata"].as_object_mut().unwrap().remove("managedFields");
    live
}

fn kubectl(arguments: &[&str], input: Option<&Value>) -> String {
    let mut child = Command::new("kubectl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = input.unwrap_or(&Value::Object(Map::new())).to_string();
    // A command that does not read has closed its end.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "kubectl {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Paths of the values that are neither maps nor lists.
fn leaves(value: &Value) -> Vec<String> {
    let below = |key: &str, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        leaves(value).into_iter().map(move |path| format!("/{key}{path}"))
    };
    match value {
        Value::Object(fields) => fields.iter().flat_map(|(key, value)| below(key, value)).collect(),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .flat_map(|(index, value)| below(&index.to_string(), value))
                .collect()
        }
        _ => vec![String::new()],
    }
}
