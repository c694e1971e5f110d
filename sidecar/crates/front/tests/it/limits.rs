//! What happens at every limit of a door.

use std::time::Duration;

use front::Limits;
use model::ByteCount;
use storage::memory::Store;
use tokio::time::Instant;

use crate::client::Client;
use crate::world::{BATCH, PUBLISH, ROOT, STRUCTURED, World, event, path, receive};

const MIB: usize = 1 << 20;

/// A batch of one event, `length` bytes long.
fn batch_of(length: usize) -> String {
    let frame = r#"[{"specversion":"1.0","id":"1","source":"/s","type":"t","data":""}]"#;
    frame.replace(
        r#""data":"""#,
        &format!(r#""data":"{}""#, "x".repeat(length - frame.len())),
    )
}

#[tokio::test]
async fn a_mebibyte_passes_and_one_byte_more_is_413() {
    let world = World::start().await;
    let mut client = world.client().await;
    assert_eq!(
        client.call("POST", PUBLISH, &[BATCH], batch_of(MIB)).await.status,
        200
    );
    for length in [MIB + 1, 3 * MIB, 20 * MIB] {
        let mut client = world.client().await;
        client
            .try_send(client.request("POST", PUBLISH, &[BATCH], batch_of(length)))
            .await;
        let response = client.response().await;
        assert_eq!(
            (response.status, response.code().as_str()),
            (413, "PayloadTooLarge"),
            "{length}"
        );
    }
}

#[tokio::test]
async fn a_chunked_body_is_cut_off_at_the_limit() {
    let world = World::start().await;
    let mut client = Client::connect(world.address).await;
    let head = format!(
        "POST {PUBLISH} HTTP/1.1\r\naeg-sas-key: {ROOT}\r\n{BATCH}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    client.send(head).await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
    for _ in 0..20 {
        client.try_send(&chunk).await;
    }
    assert_eq!(client.response().await.status, 413);
}

#[tokio::test]
async fn an_announced_terabyte_is_refused_before_it_comes() {
    let world = World::start().await;
    let mut client = Client::connect(world.address).await;
    client
        .send(format!(
            "POST {PUBLISH} HTTP/1.1\r\naeg-sas-key: {ROOT}\r\n{BATCH}\r\ncontent-length: 1000000000000\r\n\r\n"
        ))
        .await;
    assert_eq!(client.response().await.status, 413);
}

#[tokio::test]
async fn a_thousand_events_pass_and_one_more_is_413() {
    let world = World::start().await;
    let mut client = world.client().await;
    let batch = |count: usize| format!("[{}]", vec![event("1"); count].join(","));
    assert_eq!(
        client.call("POST", PUBLISH, &[BATCH], batch(1_000)).await.status,
        200
    );
    let response = client.call("POST", PUBLISH, &[BATCH], batch(1_001)).await;
    assert_eq!(
        (response.status, response.code().as_str()),
        (413, "PayloadTooLarge")
    );
    assert!(response.message().contains("1000"), "{}", response.message());
}

#[tokio::test]
async fn a_settle_body_has_its_own_limit() {
    let world = World::start().await;
    let mut client = world.client().await;
    client
        .try_send(client.request(
            "POST",
            &path("billing", "reject"),
            &[],
            "x".repeat((256 << 10) + 1),
        ))
        .await;
    assert_eq!(client.response().await.status, 413);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431_and_a_target_that_is_too_long_414() {
    let world = World::start().await;
    for headers in [format!("x: {}\r\n", "x".repeat(40_000)), "x: y\r\n".repeat(101)] {
        let mut client = Client::connect(world.address).await;
        client
            .try_send(format!("POST {PUBLISH} HTTP/1.1\r\n{headers}\r\n"))
            .await;
        assert_eq!(client.response().await.status, 431);
        assert!(client.is_closed().await);
    }
    let mut client = world.client().await;
    let response = client
        .call("POST", &format!("{PUBLISH}&x={}", "x".repeat(8 << 10)), &[], "")
        .await;
    assert_eq!((response.status, response.code().as_str()), (414, "UriTooLong"));
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_408_after_its_time() {
    let limits = Limits {
        head_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut client = Client::connect(world.address).await;
    let begin = Instant::now();
    let mut bytes = "POST / HTTP/1.1\r\nx: ".bytes().chain(std::iter::repeat(b'x'));
    while begin.elapsed() < Duration::from_millis(250) {
        client.send([bytes.next().unwrap()]).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(client.response().await.status, 408);
    assert!(client.is_closed().await);
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "every byte must not start the clock again"
    );
    assert_eq!(
        world.metric(r#"weft_http_refused_total{limit="head_timeout"}"#),
        Some(1.0)
    );
    // The second request of a connection is timed like the first.
    let mut client = world.client().await;
    client.publish("1").await;
    client.send("POST /").await;
    assert_eq!(client.response().await.status, 408);
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_is_408_after_its_time() {
    let limits = Limits {
        body_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut client = Client::connect(world.address).await;
    let begin = Instant::now();
    client
        .send(format!(
            "POST {PUBLISH} HTTP/1.1\r\naeg-sas-key: {ROOT}\r\n{BATCH}\r\ncontent-length: 1000\r\n\r\n"
        ))
        .await;
    while begin.elapsed() < Duration::from_millis(250) {
        client.send("x").await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let response = client.response().await;
    assert_eq!(
        (response.status, response.code().as_str()),
        (408, "RequestTimeout")
    );
    assert_eq!(response.header("connection"), Some("close"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word_after_its_time() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut silent = Client::connect(world.address).await;
    let mut polite = world.client().await;
    polite.publish("1").await;
    assert!(silent.is_closed().await);
    assert!(polite.is_closed().await);
}

/// Longer than it takes a connection to rest.
const A_WHILE: Duration = Duration::from_millis(1_300);

#[tokio::test]
async fn a_connection_that_has_rested_serves_the_next_request() {
    let world = World::start().await;
    let mut client = world.client().await;
    for id in ["1", "2"] {
        client.publish(id).await;
        tokio::time::sleep(A_WHILE).await;
    }
    assert_eq!(client.receive("billing", 10).await.len(), 2);
    tokio::time::sleep(A_WHILE).await;
    assert!(world.doors.shutdown(Duration::from_secs(5)).await.is_empty());
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_request_that_has_begun_when_its_connection_comes_to_rest_is_served() {
    let world = World::start().await;
    let mut client = world.client().await;
    let request = client.request("POST", PUBLISH, &[STRUCTURED], event("1"));
    let (begun, rest) = request.split_at(20);
    client.send([&request[..], begun].concat()).await;
    assert_eq!(client.response().await.status, 200);
    tokio::time::sleep(A_WHILE).await;
    client.send(rest).await;
    assert_eq!(client.response().await.status, 200);
}

#[tokio::test]
async fn a_connection_that_rests_is_closed_after_its_time_too() {
    let limits = Limits {
        idle_timeout: A_WHILE + Duration::from_millis(200),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut client = world.client().await;
    client.publish("1").await;
    let begin = Instant::now();
    assert!(client.is_closed().await);
    let lasted = begin.elapsed();
    assert!((A_WHILE..A_WHILE * 3).contains(&lasted), "{lasted:?}");
}

#[tokio::test]
async fn a_connection_whose_answer_was_read_slowly_is_closed_after_its_time_too() {
    let limits = Limits {
        idle_timeout: Duration::from_secs(3),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut publisher = world.client().await;
    for _ in 0..4 {
        let response = publisher
            .call("POST", PUBLISH, &[BATCH], batch_of(MIB - 100))
            .await;
        assert_eq!(response.status, 200);
    }
    // So little room at the client that the answer has to wait for it.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(world.address).await.unwrap();
    let mut slow = Client::over(stream).with_key(ROOT);
    slow.send(slow.request("POST", &receive("billing", 4), &[], ""))
        .await;
    tokio::time::sleep(A_WHILE).await;
    assert!(slow.response().await.body.len() > 3 * MIB);
    assert!(slow.is_closed().await);
}

#[tokio::test]
async fn an_idle_timeout_does_not_end_a_long_poll() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(200),
        head_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut receiver = world.client().await;
    receiver
        .send(receiver.request("POST", &receive("billing", 1), &[], ""))
        .await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    world.client().await.publish("1").await;
    assert_eq!(receiver.response().await.status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_closed_after_its_time() {
    let limits = Limits {
        write_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut publisher = world.client().await;
    for _ in 0..30 {
        assert_eq!(
            publisher
                .call("POST", PUBLISH, &[BATCH], batch_of(MIB))
                .await
                .status,
            200
        );
    }
    let mut slow = world.client().await;
    // One answer may fit into the buffers of both kernels.
    for _ in 0..6 {
        slow.send(slow.request("POST", &receive("billing", 100), &[], ""))
            .await;
    }
    let slow_reader = r#"weft_http_refused_total{limit="write_timeout"}"#;
    for _ in 0..100 {
        if world.metric(slow_reader) == Some(1.0) {
            assert_eq!(world.metric("weft_http_in_flight_answers_bytes"), Some(0.0));
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the connection was not closed");
}

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_there_is_room_again_when_one_leaves() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut first = world.client().await;
    first.publish("1").await;
    let mut second = world.client().await;
    second.publish("2").await;
    let mut third = world.client().await;
    let response = third.response().await;
    assert_eq!((response.status, response.code().as_str()), (503, "ServerBusy"));
    assert_eq!(response.header("retry-after"), Some("1"));
    assert!(third.is_closed().await);
    assert_eq!(
        world.metric(r#"weft_http_refused_total{limit="connections"}"#),
        Some(1.0)
    );
    drop(first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.client().await.publish("3").await;
}

#[tokio::test]
async fn bodies_beyond_what_may_be_in_flight_are_503_and_a_waiting_receive_holds_none() {
    let limits = Limits {
        in_flight_bodies: ByteCount(1_000),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut receiver = world.client().await;
    receiver
        .send(receiver.request("POST", &receive("billing", 1), &[], "x".repeat(900)))
        .await;
    let mut half = Client::connect(world.address).await;
    half.send(format!(
        "POST {PUBLISH} HTTP/1.1\r\naeg-sas-key: {ROOT}\r\n{BATCH}\r\ncontent-length: 1000\r\n\r\n"
    ))
    .await;
    half.send("x".repeat(950)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.metric("weft_http_in_flight_bodies_bytes"), Some(950.0));
    let mut client = world.client().await;
    let response = client.call("POST", PUBLISH, &[STRUCTURED], event("1")).await;
    assert_eq!((response.status, response.code().as_str()), (503, "ServerBusy"));
    assert_eq!(response.header("retry-after"), Some("1"));
    drop(half);
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.client().await.publish("1").await;
    assert_eq!(receiver.response().await.status, 200);
}

#[tokio::test]
async fn a_full_storage_is_429_with_retry_after_and_settling_goes_on() {
    let store = Store::bounded(ByteCount::mib(2), ByteCount::mib(2));
    let world = World::over(&store, Limits::default()).await;
    let mut client = world.client().await;
    let mut stored = 0;
    let refused = loop {
        let response = client.call("POST", PUBLISH, &[BATCH], batch_of(300_000)).await;
        if response.status != 200 {
            break response;
        }
        stored += 1;
        assert!(stored < 100, "the storage is never full");
    };
    assert_eq!((refused.status, refused.code().as_str()), (429, "QuotaExceeded"));
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert!(refused.message().contains("acknowledge"), "{}", refused.message());
    let tokens = client.receive("billing", 100).await;
    let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
    let settled = client.settle("billing", "acknowledge", &tokens).await;
    assert_eq!(settled["succeededLockTokens"].as_array().unwrap().len(), stored);
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_is_still_sending_its_refused_request() {
    let world = World::start().await;
    for _ in 0..3 {
        let mut stranger = Client::connect(world.address).await;
        let request = stranger.request("POST", PUBLISH, &[BATCH], batch_of(20 * MIB));
        assert!(
            stranger.try_send(request).await,
            "the request is taken, though nobody looks at it"
        );
        assert_eq!(stranger.response().await.status, 401);
    }
}
