//! The SDK's clients, as the environment and the request want them.

use std::{env, sync::Arc};

use azure_core::time::Duration;
use azure_messaging_eventhubs::{
    BufferedProducerClient, CheckpointStore, ConsumerClient, InMemoryCheckpointStore, ProducerClient,
    RetryOptions, builders::BufferedProducerClientBuilder, models::AmqpTransport,
};

use crate::{Failure, request::Request};

pub(crate) async fn producer(request: &Request) -> Result<ProducerClient, Failure> {
    let mut builder = ProducerClient::builder()
        .with_retry_options(retries(request))
        .with_transport(transport());
    if let Some(endpoint) = custom_endpoint() {
        builder = builder.with_custom_endpoint(endpoint);
    }
    Ok(builder
        .open_with_connection_string(&connection(request)?, Some(&hub(request)?))
        .await?)
}

pub(crate) async fn consumer(request: &Request) -> Result<ConsumerClient, Failure> {
    let mut builder = ConsumerClient::builder()
        .with_retry_options(retries(request))
        .with_transport(transport());
    if let Some(endpoint) = custom_endpoint() {
        builder = builder.with_custom_endpoint(endpoint);
    }
    if let Some(group) = &request.consumer_group {
        builder = builder.with_consumer_group(group.clone());
    }
    Ok(builder
        .open_with_connection_string(&connection(request)?, Some(&hub(request)?))
        .await?)
}

/// Opens a buffered producer with these handlers.
pub(crate) async fn buffered(
    request: &Request,
    handlers: BufferedProducerClientBuilder,
) -> Result<BufferedProducerClient, Failure> {
    let mut builder = handlers.with_retry_options(retries(request));
    if let Some(endpoint) = custom_endpoint() {
        builder = builder.with_custom_endpoint(endpoint);
    }
    Ok(builder
        .open_with_connection_string(&connection(request)?, Some(&hub(request)?))
        .await?)
}

/// The SDK's own, in memory: its store in blobs is for an older release.
pub(crate) fn checkpoint_store() -> Result<Arc<dyn CheckpointStore + Send + Sync>, Failure> {
    Ok(Arc::new(InMemoryCheckpointStore::new()))
}

pub(crate) fn transport() -> AmqpTransport {
    match env::var("EVENT_HUB_TRANSPORT").as_deref() {
        Ok("websocket") => AmqpTransport::WebSocket,
        _ => AmqpTransport::Tcp,
    }
}

/// This SDK knows the scheme `amqps` where the others know `sb`.
fn custom_endpoint() -> Option<String> {
    let endpoint = env::var("EVENT_HUB_CUSTOM_ENDPOINT").ok()?;
    Some(endpoint.replacen("sb://", "amqps://", 1))
}

fn connection(request: &Request) -> Result<String, Failure> {
    setting(&request.connection, "EVENT_HUB_CONNECTION_STR")
}

fn hub(request: &Request) -> Result<String, Failure> {
    setting(&request.hub, "EVENT_HUB_NAME")
}

fn setting(asked: &Option<String>, name: &str) -> Result<String, Failure> {
    match asked {
        Some(value) => Ok(value.clone()),
        None => env::var(name).map_err(|error| format!("{name}: {error}").into()),
    }
}

fn retries(request: &Request) -> RetryOptions {
    RetryOptions {
        initial_delay: Duration::milliseconds(200),
        max_delay: Duration::seconds(1),
        max_total_elapsed: Duration::seconds(60),
        max_retries: request.retries.unwrap_or(3),
    }
}
