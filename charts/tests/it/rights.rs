//! Who may do what.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::files::read;
use crate::helm;
use crate::types::{text, title};

const NAMESPACED: &str = r#"scope="namespaced""#;

#[test]
fn every_rule_has_its_reason_beside_it() {
    for file in [
        "_rules.tpl",
        "_data-roles.tpl",
        "rbac-lease.yaml",
        "user-roles.yaml",
    ] {
        let template = read(&format!("charts/weft/templates/{file}"));
        let lines: Vec<_> = template.lines().map(str::trim).collect();
        let rules = lines
            .windows(2)
            .filter(|pair| pair[1].starts_with("- apiGroups:"));
        let mut count = 0;
        for pair in rules {
            assert!(
                pair[0].starts_with("# "),
                "{file}: a rule without a reason after `{}`",
                pair[0]
            );
            count += 1;
        }
        assert!(count > 0, "{file} has no rules");
    }
}

#[test]
fn nothing_is_granted_by_a_wildcard() {
    for object in helm::objects(&[]) {
        for rule in object["rules"].as_array().into_iter().flatten() {
            let words = ["apiGroups", "resources", "verbs"].map(|list| &rule[list]);
            let all = words.iter().flat_map(|list| list.as_array().unwrap());
            assert!(
                all.into_iter().all(|word| word != "*"),
                "{}: {rule}",
                title(&object)
            );
        }
    }
}

#[test]
fn the_operator_cannot_write_what_users_declare() {
    let roles = helm::objects(&[]);
    let role = named(&roles, "ClusterRole", "weft-operator");
    let spec = ["eventnamespaces", "topics", "eventsubscriptions", "hubs"];
    for rule in role["rules"].as_array().unwrap() {
        let resources = rule["resources"].as_array().unwrap();
        if resources
            .iter()
            .any(|resource| spec.contains(&resource.as_str().unwrap()))
        {
            assert_eq!(rule["verbs"], serde_json::json!(["get", "list", "watch"]));
        }
    }
}

