//! `weft hub`, on a running Namespace.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::json;

use crate::home::{Home, assert_golden, documents, help};

/// Every time is the same one, and columns are as narrow as can be.
fn timeless(text: &str) -> String {
    let word = |word: &str| {
        let is_time = word.starts_with("20") && word.ends_with('Z');
        if is_time {
            "TIME".to_owned()
        } else {
            word.to_owned()
        }
    };
    let line = |line: &str| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let words: Vec<_> = line.split_whitespace().map(word).collect();
        format!("{indent}{}\n", words.join(" "))
    };
    text.lines().map(line).collect()
}

#[test]
fn the_help_says_what_each_command_takes() {
    let commands = ["show", "peek", "send", "tail"];
    let texts = commands.map(|command| help(&["hub", command, "--help"]));
    assert_golden("help-hub.txt", &(help(&["hub", "--help"]) + &texts.concat()));
}

#[test]
fn what_is_sent_is_counted_and_shown() {
    let home = Home::eventhubs();
    let _dev = home.start();
    let mut said = String::new();
    for arguments in [
        &["send", "telemetry", "first", "--partition", "0"][..],
        &[
            "send",
            "telemetry",
            "{\"n\": 1.10}",
            "--partition",
            "1",
            "--content-type",
            "application/json",
        ],
        &[
            "send",
            "Telemetry",
            "line 1\nline 2",
            "--partition",
            "1",
            "--property",
            "Kind=Überdruck",
            "--property",
            "from=here",
            "--content-type",
            "text/plain",
        ],
        &["show"],
        &["show", "telemetry"],
        &["peek", "telemetry", "--partition", "1"],
        &["peek", "telemetry", "--partition", "0", "--from", "sequence:0"],
        &["peek", "telemetry", "--max", "1", "--from", "earliest"],
        &["peek", "telemetry", "--partition", "3"],
    ] {
        said.push_str(&format!(
            "$ weft hub {}\n",
            arguments.join(" ").replace('\n', "\\n")
        ));
        said.push_str(&timeless(&home.ok(&[&["hub"], arguments].concat())));
    }
    assert_golden("hub-output.txt", &said);
}

