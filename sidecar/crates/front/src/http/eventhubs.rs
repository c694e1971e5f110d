//! Event hubs over HTTP: sending, alone or several at once.

mod events;
mod routes;

pub(super) use routes::Route;

use auth::Resource;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response, StatusCode};
use routes::Target;

use crate::amqp::{self, Producer, Rejected};
use crate::http::Call;
use crate::http::body::Body;
use crate::http::error::Refusal;

const XML: HeaderValue = HeaderValue::from_static("application/xml; charset=utf-8");

/// 201 once the events are durable. Every refusal is XML, as Azure's is.
pub(super) async fn answer(call: &mut Call<'_>, route: &Route<'_>) -> Result<Response<Body>, Refusal> {
    send(call, route).await.map_err(Refusal::into_xml)?;
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().insert(CONTENT_TYPE, XML);
    Ok(response)
}

async fn send(call: &mut Call<'_>, route: &Route<'_>) -> Result<(), Refusal> {
    call.require_method(&Method::POST, "POST")?;
    let door = call.door;
    let permit = call.permit_send(&Resource::Hub(&route.path())).await?;
    let hub = door
        .broker()
        .hub(&route.hub)
        .ok_or_else(|| hub_not_found(&route.hub))?;
    let target = match &route.target {
        Target::Hub => amqp::Target::Hub,
        Target::Publisher(name) => amqp::Target::publisher(name.clone().into_owned())
            .map_err(|refusal| Refusal::bad_request(refusal.reason))?,
        Target::Partition(id) => amqp::Target::Partition(amqp::partition(&hub, id).ok_or_else(|| {
            let last = hub.partition_count() - 1;
            Refusal::bad_request(format!(
                "the hub has the partitions 0 to {last}, and none named '{id}'"
            ))
        })?),
    };
    // Held until the events are durable: that is how long the bytes are in memory.
    let (body, _reservation) = call.body.read(door.limits().message, door).await?;
    let (format, message) = events::read(&call.parts.headers, &body)?;
    let limit = door.limits().message;
    if message.len() as u64 > limit.get() {
        return Err(Refusal::too_large(format!(
            "the events take {} bytes as a message; at most {limit} are allowed",
            message.len()
        )));
    }
    let appended = Producer::new(permit, hub, target).append(format, &message);
    match appended {
        Ok(Some(appended)) => {
            appended.durable().await;
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(Rejected::Refused(refusal)) => Err(Refusal::bad_request(refusal.reason)),
        Err(Rejected::Append(broker::AppendError::Refused(broker::Error::NotFound))) => {
            Err(hub_not_found(&route.hub))
        }
        Err(Rejected::Append(broker::AppendError::Refused(broker::Error::Full { reason }))) => {
            let fix = "Shorten the hub's messageRetention, or enlarge the Namespace's storage";
            Err(Refusal::full(&reason, fix))
        }
        Err(Rejected::Append(broker::AppendError::Refused(error))) => Err(Refusal::from(error)),
        // Over HTTP nobody is an idempotent producer.
        Err(Rejected::Append(_)) => Err(Refusal::internal()),
    }
}

fn hub_not_found(hub: &str) -> Refusal {
    Refusal::not_found(format!("The event hub '{hub}' is not found"))
}
