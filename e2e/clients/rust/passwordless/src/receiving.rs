//! A receiver of one partition.

use std::pin::pin;

use azure_messaging_eventhubs::OpenReceiverOptions;
use futures::StreamExt;
use tokio::time::timeout;

use crate::{Failure, Outcome, clients::consumer, line, request::Request};

/// Until there are enough events, or none comes in time.
pub(crate) async fn receive(request: &Request) -> Result<Outcome, Failure> {
    let client = consumer(request).await?;
    let options = OpenReceiverOptions {
        start_position: Some(request.position()?),
        ..OpenReceiverOptions::default()
    };
    let receiver = client
        .open_receiver_on_partition(request.partition()?, Some(options))
        .await?;
    let mut events = pin!(receiver.stream_events());
    for _ in 0..request.count {
        let Ok(Some(event)) = timeout(request.timeout(), events.next()).await else {
            break;
        };
        line::event(receiver.partition_id(), &event?, None);
    }
    Ok(Outcome::Done)
}
