//! One blob.

use broker::{BODY_BYTES_MAX, Blob, Checkpoints, Content, Written};
use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use model::ByteCount;

use crate::http::Call;
use crate::http::body::Body;

use super::address::BlobName;
use super::error::Refusal;
use super::{conditions, containers, credential, empty, headers, metadata, range};

/// That of a blob of which nobody said what it holds.
pub(super) const CONTENT_TYPE_DEFAULT: &str = "application/octet-stream";

/// Replaces the blob: 201 once it is durable.
pub(super) async fn put(call: &mut Call<'_>, blob: &BlobName) -> Result<Response<Body>, Refusal> {
    let permit = credential::permit_send(call, blob.signed()).await?;
    must_be_a_block_blob(&call.parts.headers)?;
    let conditions = conditions::read(&call.parts.headers)?;
    let metadata = metadata::read(&call.parts.headers)?;
    let content_type = content_type(&call.parts.headers)?;
    let (door, limit) = (call.door, ByteCount(BODY_BYTES_MAX as u64));
    // Held until the blob is durable: that is how long the bytes are in memory for the client.
    let (body, _reservation) = call
        .body
        .read(limit, door)
        .await
        .map_err(|refusal| Refusal::unread(&refusal, BODY_BYTES_MAX))?;
    let content = Content {
        metadata,
        content_type,
        // A copy: the body lies in the connection's buffer, which would be kept for as long as the blob is.
        body: Bytes::copy_from_slice(&body),
    };
    let written = checkpoints(call)
        .put(&permit, &blob.container, &blob.name, content, &conditions)
        .await?;
    Ok(wrote(StatusCode::CREATED, written))
}

/// Replaces the metadata: 200 once it is durable.
pub(super) async fn set_metadata(call: &Call<'_>, blob: &BlobName) -> Result<Response<Body>, Refusal> {
    let permit = credential::permit_send(call, blob.signed()).await?;
    let conditions = conditions::read(&call.parts.headers)?;
    let metadata = metadata::read(&call.parts.headers)?;
    let written = checkpoints(call)
        .set_metadata(&permit, &blob.container, &blob.name, metadata, &conditions)
        .await?;
    Ok(wrote(StatusCode::OK, written))
}

pub(super) async fn delete(call: &Call<'_>, blob: &BlobName) -> Result<Response<Body>, Refusal> {
    let permit = credential::permit_send(call, blob.signed()).await?;
    if call.header("x-ms-delete-snapshots") == Some("only") {
        return Err(Refusal::not_implemented("there are no snapshots"));
    }
    let conditions = conditions::read(&call.parts.headers)?;
    checkpoints(call)
        .delete_blob(&permit, &blob.container, &blob.name, &conditions)
        .await?;
    Ok(empty(StatusCode::ACCEPTED))
}

/// The body, or the part of it that is asked for, with the properties.
pub(super) async fn get(call: &Call<'_>, blob: &BlobName) -> Result<Response<Body>, Refusal> {
    let found = find(call, blob).await?;
    let whole = &found.content.body;
    let asked = range::read(&call.parts.headers, whole.len())?;
    let mut response = match asked {
        None => Response::new(Body::Whole(whole.clone())),
        Some(part) => {
            let (first, last, length) = (part.start, part.end - 1, whole.len());
            let mut response = Response::new(Body::Whole(whole.slice(part)));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            headers::insert(
                &mut response,
                CONTENT_RANGE,
                &format!("bytes {first}-{last}/{length}"),
            );
            response
        }
    };
    add_properties(&mut response, &found);
    Ok(response)
}

/// As [`get`] without a range; the body stays behind, since the method is HEAD.
pub(super) async fn properties(call: &Call<'_>, blob: &BlobName) -> Result<Response<Body>, Refusal> {
    let found = find(call, blob).await?;
    let mut response = Response::new(Body::Whole(found.content.body.clone()));
    add_properties(&mut response, &found);
    Ok(response)
}

pub(super) async fn metadata(call: &Call<'_>, blob: &BlobName) -> Result<Response<Body>, Refusal> {
    let found = find(call, blob).await?;
    let mut response = empty(StatusCode::OK);
    headers::add_tag(&mut response, found.etag, found.last_modified);
    metadata::add(&mut response, &found.content.metadata);
    Ok(response)
}

async fn find(call: &Call<'_>, blob: &BlobName) -> Result<Blob, Refusal> {
    let permit = credential::permit_listen(call, blob.signed()).await?;
    let conditions = conditions::read(&call.parts.headers)?;
    let found = checkpoints(call)
        .blob(&permit, &blob.container, &blob.name)
        .await?;
    conditions::must_allow_reading(conditions, &found)?;
    Ok(found)
}

fn checkpoints<'r>(call: &Call<'r>) -> &'r Checkpoints {
    call.door.broker().checkpoints()
}

/// The answer to a write. That nothing is said to be encrypted is the truth: it is as the disk is.
fn wrote(status: StatusCode, written: Written) -> Response<Body> {
    let mut response = empty(status);
    headers::add_tag(&mut response, written.etag, written.last_modified);
    let encrypted = HeaderName::from_static("x-ms-request-server-encrypted");
    headers::insert(&mut response, encrypted, "false");
    response
}

fn add_properties(response: &mut Response<Body>, blob: &Blob) {
    headers::add_tag(response, blob.etag, blob.last_modified);
    let content_type = blob.content.content_type.as_deref();
    headers::insert(
        response,
        CONTENT_TYPE,
        content_type.unwrap_or(CONTENT_TYPE_DEFAULT),
    );
    response
        .headers_mut()
        .insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let created = headers::http_date(blob.created);
    for (name, value) in [
        ("x-ms-blob-type", "BlockBlob"),
        ("x-ms-creation-time", &created),
        ("x-ms-server-encrypted", "false"),
    ] {
        headers::insert(response, HeaderName::from_static(name), value);
    }
    containers::add_lease(response);
    metadata::add(response, &blob.content.metadata);
}

fn must_be_a_block_blob(headers: &HeaderMap) -> Result<(), Refusal> {
    const NAME: &str = "x-ms-blob-type";
    match headers.get(NAME) {
        Some(kind) if kind == "BlockBlob" => Ok(()),
        Some(kind) if kind == "PageBlob" || kind == "AppendBlob" => Err(Refusal::not_implemented(
            "every blob is a BlockBlob, written whole; there are no page and append blobs",
        )),
        Some(_) => Err(Refusal::invalid_header(NAME, "it must be BlockBlob")),
        None => Err(Refusal::missing_header(NAME, "send `x-ms-blob-type: BlockBlob`")),
    }
}

/// That of the blob goes before that of the request.
fn content_type(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    for name in ["x-ms-blob-content-type", "content-type"] {
        if let Some(value) = headers.get(name) {
            let text = value.to_str().map(str::to_owned);
            let rule = "it must be printable ASCII";
            return text.map(Some).map_err(|_| Refusal::invalid_header(name, rule));
        }
    }
    Ok(None)
}
