//! The producers, and what they can tell of a hub.

use std::time::Duration;

use azure_messaging_eventhubs::{
    BufferedProducerClient, EnqueueEventOptions, EventDataBatchOptions, ProducerClient, SendEventOptions,
    models::{AmqpTransport, EventData},
};
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{
    Failure, Input, Outcome,
    clients::{self, buffered, producer},
    line::{self, say},
    request::Request,
};

/// How long a send of a stream may take.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) async fn properties(request: &Request) -> Result<Outcome, Failure> {
    let client = producer(request).await?;
    let ids = match &request.partition_id {
        Some(id) => vec![id.clone()],
        None => {
            let hub = client.get_eventhub_properties().await?;
            let created_at = hub.created_on.map(line::milliseconds);
            let ids = hub.partition_ids;
            say(
                "hub",
                json!({ "name": hub.name, "created_at": created_at, "partition_ids": ids }),
            );
            ids
        }
    };
    for id in ids {
        line::partition(&client.get_partition_properties(&id).await?);
    }
    client.close().await?;
    Ok(Outcome::Done)
}

pub(crate) async fn send(request: &Request) -> Result<Outcome, Failure> {
    let events = request.events()?;
    match request.mode.as_str() {
        "single" => single(request, events).await,
        "batch" => batch(request, events).await,
        "buffered" => buffer(request, events).await,
        _ => Ok(Outcome::Unsupported(
            "this SDK sends events and batches, no lists",
        )),
    }
}

async fn single(request: &Request, events: Vec<EventData>) -> Result<Outcome, Failure> {
    if request.partition_key.is_some() {
        return Ok(Outcome::Unsupported(
            "this SDK puts a partition key on batches only",
        ));
    }
    let client = producer(request).await?;
    for event in events {
        let options = SendEventOptions {
            partition_id: request.partition_id.clone(),
        };
        client.send_event(event, Some(options)).await?;
        say("sent", json!({ "events": 1 }));
    }
    client.close().await?;
    Ok(Outcome::Done)
}

async fn batch(request: &Request, events: Vec<EventData>) -> Result<Outcome, Failure> {
    let client = producer(request).await?;
    let count = events.len();
    send_batch(&client, events, &request.partition_id, &request.partition_key).await?;
    say("sent", json!({ "events": count }));
    client.close().await?;
    Ok(Outcome::Done)
}

pub(crate) async fn send_batch(
    client: &ProducerClient,
    events: Vec<EventData>,
    partition_id: &Option<String>,
    partition_key: &Option<String>,
) -> Result<(), Failure> {
    let options = EventDataBatchOptions {
        partition_id: partition_id.clone(),
        partition_key: partition_key.clone(),
        ..EventDataBatchOptions::default()
    };
    let batch = client.create_batch(Some(options)).await?;
    for event in events {
        if !batch.try_add_event_data(event, None)? {
            return Err("the event does not fit".into());
        }
    }
    Ok(client.send_batch(batch, None).await?)
}

async fn buffer(request: &Request, events: Vec<EventData>) -> Result<Outcome, Failure> {
    if clients::transport() == AmqpTransport::WebSocket {
        return Ok(Outcome::Unsupported(
            "this SDK's buffered producer has no WebSocket",
        ));
    }
    let (report, mut errors) = mpsc::unbounded_channel();
    let handlers = BufferedProducerClient::builder()
        .with_on_send_succeeded(async |sent| {
            say(
                "sent",
                json!({ "events": sent.events.len(), "partition_id": sent.partition_id }),
            );
        })
        .with_on_send_failed(move |failed| {
            let _ = report.send(failed.error);
            async {}
        });
    let client = buffered(request, handlers).await?;
    for event in events {
        let options = EnqueueEventOptions {
            partition_id: request.partition_id.clone(),
            partition_key: request.partition_key.clone(),
        };
        client.enqueue_event(event, Some(options)).await?;
    }
    client.flush().await?;
    client.close().await?;
    match errors.try_recv() {
        Ok(error) => Err(error.into()),
        Err(_) => Ok(Outcome::Done),
    }
}

/// Sends an event after the other until a line comes in, whatever happens to the broker. A send that is under way when
/// the connection breaks would never end by itself.
pub(crate) async fn stream(request: &Request, input: &Input) -> Result<Outcome, Failure> {
    let client = producer(request).await?;
    let sending = async {
        for number in 0_u64.. {
            let body = format!("{}{number}", request.prefix);
            let send = send_batch(&client, vec![body.as_str().into()], &request.partition_id, &None);
            match timeout(PATIENCE, send)
                .await
                .unwrap_or_else(|_| Err("the send does not end".into()))
            {
                Ok(()) => say("acknowledged", body),
                Err(error) => {
                    say(
                        "failed",
                        json!({ "body": body, "error": line::failure(error.as_ref()) }),
                    );
                }
            }
            sleep(request.pause()).await;
        }
    };
    let mut input = input.lock().await;
    tokio::select! {
        () = sending => {}
        _ = input.next_line() => {}
    }
    Ok(Outcome::Done)
}
