//! What holds for the pod of every Namespace.

use serde_json::{Value, json};

use crate::fixture::{CASES, Fixture};

fn object(fixture: &Fixture, kind: &str) -> Value {
    let mut objects = fixture.parts().into_iter();
    objects.find(|object| object.kind.as_str() == kind).unwrap().value
}

fn pod(fixture: &Fixture) -> Value {
    object(fixture, "StatefulSet")["spec"]["template"].take()
}

#[test]
fn the_pod_keeps_to_the_restricted_pod_security_standard() {
    for case in CASES {
        let spec = &pod(&Fixture::new(case))["spec"];
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
        assert_eq!(
            spec["securityContext"]["seccompProfile"]["type"],
            "RuntimeDefault"
        );
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            assert_eq!(spec[field], Value::Null);
        }
        for container in spec["containers"].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false);
            assert_eq!(context["readOnlyRootFilesystem"], true);
            assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
        }
        let allowed = [
            "configMap",
            "emptyDir",
            "projected",
            "secret",
            "persistentVolumeClaim",
        ];
        for volume in spec["volumes"].as_array().unwrap() {
            let mut sources = volume.as_object().unwrap().keys().filter(|key| *key != "name");
            assert!(
                sources.all(|source| allowed.contains(&source.as_str())),
                "{volume}"
            );
        }
    }
}

#[test]
fn service_policy_and_budget_select_the_pod() {
    for case in CASES {
        let fixture = Fixture::new(case);
        let pod = pod(&fixture);
        let labels = pod["metadata"]["labels"].as_object().unwrap();
        for (kind, path) in [
            ("Service", "/spec/selector"),
            ("NetworkPolicy", "/spec/podSelector/matchLabels"),
            ("PodDisruptionBudget", "/spec/selector/matchLabels"),
            ("StatefulSet", "/spec/selector/matchLabels"),
        ] {
            let object = object(&fixture, kind);
            let selector = object.pointer(path).unwrap().as_object().unwrap();
            assert!(!selector.is_empty());
            for (key, value) in selector {
                assert_eq!(labels.get(key), Some(value), "{kind}");
            }
        }
    }
}

#[test]
fn the_pod_may_read_and_write_what_is_its_own_and_nothing_else() {
    let role = object(&Fixture::new("full"), "Role");
    for rule in role["rules"].as_array().unwrap() {
        for name in rule["resourceNames"].as_array().unwrap() {
            assert!(name.as_str().unwrap().starts_with("shop-"), "{name}");
        }
        for verb in rule["verbs"].as_array().unwrap() {
            let allowed = ["get", "list", "watch", "patch"];
            assert!(allowed.contains(&verb.as_str().unwrap()), "{verb}");
        }
    }
}

#[test]
fn every_object_belongs_to_the_namespace_but_its_data() {
    for case in CASES {
        let fixture = Fixture::new(case);
        for object in fixture.parts() {
            assert_eq!(object.namespace, "apps");
            let labels = &object.value["metadata"]["labels"];
            assert_eq!(labels["app.kubernetes.io/managed-by"], "weft-operator");
            assert_eq!(labels["weft.dev/namespace-uid"], fixture.owner.uid.as_str());
            let owner = object.owner_uid();
            match object.kind.as_str() {
                "PersistentVolumeClaim" => assert_eq!(owner, None),
                _ => assert_eq!(owner, Some(fixture.owner.uid.as_str())),
            }
        }
    }
}

#[test]
fn the_pod_finds_all_its_configuration_in_one_folder() {
    let pod = pod(&Fixture::new("default"));
    let sources = pod.pointer("/spec/volumes/1/projected/sources").unwrap();
    let files: Vec<_> = sources
        .as_array()
        .unwrap()
        .iter()
        .map(|source| {
            source
                .pointer("/configMap/items/0/path")
                .unwrap()
                .as_str()
                .unwrap()
        })
        .collect();
    assert_eq!(files.len(), 17);
    assert_eq!(
        (files[0], files[1], files[16]),
        ("head.json", "00.json.gz", "15.json.gz")
    );
}
