//! The producer, and what it can tell of a hub.

use azure_messaging_eventhubs::{EventDataBatchOptions, ProducerClient, models::EventData};
use serde_json::json;

use crate::{
    Failure, Outcome,
    clients::producer,
    line::{self, say},
    request::Request,
};

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
    let client = producer(request).await?;
    let events = request.events()?;
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
