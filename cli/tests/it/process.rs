//! Starting, stopping, and not starting.

use std::net::TcpListener;

use crate::home::{Home, documents, namespace, topic};

#[test]
fn both_signals_end_it_in_order() {
    for signal in ["-INT", "-TERM"] {
        let home = Home::quickstart();
        let status = home.start().stop(signal);
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(
            TcpListener::bind(("127.0.0.1", home.port_base)).is_ok(),
            "the port is free again"
        );
    }
}

#[test]
fn a_second_one_on_the_same_data_is_refused_by_name() {
    let home = Home::quickstart();
    let dev = home.start();
    let second = home.run(&["dev", "manifests"]);
    let data = std::fs::canonicalize(home.data()).unwrap();
    let expected = format!(
        "error: another `weft dev` (process {}) runs on the data folder {}\n  next: use that one, stop it, or give this one a folder of its own with --data DIR\n",
        dev.pid(),
        data.display()
    );
    assert_eq!((second.code, second.stderr), (6, expected));
}

#[test]
fn a_port_that_is_taken_ends_the_start_with_its_number() {
    let home = Home::quickstart();
    let _taken = TcpListener::bind(("127.0.0.1", home.port_base + 1)).unwrap();
    let mut dev = home.spawn(&[]);
    assert_eq!(dev.end().code(), Some(1));
    let said = dev.stderr();
    assert!(
        said.contains(&format!("open the https port {}", home.port_base + 1)),
        "{said}"
    );
    assert!(said.contains("next: free the port"), "{said}");
}

#[test]
fn a_folder_without_a_namespace_is_a_mistake() {
    let home = Home::with(&[("notes.yaml", "a: 1\n")]);
    let said = home.run(&["dev", "manifests"]);
    assert_eq!(said.code, 3);
    assert!(
        said.stderr.contains("no Namespace in the manifests of manifests"),
        "{}",
        said.stderr
    );
    let missing = home.run(&["dev", "nowhere"]);
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.contains("cannot read the manifests in nowhere"),
        "{}",
        missing.stderr
    );
}

#[test]
fn with_json_output_and_logs_every_line_is_json() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("topic.yaml", &topic("orders", "nowhere")),
    ]);
    let dev = home.spawn(&["--output", "json", "--log-format", "json"]);
    dev.wait_for_stdout("\n");
    let url = format!("http://127.0.0.1:{}", home.port_base);
    assert_eq!(
        documents(&dev.stdout())[0],
        serde_json::json!({"event": "ready", "namespace": "shop", "url": url})
    );
    dev.wait_for_stderr("ParentNotFound");
    let refused = documents(&dev.stderr())
        .into_iter()
        .find(|line| line["reason"] == "ParentNotFound")
        .unwrap();
    assert_eq!(
        (refused["file"].as_str(), refused["line"].as_u64()),
        (Some("manifests/topic.yaml"), Some(4))
    );
}

#[test]
fn the_standard_ports_are_shown_before_anything_listens() {
    let home = Home::with(&[]);
    let help = home.ok(&["dev", "--help"]);
    for word in ["8080", "8443", "9464", "--port-base", ".weft"] {
        assert!(help.contains(word), "{word} in\n{help}");
    }
}
