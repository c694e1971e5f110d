//! The data plane of an Event Grid namespace: publish, receive and settle.
//!
//! Order of checks: route and method, credential (401, 403, 503), topic and event subscription (404), parameters and
//! body (400, 413, 415). Azure does the same, and its SDKs rely on 404 before 400.

mod api_version;
mod publish;
mod receive;
mod routes;
mod settle;

pub(super) use routes::Route;

use auth::{Listen, Permit, Resource};
use broker::Subscription;
use http::{Method, Response};

use crate::http::Call;
use crate::http::body::Body;
use crate::http::error::Refusal;
use routes::Action;

pub(super) async fn answer(call: &mut Call<'_>, route: &Route<'_>) -> Result<Response<Body>, Refusal> {
    call.require_method(&Method::POST, "POST")?;
    match route {
        Route::Publish { topic } => publish::answer(call, topic).await,
        Route::Subscription {
            topic,
            subscription,
            action,
        } => {
            let (permit, target) = open(call, topic, subscription).await?;
            let target = Target {
                topic,
                name: subscription,
                subscription: target,
                permit,
            };
            match action {
                Action::Receive => receive::answer(call, &target).await,
                Action::Settle(settle) => settle::answer(call, &target, *settle).await,
            }
        }
    }
}

/// The event subscription that a request names, and the proof that the caller may use it.
struct Target<'r> {
    topic: &'r str,
    name: &'r str,
    subscription: Subscription,
    permit: Permit<Listen>,
}

impl Target<'_> {
    /// An error of the broker; it does not know by which names it was called.
    fn refuse(&self, error: broker::Error) -> Refusal {
        match error {
            broker::Error::NotFound => Refusal::subscription_not_found(self.topic, self.name),
            other => Refusal::from(other),
        }
    }
}

async fn open(
    call: &Call<'_>,
    topic: &str,
    subscription: &str,
) -> Result<(Permit<Listen>, Subscription), Refusal> {
    let resource = Resource::subscription(topic, subscription);
    let permit = call.permit_listen(&resource).await?;
    let found = call
        .door
        .broker()
        .topic(topic)
        .ok_or_else(|| Refusal::topic_not_found(topic))?;
    let found = found
        .subscription(subscription)
        .ok_or_else(|| Refusal::subscription_not_found(topic, subscription))?;
    Ok((permit, found))
}
