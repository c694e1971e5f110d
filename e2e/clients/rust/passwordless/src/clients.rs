//! The SDK's clients, with a token: this SDK reads no variable unless a credential is asked for by name.

use std::{env, sync::Arc};

use azure_core::{credentials::TokenCredential, http::Url, time::Duration};
use azure_identity::WorkloadIdentityCredential;
use azure_messaging_eventhubs::{CheckpointStore, ConsumerClient, ProducerClient, RetryOptions};
use azure_messaging_eventhubs_checkpointstore_blob::BlobCheckpointStore;
use azure_storage_blob::BlobServiceClient;

use crate::{Failure, request::Request};

pub(crate) async fn producer(request: &Request) -> Result<ProducerClient, Failure> {
    let builder = ProducerClient::builder().with_retry_options(retries(request));
    let (namespace, hub) = (variable("EVENT_HUB_FULLY_QUALIFIED_NAMESPACE")?, hub(request)?);
    Ok(builder.open(&namespace, &hub, credential()?).await?)
}

pub(crate) async fn consumer(request: &Request) -> Result<ConsumerClient, Failure> {
    let mut builder = ConsumerClient::builder().with_retry_options(retries(request));
    if let Some(group) = &request.consumer_group {
        builder = builder.with_consumer_group(group.clone());
    }
    let (namespace, hub) = (variable("EVENT_HUB_FULLY_QUALIFIED_NAMESPACE")?, hub(request)?);
    Ok(builder.open(&namespace, hub, credential()?).await?)
}

/// Checkpoints in the container that the environment names.
pub(crate) fn checkpoint_store() -> Result<Arc<dyn CheckpointStore + Send + Sync>, Failure> {
    let account = Url::parse(&variable("BLOB_STORAGE_ACCOUNT_URL")?)?;
    let service = BlobServiceClient::new(account, Some(credential()?), None)?;
    let container = service.blob_container_client(&variable("BLOB_CONTAINER_NAME")?);
    Ok(BlobCheckpointStore::new(container))
}

fn credential() -> Result<Arc<dyn TokenCredential>, Failure> {
    Ok(WorkloadIdentityCredential::new(None)?)
}

fn hub(request: &Request) -> Result<String, Failure> {
    match &request.hub {
        Some(name) => Ok(name.clone()),
        None => variable("EVENT_HUB_NAME"),
    }
}

fn variable(name: &str) -> Result<String, Failure> {
    env::var(name).map_err(|error| format!("{name}: {error}").into())
}

fn retries(request: &Request) -> RetryOptions {
    RetryOptions {
        initial_delay: Duration::milliseconds(200),
        max_delay: Duration::seconds(1),
        max_total_elapsed: Duration::seconds(60),
        max_retries: request.retries.unwrap_or(3),
    }
}
