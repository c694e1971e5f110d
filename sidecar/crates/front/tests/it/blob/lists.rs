//! Lists of blobs and containers.

use crate::blob::{BLOCK, Blobs, LIST, VERSION, element, elements};

/// What changes from run to run, by its place.
fn without_stamps(xml: &str) -> String {
    let mut plain = xml.to_owned();
    for name in ["Creation-Time", "Last-Modified", "Etag"] {
        for text in elements(xml, name) {
            assert!(text.starts_with("0x") || text.ends_with(" GMT"), "{text}");
            plain = plain.replace(text, "*");
        }
    }
    plain
}

#[tokio::test]
async fn a_list_has_the_form_that_the_sdks_read() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    client
        .put_blob(
            "/box/ns/hub/%24default/ownership/0",
            &["x-ms-meta-ownerid: <a> & \"b\""],
            "",
        )
        .await;
    client
        .put_blob(
            "/box/ns/hub/%24default/ownership/1",
            &["content-type: text/plain"],
            "text",
        )
        .await;
    client.put_blob("/box/other", &[], "").await;
    let target = "/box?restype=container&comp=list&prefix=ns%2Fhub&include=metadata&maxresults=10";
    let list = client.get(target).await;
    assert_eq!(
        (list.status, list.header("content-type")),
        (200, Some("application/xml"))
    );
    let expected = concat!(
        r#"<?xml version="1.0" encoding="utf-8"?>"#,
        r#"<EnumerationResults ServiceEndpoint="http://weft/" ContainerName="box">"#,
        "<Prefix>ns/hub</Prefix><MaxResults>10</MaxResults><Blobs>",
        "<Blob><Name>ns/hub/$default/ownership/0</Name><Properties><Creation-Time>*</Creation-Time>",
        "<Last-Modified>*</Last-Modified><Etag>*</Etag><Content-Length>0</Content-Length>",
        "<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType>",
        "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>",
        "<ServerEncrypted>false</ServerEncrypted></Properties>",
        "<Metadata><ownerid>&lt;a&gt; &amp; &quot;b&quot;</ownerid></Metadata></Blob>",
        "<Blob><Name>ns/hub/$default/ownership/1</Name><Properties><Creation-Time>*</Creation-Time>",
        "<Last-Modified>*</Last-Modified><Etag>*</Etag><Content-Length>4</Content-Length>",
        "<Content-Type>text/plain</Content-Type><BlobType>BlockBlob</BlobType>",
        "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>",
        "<ServerEncrypted>false</ServerEncrypted></Properties>",
        "<Metadata /></Blob>",
        "</Blobs><NextMarker /></EnumerationResults>",
    );
    assert_eq!(without_stamps(list.text()), expected);
    let plain = client.get("/box?restype=container&comp=list").await;
    assert!(!plain.text().contains("Metadata") && plain.text().contains("<Name>other</Name>"));
}

#[tokio::test]
async fn the_etag_of_a_list_is_that_of_the_blob_and_serves_as_a_condition() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let etag = client.put_blob("/checkpoints-of-shop/a", &[], "").await;
    let list = client.get(LIST).await;
    let listed = element(list.text(), "Etag").unwrap();
    assert_eq!(format!("\"{listed}\""), etag);
    let target = "/checkpoints-of-shop/a?comp=metadata";
    let condition = format!("if-match: {listed}");
    assert_eq!(
        client
            .call("PUT", target, &[VERSION, &condition], "")
            .await
            .status,
        200
    );
    assert_eq!(
        client
            .call("PUT", target, &[VERSION, &condition], "")
            .await
            .status,
        412
    );
}

#[tokio::test]
async fn what_was_never_used_lists_as_empty() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let list = client.get(LIST).await;
    assert_eq!(list.status, 200, "{list:?}");
    assert!(
        list.text().contains("<Blobs></Blobs><NextMarker />"),
        "{}",
        list.text()
    );
    let containers = client.get("/?comp=list").await;
    assert!(
        containers.text().contains("<Containers></Containers>"),
        "{}",
        containers.text()
    );
}

#[tokio::test]
async fn pages_follow_each_other_by_their_markers() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let names: Vec<String> = (0..7).map(|n| format!("p/{n} ä")).collect();
    for name in &names {
        let encoded = name.replace(' ', "%20").replace('ä', "%C3%A4");
        client.put_blob(&format!("/box/{encoded}"), &[], "").await;
    }
    let mut seen: Vec<String> = Vec::new();
    let mut marker = String::new();
    for page in 0.. {
        let target = format!("/box?restype=container&comp=list&prefix=p/&maxresults=3&marker={marker}");
        let list = client.get(&target).await;
        let found = elements(list.text(), "Name");
        assert_eq!(found.len(), if page < 2 { 3 } else { 1 });
        seen.extend(found.into_iter().map(str::to_owned));
        match element(list.text(), "NextMarker") {
            Some(next) => marker = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, names);
}

