//! `weft checkpoint`, on blobs as SDKs write them; and the credentials for the copy of positions.

use std::io::Read as _;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::guard::Guard;
use crate::home::{Dev, Home, Said, assert_golden, documents, help, namespace};

/// What an SDK's checkpoint store writes.
fn put(home: &Home, container: &str, name: &str, metadata: &[(&str, &str)]) {
    let url = format!(
        "http://127.0.0.1:{}/checkpoints/{container}/{name}",
        home.port_base
    );
    let key = home.setting("shop", "EVENTGRID_KEY");
    let mut request = ureq::put(url)
        .header("Authorization", format!("SharedAccessKey {key}"))
        .header("x-ms-version", "2021-12-02")
        .header("x-ms-blob-type", "BlockBlob");
    for (name, value) in metadata {
        request = request.header(format!("x-ms-meta-{name}"), *value);
    }
    assert_eq!(request.send_empty().unwrap().status(), 201);
}

/// The group `$default` in the container `state`, with four events in partition 0.
fn with_checkpoints() -> (Home, Dev) {
    let home = Home::eventhubs();
    let dev = home.start();
    for n in 0..4 {
        home.ok(&["hub", "send", "telemetry", &n.to_string(), "--partition", "0"]);
    }
    checkpoint(&home, "0");
    (home, dev)
}

/// That the event with this sequence number was processed.
fn checkpoint(home: &Home, sequence: &str) {
    let metadata = [("sequencenumber", sequence), ("offset", "0")];
    put(
        home,
        "state",
        "localhost/telemetry/$default/checkpoint/0",
        &metadata,
    );
}

fn own(home: &Home, owner: &str) {
    let name = "localhost/telemetry/$default/ownership/0";
    put(home, "state", name, &[("ownerid", owner)]);
}

fn listed(home: &Home) -> Vec<Value> {
    home.json(&["checkpoint", "list"])
}

/// The sequence number in the checkpoint of partition 0.
fn processed(home: &Home) -> Value {
    listed(home)[0]["sequenceNumber"].clone()
}

fn reset(home: &Home, more: &[&str]) -> Said {
    home.run(&[&["checkpoint", "reset", "telemetry", "$Default"], more].concat())
}

#[test]
fn a_list_says_how_far_a_group_has_come_and_who_owns_what() {
    let home = Home::eventhubs();
    let _dev = home.start();
    assert_eq!(home.ok(&["checkpoint", "list"]), "no checkpoints\n");
    drop((home, _dev));

    let (home, _dev) = with_checkpoints();
    own(&home, "worker-1");
    let row = listed(&home).remove(0);
    for (field, value) in [
        ("container", json!("state")),
        ("address", json!("localhost")),
        ("hub", json!("telemetry")),
        ("consumerGroup", json!("$default")),
        ("partition", json!("0")),
        ("sequenceNumber", json!(0)),
        ("lastSequenceNumber", json!(3)),
        ("lag", json!(3)),
        ("owner", json!("worker-1")),
        ("ownerIsLive", json!(true)),
    ] {
        assert_eq!(row[field], value, "{field} in {row}");
    }
    let text = home.ok(&["checkpoint", "list", "Telemetry", "--group", "$Default"]);
    let words: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        words[..8],
        ["state", "localhost", "telemetry", "$default", "0", "0", "3", "3"]
    );
    assert_eq!(words.last(), Some(&"worker-1"));
    assert_eq!(home.ok(&["checkpoint", "list", "elsewhere"]), "no checkpoints\n");
}

/// The rows for who has these roles in a cluster, and what is said beside them.
fn listed_with(home: &Home, roles: &[&str]) -> (Vec<Value>, String) {
    let guard = Guard::before(home, roles);
    let mut command = guard.command(home, &["checkpoint", "list", "--output", "json"]);
    let said = Said::from(command.output().unwrap());
    assert_eq!(said.code, 0, "{}", said.stderr);
    (documents(&said.stdout), said.stderr)
}

