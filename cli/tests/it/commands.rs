//! The commands that ask a running Namespace.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::home::{Home, Said, documents};

#[test]
fn thousands_of_events_from_standard_input_go_in_batches() {
    let home = Home::quickstart();
    let _dev = home.start();
    let lines: String = (0..2_500)
        .map(|n| format!("{{\"id\":\"{n}\",\"data\":{{\"n\":{n}}}}}\n"))
        .collect();
    let said = home.piped(
        &[
            "publish", "orders", "--type", "t", "--source", "/it", "--output", "json",
        ],
        lines.as_bytes(),
    );
    assert_eq!(
        (said.code, documents(&said.stdout)[0]["published"].as_u64()),
        (0, Some(2_500)),
        "{}",
        said.stderr
    );
    assert_eq!(home.json(&["data", "list"])[0]["events"], 2_500);
    let received = home.json(&["receive", "orders", "archive", "--max", "100", "--ack"]);
    let ids: Vec<_> = received
        .iter()
        .map(|delivery| delivery["event"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_file_holds_one_event_or_an_array() {
    let home = Home::quickstart();
    let _dev = home.start();
    let file = home.path().join("events.json");
    let event = r#"{"specversion": "1.0", "id": "1", "source": "/f", "type": "t",
        "ext": "x", "data": null}"#;
    for (text, count) in [(event.to_owned(), 1), (format!("[{event}, {event}]"), 2)] {
        fs::write(&file, text).unwrap();
        let said = home.json(&["publish", "orders", "--file", file.to_str().unwrap()]);
        assert_eq!(said[0]["published"], count);
    }
}

#[test]
fn a_mistake_in_the_input_says_what_was_published_before_it() {
    let home = Home::quickstart();
    let _dev = home.start();
    let said = home.piped(&["publish", "orders"], b"{\"id\":\"1\"}\n");
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("an event has no type"), "{}", said.stderr);
    let refused = home.piped(&["publish", "orders", "--type", "t"], b"{\"id\":\"\"}\n");
    assert_eq!(refused.code, 4);
    assert!(
        refused
            .stderr
            .starts_with("error: BadRequest: `id` must be non-empty string\n  next: "),
        "{}",
        refused.stderr
    );
    let nothing = home.run(&["publish", "nowhere", "--type", "t", "--data", "1"]);
    assert!(
        nothing
            .stderr
            .starts_with("error: NotFound: Topic 'nowhere' is not found\n"),
        "{}",
        nothing.stderr
    );
}

fn tail(home: &Home, arguments: &[&str]) -> Child {
    let arguments = [&["tail", "orders"], arguments].concat();
    home.command(&arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn tail_shows_what_is_published_from_now_on_in_either_form() {
    let home = Home::quickstart();
    let _dev = home.start();
    let mut tails = [
        tail(&home, &["--output", "json", "--max", "1"]),
        tail(&home, &["--max", "1"]),
    ];
    // A tail begins when it is there, so events go on until both have seen one.
    while tails.iter_mut().any(|tail| tail.try_wait().unwrap().is_none()) {
        home.ok(&["publish", "orders", "--type", "t", "--data", "{\"a\":\n1}"]);
    }
    let [json, text] = tails.map(|tail| tail.wait_with_output().unwrap());
    assert!(json.status.success() && text.status.success());
    assert_eq!(
        documents(&String::from_utf8(json.stdout).unwrap())[0]["event"]["data"]["a"],
        1
    );
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("t  id "), "{text}");
}

#[test]
fn tail_ends_with_a_reason_when_the_service_stops() {
    let home = Home::quickstart();
    let dev = home.start();
    let mut tail = tail(&home, &[]);
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| lines.next());
        while !first.is_finished() {
            home.ok(&["publish", "orders", "--type", "t", "--data", "1"]);
        }
    });
    assert!(
        dev.stop("-TERM").success(),
        "an open tail does not hold up the stop"
    );
    // Whoever reads must stay, or the tail would end because of that.
    while lines.next().is_some() {}
    assert_eq!(tail.wait().unwrap().code(), Some(5));
}

#[test]
fn an_endpoint_elsewhere_takes_its_key_from_a_file() {
    let home = Home::quickstart();
    let _dev = home.start();
    let key_file = home.path().join("key");
    fs::write(&key_file, home.setting("shop", "EVENTGRID_KEY") + "\n").unwrap();
    let elsewhere = |port: u16, scheme: &str, more: &[&str]| {
        let endpoint = format!("{scheme}://127.0.0.1:{port}");
        home.run(
            &[
                &[
                    "data",
                    "list",
                    "--endpoint",
                    &endpoint,
                    "--key-file",
                    key_file.to_str().unwrap(),
                ],
                more,
            ]
            .concat(),
        )
    };
    assert_eq!(elsewhere(home.port_base, "http", &[]).code, 0);
    let bundle = home.setting("shop", "SSL_CERT_FILE");
    let secure = elsewhere(home.port_base + 1, "https", &["--ca-file", &bundle]);
    assert_eq!(secure.code, 0, "{}", secure.stderr);
    let untrusted = elsewhere(home.port_base + 1, "https", &[]);
    assert_eq!(untrusted.code, 5);
    assert!(
        untrusted.stderr.contains("check that --ca-file holds the CA"),
        "{}",
        untrusted.stderr
    );

    let nobody = elsewhere(home.port_base + 5, "http", &[]);
    assert_eq!(nobody.code, 5);
    assert!(
        nobody.stderr.contains("is `weft dev` running?"),
        "{}",
        nobody.stderr
    );
    fs::write(&key_file, "wrong").unwrap();
    let stranger = elsewhere(home.port_base, "http", &["--output", "json"]);
    assert_eq!(stranger.code, 4);
    let error = documents(&stranger.stderr).remove(0);
    assert!(
        error["error"]["next"].as_str().unwrap().contains("weft env"),
        "{error}"
    );
}

#[test]
fn the_environment_of_a_program_is_enough() {
    let home = Home::quickstart();
    let _dev = home.start();
    let mut command = home.command(&["data", "list", "--output", "json"]);
    command.env("WEFT_DATA", "/nowhere").env_remove("WEFT_DATA");
    command.env("EVENTGRID_ENDPOINT", home.setting("shop", "EVENTGRID_ENDPOINT"));
    command.env("EVENTGRID_KEY", home.setting("shop", "EVENTGRID_KEY"));
    let said = Said::from(command.output().unwrap());
    assert_eq!(
        (said.code, documents(&said.stdout).len()),
        (0, 1),
        "{}",
        said.stderr
    );
}

#[test]
fn every_shell_gets_a_completion_script() {
    let home = Home::with(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.ok(&["completion", shell]);
        assert!(script.contains("dead-letters"), "{shell}");
    }
}

#[test]
fn the_long_help_documents_the_exit_codes() {
    let home = Home::with(&[]);
    let help = home.ok(&["--help"]);
    assert!(help.contains("Exit codes:") && help.contains("127"), "{help}");
}