#[test]
fn in_namespaced_mode_nothing_belongs_to_the_cluster_but_the_definitions() {
    let kinds = |settings: &[&str]| {
        let objects = helm::objects(settings).into_iter();
        let no_home = objects.filter(|object| object.pointer("/metadata/namespace").is_none());
        no_home
            .map(|object| text(&object, "/kind").to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        kinds(&[NAMESPACED]),
        BTreeSet::from(["CustomResourceDefinition".to_owned()])
    );
    assert_eq!(kinds(&[NAMESPACED, "crds.enabled=false"]), BTreeSet::new());
}

#[test]
fn in_namespaced_mode_each_namespace_has_the_rights_of_the_cluster_role_and_no_other_has() {
    let cluster = helm::objects(&[]);
    let rules = &named(&cluster, "ClusterRole", "weft-operator")["rules"];
    let objects = helm::objects(&[NAMESPACED, r#"watchNamespaces=["shop","store"]"#]);
    let of = |kind: &str| {
        let all = objects.iter().filter(|object| object["kind"] == kind);
        let main = all.filter(|object| object.pointer("/metadata/name").unwrap() == "weft-operator");
        main.map(|object| text(object, "/metadata/namespace"))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("Role"), ["shop", "store"]);
    assert_eq!(of("RoleBinding"), ["shop", "store"]);
    assert_eq!(&named(&objects, "Role", "weft-operator")["rules"], rules);
    let own = helm::objects(&[NAMESPACED]);
    assert_eq!(
        text(named(&own, "Role", "weft-operator"), "/metadata/namespace"),
        "weft-system"
    );
}

#[test]
fn the_operator_is_told_the_namespaces_that_it_has_rights_in() {
    let flag = |settings: &[&str]| {
        let objects = helm::objects(settings);
        let deployment = named(&objects, "Deployment", "weft-operator");
        let arguments = deployment
            .pointer("/spec/template/spec/containers/0/args")
            .unwrap();
        let words = arguments.as_array().unwrap().iter().filter_map(Value::as_str);
        words
            .filter_map(|word| word.strip_prefix("--watch-namespaces="))
            .map(str::to_owned)
            .next()
    };
    assert_eq!(flag(&[]), None);
    assert_eq!(flag(&[NAMESPACED]).as_deref(), Some("weft-system"));
    assert_eq!(
        flag(&[NAMESPACED, r#"watchNamespaces=["shop","store"]"#]).as_deref(),
        Some("shop,store")
    );
}

#[test]
fn users_get_their_rights_through_the_roles_of_the_cluster() {
    let objects = helm::objects(&[]);
    let aggregated = |name: &str| {
        let labels = named(&objects, "ClusterRole", name)["metadata"]["labels"]
            .as_object()
            .unwrap();
        let prefix = "rbac.authorization.k8s.io/aggregate-to-";
        labels
            .keys()
            .filter_map(|key| key.strip_prefix(prefix))
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        aggregated("weft-view"),
        ["admin", "edit", "view"].map(str::to_owned).into()
    );
    assert_eq!(
        aggregated("weft-edit"),
        ["admin", "edit"].map(str::to_owned).into()
    );
    assert_eq!(aggregated("weft-admin"), ["admin".to_owned()].into());
    let without = helm::objects(&["userRoles.aggregate=false"]);
    for name in ["weft-edit", "weft-admin"] {
        assert!(without.iter().all(|object| object["metadata"]["name"] != name));
    }
}

/// The names of Azure's built-in roles, with what each allows here.
const DATA_ROLES: [(&str, &[&str], &[&str]); 8] = [
    (
        "azure-event-hubs-data-owner",
        &["hubs"],
        &["send", "receive", "manage"],
    ),
    ("azure-event-hubs-data-sender", &["hubs"], &["send"]),
    ("azure-event-hubs-data-receiver", &["hubs"], &["receive"]),
    ("eventgrid-data-sender", &["topics"], &["send"]),
    (
        "eventgrid-data-receiver",
        &["topics", "eventsubscriptions"],
        &["receive"],
    ),
    (
        "eventgrid-data-contributor",
        &["topics", "eventsubscriptions"],
        &["send", "receive", "manage"],
    ),
    (
        "storage-blob-data-contributor",
        &["eventnamespaces/checkpoints"],
        &["send", "receive", "manage"],
    ),
    (
        "storage-blob-data-reader",
        &["eventnamespaces/checkpoints"],
        &["receive"],
    ),
];

#[test]
fn tokens_get_their_rights_through_roles_with_azures_names() {
    let objects = helm::objects(&[]);
    for (name, resources, verbs) in DATA_ROLES {
        let rules = &named(&objects, "ClusterRole", name)["rules"];
        let expected = json!([{"apiGroups": ["weft.dev"], "resources": resources, "verbs": verbs}]);
        assert_eq!(*rules, expected, "{name}");
    }
    let objects = helm::objects(&[NAMESPACED, r#"watchNamespaces=["shop","store"]"#]);
    for (name, ..) in DATA_ROLES {
        let of_name = objects.iter().filter(|object| object["metadata"]["name"] == name);
        let places: Vec<_> = of_name.map(|role| text(role, "/metadata/namespace")).collect();
        assert_eq!(places, ["shop", "store"], "{name}");
    }
    assert!(data_roles(&["userRoles.data=false"]).is_empty());
}

/// Brokers go on without a release. Without these roles they would refuse every program that shows a token.
#[test]
fn the_roles_for_tokens_survive_the_release_and_its_settings_unless_told_otherwise() {
    for settings in [&[][..], &[NAMESPACED]] {
        let kept = data_roles(settings);
        assert_eq!(kept.len(), DATA_ROLES.len());
        for role in &kept {
            let policy = text(role, "/metadata/annotations/helm.sh~1resource-policy");
            assert_eq!(policy, "keep", "{}", title(role));
        }
    }
    let left = data_roles(&["userRoles.keep=false"]);
    assert_eq!(left.len(), DATA_ROLES.len());
    for role in &left {
        assert!(role.pointer("/metadata/annotations").is_none(), "{}", title(role));
    }
}

/// Those of [`DATA_ROLES`] that are rendered.
fn data_roles(settings: &[&str]) -> Vec<Value> {
    let is_one = |object: &Value| {
        DATA_ROLES
            .iter()
            .any(|(name, ..)| object["metadata"]["name"] == *name)
    };
    helm::objects(settings).into_iter().filter(is_one).collect()
}

#[test]
fn whoever_administers_a_namespace_holds_what_the_roles_for_tokens_give() {
    let objects = helm::objects(&[]);
    let rule = &named(&objects, "ClusterRole", "weft-admin")["rules"][0];
    let held = |list: &str| rule[list].as_array().unwrap().clone();
    for (name, resources, verbs) in DATA_ROLES {
        assert!(
            resources
                .iter()
                .all(|one| held("resources").contains(&json!(one))),
            "{name}"
        );
        assert!(
            verbs.iter().all(|one| held("verbs").contains(&json!(one))),
            "{name}"
        );
    }
}

/// Kubernetes refuses a Role that gives more than its maker holds.
#[test]
fn the_operator_holds_what_it_gives_to_a_broker() {
    let operator = helm::objects(&[]);
    let held = named(&operator, "ClusterRole", "weft-operator")["rules"]
        .as_array()
        .unwrap()
        .clone();
    let golden: Vec<Value> = serde_json::from_str(&read("operator/tests/golden/default.json")).unwrap();
    let role = named(&golden, "Role", "shop");
    let words = |rule: &Value, list: &str| rule[list].as_array().unwrap().clone();
    for given in role["rules"].as_array().unwrap() {
        for verb in words(given, "verbs") {
            let covers = |held: &Value| {
                words(held, "apiGroups") == words(given, "apiGroups")
                    && words(held, "resources") == words(given, "resources")
                    && words(held, "verbs").contains(&verb)
            };
            assert!(held.iter().any(covers), "{verb} in {given}");
        }
    }
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let wanted = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects
        .iter()
        .find(wanted)
        .unwrap_or_else(|| panic!("there is no {kind} {name}"))
}