#[test]
fn programs_get_json_with_every_digit() {
    let home = Home::eventhubs();
    let _dev = home.start();
    let sent = home.json(&[
        "hub",
        "send",
        "telemetry",
        "a",
        "--key",
        "käse",
        "--property",
        "p=1",
    ]);
    assert_eq!(sent, [json!({"hub": "telemetry", "sent": 1})]);
    home.ok(&["hub", "send", "telemetry", "b", "--key", "käse"]);
    let events = home.json(&["hub", "peek", "telemetry"]);
    let bodies: Vec<_> = events.iter().map(|event| &event["body"]).collect();
    assert_eq!(bodies, ["a", "b"]);
    assert_eq!(
        events[0]["partition"], events[1]["partition"],
        "one key, one partition"
    );
    assert_eq!(events[0]["partitionKey"], "käse");
    assert_eq!(events[0]["applicationProperties"], json!({"p": "1"}));
    assert_eq!(home.json(&["hub", "show"])[0]["events"], 2);
    let hub = &home.json(&["hub", "show", "telemetry"])[0];
    let groups: Vec<_> = hub["consumerGroups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["name"])
        .collect();
    assert_eq!(groups, ["$Default", "dashboards"]);
}

#[test]
fn standard_input_is_one_event_as_it_is() {
    let home = Home::eventhubs();
    let _dev = home.start();
    for (arguments, input) in [(&["-"][..], &b"text\n"[..]), (&[], b"\xff\x00")] {
        let arguments = [&["hub", "send", "telemetry", "--partition", "2"], arguments].concat();
        let said = home.piped(&arguments, input);
        assert_eq!(
            (said.code, &*said.stdout),
            (0, "sent 1 event to telemetry\n"),
            "{}",
            said.stderr
        );
    }
    let events = home.json(&["hub", "peek", "telemetry"]);
    assert_eq!(
        (&events[0]["body"], &events[1]["bodyBase64"]),
        (&json!("text\n"), &json!("/wA="))
    );
    let refused = home.piped(&["hub", "send", "telemetry", "--property", "a=b"], b"\xff");
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("only text can have properties"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_peek_takes_as_many_pages_as_it_needs() {
    let home = Home::eventhubs();
    let _dev = home.start();
    let url = format!(
        "{}/telemetry/messages",
        home.setting("shop", "EVENTGRID_ENDPOINT")
    );
    let events: Vec<_> = (0..250)
        .map(|n| json!({"Body": n.to_string(), "BrokerProperties": {"PartitionKey": "k"}}))
        .collect();
    let request = ureq::post(url).header("aeg-sas-key", home.setting("shop", "EVENTGRID_KEY"));
    let request = request.header("Content-Type", "application/vnd.microsoft.servicebus.json");
    request.send(json!(events).to_string().as_bytes()).unwrap();
    let bodies = |arguments: &[&str]| {
        let events = home.json(&[&["hub", "peek", "telemetry"], arguments].concat());
        let body = |event: &serde_json::Value| event["body"].as_str().unwrap().parse().unwrap();
        events.iter().map(body).collect::<Vec<u32>>()
    };
    assert_eq!(bodies(&[]), (240..250).collect::<Vec<_>>());
    assert_eq!(bodies(&["--max", "230"]), (20..250).collect::<Vec<_>>());
    assert_eq!(
        bodies(&["--max", "150", "--from", "earliest"]),
        (0..150).collect::<Vec<_>>()
    );
    assert_eq!(bodies(&["--max", "999", "--from", "1h"]).len(), 250);
    assert!(bodies(&["--from", "2999-01-01T00:00:00Z"]).is_empty());
}

#[test]
fn a_mistake_says_the_rule_and_what_to_do() {
    let home = Home::eventhubs();
    let _dev = home.start();
    let mut said = String::new();
    for arguments in [
        &["show", "nosuch"][..],
        &["peek", "nosuch"],
        &["tail", "nosuch"],
        &["send", "nosuch", "x"],
        &["send", "telemetry", "x", "--partition", "9"],
        &["peek", "telemetry", "--partition", "9"],
        &["peek", "telemetry", "--from", "sequence:0"],
        &["peek", "telemetry", "--partition", "0", "--from", "offset:7"],
        &["peek", "telemetry", "--from", "latest"],
        &["send", "telemetry", "x", "--property", "p"],
        &["send", "telemetry", "x", "--key", &"k".repeat(129)],
    ] {
        let failed = home.run(&[&["hub"], arguments].concat());
        assert!(failed.code != 0 && failed.stdout.is_empty(), "{arguments:?}");
        said.push_str(&format!(
            "$ weft hub {}\n{}exit code {}\n",
            arguments.join(" "),
            failed.stderr,
            failed.code
        ));
    }
    assert_golden("hub-mistakes.txt", &said);
}

fn tail(home: &Home, arguments: &[&str]) -> Child {
    home.command(&[&["hub", "tail", "telemetry"], arguments].concat())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn tail_shows_what_is_sent_from_now_on_of_all_partitions_or_of_one() {
    let home = Home::eventhubs();
    let _dev = home.start();
    let mut tails = [
        tail(&home, &["--output", "json", "--max", "1"]),
        tail(&home, &["--partition", "3", "--max", "1"]),
    ];
    // A tail begins when it is there, so events go on until both have seen one.
    while tails.iter_mut().any(|tail| tail.try_wait().unwrap().is_none()) {
        for partition in ["0", "3"] {
            home.ok(&["hub", "send", "telemetry", partition, "--partition", partition]);
        }
    }
    let [json, text] = tails.map(|tail| tail.wait_with_output().unwrap());
    assert!(json.status.success() && text.status.success());
    let event = documents(&String::from_utf8(json.stdout).unwrap()).remove(0);
    assert_eq!(event["body"], event["partition"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.starts_with("partition 3  sequence ") && text.ends_with("\n    3\n"),
        "{text}"
    );
}

#[test]
fn a_hub_that_is_gone_ends_its_tails_and_keeps_its_data_until_it_is_purged() {
    let home = Home::eventhubs();
    let dev = home.start();
    home.ok(&["hub", "send", "telemetry", "x"]);
    let stream = home.json(&["data", "list"]).remove(0);
    assert_eq!(
        (
            &stream["kind"],
            &stream["name"],
            &stream["state"],
            &stream["events"]
        ),
        (&json!("Hub"), &json!("telemetry"), &json!("Open"), &json!(1))
    );
    let uid = stream["uid"].as_str().unwrap();
    let mut tail = tail(&home, &[]);
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| lines.next());
        while !first.is_finished() {
            home.ok(&["hub", "send", "telemetry", "x"]);
        }
    });
    home.remove("hub.yaml");
    while lines.next().is_some() {}
    assert_eq!(tail.wait().unwrap().code(), Some(5), "{}", dev.stderr());
    assert_eq!(home.run(&["hub", "show", "telemetry"]).code, 4);
    let table = timeless(&home.ok(&["data", "list"]));
    assert!(
        table.starts_with("UID KIND NAME STATE SINCE EVENTS BYTES\n")
            && table.contains(&format!("{uid} Hub telemetry Closed TIME ")),
        "{table}"
    );
    home.ok(&["data", "purge", uid, "--yes"]);
    assert_eq!(home.ok(&["data", "list"]), "no streams\n");
}