#[tokio::test]
async fn a_delimiter_groups_names_and_pages_go_on_behind_a_group() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    for name in ["a/1", "a/2", "a/b/3", "b", "c/1", "c/2", "d"] {
        client.put_blob(&format!("/box/{name}"), &[], "").await;
    }
    let list = client.get("/box?restype=container&comp=list&delimiter=%2F").await;
    assert_eq!(elements(list.text(), "Name"), ["a/", "b", "c/", "d"]);
    assert_eq!(
        elements(list.text(), "BlobPrefix"),
        ["<Name>a/</Name>", "<Name>c/</Name>"]
    );
    assert_eq!(element(list.text(), "Delimiter"), Some("/"));
    let list = client
        .get("/box?restype=container&comp=list&delimiter=%2F&prefix=a%2F")
        .await;
    assert_eq!(elements(list.text(), "Name"), ["a/1", "a/2", "a/b/"]);
    let mut seen: Vec<String> = Vec::new();
    let mut marker = String::new();
    loop {
        let target = format!("/box?restype=container&comp=list&delimiter=%2F&maxresults=1&marker={marker}");
        let list = client.get(&target).await;
        let found = elements(list.text(), "Name");
        assert_eq!(found.len(), 1, "{}", list.text());
        seen.push(found[0].to_owned());
        match element(list.text(), "NextMarker") {
            Some(next) => marker = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["a/", "b", "c/", "d"]);
}

#[tokio::test]
async fn a_page_ends_at_a_megabyte_whatever_was_asked_for() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let large = format!("x-ms-meta-a: {}", "x".repeat(8_000));
    for n in 0..150 {
        client.put_blob(&format!("/box/{n:03}"), &[&large], "").await;
    }
    let target = "/box?restype=container&comp=list&include=metadata";
    let list = client.get(target).await;
    assert!(list.body.len() < 1_100_000, "{} bytes", list.body.len());
    let marker = element(list.text(), "NextMarker").expect("more").to_owned();
    let first = elements(list.text(), "Name").len();
    let rest = client.get(&format!("{target}&marker={marker}")).await;
    assert_eq!(first + elements(rest.text(), "Name").len(), 150);
    assert!(rest.text().contains("<NextMarker />"));
}

#[tokio::test]
async fn containers_are_listed_once_they_are_used() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    client.put_blob("/used/blob", &[], "").await;
    let created = client
        .call("PUT", "/created?restype=container", &[VERSION], "")
        .await;
    assert_eq!(created.status, 201);
    let list = client.get("/?comp=list&include=metadata").await;
    let properties = concat!(
        "<Properties><Last-Modified>*</Last-Modified><Etag>*</Etag><LeaseStatus>unlocked</LeaseStatus>",
        "<LeaseState>available</LeaseState><HasImmutabilityPolicy>false</HasImmutabilityPolicy>",
        "<HasLegalHold>false</HasLegalHold></Properties></Container>",
    );
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"http://weft/\"><Containers>\
         <Container><Name>created</Name>{properties}<Container><Name>used</Name>{properties}\
         </Containers><NextMarker /></EnumerationResults>"
    );
    assert_eq!(without_stamps(list.text()), expected);
    let first = client.get("/?comp=list&maxresults=1").await;
    assert_eq!(elements(first.text(), "Name"), ["created"]);
    let marker = element(first.text(), "NextMarker").expect("more").to_owned();
    let second = client.get(&format!("/?comp=list&marker={marker}")).await;
    assert_eq!(elements(second.text(), "Name"), ["used"]);
    let prefixed = client.get("/?comp=list&prefix=u").await;
    assert_eq!(elements(prefixed.text(), "Name"), ["used"]);
}

#[tokio::test]
async fn a_container_is_created_once_and_deleted_with_all_that_is_in_it() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let target = "/box?restype=container";
    // One exists as soon as it is used, so that nobody has to create it.
    assert_eq!(client.get(target).await.status, 200);
    assert_eq!(client.head_of(target).await.status, 200);
    assert_eq!(client.call("PUT", target, &[VERSION], "").await.status, 201);
    let again = client.call("PUT", target, &[VERSION], "").await;
    assert_eq!(
        (again.status, again.storage_code()),
        (409, "ContainerAlreadyExists")
    );
    let properties = client.get(target).await;
    for (header, value) in [
        ("x-ms-lease-status", "unlocked"),
        ("x-ms-lease-state", "available"),
        ("x-ms-has-legal-hold", "false"),
    ] {
        assert_eq!(properties.header(header), Some(value));
    }
    client.put_blob("/used/blob", &[], "").await;
    let used = client
        .call("PUT", "/used?restype=container", &[VERSION], "")
        .await;
    assert_eq!(
        (used.status, used.storage_code()),
        (409, "ContainerAlreadyExists")
    );
    assert_eq!(
        client
            .call("DELETE", "/used?restype=container", &[VERSION], "")
            .await
            .status,
        202
    );
    assert_eq!(client.get("/used/blob").await.status, 404);
    let gone = client
        .call("DELETE", "/used?restype=container", &[VERSION], "")
        .await;
    assert_eq!((gone.status, gone.storage_code()), (404, "ContainerNotFound"));
    let written = client.call("PUT", "/used/blob", &[VERSION, BLOCK], "").await;
    assert_eq!(written.status, 201);
}
