//! What an object is, from one start to the next.

use serde_json::Value;

use crate::home::{Home, eventually, namespace, topic};

fn streams(home: &Home) -> Vec<Value> {
    home.json(&["data", "list"])
}

#[test]
fn events_uids_keys_and_ports_outlive_a_restart() {
    let home = Home::quickstart();
    let dev = home.start();
    home.ok(&["publish", "orders", "--type", "t", "--data", "\"kept\""]);
    let (uid, key) = (
        streams(&home)[0]["uid"].clone(),
        home.setting("shop", "EVENTGRID_KEY"),
    );
    assert!(dev.stop("-TERM").success());

    // Another base is for Namespaces that have no ports yet.
    let dev = home.spawn(&["--log-format", "json"]);
    dev.wait_for_stdout(&format!("ready shop http://127.0.0.1:{}\n", home.port_base));
    assert_eq!(streams(&home)[0]["uid"], uid);
    assert_eq!(home.setting("shop", "EVENTGRID_KEY"), key);
    let received = home.json(&["receive", "orders", "archive"]);
    assert_eq!(received[0]["event"]["data"], "kept");
}

#[test]
fn a_name_that_returns_is_a_new_object_without_its_events() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("topic.yaml", &topic("orders", "shop")),
    ]);
    let dev = home.start();
    let before = streams(&home)[0]["uid"].as_str().unwrap().to_owned();
    home.remove("topic.yaml");
    eventually(
        || streams(&home).iter().all(|stream| stream["state"] == "Closed"),
        || dev.stderr(),
    );
    home.write("topic.yaml", &topic("orders", "shop"));
    eventually(
        || streams(&home).iter().any(|stream| stream["state"] == "Open"),
        || dev.stderr(),
    );
    let now = streams(&home);
    let open: Vec<_> = now.iter().filter(|stream| stream["state"] == "Open").collect();
    assert_eq!((open.len(), now.len()), (1, 2), "{now:?}");
    assert_ne!(open[0]["uid"], before.as_str());

    // What is gone can be purged, what is open cannot.
    let unasked = home.run(&["data", "purge", &before]);
    assert_eq!(unasked.code, 2);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    let refused = home.run(&["data", "purge", open[0]["uid"].as_str().unwrap(), "--yes"]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert_eq!(
        home.ok(&["data", "purge", &before, "--yes"]),
        format!("purged {before}\n")
    );
    assert_eq!(streams(&home).len(), 1);
}

#[test]
fn absence_does_not_count_while_the_set_has_a_mistake() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("topic.yaml", &topic("orders", "shop")),
    ]);
    let dev = home.start();
    let before = streams(&home);
    home.write("broken.yaml", "apiVersion: weft.dev/v1alpha1\nkind: Topic\n");
    dev.wait_for_stderr("error: manifests/broken.yaml");
    home.remove("topic.yaml");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(streams(&home), before);
    home.write("topic.yaml", &topic("orders", "shop"));
    home.remove("broken.yaml");
    home.write("more.yaml", &topic("refunds", "shop"));
    eventually(|| streams(&home).len() == 2, || dev.stderr());
    assert!(streams(&home).iter().any(|stream| *stream == before[0]));
}

#[test]
fn a_namespace_that_returns_starts_empty_on_its_old_ports_with_new_keys() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("bank.yaml", &namespace("bank")),
    ]);
    let dev = home.spawn(&[]);
    dev.wait_for_stdout("ready shop");
    dev.wait_for_stdout("ready bank");
    let (url, key) = (
        home.setting("shop", "EVENTGRID_ENDPOINT"),
        home.setting("shop", "EVENTGRID_KEY"),
    );
    home.remove("shop.yaml");
    eventually(|| !home.data().join("shop.env").exists(), || dev.stderr());
    home.write("shop.yaml", &namespace("shop"));
    eventually(
        || dev.stdout().matches("ready shop").count() == 2,
        || dev.stderr(),
    );
    assert_eq!(home.setting("shop", "EVENTGRID_ENDPOINT"), url);
    assert_ne!(home.setting("shop", "EVENTGRID_KEY"), key);
}
