//! HTTP/1 as clients really speak it.

use crate::client::Client;
use crate::world::{PUBLISH, ROOT, STRUCTURED, World, event};

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order_on_one_connection() {
    let world = World::start().await;
    let mut client = world.client().await;
    let mut requests = Vec::new();
    for index in 0..20 {
        let (target, id) = (
            if index % 2 == 0 { PUBLISH } else { "/nowhere" },
            format!("x-ms-client-request-id: {index}"),
        );
        requests.extend(client.request("POST", target, &[STRUCTURED, &id], event(&index.to_string())));
    }
    client.send(requests).await;
    for index in 0..20 {
        let response = client.response().await;
        assert_eq!(
            response.header("x-ms-client-request-id"),
            Some(index.to_string().as_str())
        );
        assert_eq!(response.status, if index % 2 == 0 { 200 } else { 404 });
    }
    assert_eq!(world.metric("weft_http_accepted_total"), Some(1.0));
}

#[tokio::test]
async fn an_http_1_0_client_gets_its_answer_and_the_end_of_the_connection() {
    let world = World::start().await;
    let mut client = Client::connect(world.address).await;
    let body = event("1");
    let length = body.len();
    client
        .send(format!("POST {PUBLISH} HTTP/1.0\r\naeg-sas-key: {ROOT}\r\n{STRUCTURED}\r\ncontent-length: {length}\r\n\r\n{body}"))
        .await;
    let response = client.response().await;
    assert_eq!((response.status, response.text()), (200, "{}"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn connection_close_is_heeded() {
    let world = World::start().await;
    let mut client = world.client().await;
    let response = client
        .call("POST", PUBLISH, &[STRUCTURED, "connection: close"], event("1"))
        .await;
    assert_eq!(
        (response.status, response.header("connection")),
        (200, Some("close"))
    );
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn expect_100_continue_is_answered_when_the_body_is_wanted_and_not_otherwise() {
    let world = World::start().await;
    let body = event("1");
    let mut client = world.client().await;
    let head = |client: &Client, target: &str| {
        let whole = client.request("POST", target, &[STRUCTURED, "expect: 100-continue"], &body);
        whole[..whole.len() - body.len()].to_vec()
    };
    client.send(head(&client, PUBLISH)).await;
    assert_eq!(client.head().await.status, 100);
    client.send(&body).await;
    assert_eq!(client.response().await.status, 200);
    // Refused by its head alone: no 100, and the client keeps its body to itself.
    let mut client = world.client().await;
    client.send(head(&client, "/topics/nosuch:publish")).await;
    let response = client.response().await;
    assert_eq!(
        (response.status, response.header("connection")),
        (404, Some("close"))
    );
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn head_gets_no_body_and_options_is_refused() {
    let world = World::start().await;
    let mut client = world.client().await;
    client.send(client.request("HEAD", PUBLISH, &[], "")).await;
    let response = client.head().await;
    assert_eq!((response.status, response.header("allow")), (405, Some("POST")));
    // Had there been a body, it would stand before this answer.
    assert_eq!(client.call("OPTIONS", PUBLISH, &[], "").await.status, 405);
    client.send(client.request("OPTIONS", "*", &[], "")).await;
    assert_eq!(client.response().await.status, 404);
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_harms_nobody() {
    let world = World::start().await;
    for (what, bytes, statuses) in [
        ("noise", "\0\u{1}\u{2}\r\n\r\n".to_owned(), &[400][..]),
        (
            "an HTTP/2 preface",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            &[400, 505],
        ),
        (
            "two lengths",
            format!("POST {PUBLISH} HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"),
            &[400],
        ),
        (
            "no length that is one",
            format!("POST {PUBLISH} HTTP/1.1\r\ncontent-length: -1\r\n\r\n"),
            &[400],
        ),
        (
            "a space before the colon",
            format!("POST {PUBLISH} HTTP/1.1\r\nhost : x\r\n\r\n"),
            &[400],
        ),
    ] {
        let mut client = Client::connect(world.address).await;
        client.send(bytes).await;
        if let Some(response) = client.try_response().await {
            assert!(statuses.contains(&response.status), "{what}: {response:?}");
        }
        assert!(client.is_closed().await, "{what}");
    }
    world.client().await.publish("1").await;
}

#[tokio::test]
async fn a_broken_chunk_is_refused() {
    let world = World::start().await;
    let mut client = Client::connect(world.address).await;
    client
        .send(format!(
            "POST {PUBLISH} HTTP/1.1\r\naeg-sas-key: {ROOT}\r\n{STRUCTURED}\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
        ))
        .await;
    assert_eq!(client.response().await.status, 400);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_connection_goes_on_after_a_refusal_if_the_rest_of_the_request_is_small() {
    let world = World::start().await;
    let mut client = world.client().await;
    let body = event(&"x".repeat(30_000));
    let request = client.request("POST", "/topics/nosuch:publish", &[STRUCTURED], &body);
    let (early, late) = request.split_at(request.len() - 20_000);
    client.send(early).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    client.send(late).await;
    let response = client.response().await;
    assert_eq!((response.status, response.header("connection")), (404, None));
    client.publish("1").await;
}
