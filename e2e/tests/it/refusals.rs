//! What must not be let in, and how that is told.

use e2e::{
    Weft,
    clients::{self, Door, Sdk},
    eventgrid::event,
    http::{Connection, Request, Response, post},
    manifests::Manifests,
    procfs,
};
use serde_json::{Value, json};

const MIB: usize = 1024 * 1024;

/// What all refusals of a test together may leave behind in memory.
const MEMORY_SLACK: u64 = 48 * MIB as u64;

fn server() -> Weft {
    let manifests = Manifests::new("1Gi")
        .topic("orders")
        .subscription("orders", "billing", "")
        .topic("other")
        .subscription("other", "other-all", "");
    Weft::start(manifests.yaml()).expect("weft starts")
}

/// Publishes one structured event with these headers and no key of its own.
fn publish(weft: &Weft, topic: &str, headers: &[(&str, &str)]) -> Response {
    let request = Request::post(format!("/topics/{topic}:publish"))
        .header("content-type", "application/cloudevents+json")
        .body(event("1").to_string());
    let request = headers
        .iter()
        .fold(request, |request, (name, value)| request.header(name, value));
    post(weft.http_address(), &request).expect("an answer")
}

fn code(response: &Response) -> Value {
    response.json().expect("JSON")["error"]["code"].clone()
}

#[test]
fn a_credential_that_proves_nothing_is_401_and_one_for_something_else_is_403() {
    let weft = server();
    let key = weft.key().expect("a key");
    let printed =
        clients::run(&weft, Sdk::PythonNewest, Door::Http, "sas", "orders", "billing").expect("tokens");
    let tokens: Vec<_> = printed.lines().collect();
    let (namespace, topic, expired) = (tokens[0], tokens[2], tokens[3]);

    for headers in [
        vec![],
        vec![("aeg-sas-key", "")],
        vec![("aeg-sas-key", "d3Jvbmc=")],
        vec![("aeg-sas-key", &key[..key.len() - 1])],
        vec![("authorization", "SharedAccessKey d3Jvbmc=")],
        vec![("authorization", "SharedAccessKey")],
        vec![("authorization", "Basic dXNlcjpwYXNz")],
        vec![("authorization", "Bearer e30.e30.")],
        vec![("aeg-sas-token", expired)],
    ] {
        let response = publish(&weft, "orders", &headers);
        assert_eq!(
            (response.status, code(&response)),
            (401, json!("Unauthorized")),
            "{headers:?}"
        );
    }
    // A token cut anywhere proves nothing; its signature is the last 44 characters or more.
    for cut in [1, 2, 10, 40, namespace.len() / 2, namespace.len()] {
        let truncated = &namespace[..namespace.len() - cut];
        let response = publish(&weft, "orders", &[("aeg-sas-token", truncated)]);
        assert_eq!(response.status, 401, "{cut} characters less: {truncated}");
    }
    assert_eq!(publish(&weft, "orders", &[("aeg-sas-token", topic)]).status, 200);
    assert_eq!(
        publish(&weft, "other", &[("aeg-sas-token", topic)]).status,
        403,
        "the token is for another topic"
    );
    assert_eq!(
        publish(&weft, "orders", &[("aeg-sas-key", &key)]).status,
        200,
        "and the key still opens"
    );
}

