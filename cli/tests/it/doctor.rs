//! `weft doctor`.

use std::fs;

use serde_json::Value;

use crate::home::{Home, assert_golden, documents, help};

fn findings(home: &Home, more: &[&str]) -> (i32, Vec<Value>) {
    let said = home.run(&[&["doctor", "--output", "json"], more].concat());
    assert!(said.stderr.is_empty(), "{}", said.stderr);
    (said.code, documents(&said.stdout))
}

fn problems(findings: &[Value]) -> Vec<&Value> {
    findings
        .iter()
        .filter(|finding| finding["outcome"] == "problem")
        .collect()
}

fn outcome<'f>(findings: &'f [Value], check: &str) -> &'f Value {
    let found = findings.iter().find(|finding| finding["check"] == check);
    &found.unwrap_or_else(|| panic!("{check} in {findings:?}"))["outcome"]
}

#[test]
fn a_healthy_namespace_has_nothing_wrong() {
    let home = Home::eventhubs();
    let _dev = home.start();
    let (code, findings) = findings(&home, &["shop"]);
    assert_eq!((code, problems(&findings)), (0, vec![]));
    for check in [
        "name",
        "port http",
        "port https",
        "port blob",
        "port amqp",
        "port amqps",
        "port operations",
        "TLS https",
        "TLS blob",
        "TLS amqps",
        "trust",
        "clock",
        "token",
        "key",
        "key send",
        "key receive",
        "key checkpoints",
        "token accepted",
        "token send",
        "token receive",
        "token checkpoints",
        "token endpoint",
        "ready",
        "configuration",
        "AMQP amqp",
        "AMQP amqps",
    ] {
        assert_eq!(outcome(&findings, check), "ok", "{check}");
    }
    let text = home.ok(&["doctor"]);
    assert!(text.ends_with("\nnothing is wrong\n"), "{text}");
    assert!(
        !text.contains(&home.setting("shop", "EVENTGRID_KEY")),
        "no key is ever shown"
    );
}

#[test]
fn one_that_does_not_run_is_a_port_that_nobody_answers_at() {
    let home = Home::eventhubs();
    assert!(home.start().stop("-TERM").success());
    let (code, findings) = findings(&home, &["shop"]);
    assert_eq!(code, 1);
    let first = problems(&findings)[0].clone();
    assert_eq!(first["check"], "port http");
    assert!(
        first["message"].as_str().unwrap().contains("connection refused"),
        "{first}"
    );
    assert!(first["fix"].as_str().unwrap().contains("weft dev"), "{first}");
    assert_eq!(outcome(&findings, "rights"), "skipped");
}

#[test]
fn a_key_or_a_token_of_somebody_else_is_named() {
    let home = Home::eventhubs();
    let _dev = home.start();
    let endpoint = format!("https://127.0.0.1:{}", home.port_base + 1);
    let bundle = home.setting("shop", "SSL_CERT_FILE");
    let file = home.path().join("secret");
    let with = |option: &str, text: &str| {
        fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        findings(
            &home,
            &["--endpoint", &endpoint, "--ca-file", &bundle, option, file],
        )
    };
    let (code, of_key) = with("--key-file", "wrong");
    assert_eq!((code, outcome(&of_key, "key").as_str()), (1, Some("problem")));
    let right = home.setting("shop", "EVENTGRID_KEY");
    let (code, of_key) = with("--key-file", &right);
    assert_eq!((code, problems(&of_key)), (0, vec![]));

    let (_, of_token) = with("--token-file", "no token");
    let token = problems(&of_token)[0].clone();
    assert!(
        token["message"].as_str().unwrap().contains("does not hold a JWT"),
        "{token}"
    );
    let token = fs::read_to_string(home.setting("shop", "AZURE_FEDERATED_TOKEN_FILE")).unwrap();
    let (code, of_token) = with("--token-file", &token);
    assert_eq!((code, problems(&of_token)), (0, vec![]));
}

#[test]
fn a_certificate_that_nobody_trusts_is_told_with_the_place_that_lacks_it() {
    let home = Home::eventhubs();
    let _dev = home.start();
    let endpoint = format!("https://127.0.0.1:{}", home.port_base + 1);
    let empty = home.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let mut command = home.command(&["doctor", "--endpoint", &endpoint, "--output", "json"]);
    command.env("NODE_EXTRA_CA_CERTS", &empty);
    command.env("EVENTGRID_KEY", home.setting("shop", "EVENTGRID_KEY"));
    let output = command.output().unwrap();
    let findings = documents(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(outcome(&findings, "TLS https"), "problem");
    let node = findings.iter().find(|finding| {
        let message = finding["message"].as_str().unwrap();
        finding["check"] == "trust" && message.starts_with("NODE_EXTRA_CA_CERTS")
    });
    let node = node.unwrap_or_else(|| panic!("{findings:?}"));
    assert_eq!(node["outcome"], "problem");
    assert!(
        node["message"]
            .as_str()
            .unwrap()
            .contains("there is no certificate in it"),
        "{node}"
    );
}

#[test]
fn the_help_says_what_it_looks_at() {
    assert_golden("help-doctor.txt", &help(&["doctor", "--help"]));
}
