//! The Namespace's checkpoint store, as its clients talk to it: containers of small blobs with metadata.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::Method;

use crate::client::{Answer, Client, http_date};
use crate::failure::{Exit, Failure};
use crate::percent::encode;

/// Where the containers are on the door that the commands use.
const ROOT: &str = "/checkpoints";
/// Clients say which version of the service they were made for.
const VERSION: (&str, &str) = ("x-ms-version", "2021-12-02");

/// One blob, without its content: checkpoints are all metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) name: String,
    pub(crate) etag: String,
    pub(crate) last_modified: Timestamp,
    pub(crate) length: u64,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Blob {
    /// Names of metadata have no case.
    pub(crate) fn metadata(&self, name: &str) -> Option<&str> {
        let mut pairs = self.metadata.iter();
        let found = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A container, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Container {
    pub(crate) name: String,
    path: String,
}

impl Container {
    /// At the root of the account. The account itself may stand before it, and does where a first segment would be taken
    /// for it.
    fn candidates(name: &str) -> [Self; 2] {
        let encoded = encode(name);
        [format!("{ROOT}/{encoded}"), format!("{ROOT}/{encoded}/{encoded}")].map(|path| Self {
            name: name.to_owned(),
            path,
        })
    }

    /// For tests of what does not talk to a service.
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        let [container, _] = Self::candidates(name);
        container
    }

    fn blob(&self, name: &str) -> String {
        let segments: Vec<_> = name.split('/').map(encode).collect();
        format!("{}/{}", self.path, segments.join("/"))
    }
}

/// What there is in a container.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) container: Container,
    pub(crate) blobs: Vec<Blob>,
    /// By the service's clock.
    pub(crate) now: Option<Timestamp>,
}

/// What a blob must be like for a change to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected<'a> {
    /// Not there.
    Absent,
    /// As it was with this ETag.
    Unchanged(&'a str),
}

impl<'a> Expected<'a> {
    fn header(self) -> (&'static str, &'a str) {
        match self {
            Self::Absent => ("if-none-match", "*"),
            Self::Unchanged(etag) => ("if-match", etag),
        }
    }
}

/// The names of all containers.
pub(crate) fn containers(client: &Client) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut marker = String::new();
    loop {
        let path = format!("{ROOT}/?comp=list{}", after(&marker));
        let page: wire::Containers = document(
            &client
                .ask_authorized(&Method::GET, &path, &[VERSION], None)?
                .or_refusal()?,
        )?;
        names.extend(page.containers.items.into_iter().map(|container| container.name));
        marker = page.next_marker;
        if marker.is_empty() {
            return Ok(names);
        }
    }
}

/// All blobs of a container.
pub(crate) fn list(client: &Client, name: &str) -> Result<Listing, Failure> {
    let [plain, below_account] = Container::candidates(name);
    let first = page(client, &plain, "")?;
    // A container that is called like the account: its name alone is the account's.
    let (container, first) = match first.status {
        400 => (below_account.clone(), page(client, &below_account, "")?),
        _ => (plain, first),
    };
    let mut listing = Listing {
        container,
        blobs: Vec::new(),
        now: None,
    };
    let mut answer = first.or_refusal()?;
    loop {
        listing.now = answer.date();
        let list: wire::Blobs = document(&answer)?;
        let blobs = list.blobs.items.into_iter().map(wire::Blob::into_blob);
        listing.blobs.extend(blobs.collect::<Result<Vec<_>, _>>()?);
        if list.next_marker.is_empty() {
            return Ok(listing);
        }
        answer = page(client, &listing.container, &list.next_marker)?.or_refusal()?;
    }
}

fn page(client: &Client, container: &Container, marker: &str) -> Result<Answer, Failure> {
    let path = &container.path;
    let path = format!(
        "{path}?restype=container&comp=list&include=metadata{}",
        after(marker)
    );
    client.ask_authorized(&Method::GET, &path, &[VERSION], None)
}

/// Writes a blob without content.
///
/// # Errors
/// Also when it is not as `expected`.
pub(crate) fn put(
    client: &Client,
    container: &Container,
    name: &str,
    metadata: &[(&str, &str)],
    expected: Expected<'_>,
) -> Result<(), Failure> {
    let metadata: Vec<_> = metadata
        .iter()
        .map(|(key, value)| (format!("x-ms-meta-{key}"), *value))
        .collect();
    let mut headers = vec![VERSION, ("x-ms-blob-type", "BlockBlob"), expected.header()];
    headers.extend(metadata.iter().map(|(key, value)| (key.as_str(), *value)));
    let answer = client.ask_authorized(&Method::PUT, &container.blob(name), &headers, Some(&[]))?;
    answer.or_refusal().map(drop)
}

/// # Errors
/// Also when it is not as `expected`.
pub(crate) fn delete(
    client: &Client,
    container: &Container,
    name: &str,
    expected: Expected<'_>,
) -> Result<(), Failure> {
    let headers = [VERSION, expected.header()];
    let answer = client.ask_authorized(&Method::DELETE, &container.blob(name), &headers, None)?;
    answer.or_refusal().map(drop)
}

