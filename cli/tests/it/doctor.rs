//! `weft doctor`.

use std::fs;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::guard::Guard;
use crate::home::{Home, Said, assert_golden, documents, help};

fn findings(home: &Home, more: &[&str]) -> (i32, Vec<Value>) {
    found(&mut home.command(&[&["doctor", "--output", "json"], more].concat()))
}

fn found(doctor: &mut Command) -> (i32, Vec<Value>) {
    let said = Said::from(doctor.output().unwrap());
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
    &finding(findings, check)["outcome"]
}

fn finding<'f>(findings: &'f [Value], check: &str) -> &'f Value {
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("{check} in {findings:?}"))
}

#[test]
fn a_healthy_namespace_has_nothing_wrong() {
    let home = Home::eventhubs();
    let _dev = home.start();
    let mut doctor = home.command(&["doctor", "shop", "--output", "json"]);
    let (code, findings) = found(doctor.env("EVENT_HUB_NAME", "telemetry"));
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
        "key hub send",
        "key hub receive",
        "key checkpoints",
        "token accepted",
        "token hub send",
        "token hub receive",
        "token checkpoints",
        "token endpoint",
        "ready",
        "configuration",
        "AMQP amqp",
        "AMQP amqps",
    ] {
        assert_eq!(outcome(&findings, check), "ok", "{check}");
    }
    assert_eq!(outcome(&findings, "rights topic"), "skipped");
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

/// With the topic `orders`, its subscription `billing` and the hub `telemetry`.
fn everything() -> Home {
    let home = Home::quickstart();
    let hub = crate::home::example("eventhubs").join("hub.yaml");
    home.write("hub.yaml", &fs::read_to_string(hub).unwrap());
    home
}

const HUB: (&str, &str) = ("EVENT_HUB_NAME", "telemetry");
const TOPIC: (&str, &str) = ("EVENTGRID_TOPIC_NAME", "orders");
const SUBSCRIPTION: (&str, &str) = ("EVENTGRID_EVENT_SUBSCRIPTION_NAME", "billing");
const OWNER: &str = "azure-event-hubs-data-owner";
const CONTRIBUTOR: &str = "eventgrid-data-contributor";
const BLOBS: &str = "storage-blob-data-contributor";

/// What is found for a pod with these roles and settings, which is given an address for checkpoints as every pod is.
fn in_a_cluster(home: &Home, roles: &[&str], settings: &[(&str, &str)]) -> (i32, Vec<Value>) {
    let guard = Guard::before(home, roles);
    let mut doctor = guard.command(home, &["doctor", "--output", "json"]);
    let doctor = doctor.env("BLOB_STORAGE_ACCOUNT_URL", &guard.endpoint);
    found(doctor.envs(settings.iter().copied()))
}

/// The checks of rights that ended so.
fn rights<'f>(findings: &'f [Value], outcome: &str) -> Vec<&'f str> {
    let checks = findings.iter().filter(|finding| finding["outcome"] == outcome);
    let checks = checks.map(|finding| finding["check"].as_str().unwrap());
    checks
        .filter(|check| check.starts_with("rights ") || check.starts_with("token "))
        .filter(|check| !["token accepted", "token endpoint"].contains(check))
        .collect()
}

#[test]
fn who_has_the_role_that_a_program_needs_has_nothing_wrong() {
    let home = everything();
    let _dev = home.start();
    let both = ["token hub receive", "token hub send", "token checkpoints"];
    let topic = ["token topic receive", "token topic send"];
    for (roles, settings, allowed, noted) in [
        (&[OWNER, BLOBS][..], &[HUB][..], &both[..], &[][..]),
        (&[OWNER, BLOBS], &[], &both[2..], &[]),
        (&[OWNER], &[], &[], &both[2..]),
        (&[CONTRIBUTOR], &[], &[], &both[2..]),
        (&[CONTRIBUTOR], &[TOPIC, SUBSCRIPTION], &topic, &both[2..]),
        (&[CONTRIBUTOR], &[TOPIC], &topic, &both[2..]),
        (
            &["eventgrid-data-sender"],
            &[TOPIC],
            &topic[1..],
            &[topic[0], both[2]],
        ),
        (
            &["eventgrid-data-receiver", "storage-blob-data-reader"],
            &[TOPIC, SUBSCRIPTION],
            &[topic[0], both[2]],
            &topic[1..],
        ),
        (
            &["azure-event-hubs-data-sender"],
            &[HUB],
            &both[1..2],
            &[both[0], both[2]],
        ),
    ] {
        let (code, findings) = in_a_cluster(&home, roles, settings);
        assert_eq!((code, problems(&findings)), (0, vec![]), "{roles:?} {settings:?}");
        assert_eq!(rights(&findings, "ok"), allowed, "{roles:?} {settings:?}");
        assert_eq!(rights(&findings, "note"), noted, "{roles:?} {settings:?}");
    }
}

