//! Lists of blobs, a page at a time.

use auth::{Listen, Permit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker::{Blob, Listed, Page};
use http::Response;
use http::header::CONTENT_TYPE;

use crate::http::Call;
use crate::http::body::{Body, Reserved};

use super::address::{Address, signed_container};
use super::blobs::CONTENT_TYPE_DEFAULT;
use super::containers::XML;
use super::credential;
use super::error::{self, Refusal};
use super::headers;
use super::query::Query;
use super::xml::Xml;

/// A page ends once it is this long, whatever `maxresults` says.
const PAGE_BYTES: usize = 1 << 20;

/// So many blobs are fetched at once.
const FETCHED: usize = 1_000;

/// What can be shown, and what our blobs never have: of that there is nothing to show.
const INCLUDED: [&str; 10] = [
    "metadata",
    "copy",
    "deleted",
    "deletedwithversions",
    "immutabilitypolicy",
    "legalhold",
    "snapshots",
    "tags",
    "uncommittedblobs",
    "versions",
];

/// Names that begin with the prefix, in their order. With a delimiter, those that have it behind the prefix are shown
/// once, as far as the delimiter.
pub(super) async fn answer(
    call: &Call<'_>,
    address: &Address,
    container: &str,
    query: &Query,
) -> Result<Response<Body>, Refusal> {
    let permit = credential::permit_listen(call, signed_container(container)).await?;
    if call.door.answers().is_exhausted() {
        call.door.metrics().refused_answers.inc();
        return Err(Refusal::busy(
            "Too many lists are being sent at this moment. Try again later.",
        ));
    }
    if let Some(word) = query.include().find(|word| !INCLUDED.contains(word)) {
        return Err(cannot_include(word, &INCLUDED));
    }
    let listing = Listing {
        container,
        prefix: query.get("prefix").unwrap_or_default(),
        delimiter: query.get("delimiter"),
        after: query.get("marker").map(read_marker).transpose()?,
        max: query.max_results()?,
        has_metadata: query.include().any(|word| word == "metadata"),
    };
    let mut xml = Xml::new();
    open(&mut xml, call, address, &[("ContainerName", container)]);
    echo(&mut xml, query)?;
    xml.open("Blobs");
    let next = listing.write(call, &permit, &mut xml).await?;
    xml.close("Blobs");
    close(&mut xml, next.as_deref());
    let document = xml.into_bytes();
    let reservation = call.door.answers().take(document.len());
    let mut response = Response::new(Body::Whole(Reserved::freeze(document, reservation)));
    response.headers_mut().insert(CONTENT_TYPE, XML);
    Ok(response)
}

/// What a request lists.
struct Listing<'r> {
    container: &'r str,
    prefix: &'r str,
    delimiter: Option<&'r str>,
    after: Option<String>,
    max: usize,
    has_metadata: bool,
}

impl Listing<'_> {
    /// Writes a page. Some, to go on after, if there are more.
    async fn write(
        mut self,
        call: &Call<'_>,
        permit: &Permit<Listen>,
        xml: &mut Xml,
    ) -> Result<Option<String>, Refusal> {
        let mut shown = 0;
        loop {
            // One more than there is room for tells whether there are more.
            let fetched = (self.max - shown + 1).min(FETCHED);
            let page = self.fetch(call, permit, fetched).await?;
            for listed in page.items {
                if shown == self.max || xml.len() >= PAGE_BYTES {
                    return Ok(self.after);
                }
                shown += 1;
                self.after = Some(self.show(xml, listed));
            }
            if page.next.is_none() {
                return Ok(None);
            }
        }
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        permit: &Permit<Listen>,
        max: usize,
    ) -> Result<Page<Listed>, Refusal> {
        let (delimiter, after) = (self.delimiter.unwrap_or_default(), self.after.as_deref());
        let checkpoints = call.door.broker().checkpoints();
        let page = checkpoints.list(permit, self.container, self.prefix, delimiter, after, max);
        Ok(page.await?)
    }

    /// Returns what to go on after.
    fn show(&self, xml: &mut Xml, listed: Listed) -> String {
        match listed {
            Listed::Blob(blob) => {
                self.item(xml, &blob);
                blob.name
            }
            Listed::Group(group) => {
                xml.open("BlobPrefix").name("Name", &group).close("BlobPrefix");
                group
            }
        }
    }

    fn item(&self, xml: &mut Xml, blob: &Blob) {
        let content = &blob.content;
        let content_type = content.content_type.as_deref().unwrap_or(CONTENT_TYPE_DEFAULT);
        xml.open("Blob")
            .name("Name", &blob.name)
            .open("Properties")
            .text("Creation-Time", &headers::http_date(blob.created))
            .text("Last-Modified", &headers::http_date(blob.last_modified))
            .text("Etag", &blob.etag.to_string())
            .text("Content-Length", &content.body.len().to_string())
            .text("Content-Type", content_type)
            .text("BlobType", "BlockBlob")
            .text("LeaseStatus", "unlocked")
            .text("LeaseState", "available")
            .text("ServerEncrypted", "false")
            .close("Properties");
        if self.has_metadata && content.metadata.is_empty() {
            xml.empty("Metadata");
        } else if self.has_metadata {
            xml.open("Metadata");
            for (name, value) in &content.metadata {
                xml.text(name, value);
            }
            xml.close("Metadata");
        }
        xml.close("Blob");
    }
}

/// The root element, as far as its children.
pub(super) fn open(xml: &mut Xml, call: &Call<'_>, address: &Address, attributes: &[(&str, &str)]) {
    let scheme = match call.phase() {
        Some(phase) if !phase.is_secure() => "http",
        _ => "https",
    };
    let endpoint = format!("{scheme}://{}{}", error::host(call), address.account_path);
    let endpoint = [("ServiceEndpoint", endpoint.as_str())];
    xml.open_with("EnumerationResults", &[&endpoint, attributes].concat());
}

/// What the client asked for, as far as it did.
pub(super) fn echo(xml: &mut Xml, query: &Query) -> Result<(), Refusal> {
    for (element, parameter) in [("Prefix", "prefix"), ("Marker", "marker")] {
        if let Some(value) = query.get(parameter) {
            xml.name(element, value);
        }
    }
    if query.get("maxresults").is_some() {
        xml.text("MaxResults", &query.max_results()?.to_string());
    }
    if let Some(delimiter) = query.get("delimiter") {
        xml.name("Delimiter", delimiter);
    }
    Ok(())
}

pub(super) fn close(xml: &mut Xml, next: Option<&str>) {
    let marker = next.map(|name| URL_SAFE_NO_PAD.encode(name)).unwrap_or_default();
    xml.text("NextMarker", &marker).close("EnumerationResults");
}

/// The name that an earlier page ended with.
pub(super) fn read_marker(marker: &str) -> Result<String, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Refusal::invalid_query("marker", "it must be the NextMarker of an earlier page"))
}

pub(super) fn cannot_include(word: &str, known: &[&str]) -> Refusal {
    let known = known.join(", ");
    Refusal::invalid_query("include", &format!("'{word}' is not among {known}"))
}
