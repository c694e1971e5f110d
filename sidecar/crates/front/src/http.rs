//! HTTP: from a request to an answer, whatever the API family.

mod admin;
mod blob;
mod body;
mod credential;
mod error;
mod eventgrid;
mod eventhubs;
mod in_flight;
mod path;
mod permits;
mod token;
mod tracking_id;
mod web_socket;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use auth::Authorizer;
use broker::Broker;
use http::header::{CONNECTION, CONTENT_TYPE, EXPECT};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use model::Timestamp;
use prometheus_client::metrics::gauge::Gauge;
use runtime::Clock;
use tokio::sync::Semaphore;

use crate::amqp;
use crate::identity;
use crate::limits::Limits;
use crate::listener::Protocol;
use crate::metrics::Metrics;
use crate::operation::Operation;
use crate::phase::{Busy, Phase};
use body::{Body, RequestBody};
use error::Refusal;
use in_flight::InFlight;
pub(crate) use in_flight::Reservation;
pub(crate) use path::percent_decode;
pub(crate) use tracking_id::TrackingId;
use tracking_id::TrackingIds;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

/// A longer one is the client's mistake and is not sent back.
const CLIENT_REQUEST_ID_BYTES: usize = 256;

/// What stands behind every listener of a Namespace: its broker, its keys and its limits. Cheap to clone.
///
/// One door may be opened on several listeners, with and without TLS; its limits hold for all of them together.
#[derive(Clone)]
pub struct Door(Arc<Shared>);

struct Shared {
    broker: Broker,
    authorizer: Authorizer,
    clock: Clock,
    limits: Limits,
    /// Its storage account is called so, too.
    namespace: String,
    metrics: Arc<Metrics>,
    amqp: amqp::Shared,
    identity: identity::Metrics,
    connections: AtomicUsize,
    bodies: InFlight,
    answers: InFlight,
    tails: Arc<Semaphore>,
    tracking_ids: TrackingIds,
}

impl Door {
    /// A door to `broker` for callers that `authorizer` lets pass. `namespace` is the Namespace's name, which is also that
    /// of the storage account that checkpoint stores see. Nothing listens until [`Door::open`].
    pub fn new(
        broker: Broker,
        authorizer: Authorizer,
        clock: Clock,
        limits: Limits,
        registry: &runtime::metrics::Registry,
        namespace: &str,
    ) -> Self {
        let metrics = Arc::new(Metrics::register(registry));
        Self(Arc::new(Shared {
            broker,
            authorizer,
            clock,
            namespace: namespace.to_owned(),
            connections: AtomicUsize::new(0),
            bodies: InFlight::new(limits.in_flight_bodies, metrics.in_flight_bodies.clone()),
            answers: InFlight::new(limits.in_flight_answers, metrics.in_flight_answers.clone()),
            metrics,
            amqp: amqp::Shared::new(registry),
            identity: identity::Metrics::register(registry),
            tails: Arc::new(Semaphore::new(limits.tails)),
            tracking_ids: TrackingIds::new(),
            limits,
        }))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    pub(crate) fn broker(&self) -> &Broker {
        &self.0.broker
    }

    pub(crate) fn authorizer(&self) -> &Authorizer {
        &self.0.authorizer
    }

    fn namespace(&self) -> &str {
        &self.0.namespace
    }

    pub(crate) fn bodies(&self) -> &InFlight {
        &self.0.bodies
    }

    fn answers(&self) -> &InFlight {
        &self.0.answers
    }

    fn tails(&self) -> &Arc<Semaphore> {
        &self.0.tails
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn amqp(&self) -> &amqp::Shared {
        &self.0.amqp
    }

    pub(crate) fn identity(&self) -> &identity::Metrics {
        &self.0.identity
    }

    pub(crate) fn monotonic(&self) -> Instant {
        self.0.clock.monotonic()
    }

    pub(crate) fn tracking_id(&self) -> TrackingId {
        self.0.tracking_ids.next()
    }

    /// Room for one more connection, or None.
    pub(crate) fn admit(&self, protocol: Protocol) -> Option<Admission> {
        let metrics = match protocol {
            Protocol::Http | Protocol::Blob => &self.0.metrics.connections,
            Protocol::Amqp => &self.0.amqp.metrics.connections,
        };
        if self.0.connections.fetch_add(1, Relaxed) >= self.0.limits.connections {
            self.0.connections.fetch_sub(1, Relaxed);
            metrics.refused.inc();
            return None;
        }
        metrics.open.inc();
        metrics.accepted.inc();
        let open = metrics.open.clone();
        Some(Admission {
            door: self.clone(),
            open,
        })
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        protocol: Protocol,
        busy: Busy,
    ) -> Result<Response<Body>, Infallible> {
        let started = self.0.clock.monotonic();
        let tracking_id = self.0.tracking_ids.next();
        let (parts, incoming) = request.into_parts();
        let mut call = Call {
            door: self,
            parts: &parts,
            body: RequestBody::new(incoming),
            busy: Some(busy),
            protocol,
            tracking_id,
        };
        let (operation, outcome) = call.dispatch().await;
        let mut response = match outcome {
            Ok(response) => response,
            Err(refusal) => self.refuse(refusal, operation, tracking_id),
        };
        call.finish(&mut response).await;
        add_request_ids(&mut response, &parts, tracking_id);
        let took = self.0.clock.monotonic().saturating_duration_since(started);
        self.0.metrics.on_answer(operation, response.status(), took);
        tracing::debug!(
            %tracking_id,
            operation = operation.name(),
            // The query is left out on purpose: it may hold a key.
            path = parts.uri.path(),
            status = response.status().as_u16(),
            ?took,
            "answered"
        );
        Ok(response)
    }

    fn refuse(&self, refusal: Refusal, operation: Operation, tracking_id: TrackingId) -> Response<Body> {
        if refusal.status() == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%tracking_id, operation = operation.name(), "request failed inside the broker");
        }
        refusal.into_response(tracking_id, self.now())
    }
}