#[test]
fn who_may_look_at_hubs_and_checkpoints_sees_how_far_behind_groups_are() {
    let (home, _dev) = with_checkpoints();
    let roles = ["azure-event-hubs-data-owner", "storage-blob-data-contributor"];
    let (rows, said) = listed_with(&home, &roles);
    assert_eq!(
        (&rows[0]["lag"], &rows[0]["lastSequenceNumber"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(said, "");
    let (rows, _) = listed_with(
        &home,
        &["azure-event-hubs-data-receiver", "storage-blob-data-reader"],
    );
    assert_eq!(rows[0]["lag"], 3);

    // Another one is gone: with these roles that is refused, with a key it is not found.
    let metadata = [("sequencenumber", "7"), ("offset", "0")];
    put(&home, "state", "localhost/gone/$default/checkpoint/0", &metadata);
    let lags = |rows: &[Value]| rows.iter().map(|row| row["lag"].clone()).collect::<Vec<_>>();
    let (rows, said) = listed_with(&home, &roles);
    assert_eq!(lags(&rows), [json!(null), json!(3)]);
    assert!(said.contains("groups of gone are is not known"), "{said}");
    let with_key = home.run(&["checkpoint", "list", "--output", "json"]);
    assert_eq!(lags(&documents(&with_key.stdout)), [json!(null), json!(3)]);
    assert_eq!(with_key.stderr, "");
}

#[test]
fn who_may_look_at_checkpoints_only_sees_those() {
    let (home, _dev) = with_checkpoints();
    let (rows, said) = listed_with(&home, &["storage-blob-data-reader"]);
    assert_eq!(
        (&rows[0]["sequenceNumber"], &rows[0]["lag"]),
        (&json!(0), &json!(null))
    );
    assert!(said.contains("groups of telemetry are is not known"), "{said}");
    assert!(said.contains("hubs.weft.dev/telemetry"), "{said}");
}

#[test]
fn a_container_may_be_called_like_the_namespace() {
    let (home, _dev) = with_checkpoints();
    let metadata = [("sequencenumber", "1"), ("offset", "0")];
    put(
        &home,
        "shop/shop",
        "localhost/telemetry/slow/checkpoint/0",
        &metadata,
    );
    let rows = listed(&home);
    assert_eq!(rows.len(), 2, "{rows:?}");
    home.ok(&[
        "checkpoint",
        "reset",
        "telemetry",
        "slow",
        "--to",
        "latest",
        "--partition",
        "0",
        "--yes",
    ]);
    let rows = home.json(&["checkpoint", "list", "--container", "shop"]);
    assert_eq!(
        (rows.len(), &rows[0]["sequenceNumber"]),
        (1, &json!(3)),
        "{rows:?}"
    );
}

#[test]
fn a_group_is_shown_as_its_programs_wrote_it() {
    let (home, _dev) = with_checkpoints();
    own(&home, "worker-1");
    let blobs = home.json(&["checkpoint", "show", "telemetry", "$Default"]);
    let names: Vec<_> = blobs.iter().map(|blob| blob["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "localhost/telemetry/$default/checkpoint/0",
            "localhost/telemetry/$default/ownership/0"
        ]
    );
    assert_eq!(blobs[1]["metadata"], json!({"ownerid": "worker-1"}));
    let text = home.ok(&["checkpoint", "show", "telemetry", "$Default"]);
    assert!(text.contains("\n    sequencenumber: 0\n"), "{text}");
    let nobody = home.run(&["checkpoint", "show", "telemetry", "nobody"]);
    assert_eq!(nobody.code, 4);
    assert!(
        nobody.stderr.contains("weft checkpoint list"),
        "{}",
        nobody.stderr
    );
}

#[test]
fn a_group_goes_on_where_it_is_told_to() {
    let (home, _dev) = with_checkpoints();
    for (to, expected) in [
        (&["--to", "latest"][..], json!(3)),
        (&["--to", "earliest"], json!(-1)),
        (&["--to", "sequence:2", "--partition", "0"], json!(1)),
        (&["--to", "2026-01-31T12:00:00Z"], json!(-1)),
        (&["--to", "0s"], json!(3)),
    ] {
        let said = reset(&home, &[to, &["--yes"]].concat());
        assert_eq!(said.code, 0, "{to:?}\n{}{}", said.stdout, said.stderr);
        assert_eq!(processed(&home), expected, "{to:?}");
    }
    // All partitions of the hub, also those that had none.
    assert_eq!(listed(&home).len(), 4);
    let event = home
        .json(&[
            "hub",
            "peek",
            "telemetry",
            "--partition",
            "0",
            "--from",
            "sequence:3",
        ])
        .remove(0);
    assert_eq!(listed(&home)[0]["offset"], event["offset"]);

    let beyond = reset(&home, &["--to", "sequence:9", "--partition", "0", "--yes"]);
    assert_eq!(beyond.code, 2);
    assert!(
        beyond.stderr.contains("the next one of partition 0 gets 4"),
        "{}",
        beyond.stderr
    );
    assert_eq!(reset(&home, &["--to", "sequence:1", "--yes"]).code, 2);

    assert_eq!(reset(&home, &["--delete", "--yes"]).code, 0);
    assert_eq!(home.ok(&["checkpoint", "list"]), "no checkpoints\n");
}

#[test]
fn nothing_is_changed_without_a_yes_or_while_somebody_works() {
    let (home, _dev) = with_checkpoints();
    let unasked = reset(&home, &["--to", "latest"]);
    assert_eq!(unasked.code, 2);
    assert!(unasked.stdout.contains("PROCESSED UP TO"), "{}", unasked.stdout);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    own(&home, "worker-1");
    let owned = reset(&home, &["--to", "latest", "--yes"]);
    assert_eq!(owned.code, 4);
    assert!(
        owned.stderr.contains("worker-1 has partition 0"),
        "{}",
        owned.stderr
    );
    assert_eq!(processed(&home), 0);

    assert_eq!(
        reset(&home, &["--to", "latest", "--yes", "--partition", "1"]).code,
        0
    );
    assert_eq!(reset(&home, &["--to", "latest", "--yes", "--force"]).code, 0);
    assert_eq!(processed(&home), 3);
    own(&home, "");
    assert_eq!(reset(&home, &["--to", "earliest", "--yes"]).code, 0);
}

#[test]
fn for_programs_what_was_done_comes_after_what_would_be() {
    let (home, _dev) = with_checkpoints();
    let lines = home.json(&[
        "checkpoint",
        "reset",
        "telemetry",
        "$default",
        "--to",
        "latest",
        "--partition",
        "0",
        "--yes",
    ]);
    let changed: Vec<_> = lines
        .iter()
        .map(|line| line["changed"].as_bool().unwrap())
        .collect();
    assert_eq!(changed, [false, true]);
    assert_eq!(
        (&lines[1]["before"], &lines[1]["sequenceNumber"]),
        (&json!(0), &json!(3))
    );
}

/// With a store that reads the first request and says nothing.
#[test]
fn the_environment_says_what_the_store_for_the_copy_is_opened_with() {
    let home = Home::with(&[]);
    let store = "checkpoint: {objectStore: {url: 's3://bucket/copies', credentialsSecretRef: {name: store}}}";
    let shop = namespace("shop").replace("spec: {", &format!("spec: {{{store}, "));
    home.write("all.yaml", &shop);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let variables = [
        ("AWS_ENDPOINT", endpoint.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "eu-west-3"),
        ("AWS_ACCESS_KEY_ID", "of-the-developer"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ];
    let dev = home.spawn_with(&[], &variables);
    dev.wait_for_stderr("checkpoint.objectStore.credentialsSecretRef (the environment says it here)");
    let (mut request, mut buffer) = (String::new(), [0; 1024]);
    let mut connection = listener.accept().unwrap().0;
    while !request.contains("\r\n\r\n") {
        let read = connection.read(&mut buffer).unwrap();
        request.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    assert!(request.contains("bucket"), "{request}");
    assert!(request.contains("Credential=of-the-developer/"), "{request}");
    assert!(!dev.stderr().contains("hush"), "{}", dev.stderr());
}

#[test]
fn the_help_says_what_each_command_takes() {
    let commands = ["list", "show", "reset"];
    let texts = commands.map(|command| help(&["checkpoint", command, "--help"]));
    assert_golden(
        "help-checkpoint.txt",
        &(help(&["checkpoint", "--help"]) + &texts.concat()),
    );
}