fn after(marker: &str) -> String {
    match marker {
        "" => String::new(),
        marker => format!("&marker={}", encode(marker)),
    }
}

fn document<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    quick_xml::de::from_str(&answer.body).map_err(|cause| unexpected(&cause))
}

fn unexpected(cause: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Exit::Unavailable,
        format!("the answer is not a list of blobs: {cause}"),
    )
    .with_next("check that the endpoint is a Weft Namespace")
}

/// The service's XML.
mod wire {
    use super::{BTreeMap, Deserialize, Failure, http_date, unexpected};

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub(super) struct Containers {
        #[serde(default)]
        pub(super) containers: ContainerItems,
        #[serde(default)]
        pub(super) next_marker: String,
    }

    #[derive(Default, Deserialize)]
    pub(super) struct ContainerItems {
        #[serde(rename = "Container", default)]
        pub(super) items: Vec<Container>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub(super) struct Container {
        pub(super) name: String,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub(super) struct Blobs {
        #[serde(default)]
        pub(super) blobs: BlobItems,
        #[serde(default)]
        pub(super) next_marker: String,
    }

    #[derive(Default, Deserialize)]
    pub(super) struct BlobItems {
        #[serde(rename = "Blob", default)]
        pub(super) items: Vec<Blob>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub(super) struct Blob {
        name: String,
        properties: Properties,
        #[serde(default)]
        metadata: BTreeMap<String, String>,
    }

    #[derive(Deserialize)]
    struct Properties {
        #[serde(rename = "Etag", alias = "ETag")]
        etag: String,
        #[serde(rename = "Last-Modified")]
        last_modified: String,
        #[serde(rename = "Content-Length", default)]
        length: u64,
    }

    impl Blob {
        pub(super) fn into_blob(self) -> Result<super::Blob, Failure> {
            let modified = &self.properties.last_modified;
            Ok(super::Blob {
                last_modified: http_date(modified)
                    .ok_or_else(|| unexpected(&format!("`{modified}` is no date")))?,
                name: self.name,
                etag: self.properties.etag,
                length: self.properties.length,
                metadata: self.metadata,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"<?xml version="1.0" encoding="utf-8"?>
        <EnumerationResults ServiceEndpoint="https://127.0.0.1:10000/" ContainerName="checkpoints">
        <Blobs><Blob><Name>localhost/telemetry/$default/checkpoint/0</Name><Properties>
        <Creation-Time>Sun, 06 Nov 1994 08:49:37 GMT</Creation-Time>
        <Last-Modified>Sun, 06 Nov 1994 08:49:37 GMT</Last-Modified><Etag>0x8DE0000000000000</Etag>
        <Content-Length>0</Content-Length><BlobType>BlockBlob</BlobType></Properties>
        <Metadata><sequencenumber>5</sequencenumber><Offset>1024</Offset><ownerid /></Metadata></Blob>
        <Blob><Name>a &amp; b</Name><Properties><Last-Modified>Sun, 06 Nov 1994 08:49:37 GMT</Last-Modified>
        <Etag>0x1</Etag></Properties></Blob></Blobs><NextMarker /></EnumerationResults>"#;

    #[test]
    fn a_list_has_names_tags_times_and_metadata() {
        let page: wire::Blobs = quick_xml::de::from_str(LIST).unwrap();
        assert_eq!(page.next_marker, "");
        let blobs: Vec<_> = page
            .blobs
            .items
            .into_iter()
            .map(|blob| blob.into_blob().unwrap())
            .collect();
        assert_eq!(blobs[0].name, "localhost/telemetry/$default/checkpoint/0");
        assert_eq!(blobs[0].etag, "0x8DE0000000000000");
        assert_eq!(blobs[0].last_modified.to_string(), "1994-11-06T08:49:37Z");
        assert_eq!(blobs[0].metadata("SequenceNumber"), Some("5"));
        assert_eq!(blobs[0].metadata("offset"), Some("1024"));
        assert_eq!(blobs[0].metadata("ownerid"), Some(""));
        assert_eq!((blobs[1].name.as_str(), blobs[1].metadata.len()), ("a & b", 0));
    }

    #[test]
    fn an_empty_list_is_none() {
        let text = "<EnumerationResults><Containers /><NextMarker>x</NextMarker></EnumerationResults>";
        let page: wire::Containers = quick_xml::de::from_str(text).unwrap();
        assert!(page.containers.items.is_empty());
        assert_eq!(page.next_marker, "x");
        let text = "<EnumerationResults><Blobs></Blobs></EnumerationResults>";
        let page: wire::Blobs = quick_xml::de::from_str(text).unwrap();
        assert!(page.blobs.items.is_empty());
    }

    #[test]
    fn the_folders_of_a_name_stay_folders() {
        let [container, below_account] = Container::candidates("c");
        assert_eq!(
            container.blob("h.svc/a b/$default/0"),
            "/checkpoints/c/h.svc/a%20b/%24default/0"
        );
        assert_eq!(below_account.blob("a"), "/checkpoints/c/c/a");
    }
}
