//! Requests and answers.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::{Value, json};

use super::store::merge;
use super::{Request, Shared};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What is asked for.
struct Target {
    resource: String,
    name: Option<String>,
    /// `metadata.name` of the field selector.
    selected: Option<String>,
    is_watch: bool,
    version: usize,
}

pub(super) async fn respond(shared: &Arc<Shared>, request: http::Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    shared.requests.lock().push(Request {
        method: head.method.to_string(),
        target: head.uri.to_string(),
    });
    if let Some(status) = *shared.failing.lock() {
        return failure(status, "the server is made to fail");
    }
    let Some(target) = Target::parse(&head.uri) else {
        return failure(404, "the server could not find the requested resource");
    };
    match (&head.method, &target.name) {
        (&Method::GET, None) if target.is_watch => watch(shared.clone(), target),
        (&Method::GET, None) => list(shared, &target),
        (&Method::GET, Some(name)) => match shared.store.lock().get(&target.resource, name) {
            Some(object) => json_response(200, &object),
            None => failure(404, &format!("{} \"{name}\" not found", target.resource)),
        },
        (&Method::PATCH, Some(name)) => {
            let Ok(body) = body.collect().await else {
                return failure(400, "the body ended early");
            };
            patch(shared, &target.resource, name, &body.to_bytes())
        }
        _ => failure(405, "the server does not allow this method"),
    }
}

impl Target {
    fn parse(uri: &http::Uri) -> Option<Self> {
        let rest = uri.path().strip_prefix("/api/v1/namespaces/")?;
        let mut parts = rest.split('/').skip(1);
        let (resource, name) = (parts.next()?.to_owned(), parts.next().map(str::to_owned));
        let mut target = Self {
            resource,
            name,
            selected: None,
            is_watch: false,
            version: 0,
        };
        for (key, value) in uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
        {
            match key {
                "watch" => target.is_watch = value == "true",
                "resourceVersion" => target.version = value.parse().ok()?,
                "fieldSelector" => {
                    let selector = value.replace("%3D", "=");
                    target.selected = Some(selector.strip_prefix("metadata.name=")?.to_owned());
                }
                _ => {}
            }
        }
        Some(target)
    }
}

fn list(shared: &Shared, target: &Target) -> Response<Body> {
    let store = shared.store.lock();
    let list = json!({
        "apiVersion": "v1", "kind": "List",
        "metadata": {"resourceVersion": store.version().to_string()},
        "items": store.list(&target.resource, target.selected.as_deref()),
    });
    json_response(200, &list)
}

/// Sends events until the server is made to fail.
fn watch(shared: Arc<Shared>, target: Target) -> Response<Body> {
    let events = stream::unfold((shared, target), async |(shared, mut target)| {
        let event = next_event(&shared, &mut target).await?;
        let frame = Frame::data(Bytes::from(format!("{event}\n")));
        Some((Ok::<_, Infallible>(frame), (shared, target)))
    });
    response(200, StreamBody::new(events).boxed_unsync())
}

async fn next_event(shared: &Shared, target: &mut Target) -> Option<Value> {
    loop {
        let mut changed = std::pin::pin!(shared.changed.notified());
        // From here on no change is missed.
        changed.as_mut().enable();
        if shared.failing.lock().is_some() {
            return None;
        }
        let selected = target.selected.as_deref();
        let event = shared
            .store
            .lock()
            .next_event(&target.resource, selected, target.version);
        if let Some((version, event)) = event {
            target.version = version;
            return Some(event);
        }
        changed.await;
    }
}

fn patch(shared: &Shared, resource: &str, name: &str, body: &[u8]) -> Response<Body> {
    let Ok(patch) = serde_json::from_slice::<Value>(body) else {
        return failure(400, "the patch is no JSON");
    };
    let mut store = shared.store.lock();
    let Some(mut object) = store.get(resource, name) else {
        return failure(404, &format!("{resource} \"{name}\" not found"));
    };
    merge(&mut object, patch);
    store.put(resource, object);
    shared.changed.notify_waiters();
    let stored = store.get(resource, name).expect("it was stored just now");
    json_response(200, &stored)
}

fn failure(code: u16, message: &str) -> Response<Body> {
    let status =
        json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message});
    json_response(code, &status)
}

fn json_response(status: u16, value: &Value) -> Response<Body> {
    response(status, Full::new(Bytes::from(value.to_string())).boxed_unsync())
}

fn response(status: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("tests use real statuses");
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}
