//! What is not served, and what the client reads.

use model::ByteCount;
use storage::memory::Store;

use crate::blob::{BLOCK, Blobs, VERSION};

#[tokio::test]
async fn what_a_storage_account_has_and_this_has_not_is_refused_by_name() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    client.put_blob("/box/a", &[], "x").await;
    for (method, target, header, status, code, hint) in [
        (
            "PUT",
            "/box/a",
            "x-ms-blob-type: PageBlob",
            501,
            "NotImplemented",
            "BlockBlob",
        ),
        (
            "PUT",
            "/box/a",
            "x-ms-blob-type: AppendBlob",
            501,
            "NotImplemented",
            "BlockBlob",
        ),
        ("PUT", "/box/a?comp=block", BLOCK, 501, "NotImplemented", "64 KiB"),
        (
            "PUT",
            "/box/a?comp=lease",
            "x-ms-lease-action: acquire",
            501,
            "NotImplemented",
            "leases",
        ),
        ("PUT", "/box/a?comp=tags", BLOCK, 501, "NotImplemented", "tags"),
        (
            "GET",
            "/box/a?snapshot=2020-01-01",
            BLOCK,
            501,
            "NotImplemented",
            "snapshots",
        ),
        (
            "DELETE",
            "/box/a",
            "x-ms-delete-snapshots: only",
            501,
            "NotImplemented",
            "snapshots",
        ),
        (
            "GET",
            "/box?restype=container&comp=acl",
            BLOCK,
            501,
            "NotImplemented",
            "policies",
        ),
        (
            "GET",
            "/?restype=account&comp=properties",
            BLOCK,
            501,
            "NotImplemented",
            "restype",
        ),
        (
            "GET",
            "/?comp=properties",
            BLOCK,
            501,
            "NotImplemented",
            "comp=list",
        ),
        ("POST", "/?comp=batch", BLOCK, 501, "NotImplemented", "comp=list"),
        (
            "GET",
            "/box/a",
            "x-ms-lease-id: 1",
            400,
            "UnsupportedHeader",
            "If-Match",
        ),
        (
            "PUT",
            "/box/a",
            "content-md5: 1B2M2Y8AsgTpgAmY7PhCfg==",
            400,
            "UnsupportedHeader",
            "checksums",
        ),
        (
            "PUT",
            "/box?restype=container",
            "x-ms-meta-a: 1",
            400,
            "UnsupportedHeader",
            "containers have no",
        ),
        (
            "PUT",
            "/box?restype=container",
            "x-ms-blob-public-access: blob",
            400,
            "UnsupportedHeader",
            "credential",
        ),
    ] {
        let refused = client.call(method, target, &[VERSION, header], "").await;
        assert_eq!(
            (refused.status, refused.storage_code()),
            (status, code),
            "{method} {target} {header}"
        );
        assert!(refused.text().contains(hint), "{target}: {}", refused.text());
    }
    assert_eq!(client.get("/box/a").await.text(), "x");
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_with_the_rule() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let list = "/box?restype=container&comp=list";
    let long = format!("/box/{}", "n".repeat(1_025));
    for (method, target, header, status, code, hint) in [
        (
            "PUT",
            "/box/a",
            "x-ms-meta-a: 1",
            400,
            "MissingRequiredHeader",
            "BlockBlob",
        ),
        (
            "PUT",
            "/box/a",
            "x-ms-blob-type: blockblob",
            400,
            "InvalidHeaderValue",
            "BlockBlob",
        ),
        (
            "PUT",
            "/box/a?comp=metadata",
            "x-ms-meta-a-b: 1",
            400,
            "InvalidMetadata",
            "underscores",
        ),
        (
            "PUT",
            "/box/a?comp=metadata",
            "x-ms-meta-: 1",
            400,
            "EmptyMetadataKey",
            "x-ms-meta-NAME",
        ),
        (
            "GET",
            "/box/a",
            "x-ms-version: 2018-11-09",
            400,
            "InvalidHeaderValue",
            "2019-07-07",
        ),
        (
            "PUT",
            "/Upper?restype=container",
            BLOCK,
            400,
            "InvalidResourceName",
            "lower-case",
        ),
        ("PUT", "/Upper/a", BLOCK, 400, "InvalidResourceName", "lower-case"),
        ("PUT", &long, BLOCK, 400, "InvalidResourceName", "1024"),
        (
            "GET",
            &format!("{list}&maxresults=0"),
            BLOCK,
            400,
            "OutOfRangeQueryParameterValue",
            "at least 1",
        ),
        (
            "GET",
            &format!("{list}&maxresults=x"),
            BLOCK,
            400,
            "InvalidQueryParameterValue",
            "number",
        ),
        (
            "GET",
            &format!("{list}&include=permissions"),
            BLOCK,
            400,
            "InvalidQueryParameterValue",
            "metadata",
        ),
        (
            "GET",
            &format!("{list}&marker=%25"),
            BLOCK,
            400,
            "InvalidQueryParameterValue",
            "NextMarker",
        ),
        (
            "GET",
            &format!("{list}&startFrom=a"),
            BLOCK,
            400,
            "UnsupportedQueryParameter",
            "prefix",
        ),
        ("POST", "/box/a", BLOCK, 405, "UnsupportedHttpVerb", "DELETE"),
        ("PUT", list, BLOCK, 405, "UnsupportedHttpVerb", "GET"),
    ] {
        let version = (!header.starts_with("x-ms-version")).then_some(VERSION);
        let headers: Vec<&str> = version.into_iter().chain([header]).collect();
        let refused = client.call(method, target, &headers, "").await;
        assert_eq!(
            (refused.status, refused.storage_code()),
            (status, code),
            "{method} {target} {header}"
        );
        assert!(refused.text().contains(hint), "{target}: {}", refused.text());
        assert_eq!(refused.header("allow").is_some(), status == 405, "{target}");
    }
    // A word that XML cannot say does not break the answer.
    let odd = client.get(&format!("{list}&include=%01%3C")).await;
    assert_eq!(
        (odd.status, odd.storage_code()),
        (400, "InvalidQueryParameterValue")
    );
    assert!(odd.text().contains("'\u{fffd}&lt;'"), "{}", odd.text());
    let twice = client
        .call(
            "PUT",
            "/box/a",
            &[VERSION, BLOCK, "x-ms-meta-a: 1", "x-ms-meta-a: 2"],
            "",
        )
        .await;
    assert_eq!(twice.storage_code(), "InvalidMetadata");
}

