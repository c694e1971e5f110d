//! Single blobs.

use crate::blob::{Blobs, VERSION};

#[tokio::test]
async fn a_blob_is_read_with_its_properties_and_head_has_all_but_the_body() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let headers = [
        "content-type: application/octet-stream",
        "x-ms-blob-content-type: application/json",
        "x-ms-meta-b: 2",
        "X-Ms-Meta-A: one, two",
    ];
    let etag = client.put_blob("/box/a", &headers, "{\"offset\":\"7\"}").await;
    let whole = client.get("/box/a").await;
    assert_eq!((whole.status, whole.text()), (200, "{\"offset\":\"7\"}"));
    let head = client.head_of("/box/a").await;
    // Had a body come with it, it would stand before this answer.
    let metadata = client.get("/box/a?comp=metadata").await;
    assert_eq!((metadata.status, metadata.text()), (200, ""));
    for shown in [&whole, &head] {
        for (header, value) in [
            ("content-length", "14"),
            ("content-type", "application/json"),
            ("etag", &*etag),
            ("accept-ranges", "bytes"),
            ("x-ms-blob-type", "BlockBlob"),
            ("x-ms-lease-status", "unlocked"),
            ("x-ms-lease-state", "available"),
        ] {
            assert_eq!(shown.header(header), Some(value), "{header}");
        }
        assert!(shown.header("x-ms-creation-time").is_some());
    }
    for shown in [&whole, &head, &metadata] {
        assert_eq!(shown.header("x-ms-meta-a"), Some("one, two"));
        assert_eq!(shown.header("x-ms-meta-b"), Some("2"));
        assert!(
            shown
                .header("last-modified")
                .is_some_and(|date| date.ends_with(" GMT"))
        );
    }
}

#[tokio::test]
async fn to_write_a_blob_replaces_all_of_it_and_its_metadata_alone_keeps_the_body() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let first = client
        .put_blob("/box/a", &["x-ms-meta-a: 1", "content-type: text/plain"], "one")
        .await;
    let set = client
        .call("PUT", "/box/a?comp=metadata", &[VERSION, "x-ms-meta-b: 2"], "")
        .await;
    assert_eq!(set.status, 200);
    let shown = client.get("/box/a").await;
    assert_eq!(
        (shown.text(), shown.header("content-type")),
        ("one", Some("text/plain"))
    );
    assert_eq!(
        (shown.header("x-ms-meta-a"), shown.header("x-ms-meta-b")),
        (None, Some("2"))
    );
    assert_ne!(shown.header("etag"), Some(&*first));
    client.put_blob("/box/a", &[], "").await;
    let shown = client.get("/box/a").await;
    assert_eq!((shown.text(), shown.header("x-ms-meta-b")), ("", None));
    assert_eq!(shown.header("content-type"), Some("application/octet-stream"));
}

#[tokio::test]
async fn a_range_is_answered_in_part() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    client.put_blob("/box/a", &[], "0123456789").await;
    for (range, status, body, content_range) in [
        (
            "x-ms-range: bytes=0-33554431",
            206,
            "0123456789",
            Some("bytes 0-9/10"),
        ),
        ("range: bytes=3-4", 206, "34", Some("bytes 3-4/10")),
        ("range: bytes=8-", 206, "89", Some("bytes 8-9/10")),
        ("range: lines=1-2", 200, "0123456789", None),
    ] {
        let part = client.call("GET", "/box/a", &[VERSION, range], "").await;
        assert_eq!((part.status, part.text()), (status, body), "{range}");
        assert_eq!(part.header("content-range"), content_range, "{range}");
    }
    client.put_blob("/box/empty", &[], "").await;
    // What Python's download of an empty blob begins with; it goes on without a range.
    let none = client
        .call(
            "GET",
            "/box/empty",
            &[VERSION, "x-ms-range: bytes=0-33554431"],
            "",
        )
        .await;
    assert_eq!((none.status, none.storage_code()), (416, "InvalidRange"));
    assert_eq!(none.header("content-range"), Some("bytes */0"));
}

