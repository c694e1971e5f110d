//! Containers.

use auth::storage::Target;
use broker::Container;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::http::Call;
use crate::http::body::Body;

use super::address::{Address, signed_container};
use super::conditions;
use super::credential;
use super::empty;
use super::error::Refusal;
use super::headers;
use super::list;
use super::query::Query;
use super::xml::Xml;

pub(super) const XML: HeaderValue = HeaderValue::from_static("application/xml");

/// Of containers only what they always have is shown, which for metadata is none.
const INCLUDED: [&str; 3] = ["metadata", "deleted", "system"];

/// What every container and blob says of leases: there is none.
const LEASE: [(&str, &str); 2] = [
    ("x-ms-lease-status", "unlocked"),
    ("x-ms-lease-state", "available"),
];

pub(super) async fn create(call: &Call<'_>, container: &str) -> Result<Response<Body>, Refusal> {
    let permit = credential::permit_send(call, signed_container(container)).await?;
    must_have_no_metadata(call)?;
    let made = call
        .door
        .broker()
        .checkpoints()
        .create_container(&permit, container)
        .await?;
    let mut response = empty(StatusCode::CREATED);
    headers::add_tag(&mut response, made.etag, made.last_modified);
    Ok(response)
}

pub(super) async fn properties(call: &Call<'_>, container: &str) -> Result<Response<Body>, Refusal> {
    let permit = credential::permit_listen(call, signed_container(container)).await?;
    let found = call
        .door
        .broker()
        .checkpoints()
        .container(&permit, container)
        .await?;
    let mut response = empty(StatusCode::OK);
    headers::add_tag(&mut response, found.etag, found.last_modified);
    add_lease(&mut response);
    for name in ["x-ms-has-immutability-policy", "x-ms-has-legal-hold"] {
        headers::insert(&mut response, HeaderName::from_static(name), "false");
    }
    Ok(response)
}

pub(super) async fn delete(call: &Call<'_>, container: &str) -> Result<Response<Body>, Refusal> {
    let permit = credential::permit_manage(call, signed_container(container)).await?;
    if conditions::read(&call.parts.headers)? != broker::Conditions::default() {
        return Err(Refusal::not_implemented(
            "a container is deleted whatever it holds: leave out the conditional headers",
        ));
    }
    call.door
        .broker()
        .checkpoints()
        .delete_container(&permit, container)
        .await?;
    Ok(empty(StatusCode::ACCEPTED))
}

pub(super) async fn list(
    call: &Call<'_>,
    address: &Address,
    query: &Query,
) -> Result<Response<Body>, Refusal> {
    let permit = credential::permit_listen(call, Target::default()).await?;
    if let Some(word) = query.include().find(|word| !INCLUDED.contains(word)) {
        return Err(list::cannot_include(word, &INCLUDED));
    }
    let max = query.max_results()?;
    let prefix = query.get("prefix").unwrap_or_default();
    let after = query.get("marker").map(list::read_marker).transpose()?;
    let checkpoints = call.door.broker().checkpoints();
    let page = checkpoints
        .containers(&permit, prefix, after.as_deref(), max)
        .await;
    let mut xml = Xml::new();
    list::open(&mut xml, call, address, &[]);
    list::echo(&mut xml, query)?;
    xml.open("Containers");
    for container in &page.items {
        item(&mut xml, container);
    }
    xml.close("Containers");
    list::close(&mut xml, page.next.as_deref());
    // At most 1,000 containers, of which each takes less than 400 bytes.
    let mut response = Response::new(Body::Whole(Bytes::from(xml.into_bytes())));
    response.headers_mut().insert(CONTENT_TYPE, XML);
    Ok(response)
}

fn item(xml: &mut Xml, container: &Container) {
    xml.open("Container")
        .text("Name", &container.name)
        .open("Properties")
        .text("Last-Modified", &headers::http_date(container.last_modified))
        .text("Etag", &container.etag.to_string())
        .text("LeaseStatus", "unlocked")
        .text("LeaseState", "available")
        .text("HasImmutabilityPolicy", "false")
        .text("HasLegalHold", "false")
        .close("Properties")
        .close("Container");
}

fn must_have_no_metadata(call: &Call<'_>) -> Result<(), Refusal> {
    let metadata = super::metadata::read(&call.parts.headers)?;
    match metadata.first() {
        Some((name, _)) => Err(Refusal::unsupported_header(
            &format!("x-ms-meta-{name}"),
            "containers have no metadata; blobs do",
        )),
        None => Ok(()),
    }
}

pub(super) fn add_lease(response: &mut Response<Body>) {
    for (name, value) in LEASE {
        headers::insert(response, HeaderName::from_static(name), value);
    }
}
