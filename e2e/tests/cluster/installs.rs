//! An operator that may look after two Kubernetes namespaces and nothing else, and Namespaces side by side.

use anyhow::ensure;
use crds::v1alpha1::{Namespace, Topic};
use e2e::{
    cluster::{Cluster, Space, until},
    eventgrid::event,
};
use k8s_openapi::api::{networking::v1::NetworkPolicy, rbac::v1::ClusterRoleBinding};
use kube::{Api, api::ListParams};
use serde_json::json;

use crate::{
    fixture::{self, Operator, SHOP, SOON},
    harness,
};

/// Uninstalled when it is dropped.
struct Installed<'a> {
    cluster: &'a Cluster,
    namespace: String,
}

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        let gone = self.cluster.uninstall(&self.namespace);
        if !std::thread::panicking() {
            gone.expect("uninstalled");
        }
    }
}

#[test]
fn an_operator_with_a_role_in_two_kubernetes_namespaces_serves_these() {
    let _alone = harness::alone();
    let cluster = Cluster::shared();
    let operator = Operator::installed();
    let _stopped = operator.stop();
    let home = Space::create("team-operator").expect("a space");
    let spaces = [
        Space::create("team-one").expect("a space"),
        Space::create("team-two").expect("a space"),
    ];
    let stranger = Space::create("stranger").expect("a space");
    let watched = format!("watchNamespaces={{{},{}}}", spaces[0].name(), spaces[1].name());
    let images = cluster.images().expect("the images are known");
    cluster
        .install(
            home.name(),
            &images,
            &[
                "scope=namespaced",
                &watched,
                "crds.enabled=false",
                "userRoles.aggregate=false",
            ],
        )
        .expect("installed");
    let _installed = Installed {
        cluster,
        namespace: home.name().to_owned(),
    };
    assert_no_cluster_wide_right(&home);
    for space in spaces.iter().chain([&stranger]) {
        space.apply(SHOP).expect("the manifests are accepted");
    }
    for space in &spaces {
        fixture::wait_for_shop(space);
        let mut client = fixture::connect(space);
        fixture::publish(&mut client, &["mine"]);
        assert_eq!(fixture::take(&mut client), ["mine"]);
    }
    let untouched: Namespace = stranger.get("shop").expect("it is there");
    assert!(
        untouched.status.is_none(),
        "nobody looks after it: {:?}",
        untouched.status
    );
    assert!(fixture::children(&stranger).is_empty());
    // Before the cluster's operator comes back and takes it for its own.
    stranger.delete::<Namespace>("shop").expect("deleted");
}

/// Neither by what the chart made, nor by what the API server says of the operator's account.
fn assert_no_cluster_wide_right(home: &Space) {
    let cluster = home.cluster();
    let names = cluster.block_on(async {
        let bindings: Api<ClusterRoleBinding> = Api::all(cluster.client());
        let bindings = bindings.list(&ListParams::default()).await.expect("listed").items;
        let bound = bindings.into_iter().filter(|binding| {
            let mut subjects = binding.subjects.iter().flatten();
            subjects.any(|subject| subject.namespace.as_deref() == Some(home.name()))
        });
        bound.map(|binding| binding.metadata.name).collect::<Vec<_>>()
    });
    assert!(names.is_empty(), "{names:?} give it rights in the whole cluster");
    let account = format!("--as=system:serviceaccount:{}:weft-operator", home.name());
    for question in [
        ["get", "secrets"],
        ["list", "topics.weft.dev"],
        ["create", "statefulsets.apps"],
        ["list", "namespaces"],
    ] {
        let [verb, resource] = question;
        let answer = home
            .kubectl_command(["auth", "can-i", verb, resource, "--all-namespaces", &account])
            .expect("kubectl is there")
            .output()
            .expect("kubectl runs");
        let answer = String::from_utf8_lossy(&answer.stdout);
        assert_eq!(answer.trim(), "no", "{verb} {resource} in the whole cluster");
    }
}

