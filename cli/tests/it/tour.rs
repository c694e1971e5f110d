//! What the README shows.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::home::{Home, documents, example};

#[test]
fn the_quickstart_publishes_receives_and_acknowledges() {
    let home = Home::quickstart();
    let dev = home.start();
    let url = format!("http://127.0.0.1:{}", home.port_base);
    assert_eq!(dev.stdout(), format!("ready shop {url}\n"));

    let published = home.ok(&[
        "publish",
        "orders",
        "--type",
        "com.example.order.placed",
        "--data",
        r#"{"country":"FR"}"#,
    ]);
    assert_eq!(published, "published 1 event to orders\n");
    home.ok(&[
        "publish",
        "orders",
        "--type",
        "com.example.order.placed",
        "--data",
        r#"{"country":"US"}"#,
    ]);

    let received = home.ok(&["receive", "orders", "billing", "--ack"]);
    assert!(
        received.starts_with("com.example.order.placed  id "),
        "{received}"
    );
    assert!(
        received.ends_with("    {\"country\":\"FR\"}\n    delivery 1\n"),
        "{received}"
    );
    let archived = home.json(&["receive", "ORDERS", "archive", "--ack"]);
    let countries: Vec<_> = archived
        .iter()
        .map(|delivery| delivery["event"]["data"]["country"].clone())
        .collect();
    assert_eq!(countries, ["FR", "US"]);

    let streams = home.json(&["data", "list"]);
    assert_eq!(
        (streams[0]["name"].as_str(), streams[0]["events"].as_u64()),
        (Some("orders"), Some(0))
    );
}

#[test]
fn the_curl_script_of_the_quickstart_runs() {
    let home = Home::quickstart();
    let _dev = home.start();
    let script = example("quickstart").join("curl.sh");
    let said = home.ok(&["exec", "shop", "--", "sh", script.to_str().unwrap()]);
    let answer = documents(said.lines().last().unwrap()).remove(0);
    assert_eq!(
        answer["succeededLockTokens"].as_array().unwrap().len(),
        2,
        "{said}"
    );
}

#[test]
fn settings_are_private_and_readable_as_shell_json_and_docker() {
    let home = Home::quickstart();
    let _dev = home.start();
    let mode = std::fs::metadata(home.data().join("shop.env"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let endpoint = format!("http://127.0.0.1:{}", home.port_base);
    assert_eq!(home.setting("shop", "EVENTGRID_ENDPOINT"), endpoint);
    let script = format!(
        "set -a; {}\nprintf %s \"$EVENTGRID_KEY\"",
        home.ok(&["env", "shop"])
    );
    let shell = Command::new("sh").args(["-c", &script]).output().unwrap();
    let key = home.setting("shop", "EVENTGRID_KEY");
    assert_eq!(String::from_utf8(shell.stdout).unwrap(), key);
    let docker = home.ok(&["env", "shop", "--output", "docker"]);
    assert!(
        docker.lines().any(|line| line == format!("EVENTGRID_KEY={key}")),
        "{docker}"
    );
    let bundle = home.setting("shop", "SSL_CERT_FILE");
    assert!(
        std::fs::read_to_string(bundle)
            .unwrap()
            .contains("BEGIN CERTIFICATE")
    );
}

#[test]
fn exec_hands_over_settings_and_the_exit_code() {
    let home = Home::quickstart();
    let _dev = home.start();
    let said = home.run(&[
        "exec",
        "shop",
        "--",
        "sh",
        "-c",
        "echo $EVENTGRID_ENDPOINT; exit 42",
    ]);
    assert_eq!(
        (said.code, said.stdout.trim()),
        (42, format!("https://127.0.0.1:{}", home.port_base + 1).as_str())
    );
    assert_eq!(home.run(&["exec", "shop", "--", "no-such-program"]).code, 127);
    assert_eq!(home.run(&["exec", "shop", "--", "/"]).code, 126);
    let unknown = home.run(&["exec", "shoe", "--", "true"]);
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.stderr.contains("the Namespaces there are: shop"),
        "{}",
        unknown.stderr
    );
}