#[test]
fn a_role_that_is_missing_is_a_problem_of_what_the_settings_name() {
    let home = everything();
    let _dev = home.start();
    let fix = |findings: &[Value], check: &str| finding(findings, check)["fix"].as_str().unwrap().to_owned();
    let hub = ["token hub receive", "token hub send"];
    let (code, findings) = in_a_cluster(&home, &[CONTRIBUTOR, BLOBS], &[HUB, TOPIC]);
    assert_eq!((code, rights(&findings, "problem")), (1, hub.to_vec()));
    assert!(
        fix(&findings, hub[1]).ends_with("azure-event-hubs-data-sender"),
        "{findings:?}"
    );
    let (code, findings) = in_a_cluster(&home, &[OWNER, BLOBS], &[HUB, TOPIC, SUBSCRIPTION]);
    let topic = ["token topic receive", "token topic send"];
    assert_eq!((code, rights(&findings, "problem")), (1, topic.to_vec()));
    assert!(
        fix(&findings, topic[0]).ends_with("eventgrid-data-receiver"),
        "{findings:?}"
    );

    let misspelt = ("EVENT_HUB_NAME", "telemetrie");
    let (code, findings) = in_a_cluster(&home, &[OWNER], &[misspelt]);
    assert_eq!((code, rights(&findings, "problem")), (1, hub.to_vec()));
    assert!(
        fix(&findings, hub[0]).contains("check EVENT_HUB_NAME"),
        "{findings:?}"
    );
    let mut doctor = home.command(&["doctor", "--output", "json"]);
    let (code, findings) = found(doctor.env(misspelt.0, misspelt.1));
    assert_eq!(
        (code, outcome(&findings, "key hub send").as_str()),
        (1, Some("problem"))
    );
    assert!(
        fix(&findings, "key hub send").contains("check EVENT_HUB_NAME"),
        "{findings:?}"
    );
}

#[test]
fn questions_leave_everything_as_it_is() {
    let home = everything();
    let _dev = home.start();
    let (type_, data) = ("com.example.order.placed", "{\"country\":\"FR\"}");
    home.ok(&["publish", "orders", "--type", type_, "--data", data]);
    let before = home.json(&["data", "list"]);
    let mut doctor = home.command(&["doctor", "--output", "json"]);
    let (code, findings) = found(doctor.envs([HUB, TOPIC, SUBSCRIPTION]));
    assert_eq!((code, problems(&findings)), (0, vec![]));
    assert_eq!(home.json(&["data", "list"]), before);
    let received = home.json(&["receive", "orders", "billing", "--ack"]);
    assert_eq!(received[0]["brokerProperties"]["deliveryCount"], 1);
}

#[test]
fn whether_a_token_of_another_issuer_is_for_the_right_audience_is_the_namespace_s_to_say() {
    let home = everything();
    let _dev = home.start();
    let guard = Guard::before(&home, &[OWNER]);
    let claims = r#"{"iss":"https://login.example.com","sub":"alice","aud":"shop","exp":4102444800}"#;
    let parts = [r#"{"alg":"ES256"}"#, claims, "signature"].map(|part| URL_SAFE_NO_PAD.encode(part));
    let file = home.path().join("outside");
    fs::write(&file, parts.join(".")).unwrap();
    let with = |endpoint: &str, more: &[&str]| {
        let token = ["--endpoint", endpoint, "--token-file", file.to_str().unwrap()];
        let mut doctor = home.command(&[&["doctor", "--output", "json"][..], &token, more].concat());
        found(doctor.env(HUB.0, HUB.1))
    };
    // The guard takes it as a Namespace does whose issuers it is among.
    let (code, findings) = with(&guard.endpoint, &[]);
    assert_eq!((code, problems(&findings)), (0, vec![]));
    assert_eq!(outcome(&findings, "token"), "note");
    assert_eq!(outcome(&findings, "token accepted"), "ok");

    let (endpoint, bundle) = (
        format!("https://127.0.0.1:{}", home.port_base + 1),
        home.setting("shop", "SSL_CERT_FILE"),
    );
    let (code, findings) = with(&endpoint, &["--ca-file", &bundle]);
    assert_eq!((code, outcome(&findings, "token").as_str()), (1, Some("note")));
    assert_eq!(outcome(&findings, "token accepted"), "problem");
}

#[test]
fn the_help_says_what_it_looks_at() {
    assert_golden("help-doctor.txt", &help(&["doctor", "--help"]));
}