#[test]
fn two_namespaces_side_by_side_share_nothing() {
    let _together = harness::together();
    let space = fixture::shop("neighbours");
    let store = SHOP
        .replace("name: shop", "name: store")
        .replace("metadata: {name: orders}", "metadata: {name: store-orders}")
        .replace(
            "namespaceRef: {name: store}",
            "namespaceRef: {name: store}, azureName: orders",
        )
        .replace("metadata: {name: billing}", "metadata: {name: store-billing}")
        .replace(
            "topicRef: {name: orders}",
            "topicRef: {name: store-orders}, azureName: billing",
        );
    space.apply(&store).expect("the manifests are accepted");
    space.wait_ready::<Namespace>("store", SOON).expect("ready");
    space.wait_ready::<Topic>("store-orders", SOON).expect("ready");
    space
        .wait_ready::<crds::v1alpha1::EventSubscription>("store-billing", SOON)
        .expect("ready");
    let mut shop = fixture::connect(&space);
    let mut store = until("the Service to lead to the pod", SOON, || {
        space.event_grid("store")
    })
    .expect("open");
    fixture::publish(&mut shop, &["of the shop"]);
    fixture::publish(&mut store, &["of the store"]);
    assert_eq!(fixture::take(&mut shop), ["of the shop"]);
    assert_eq!(fixture::take(&mut store), ["of the store"]);

    let mut wrong_key = space.door("store").expect("a door");
    wrong_key.key = space.door("shop").expect("a door").key;
    let refused = wrong_key
        .open()
        .expect("TLS does not ask for keys")
        .publish("orders", &[event("with a neighbour's key")])
        .expect_err("a neighbour's key is no key");
    assert!(format!("{refused:#}").contains("401"), "{refused:#}");
    let mut wrong_authority = space.door("store").expect("a door");
    wrong_authority.authorities = space.door("shop").expect("a door").authorities;
    assert!(
        wrong_authority.open().is_err(),
        "a neighbour's authority vouches for nobody else"
    );

    space.delete::<Namespace>("store").expect("deleted");
    space
        .wait_gone::<k8s_openapi::api::core::v1::Pod>("store-0", fixture::GONE)
        .expect("the pod goes");
    fixture::publish(&mut shop, &["and the shop goes on"]);
}

#[test]
fn network_policies_open_the_doors_and_nothing_else() {
    let _together = harness::together();
    let space = fixture::shop("policy");
    let plain = "apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {name: plain}\n\
                 spec: {storage: {ephemeral: {sizeLimit: 64Mi}}, tls: {plaintext: true}}";
    space.apply(plain).expect("the manifest is accepted");
    space.wait_ready::<Namespace>("plain", SOON).expect("ready");
    let secure = vec![5671, 8443, 9464, 10000];
    let all = vec![5671, 5672, 8080, 8443, 9464, 10000];
    for (name, doors) in [("shop", secure), ("plain", all)] {
        let policy: NetworkPolicy = space.get(name).expect("a policy");
        let spec = serde_json::to_value(policy.spec.expect("a spec")).expect("JSON");
        let ports = |rules: &serde_json::Value| -> Vec<u64> {
            let rules = rules.as_array().expect("rules").iter();
            let ports = rules.flat_map(|rule| rule["ports"].as_array().expect("ports are named"));
            let mut ports: Vec<_> = ports
                .map(|port| port["port"].as_u64().expect("a number"))
                .collect();
            ports.sort_unstable();
            ports.dedup();
            ports
        };
        assert_eq!(ports(&spec["ingress"]), doors, "what is open of {name}");
        assert_eq!(ports(&spec["egress"]), [53, 443, 6443], "where {name} may go");
        assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
        let selected = spec["podSelector"]["matchLabels"].as_object().expect("labels");
        let selector: Vec<_> = selected
            .iter()
            .map(|(key, value)| format!("{key}={}", value.as_str().expect("text")))
            .collect();
        let pods = space
            .cluster()
            .list::<k8s_openapi::api::core::v1::Pod>(space.name(), &selector.join(","))
            .expect("listed");
        let pods: Vec<_> = pods.into_iter().filter_map(|pod| pod.metadata.name).collect();
        assert_eq!(pods, [format!("{name}-0")], "whom the policy of {name} speaks of");
    }
    until("the plain door to answer", SOON, || {
        let address = space.service_address("plain", 80)?;
        let response = e2e::http::get(address, "/")?;
        ensure!(response.status >= 400, "status {}", response.status);
        Ok(())
    })
    .expect("plaintext is open where the user says so");
    let closed = space.service_address("shop", 80).expect("an address");
    assert!(e2e::http::get(closed, "/").is_err(), "and nowhere else");
}
