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
fn the_pod_is_not_told_that_it_is_a_program_of_ours() {
    // AZURE_* are who it is to its object stores; Weft's own would make it ask itself.
    for case in CASES {
        let pod = pod(&Fixture::new(case));
        assert_eq!(pod["metadata"]["labels"].get("weft.dev/connect"), None);
        let containers = pod["spec"]["containers"].as_array().unwrap().iter();
        let variables = containers.flat_map(|container| container["env"].as_array().unwrap());
        let names: Vec<_> = variables
            .map(|variable| variable["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["POD_NAME", "POD_UID"]);
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
    let (asks, reads): (Vec<_>, Vec<_>) = role["rules"]
        .as_array()
        .unwrap()
        .iter()
        .partition(|rule| rule["resources"] == json!(["localsubjectaccessreviews"]));
    assert_eq!(asks.len(), 1);
    assert_eq!(asks[0]["apiGroups"], json!(["authorization.k8s.io"]));
    assert_eq!(asks[0]["verbs"], json!(["create"]));
    for rule in reads {
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

#[test]
fn the_copy_of_positions_is_sixteen_objects_whose_content_is_the_pods_alone() {
    let parts = Fixture::new("default").parts();
    let copies: Vec<_> = parts
        .iter()
        .filter(|object| object.name.starts_with("shop-checkpoints-"))
        .collect();
    assert_eq!(copies.len(), 16);
    for copy in copies {
        let fields: Vec<_> = copy
            .value
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(fields, ["apiVersion", "kind", "metadata"]);
    }
}

#[test]
fn checkpoints_have_an_address_of_their_own_within_the_cluster() {
    let parts = Fixture::new("full").parts();
    let service = parts.iter().find(|object| object.name == "shop-blob").unwrap();
    let spec = &service.value["spec"];
    assert_eq!(
        spec["type"], "ClusterIP",
        "whatever the user says about the other one"
    );
    assert_eq!(spec["ports"][0]["port"], 443);
    let ports = pod(&Fixture::new("full"))["spec"]["containers"][0]["ports"].take();
    let is_it = |port: &&Value| port["name"] == spec["ports"][0]["targetPort"];
    let port = ports.as_array().unwrap().iter().find(is_it).unwrap();
    assert_eq!(port["containerPort"], config::objects::BLOB_PORT);
}

#[test]
fn the_pod_may_talk_to_those_whom_the_namespace_names() {
    let ports = |case| {
        let policy = object(&Fixture::new(case), "NetworkPolicy");
        let ports = policy
            .pointer("/spec/egress/0/ports")
            .unwrap()
            .as_array()
            .unwrap();
        ports
            .iter()
            .map(|port| port["port"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ports("default"), [53, 53, 443, 6443]);
    assert_eq!(ports("full"), [53, 53, 443, 6443, 8443, 9000, 9001]);
}
