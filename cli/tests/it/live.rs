//! Changes while it runs.

use std::fs;

use crate::home::{Home, eventually, namespace, subscription, topic};

fn published(home: &Home, topic: &str) -> bool {
    home.run(&[
        "publish",
        topic,
        "--namespace",
        "shop",
        "--type",
        "t",
        "--data",
        "1",
    ])
    .code
        == 0
}

#[test]
fn a_new_file_in_a_new_folder_applies() {
    let home = Home::with(&[("shop.yaml", &namespace("shop"))]);
    let dev = home.start();
    assert!(!published(&home, "orders"));
    home.write("more/deep/topics.yaml", &topic("orders", "shop"));
    eventually(|| published(&home, "orders"), || dev.stderr());
}

#[test]
fn a_file_that_an_editor_saves_by_renaming_applies() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("topic.yaml", &topic("orders", "shop")),
    ]);
    let dev = home.start();
    let both = format!("{}---\n{}", topic("orders", "shop"), topic("refunds", "shop"));
    home.write(".topic.yaml.swp", &both);
    fs::rename(
        home.manifests().join(".topic.yaml.swp"),
        home.manifests().join("topic.yaml"),
    )
    .unwrap();
    eventually(|| published(&home, "refunds"), || dev.stderr());
}

#[test]
fn a_file_that_an_editor_empties_first_loses_nothing() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("topic.yaml", &topic("orders", "shop")),
    ]);
    let dev = home.start();
    let before = home.json(&["data", "list"]);
    home.write("topic.yaml", "");
    std::thread::sleep(std::time::Duration::from_millis(250));
    let both = format!("{}---\n{}", topic("orders", "shop"), topic("refunds", "shop"));
    home.write("topic.yaml", &both);
    eventually(|| published(&home, "refunds"), || dev.stderr());
    let after = home.json(&["data", "list"]);
    assert!(
        after
            .iter()
            .any(|stream| stream["uid"] == before[0]["uid"] && stream["state"] == "Open"),
        "{after:?}"
    );
    assert_eq!(after.len(), 2);
}

#[test]
fn a_mistake_is_told_with_its_line_and_changes_nothing() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("topic.yaml", &topic("orders", "shop")),
    ]);
    let dev = home.start();
    home.write(
        "topic.yaml",
        &format!(
            "{}---\n{}",
            topic("refunds", "shop"),
            topic("orders", "shop").replace("namespaceRef", "namespaceReff")
        ),
    );
    dev.wait_for_stderr("error: manifests/topic.yaml:9:8: Topic orders: spec.namespaceReff");
    dev.wait_for_stderr("fix:  did you mean namespaceRef?");
    dev.wait_for_stderr("the running configuration stays as it is");
    assert!(published(&home, "orders") && !published(&home, "refunds"));
    home.write(
        "topic.yaml",
        &format!("{}---\n{}", topic("refunds", "shop"), topic("orders", "shop")),
    );
    eventually(|| published(&home, "refunds"), || dev.stderr());
}

#[test]
fn a_reference_that_leads_nowhere_is_told_and_the_rest_runs() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("topic.yaml", &topic("orders", "shop")),
        ("sub.yaml", &subscription("billing", "odrers")),
    ]);
    let dev = home.start();
    dev.wait_for_stderr(
        "not accepted (ParentNotFound): manifests/sub.yaml:4:8: EventSubscription billing: spec.topicRef",
    );
    assert!(published(&home, "orders"));
    // What it lacked may come later.
    home.write("sub.yaml", &subscription("billing", "orders"));
    eventually(
        || {
            home.run(&["receive", "orders", "billing"])
                .stderr
                .contains("no events")
        },
        || dev.stderr(),
    );
}

#[test]
fn objects_and_files_of_others_are_left_alone() {
    let foreign = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
    let home = Home::with(&[
        ("all.yaml", &format!("{foreign}---\n{}", namespace("shop"))),
        ("chart.yaml", "a: {{ .Values.b }}\n"),
        ("package.json", "{\"name\": \"web\"}"),
    ]);
    let dev = home.start();
    assert!(!dev.stderr().contains("error"), "{}", dev.stderr());
}

#[test]
fn a_second_namespace_takes_the_next_ten_ports_and_leaves_with_its_settings() {
    let home = Home::with(&[("shop.yaml", &namespace("shop"))]);
    let dev = home.start();
    home.write(
        "bank.yaml",
        &format!("{}---\n{}", namespace("bank"), topic("payments", "bank")),
    );
    dev.wait_for_stdout(&format!("ready bank http://127.0.0.1:{}\n", home.port_base + 10));
    home.ok(&[
        "publish",
        "payments",
        "--namespace",
        "bank",
        "--type",
        "t",
        "--data",
        "1",
    ]);
    let undecided = home.run(&["data", "list"]);
    assert_eq!(undecided.code, 2);
    assert!(
        undecided.stderr.contains("has several Namespaces: bank, shop"),
        "{}",
        undecided.stderr
    );
    home.remove("bank.yaml");
    eventually(|| !home.data().join("bank.env").exists(), || dev.stderr());
    assert_eq!(home.run(&["data", "list", "--namespace", "bank"]).code, 1);
    home.ok(&["data", "list"]);
}

#[test]
fn a_namespace_that_left_while_nothing_ran_leaves_no_settings_behind() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("bank.yaml", &namespace("bank")),
    ]);
    let dev = home.start();
    dev.wait_for_stdout("ready bank");
    dev.wait_for_stdout("ready shop");
    assert!(dev.stop("-TERM").success());
    home.remove("bank.yaml");
    let _dev = home.start();
    assert!(!home.data().join("bank.env").exists());
    home.ok(&["data", "list"]);
}
