//! Fields of a Namespace that were made for a cluster.

use std::fs;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::home::{Home, eventually, namespace, topic};

/// A Namespace with these fields, too.
fn with(fields: &str) -> String {
    namespace("shop").replace("spec: {", &format!("spec: {{{fields}, "))
}

fn served_names(home: &Home) -> Vec<u8> {
    let namespaces = fs::read_dir(home.data().join("namespaces")).unwrap();
    let files = namespaces.map(|entry| entry.unwrap().path().join("credentials/serving.pem"));
    files
        .flat_map(|file| CertificateDer::pem_file_iter(file).unwrap())
        .flat_map(|certificate| certificate.unwrap().to_vec())
        .collect()
}

fn names(home: &Home, name: &str) -> bool {
    served_names(home)
        .windows(name.len())
        .any(|window| window == name.as_bytes())
}

#[test]
fn what_means_nothing_here_is_told_once() {
    let fields = "service: {type: LoadBalancer}, podTemplate: {spec: {schedulerName: mine}}, tls: {secretRef: {name: a}}";
    let home = Home::with(&[("shop.yaml", &with(fields))]);
    let dev = home.start();
    let note = "these fields have a meaning only in a cluster: tls.secretRef, service, podTemplate";
    dev.wait_for_stderr(note);
    home.write("topic.yaml", &topic("orders", "shop"));
    eventually(
        || {
            home.run(&["publish", "orders", "--type", "t", "--data", "1"])
                .code
                == 0
        },
        || dev.stderr(),
    );
    assert_eq!(dev.stderr().matches(note).count(), 1);
}

#[test]
fn the_certificate_has_the_names_that_the_namespace_asks_for() {
    let home = Home::with(&[("shop.yaml", &with("tls: {dnsNames: [one.example.test]}"))]);
    let dev = home.start();
    assert!(names(&home, "one.example.test") && names(&home, "localhost"));
    home.write(
        "shop.yaml",
        &with("tls: {dnsNames: [one.example.test, two.example.test]}"),
    );
    eventually(|| names(&home, "two.example.test"), || dev.stderr());
}

#[test]
fn what_is_paused_goes_on_as_it_is() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("topic.yaml", &topic("orders", "shop")),
    ]);
    let dev = home.start();
    let publish = |topic: &str| home.run(&["publish", topic, "--type", "t", "--data", "1"]).code == 0;
    home.write("shop.yaml", &with("paused: true"));
    dev.wait_for_stderr("it is paused");
    home.write("topic.yaml", &topic("refunds", "shop"));
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(publish("orders") && !publish("refunds"));
    home.write("shop.yaml", &namespace("shop"));
    eventually(|| publish("refunds"), || dev.stderr());
    assert!(!publish("orders"));
}

#[test]
fn a_volume_cannot_shrink_here_either() {
    let sized = |size: &str| {
        let volume = format!("{{persistentVolume: {{size: {size}}}}}");
        namespace("shop").replace("{ephemeral: {sizeLimit: 256Mi}}", &volume)
    };
    let home = Home::with(&[("shop.yaml", &sized("256Mi"))]);
    let dev = home.start();
    home.write("shop.yaml", &sized("128Mi"));
    dev.wait_for_stderr(
        "error: manifests/shop.yaml:4:37: Namespace shop: spec.storage.persistentVolume.size",
    );
    dev.wait_for_stderr("a persistent volume can grow and never shrink");
}

#[test]
fn another_port_base_is_told_to_be_in_vain() {
    let mut home = Home::with(&[("shop.yaml", &namespace("shop"))]);
    let dev = home.start();
    assert!(!dev.stderr().contains("does not move it"));
    assert!(dev.stop("-TERM").success());
    let before = home.port_base;
    home.port_base += 1;
    let dev = home.start();
    dev.wait_for_stderr(&format!(
        "--port-base {} does not move it: it keeps the ports that it was first given, from {before} on",
        home.port_base
    ));
}