#[tokio::test]
async fn a_blob_has_at_most_64_kib_and_8_kib_of_metadata() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let full = "x".repeat(64 << 10);
    client.put_blob("/box/a", &[], &full).await;
    assert_eq!(client.get("/box/a").await.body.len(), 64 << 10);
    let refused = client
        .call("PUT", "/box/a", &[VERSION, BLOCK], format!("{full}x"))
        .await;
    assert_eq!(
        (refused.status, refused.storage_code()),
        (413, "RequestBodyTooLarge")
    );
    assert!(refused.text().contains("65536"), "{}", refused.text());
    let mut client = blobs.client().await;
    let metadata = format!("x-ms-meta-a: {}", "x".repeat(8 << 10));
    let refused = client
        .call("PUT", "/box/a", &[VERSION, BLOCK, &metadata], "")
        .await;
    assert_eq!(
        (refused.status, refused.storage_code()),
        (400, "MetadataTooLarge")
    );
}

#[tokio::test]
async fn one_container_too_many_is_refused_for_good() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    for n in 0..broker::CONTAINERS_MAX {
        client.put_blob(&format!("/box{n:04}/a"), &[], "").await;
    }
    for (target, header) in [("/another?restype=container", VERSION), ("/another/a", BLOCK)] {
        let refused = client.call("PUT", target, &[VERSION, header], "").await;
        assert_eq!(
            (refused.status, refused.storage_code()),
            (403, "AccountLimitExceeded")
        );
        assert!(refused.text().contains("1000 containers"), "{}", refused.text());
    }
    client.put_blob("/box0000/b", &[], "").await;
}

#[tokio::test]
async fn a_full_storage_is_busy_so_that_clients_try_again() {
    let store = Store::bounded(ByteCount::mib(8), ByteCount::mib(8));
    let blobs = Blobs::over(&store).await;
    let mut client = blobs.client().await;
    let body = "x".repeat(60 << 10);
    let mut refused = None;
    for n in 0..200 {
        let answer = client
            .call("PUT", &format!("/box/{n}"), &[VERSION, BLOCK], &body)
            .await;
        if answer.status != 201 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("8 MiB do not hold 12 MB");
    assert_eq!((refused.status, refused.storage_code()), (503, "ServerBusy"));
    assert!(refused.header("retry-after").is_some());
    assert!(refused.text().contains("full"), "{}", refused.text());
    assert_eq!(client.get("/box/0").await.body.len(), body.len());
}

#[tokio::test]
async fn what_is_asked_for_must_be_said_once() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    for (target, name) in [
        ("/box?restype=container&comp=list&comp=metadata", "comp"),
        ("/box?comp=&restype=container&comp=list", "comp"),
        ("/box?restype=container&restype=account&comp=list", "restype"),
    ] {
        let refused = client.get(target).await;
        assert_eq!(
            (refused.status, refused.storage_code()),
            (400, "InvalidQueryParameterValue"),
            "{target}"
        );
        assert!(
            refused.text().contains(&format!("'{name}'")),
            "{}",
            refused.text()
        );
    }
}