/// One of the connections that a door allows.
pub(crate) struct Admission {
    door: Door,
    open: Gauge,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.door.0.connections.fetch_sub(1, Relaxed);
        self.open.dec();
    }
}

/// A request on its way through the door.
struct Call<'r> {
    door: &'r Door,
    parts: &'r Parts,
    body: RequestBody,
    /// Some until a streamed answer takes it along.
    busy: Option<Busy>,
    protocol: Protocol,
    tracking_id: TrackingId,
}

impl Call<'_> {
    async fn dispatch(&mut self) -> (Operation, Result<Response<Body>, Refusal>) {
        let uri = &self.parts.uri;
        let limit = self.door.limits().target;
        let length = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
        if length as u64 > limit.get() {
            return (Operation::Unknown, Err(Refusal::target_too_long(limit)));
        }
        if let Some(mount) = blob::Mount::of(self.protocol, uri.path()) {
            let (operation, response) = Box::pin(blob::answer(self, mount)).await;
            return (operation, Ok(response));
        }
        if let Some(route) = eventgrid::Route::parse(uri.path()) {
            return (route.operation(), eventgrid::answer(self, &route).await);
        }
        if let Some(route) = admin::Route::parse(uri.path()) {
            // On the heap, so that the common requests do not carry its weight.
            return (route.operation(), Box::pin(admin::answer(self, &route)).await);
        }
        if let Some(route) = eventhubs::Route::parse(uri.path()) {
            return (route.operation(), Box::pin(eventhubs::answer(self, &route)).await);
        }
        if let Some(route) = token::Route::parse(uri.path()) {
            return (route.operation(), Box::pin(token::answer(self, route)).await);
        }
        if web_socket::is_route(uri.path()) {
            return (Operation::WebSocket, web_socket::answer(self));
        }
        (Operation::Unknown, Err(Refusal::no_route()))
    }

    /// An answer that leaves before the request was read to its end is the connection's last.
    async fn finish(&mut self, response: &mut Response<Body>) {
        self.body.discard(self.parts.headers.contains_key(EXPECT)).await;
        if !self.body.has_ended()
            && let Some(phase) = self.phase()
        {
            phase.linger();
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    fn require_method(&self, method: &http::Method, allow: &'static str) -> Result<(), Refusal> {
        if self.parts.method == method {
            Ok(())
        } else {
            Err(Refusal::method_not_allowed(allow))
        }
    }

    fn query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn phase(&self) -> Option<&Phase> {
        self.busy.as_ref().map(|busy| &**busy.phase())
    }
}

/// 200 with a JSON document.
fn json(document: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::Whole(document.into()));
    response.headers_mut().insert(CONTENT_TYPE, error::JSON);
    response
}

fn add_request_ids(response: &mut Response<Body>, parts: &Parts, tracking_id: TrackingId) {
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, tracking_id.header_value());
    if let Some(id) = parts.headers.get(CLIENT_REQUEST_ID)
        && id.len() <= CLIENT_REQUEST_ID_BYTES
    {
        headers.insert(CLIENT_REQUEST_ID, id.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<'d, F>(_: impl Fn(&'d Door, Request<Incoming>, Protocol, Busy) -> F) -> usize {
        size_of::<F>()
    }

    /// hyper keeps room for it in every connection, idle or not.
    #[test]
    fn a_request_takes_little_room_in_its_connection() {
        let bytes = size_of_future(Door::answer);
        assert!(bytes <= 4_096, "{bytes} bytes");
    }
}