#[tokio::test]
async fn reads_have_conditions_too() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let etag = client.put_blob("/box/a", &[], "x").await;
    let (old, new) = ("Sun, 01 Nov 2020 00:00:00 GMT", "Wed, 01 Nov 2090 00:00:00 GMT");
    for (condition, status) in [
        (format!("if-match: {etag}"), 200),
        ("if-match: *".to_owned(), 200),
        ("if-match: \"0x1\"".to_owned(), 412),
        (format!("if-none-match: \"0x1\", {etag}"), 304),
        ("if-none-match: \"0x1\"".to_owned(), 200),
        (format!("if-modified-since: {new}"), 304),
        (format!("if-modified-since: {old}"), 200),
        (format!("if-unmodified-since: {old}"), 412),
        (format!("if-unmodified-since: {new}"), 200),
        ("if-modified-since: tomorrow".to_owned(), 400),
    ] {
        let read = client.call("GET", "/box/a", &[VERSION, &condition], "").await;
        assert_eq!(read.status, status, "{condition}");
        if matches!(status, 304 | 412) {
            assert_eq!(read.storage_code(), "ConditionNotMet", "{condition}");
        }
    }
}

#[tokio::test]
async fn writes_are_conditional_by_tag_and_by_date() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    client.put_blob("/box/a", &[], "x").await;
    let (old, new) = ("Sun, 01 Nov 2020 00:00:00 GMT", "Wed, 01 Nov 2090 00:00:00 GMT");
    for (condition, status) in [
        ("if-match: \"0x1\"".to_owned(), 412),
        (format!("if-modified-since: {new}"), 412),
        (format!("if-unmodified-since: {old}"), 412),
        (format!("if-unmodified-since: {new}"), 200),
        ("if-match: *".to_owned(), 200),
        ("if-none-match: \"0x1\"".to_owned(), 200),
    ] {
        let set = client
            .call("PUT", "/box/a?comp=metadata", &[VERSION, &condition], "")
            .await;
        assert_eq!(set.status, status, "{condition}");
    }
    let missing = client
        .call(
            "PUT",
            "/box/none",
            &[VERSION, "x-ms-blob-type: BlockBlob", "if-match: *"],
            "",
        )
        .await;
    assert_eq!((missing.status, missing.storage_code()), (412, "ConditionNotMet"));
}

#[tokio::test]
async fn a_deleted_blob_is_gone() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let etag = client.put_blob("/box/a", &[], "x").await;
    let refused = client
        .call("DELETE", "/box/a", &[VERSION, "if-match: \"0x1\""], "")
        .await;
    assert_eq!(refused.status, 412);
    let headers = [
        VERSION,
        "x-ms-delete-snapshots: include",
        &format!("if-match: {etag}"),
    ];
    assert_eq!(client.call("DELETE", "/box/a", &headers, "").await.status, 202);
    for (method, target) in [
        ("GET", "/box/a"),
        ("DELETE", "/box/a"),
        ("GET", "/box/a?comp=metadata"),
    ] {
        let gone = client.call(method, target, &[VERSION], "").await;
        assert_eq!(
            (gone.status, gone.storage_code()),
            (404, "BlobNotFound"),
            "{method} {target}"
        );
    }
    assert_eq!(client.head_of("/box/a").await.status, 404);
}

#[tokio::test]
async fn every_answer_has_the_ids_and_the_version_of_its_request() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let headers = ["x-ms-version: 2026-04-06", "x-ms-client-request-id: 7d9e1b6c"];
    for target in [
        "/box/none",
        "/box?restype=container&comp=list",
        "/box/none?comp=lease",
    ] {
        let answer = client.call("GET", target, &headers, "").await;
        assert_eq!(answer.header("x-ms-version"), Some("2026-04-06"), "{target}");
        assert_eq!(
            answer.header("x-ms-client-request-id"),
            Some("7d9e1b6c"),
            "{target}"
        );
        let id = answer.header("x-ms-request-id").unwrap().to_owned();
        if answer.status != 200 {
            assert!(
                answer.text().contains(&format!("RequestId:{id}\n")),
                "{}",
                answer.text()
            );
        }
    }
    let without = client.call("GET", "/box/none", &[], "").await;
    assert_eq!(without.header("x-ms-version"), Some("2019-07-07"));
}

#[tokio::test]
async fn requests_are_counted_by_what_they_do() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    client.put_blob("/box/a", &[], "").await;
    client.get("/box/a").await;
    client.get("/box/none").await;
    client.get("/box?restype=container&comp=list").await;
    for (operation, status, count) in [
        ("write-blob", "2xx", 1.0),
        ("read-blob", "2xx", 1.0),
        ("read-blob", "4xx", 1.0),
        ("list-blobs", "2xx", 1.0),
    ] {
        let line = format!(r#"weft_http_requests_total{{operation="{operation}",status="{status}"}}"#);
        assert_eq!(blobs.world.metric(&line), Some(count), "{line}");
    }
}
