//! Data of objects that are gone, taken over by others.

use serde_json::Value;

use crate::home::{Home, eventually, namespace, subscription, topic};

fn streams(home: &Home) -> Vec<Value> {
    let listed = home.json(&["data", "list"]);
    listed
        .into_iter()
        .filter(|each| each["kind"] != "Namespace")
        .collect()
}

fn gone(home: &Home) -> Vec<Value> {
    let listed = home.json(&["data", "list"]);
    listed
        .into_iter()
        .filter(|each| each["kind"] == "Namespace")
        .collect()
}

fn open(home: &Home) -> Option<String> {
    let open = |stream: &Value| stream["state"] == "Open";
    let stream = streams(home).into_iter().find(open)?;
    stream["uid"].as_str().map(str::to_owned)
}

/// The manifest, with the annotation.
fn adopting(manifest: &str, uid: &str) -> String {
    manifest.replacen(
        "metadata: {",
        &format!("metadata: {{annotations: {{weft.dev/adopt-data: {uid}}}, "),
        1,
    )
}

fn shop_with_orders() -> Home {
    Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("topic.yaml", &topic("orders", "shop")),
        ("sub.yaml", &subscription("archive", "orders")),
    ])
}

#[test]
fn a_topic_takes_over_the_events_of_one_that_is_gone() {
    let home = shop_with_orders();
    let dev = home.start();
    home.ok(&["publish", "orders", "--type", "t", "--data", "\"kept\""]);
    let old = open(&home).unwrap();
    home.remove("topic.yaml");
    eventually(|| open(&home).is_none(), || dev.stderr());

    // What is there cannot be taken, and what is no uid is a mistake with a line.
    home.write("topic.yaml", &adopting(&topic("returns", "shop"), "orders"));
    dev.wait_for_stderr("not accepted (Invalid): manifests/topic.yaml:3:26: Topic returns: metadata.annotations.weft.dev/adopt-data");

    home.write("topic.yaml", &adopting(&topic("orders", "shop"), &old));
    eventually(|| open(&home).as_ref() == Some(&old), || dev.stderr());
    let stream = &streams(&home)[0];
    assert_eq!(stream["events"], 1, "{stream}");
    // The subscription never left, so that it goes on where it was.
    home.ok(&["publish", "orders", "--type", "t", "--data", "\"new\""]);
    let received = home.json(&["receive", "orders", "archive", "--ack"]);
    let data: Vec<&Value> = received.iter().map(|each| &each["event"]["data"]).collect();
    assert_eq!(data, ["kept", "new"]);

    home.write("more.yaml", &adopting(&topic("thief", "shop"), &old));
    dev.wait_for_stderr("not accepted (DataInUse): manifests/more.yaml");
}

#[test]
fn a_namespace_takes_over_everything_of_one_that_is_gone() {
    let home = shop_with_orders();
    let dev = home.start();
    home.ok(&["publish", "orders", "--type", "t", "--data", "\"kept\""]);
    let (topic_uid, key) = (open(&home).unwrap(), home.setting("shop", "EVENTGRID_KEY"));
    home.remove("shop.yaml");
    eventually(|| !home.data().join("shop.env").exists(), || dev.stderr());
    let departed = gone(&home);
    assert_eq!(departed.len(), 1, "{departed:?}");
    assert_eq!(departed[0]["name"], "shop");
    assert!(
        departed[0]["deleteAt"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );
    let old = departed[0]["uid"].as_str().unwrap();
    assert!(
        home.run(&["data", "list"])
            .stdout
            .contains("NAMESPACE THAT IS GONE")
    );

    home.write("shop.yaml", &adopting(&namespace("shop"), old));
    eventually(
        || dev.stdout().matches("ready shop").count() == 2,
        || dev.stderr(),
    );
    assert_eq!(
        home.setting("shop", "EVENTGRID_KEY"),
        key,
        "its keys are among its data"
    );
    assert!(gone(&home).is_empty());
    // The Topic never left, so that it has its stream again.
    eventually(|| open(&home).as_ref() == Some(&topic_uid), || dev.stderr());
    let received = home.json(&["receive", "orders", "archive"]);
    assert_eq!(received[0]["event"]["data"], "kept");

    // It stays so after a restart, and without the annotation the Namespace has data of its own.
    assert!(dev.stop("-TERM").success());
    let dev = home.start();
    assert_eq!(open(&home).as_ref(), Some(&topic_uid));
    home.write("shop.yaml", &namespace("shop"));
    eventually(
        || dev.stdout().matches("ready shop").count() == 2,
        || dev.stderr(),
    );
    let departed = gone(&home);
    assert_eq!((departed.len(), &departed[0]["uid"]), (1, &Value::from(old)));
}

#[test]
fn the_data_of_a_namespace_that_is_gone_is_purged_while_nothing_runs() {
    let home = Home::with(&[
        (
            "shop.yaml",
            &namespace("shop").replace("spec: {", "spec: {deletionPolicy: Retain, "),
        ),
        ("bank.yaml", &namespace("bank")),
    ]);
    let dev = home.spawn(&[]);
    dev.wait_for_stdout("ready shop");
    dev.wait_for_stdout("ready bank");
    home.remove("shop.yaml");
    eventually(|| !home.data().join("shop.env").exists(), || dev.stderr());
    let departed = gone(&home);
    assert_eq!(departed[0]["deleteAt"], Value::Null);
    let uid = departed[0]["uid"].as_str().unwrap();
    let data = home.data().join("namespaces").join(uid);
    assert_eq!(home.run(&["data", "purge", uid, "--yes"]).code, 6, "it is in use");
    assert!(data.exists());
    assert!(dev.stop("-TERM").success());
    assert_eq!(
        home.ok(&["data", "purge", uid, "--yes"]),
        format!("purged {uid}\n")
    );
    assert!(!data.exists());
}
