//! What connects pods that carry the label `weft.dev/connect`.

use serde_json::Value;

use crate::helm;
use crate::types::{text, title};

const ALWAYS: &str = r#"connect={"enabled":"always"}"#;
const NEVER: &str = r#"connect={"enabled":"never"}"#;

#[test]
fn it_is_there_where_the_api_server_has_such_policies() {
    let new = [
        "--api-versions",
        "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy",
    ];
    let kinds = |settings: &[&str], further: &[&str]| -> usize {
        let rendered = helm::render_with(settings, further);
        rendered.matches("\nkind: MutatingAdmissionPolicy").count()
    };
    assert_eq!(kinds(&[], &new), 2, "a policy and its binding");
    assert_eq!(kinds(&[], &[]), 0, "an older API server would refuse them");
    assert_eq!(kinds(&[NEVER], &new), 0);
    assert_eq!(kinds(&[ALWAYS], &[]), 2);
    let namespaced = r#"scope="namespaced""#;
    assert_eq!(
        kinds(&[namespaced], &new),
        0,
        "it would concern the whole cluster"
    );
    assert_eq!(kinds(&[namespaced, ALWAYS], &new), 2);
}

#[test]
fn a_pod_without_the_label_is_no_business_of_it_and_no_pod_depends_on_it() {
    let policy = policy();
    assert_eq!(policy["spec"]["failurePolicy"], "Ignore");
    let selector = &policy["spec"]["matchConstraints"]["objectSelector"]["matchExpressions"];
    assert_eq!(selector[0]["key"], "weft.dev/connect");
    assert_eq!(selector[0]["operator"], "Exists");
    assert_eq!(
        policy["spec"]["matchConstraints"]["resourceRules"][0]["operations"],
        serde_json::json!(["CREATE"])
    );
}

/// Helm deletes nothing that it has to keep, so `connect.enabled=never` would no longer switch it off.
#[test]
fn it_goes_with_the_release() {
    for object in helm::objects(&[ALWAYS]) {
        if text(&object, "/kind").starts_with("MutatingAdmissionPolicy") {
            assert!(
                object.pointer("/metadata/annotations").is_none(),
                "{}",
                title(&object)
            );
        }
    }
}

#[test]
fn it_hands_out_no_key() {
    let text = policy().to_string();
    for secret in ["KEY", "CONNECTION_STR", "secretKeyRef", "secretRef"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

fn policy() -> Value {
    let is_policy = |object: &Value| object["kind"] == "MutatingAdmissionPolicy";
    helm::objects(&[ALWAYS])
        .into_iter()
        .find(is_policy)
        .expect("it is rendered")
}
