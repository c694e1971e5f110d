//! What is installed.

use serde_json::{Value, json};

use crate::files::{agree, documents, read};
use crate::helm;
use crate::types::{check, text, title};

const NAMESPACED: [&str; 3] = [
    r#"scope="namespaced""#,
    r#"watchNamespaces=["shop","store"]"#,
    "crds.enabled=false",
];

/// Every value that is empty by default.
const EVERYTHING: [&str; 15] = [
    "crds.enabled=false",
    r#"connect={"enabled":"always"}"#,
    "replicas=2",
    r#"image.operator={"repository":"registry.example.com/weft-operator","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","pullPolicy":"Always"}"#,
    r#"image.sidecar={"repository":"registry.example.com:5000/weft-sidecar","tag":"0.2.0-rc.1"}"#,
    r#"imagePullSecrets=[{"name":"registry"}]"#,
    r#"podMonitor={"enabled":true,"labels":{"release":"prometheus"}}"#,
    r#"serviceAccount.annotations={"example.com/team":"events"}"#,
    r#"podLabels={"example.com/team":"events"}"#,
    r#"podAnnotations={"example.com/team":"events"}"#,
    r#"nodeSelector={"kubernetes.io/arch":"amd64"}"#,
    r#"tolerations=[{"key":"control","operator":"Exists"}]"#,
    r#"affinity={"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"control","operator":"Exists"}]}]}}}"#,
    r#"topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"ScheduleAnyway","labelSelector":{"matchLabels":{"app.kubernetes.io/name":"weft-operator"}}}]"#,
    r#"priorityClassName="system-cluster-critical""#,
];

/// Beginning of `install.yaml`. It is deleted as a whole, so that no annotation keeps anything.
const HEAD: &str = "\
# Weft without Helm: kubectl apply --server-side -f install.yaml
# Made from charts/weft; UPDATE_GOLDEN=1 cargo test -p charts renews it.
---
apiVersion: v1
kind: Namespace
metadata:
  name: weft-system
  labels:
    pod-security.kubernetes.io/enforce: restricted
";

/// Beginning of `connect.yaml`, which is apart from `install.yaml` because older API servers do not know its kinds.
const CONNECT_HEAD: &str = "\
# The label weft.dev/connect without Helm: kubectl apply --server-side -f connect.yaml
# Made from charts/weft; UPDATE_GOLDEN=1 cargo test -p charts renews it.
";

#[test]
fn install_yaml_is_the_chart_with_its_default_values() {
    let chart = helm::render(&["crds.keep=false", "userRoles.keep=false"]);
    agree("charts/install.yaml", &format!("{HEAD}{chart}"));
}

#[test]
fn connect_yaml_is_what_the_chart_has_for_api_servers_that_know_it() {
    let always = [r#"connect={"enabled":"always"}"#];
    let policy = helm::render_with(&always, &["--show-only", "templates/connect.yaml"]);
    agree("charts/connect.yaml", &format!("{CONNECT_HEAD}{policy}"));
}

#[test]
fn the_golden_files_are_what_helm_renders() {
    agree("charts/tests/golden/namespaced.yaml", &helm::render(&NAMESPACED));
    agree("charts/tests/golden/everything.yaml", &helm::render(&EVERYTHING));
}

#[test]
fn every_object_is_one_that_kubernetes_knows() {
    for settings in [&[][..], &NAMESPACED, &EVERYTHING] {
        helm::objects(settings).iter().for_each(check);
    }
    for file in ["charts/install.yaml", "charts/connect.yaml"] {
        documents(&read(file)).iter().for_each(check);
    }
}

#[test]
fn helm_finds_nothing_to_complain_about() {
    let said = helm::call(&["lint", "--strict", "weft"]);
    assert!(said.contains("0 chart(s) failed"), "{said}");
}

#[test]
fn the_pod_is_within_the_restricted_standard_and_writes_nowhere() {
    for settings in [&[][..], &NAMESPACED, &EVERYTHING] {
        let pod = pod(&helm::objects(settings));
        let security = pod.pointer("/securityContext").unwrap();
        assert_eq!(security["runAsNonRoot"], true);
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(
            pod.pointer("/containers/0/securityContext").unwrap(),
            &json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            })
        );
        assert!(pod.get("volumes").is_none(), "no room to write to");
        assert!(pod.pointer("/containers/0/resources/requests/memory").is_some());
        assert!(pod.pointer("/containers/0/resources/limits/memory").is_some());
    }
}

#[test]
fn the_definitions_can_be_left_out_and_survive_the_release() {
    let definitions = |settings: &[&str]| {
        let all = helm::objects(settings).into_iter();
        all.filter(|object| object["kind"] == "CustomResourceDefinition")
            .collect::<Vec<_>>()
    };
    let kept = definitions(&[]);
    assert_eq!(kept.len(), crds::Kind::ALL.len());
    for definition in &kept {
        let policy = text(definition, "/metadata/annotations/helm.sh~1resource-policy");
        assert_eq!(policy, "keep", "{}", title(definition));
    }
    for definition in definitions(&["crds.keep=false"]) {
        assert!(
            definition.pointer("/metadata/annotations").is_none(),
            "{}",
            title(&definition)
        );
    }
    assert!(definitions(&["crds.enabled=false"]).is_empty());
}

#[test]
fn a_digest_takes_the_place_of_the_tag_and_the_version_is_the_default() {
    let image = |settings: &[&str]| text(&pod(&helm::objects(settings)), "/containers/0/image").to_owned();
    assert_eq!(image(&[]), concat!("weft-operator:", env!("CARGO_PKG_VERSION")));
    assert_eq!(image(&[r#"image.operator.tag="next""#]), "weft-operator:next");
    let digest = format!("sha256:{}", "0".repeat(64));
    let setting = format!(r#"image.operator.digest="{digest}""#);
    assert_eq!(image(&[&setting]), format!("weft-operator@{digest}"));
}

#[test]
fn no_object_of_the_chart_looks_like_one_that_the_operator_made() {
    for object in helm::objects(&EVERYTHING) {
        let label = text(&object, "/metadata/labels/app.kubernetes.io~1managed-by");
        assert_ne!(label, "weft-operator", "{}", title(&object));
        assert_ne!(text(&object, "/metadata/labels/app.kubernetes.io~1name"), "weft");
    }
}

#[test]
fn the_notes_name_the_next_steps_for_the_mode_that_was_chosen() {
    let everywhere = helm::notes(&[]);
    assert!(everywhere.contains("every Kubernetes namespace"), "{everywhere}");
    assert!(everywhere.contains("kubectl --namespace default apply -f examples/quickstart"));
    let some = helm::notes(&NAMESPACED);
    assert!(some.contains("looks after: shop, store."), "{some}");
    assert!(
        some.contains("kubectl --namespace shop apply -f examples/quickstart"),
        "{some}"
    );
    assert!(some.contains("must be there"), "{some}");
    assert!(helm::notes(&["crds.keep=false"]).contains("crds.keep is off"));
    assert!(!some.contains("is off"), "{some}");
    assert!(helm::notes(&["userRoles.keep=false"]).contains("userRoles.keep is off"));
}

fn pod(objects: &[Value]) -> Value {
    let deployment = objects
        .iter()
        .find(|object| object["kind"] == "Deployment")
        .expect("a Deployment");
    deployment["spec"]["template"]["spec"].clone()
}
