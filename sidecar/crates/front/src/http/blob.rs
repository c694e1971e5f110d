//! What a checkpoint store asks of a storage account: containers, and small blobs with metadata, in the words of Azure
//! Blob Storage. On the blob door containers are at the root; the other HTTP doors have them below `/checkpoints`.
//!
//! | request | answer | right |
//! |---|---|---|
//! | `GET /?comp=list` | 200, the containers | Listen |
//! | `PUT /{container}?restype=container` | 201; 409 if it was created or used before | Send |
//! | `GET`, `HEAD /{container}?restype=container` | 200, its properties | Listen |
//! | `DELETE /{container}?restype=container` | 202 | Manage |
//! | `GET /{container}?restype=container&comp=list` | 200, its blobs | Listen |
//! | `PUT /{container}/{blob}` | 201 | Send |
//! | `GET`, `HEAD /{container}/{blob}` | 200, 206, 304 | Listen |
//! | `PUT /{container}/{blob}?comp=metadata` | 200 | Send |
//! | `GET`, `HEAD /{container}/{blob}?comp=metadata` | 200, its metadata | Listen |
//! | `DELETE /{container}/{blob}` | 202 | Send |
//!
//! Every path may have the account's name, which is the Namespace's, before the container.

mod address;
mod blobs;
mod conditions;
mod containers;
mod credential;
mod error;
mod headers;
mod list;
mod metadata;
mod query;
mod range;
mod route;
mod xml;

pub(super) use address::Mount;

use address::Address;
use bytes::Bytes;
use error::Refusal;
use http::{Response, StatusCode};
use query::Query;
use route::Route;

use crate::http::Call;
use crate::http::body::Body;
use crate::operation::Operation;

/// Answers in the service's own words, also where the answer is no.
pub(super) async fn answer(call: &mut Call<'_>, mount: Mount) -> (Operation, Response<Body>) {
    let mut operation = Operation::Unknown;
    let outcome = serve(call, mount, &mut operation).await;
    let mut response = outcome.unwrap_or_else(|refusal| {
        if refusal.status() == StatusCode::INTERNAL_SERVER_ERROR {
            let tracking_id = call.tracking_id;
            tracing::error!(%tracking_id, operation = operation.name(), "request failed inside the broker");
        }
        refusal.into_response(call)
    });
    headers::add_version(&mut response, call);
    (operation, response)
}

async fn serve(
    call: &mut Call<'_>,
    mount: Mount,
    operation: &mut Operation,
) -> Result<Response<Body>, Refusal> {
    let query = Query::parse(call.query())?;
    let address = Address::parse(mount, call.parts.uri.path(), call.door.namespace())?;
    let route = Route::find(&call.parts.method, &address, &query)?;
    *operation = route.operation();
    headers::must_be_supported(&call.parts.headers)?;
    match route {
        Route::ListContainers => containers::list(call, &address, &query).await,
        Route::CreateContainer(container) => containers::create(call, container).await,
        Route::ContainerProperties(container) => containers::properties(call, container).await,
        Route::DeleteContainer(container) => containers::delete(call, container).await,
        Route::ListBlobs(container) => list::answer(call, &address, container, &query).await,
        Route::Put(blob) => blobs::put(call, blob).await,
        Route::Get(blob) => blobs::get(call, blob).await,
        Route::Properties(blob) => blobs::properties(call, blob).await,
        Route::SetMetadata(blob) => blobs::set_metadata(call, blob).await,
        Route::Metadata(blob) => blobs::metadata(call, blob).await,
        Route::Delete(blob) => blobs::delete(call, blob).await,
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = status;
    response
}