/// A batch of one event that is exactly `length` bytes long.
fn batch_of(length: usize) -> Vec<u8> {
    let frame = r#"[{"specversion":"1.0","id":"1","source":"/s","type":"t","data":""}]"#;
    let text = frame.replace(
        r#""data":"""#,
        &format!(r#""data":"{}""#, "x".repeat(length - frame.len())),
    );
    assert_eq!(text.len(), length);
    text.into_bytes()
}

fn batch(count: usize) -> String {
    Value::from(
        (0..count)
            .map(|index| event(&index.to_string()))
            .collect::<Vec<_>>(),
    )
    .to_string()
}

#[test]
fn size_and_number_are_limited_as_azure_limits_them() {
    let weft = server();
    let before = procfs::resident_bytes(weft.pid()).expect("its memory");
    let mut client = weft.client().expect("a client");
    assert_eq!(
        client
            .try_publish("orders", batch_of(MIB))
            .expect("an answer")
            .status,
        200
    );
    assert_eq!(
        client
            .try_publish("orders", batch(1_000))
            .expect("an answer")
            .status,
        200
    );
    for (what, body) in [
        ("1 MiB + 1 byte", batch_of(MIB + 1)),
        ("1,001 events", batch(1_001).into_bytes()),
        ("20 MiB", batch_of(20 * MIB)),
    ] {
        // A refused body may end its connection.
        let mut client = weft.client().expect("a client");
        let response = client.try_publish("orders", body).expect("an answer");
        assert_eq!(
            (response.status, code(&response)),
            (413, json!("PayloadTooLarge")),
            "{what}"
        );
    }
    announced_and_never_sent(&weft);
    let after = procfs::resident_bytes(weft.pid()).expect("its memory");
    assert!(
        after < before + MEMORY_SLACK,
        "memory grew from {before} to {after} bytes"
    );
}

/// A body of a terabyte is refused when it is announced.
fn announced_and_never_sent(weft: &Weft) {
    let key = weft.key().expect("a key");
    let mut connection = Connection::open(weft.http_address()).expect("connected");
    let head = format!(
        "POST /topics/orders:publish HTTP/1.1\r\nhost: x\r\naeg-sas-key: {key}\r\n\
         content-type: application/cloudevents+json\r\ncontent-length: 1000000000000\r\n\r\n"
    );
    connection.send_raw(head.as_bytes()).expect("sent");
    assert_eq!(connection.read_response().expect("an answer").status, 413);
}

#[test]
fn what_is_not_a_cloud_event_is_refused_whole_and_stores_nothing() {
    let weft = server();
    let mut client = weft.client().expect("a client");
    let good = r#"{"specversion":"1.0","id":"good","source":"/s","type":"t"}"#;
    let with = |more: &str| {
        format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t",{more}}}"#).into_bytes()
    };
    let nested = format!(r#""data":{}{}"#, "[".repeat(100_000), "]".repeat(100_000));
    for (what, bad) in [
        (
            "invalid UTF-8 in data",
            [&with(r#""data":""#)[..], b"\xff\xfe"].concat(),
        ),
        (
            "invalid UTF-8 in an attribute",
            b"{\"specversion\":\"1.0\",\"id\":\"\xc3\x28\",\"source\":\"/s\",\"type\":\"t\"}".to_vec(),
        ),
        ("an attribute twice", with(r#""id":"2""#)),
        ("an extension twice", with(r#""ext":"1","ext":"2""#)),
        ("data twice", with(r#""data":1,"data":2"#)),
        ("both kinds of data", with(r#""data":1,"data_base64":"AA==""#)),
        ("data_base64 that is not", with(r#""data_base64":"*""#)),
        ("an upper-case extension", with(r#""Ext":"1""#)),
        ("an extension of digits", with(r#""123":"1""#)),
        (
            "an extension of 21 characters",
            with(r#""abcdefghijklmnopqrstu":"1""#),
        ),
        ("an extension that is an object", with(r#""ext":{}"#)),
        ("a time that is none", with(r#""time":"yesterday""#)),
        (
            "another specversion",
            br#"{"specversion":"0.3","id":"1","source":"/s","type":"t"}"#.to_vec(),
        ),
        (
            "no type",
            br#"{"specversion":"1.0","id":"1","source":"/s"}"#.to_vec(),
        ),
        ("no JSON", b"{".to_vec()),
        ("a number", b"1".to_vec()),
        ("a hundred thousand brackets", with(&nested)),
    ] {
        // The good event before it must not be stored either.
        let body = [b"[", good.as_bytes(), b",", &bad, b"]"].concat();
        let response = client.try_publish("orders", body).expect("an answer");
        assert_eq!(
            (response.status, code(&response)),
            (400, json!("BadRequest")),
            "{what}"
        );
        let said = response.json().expect("JSON")["error"]["message"].to_string();
        assert!(said.len() > 10, "{what} is explained: {said}");
    }
    assert_eq!(
        client.try_publish("orders", "[]").expect("an answer").status,
        400,
        "an empty batch"
    );
    assert!(
        client
            .receive("orders", "billing", 1)
            .expect("received")
            .is_empty(),
        "nothing was stored"
    );
}

#[test]
fn what_is_not_http_is_refused_and_harms_nobody() {
    let weft = server();
    let mut client = weft.client().expect("a client");
    let long_header = format!("POST / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(200_000));
    let many_headers = format!("POST / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(5_000));
    let long_target = format!(
        "POST /{} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
        "x".repeat(20_000)
    );
    let two_lengths = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n";
    for (what, bytes) in [
        ("noise", &b"\x00\x01\x02\r\n\r\n"[..]),
        (
            "a TLS hello",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        ),
        ("a long header", long_header.as_bytes()),
        ("many headers", many_headers.as_bytes()),
        ("a long target", long_target.as_bytes()),
        ("two lengths", two_lengths.as_bytes()),
    ] {
        let mut connection = Connection::open(weft.http_address()).expect("connected");
        let _ = connection.send_raw(bytes);
        // A status of the client's fault, or a closed door.
        if let Ok(response) = connection.read_response() {
            assert!(
                (400..500).contains(&response.status),
                "{what}: {}",
                response.status
            );
        }
    }
    client
        .publish("orders", &[event("1")])
        .expect("others are served");
}
