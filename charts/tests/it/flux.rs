//! Flux's health checks, evaluated as Flux evaluates them: an object of an older generation is in progress, then `failed`
//! is asked, then `current`; what fits none, or cannot be asked, is in progress.

use crds::shared::ReadyReason;
use kube_cel::cel::{Context, Program, Value as Answer};
use serde_json::Value;

use crate::files::{documents, read};
use crate::health::{self, Health};

#[derive(Debug, PartialEq, Eq)]
enum Status {
    Current,
    Failed,
    InProgress,
}

fn status_of(expressions: &Value, object: &Value) -> Status {
    let observed = object.pointer("/status/observedGeneration");
    if observed.is_some_and(|observed| observed != &object["metadata"]["generation"]) {
        return Status::InProgress;
    }
    for (key, status) in [("failed", Status::Failed), ("current", Status::Current)] {
        match ask(expressions[key].as_str().expect("an expression is text"), object) {
            Some(true) => return status,
            Some(false) => {}
            None => return Status::InProgress,
        }
    }
    Status::InProgress
}

fn ask(expression: &str, object: &Value) -> Option<bool> {
    let mut context = Context::default();
    for (name, value) in object.as_object().expect("it is an object") {
        context
            .add_variable(name.as_str(), value)
            .expect("CEL takes JSON");
    }
    let program = Program::compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    match program.execute(&context) {
        Ok(Answer::Bool(answer)) => Some(answer),
        Ok(other) => panic!("{expression}: {other:?}"),
        Err(_) => None,
    }
}

/// The expressions for each kind.
fn expressions() -> Vec<Value> {
    let all = documents(&read("docs/gitops/flux/kustomizations.yaml"));
    let checks = all
        .iter()
        .filter_map(|object| object.pointer("/spec/healthCheckExprs")?.as_array());
    checks.flatten().cloned().collect()
}

#[test]
fn every_kind_has_its_health_check() {
    let kinds: Vec<_> = expressions().iter().map(|check| check["kind"].clone()).collect();
    let wanted: Vec<_> = crds::Kind::ALL
        .iter()
        .map(|kind| Value::from(kind.as_str()))
        .collect();
    assert_eq!(kinds, wanted);
    assert!(
        expressions()
            .iter()
            .all(|check| check["apiVersion"] == crds::API_VERSION)
    );
}

#[test]
fn every_reason_is_current_failed_or_in_progress() {
    for check in expressions() {
        for (reason, health) in health::all() {
            let wanted = match health {
                Health::Healthy => Status::Current,
                Health::Progressing | Health::Suspended => Status::InProgress,
                Health::Degraded => Status::Failed,
            };
            assert_eq!(
                status_of(&check, &health::object(reason)),
                wanted,
                "{}",
                reason.as_str()
            );
        }
    }
}

#[test]
fn an_object_without_a_status_is_not_taken_for_a_healthy_one() {
    let check = expressions().remove(0);
    let mut object = health::object(ReadyReason::Ready);
    object["metadata"]["generation"] = 2.into();
    assert_eq!(
        status_of(&check, &object),
        Status::InProgress,
        "the last change was not seen"
    );
    object.as_object_mut().unwrap().remove("status");
    assert_eq!(status_of(&check, &object), Status::InProgress);
}
