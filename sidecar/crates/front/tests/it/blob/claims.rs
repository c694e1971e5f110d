//! The load balancing of consumers: who owns a partition, and how far it is read.

use crate::blob::{BLOCK, Blobs, CHECKPOINT, IF_NONE, LIST, OWNERSHIP, VERSION, elements};

fn metadata_of(blob: &str) -> String {
    format!("{blob}?comp=metadata")
}

#[tokio::test]
async fn pythons_first_claim_finds_no_blob_writes_one_and_a_second_claimer_loses() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let target = metadata_of(OWNERSHIP);
    let first = client
        .call("PUT", &target, &[VERSION, IF_NONE, "x-ms-meta-ownerid: a"], "")
        .await;
    assert_eq!((first.status, first.storage_code()), (404, "BlobNotFound"));
    let headers = [VERSION, BLOCK, IF_NONE, "x-ms-meta-ownerid: a"];
    let written = client.call("PUT", OWNERSHIP, &headers, "").await;
    assert_eq!((written.status, written.text()), (201, ""));
    assert_eq!(written.header("content-length"), Some("0"));
    let etag = written.header("etag").unwrap();
    assert!(etag.starts_with("\"0x") && etag.ends_with('"'), "{etag}");
    for header in ["last-modified", "date", "x-ms-request-id"] {
        assert!(written.header(header).is_some(), "{header}");
    }
    let late = client.call("PUT", OWNERSHIP, &headers, "").await;
    assert_eq!((late.status, late.storage_code()), (409, "BlobAlreadyExists"));
    // Somebody who begins with the metadata once the blob is there.
    let late = client
        .call("PUT", &target, &[VERSION, IF_NONE, "x-ms-meta-ownerid: b"], "")
        .await;
    assert_eq!((late.status, late.storage_code()), (412, "ConditionNotMet"));
    let shown = client.get(&target).await;
    assert_eq!(shown.header("x-ms-meta-ownerid"), Some("a"));
}

#[tokio::test]
async fn an_owner_renews_with_its_etag_with_or_without_quotes_and_an_old_one_loses() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let mut etag = client.put_blob(OWNERSHIP, &["x-ms-meta-ownerid: a"], "").await;
    let first = etag.clone();
    for owner in ["a", "a", "b", ""] {
        for quoted in [true, false] {
            let tag = if quoted {
                etag.clone()
            } else {
                etag.trim_matches('"').to_owned()
            };
            let (condition, owner) = (format!("if-match: {tag}"), format!("x-ms-meta-ownerid: {owner}"));
            let renewed = client
                .call("PUT", &metadata_of(OWNERSHIP), &[VERSION, &condition, &owner], "")
                .await;
            assert_eq!(renewed.status, 200, "{renewed:?}");
            assert!(renewed.header("last-modified").is_some());
            let next = renewed.header("etag").unwrap().to_owned();
            assert_ne!(next, etag);
            etag = next;
        }
    }
    let stolen = client
        .call(
            "PUT",
            &metadata_of(OWNERSHIP),
            &[VERSION, &format!("if-match: {first}"), "x-ms-meta-ownerid: a"],
            "",
        )
        .await;
    assert_eq!((stolen.status, stolen.storage_code()), (412, "ConditionNotMet"));
    assert!(stolen.text().contains("ETag"), "{}", stolen.text());
    // Given up: an empty owner is still one that a list shows.
    let list = client.get(&format!("{LIST}&include=metadata")).await;
    assert!(
        list.text().contains("<Metadata><ownerid /></Metadata>"),
        "{}",
        list.text()
    );
}

#[tokio::test]
async fn javascript_and_go_fall_back_to_an_upload_without_a_condition() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let version = "x-ms-version: 2026-04-06";
    let headers = [version, "x-ms-meta-ownerid: a"];
    let first = client.call("PUT", &metadata_of(OWNERSHIP), &headers, "").await;
    assert_eq!((first.status, first.storage_code()), (404, "BlobNotFound"));
    assert_eq!(first.header("x-ms-version"), Some("2026-04-06"));
    assert_eq!(first.header("content-type"), Some("application/xml"));
    client.put_blob(OWNERSHIP, &["x-ms-meta-ownerid: a"], "").await;
    let again = client.call("PUT", &metadata_of(OWNERSHIP), &headers, "").await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn a_checkpoint_is_updated_without_a_condition_and_listed() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let values = |n: u32| {
        (
            format!("x-ms-meta-offset: {n}00"),
            format!("x-ms-meta-sequencenumber: {n}"),
        )
    };
    let (offset, number) = values(1);
    let first = client
        .call("PUT", &metadata_of(CHECKPOINT), &[VERSION, &offset, &number], "")
        .await;
    assert_eq!((first.status, first.storage_code()), (404, "BlobNotFound"));
    client.put_blob(CHECKPOINT, &[&offset, &number], "").await;
    for n in 2..5 {
        let (offset, number) = values(n);
        let update = client
            .call("PUT", &metadata_of(CHECKPOINT), &[VERSION, &offset, &number], "")
            .await;
        assert_eq!(update.status, 200, "{update:?}");
    }
    let target = format!("{LIST}&include=metadata&prefix=localhost%2Ftelemetry%2F%24default%2Fcheckpoint%2F");
    let list = client.get(&target).await;
    assert_eq!(
        elements(list.text(), "Metadata"),
        ["<offset>400</offset><sequencenumber>4</sequencenumber>"]
    );
}

/// One request by each of 16 clients at once; the statuses, sorted.
async fn race(blobs: &Blobs, target: &str, headers: &[String]) -> Vec<u16> {
    let calls = (0..16).map(|claimer| {
        let owner = format!("x-ms-meta-ownerid: {claimer}");
        let headers = headers.to_vec();
        async move {
            let mut client = blobs.client().await;
            let mut lines: Vec<&str> = headers.iter().map(String::as_str).collect();
            lines.push(&owner);
            client.call("PUT", target, &lines, "").await.status
        }
    });
    let mut statuses = futures_util::future::join_all(calls).await;
    statuses.sort_unstable();
    statuses
}

#[tokio::test]
async fn of_sixteen_that_claim_at_once_exactly_one_wins() {
    let blobs = Blobs::start().await;
    let first = [VERSION, BLOCK, IF_NONE].map(str::to_owned);
    let statuses = race(&blobs, OWNERSHIP, &first).await;
    assert_eq!((statuses[0], &statuses[1..]), (201, &[409; 15][..]));
    for _ in 0..10 {
        let mut client = blobs.client().await;
        let known = client.head_of(OWNERSHIP).await;
        let renewal = [
            VERSION.to_owned(),
            format!("if-match: {}", known.header("etag").unwrap()),
        ];
        let statuses = race(&blobs, &metadata_of(OWNERSHIP), &renewal).await;
        assert_eq!((statuses[0], &statuses[1..]), (200, &[412; 15][..]));
    }
}
