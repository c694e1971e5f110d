//! The processor.

use std::sync::Arc;

use azure_core::time::Duration;
use azure_messaging_eventhubs::{
    CheckpointStore, EventProcessor, StartLocation, StartPosition, models::StartPositions,
    processor::PartitionClient,
};
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::{
    Failure, Outcome,
    clients::{checkpoint_store, consumer, producer},
    line,
    producing::send_batch,
    request::Request,
};

/// A second processor goes on where the first one left a checkpoint.
pub(crate) async fn processor(request: &Request) -> Result<Outcome, Failure> {
    let store = checkpoint_store()?;
    process(request, &store, 1, request.count).await?;
    let client = producer(request).await?;
    for event in request.events()? {
        send_batch(&client, vec![event], &None, &None).await?;
    }
    client.close().await?;
    process(request, &store, 2, request.events.len()).await?;
    Ok(Outcome::Done)
}

async fn process(
    request: &Request,
    store: &Arc<dyn CheckpointStore + Send + Sync>,
    round: u32,
    count: usize,
) -> Result<(), Failure> {
    let earliest = StartPosition {
        location: StartLocation::Earliest,
        inclusive: false,
    };
    let processor = EventProcessor::builder()
        .with_update_interval(Duration::seconds(1))
        .with_partition_expiration_duration(Duration::seconds(4))
        .with_start_positions(StartPositions {
            default: earliest,
            ..StartPositions::default()
        })
        .build(consumer(request).await?, store.clone())
        .await?;
    let balancing = balance(processor.clone());
    let (report, mut reported) = mpsc::channel(1);
    let taking = async {
        for _ in 0..count {
            match timeout(request.timeout(), reported.recv()).await {
                Ok(Some(taken)) => taken?,
                _ => {
                    return Err(Failure::from(format!(
                        "fewer than {count} events in round {round}"
                    )));
                }
            }
        }
        Ok(())
    };
    tokio::select! {
        taken = taking => taken?,
        () = dispatch(&processor, round, report) => return Err("the processor has no more partitions".into()),
    }
    processor.shutdown().await?;
    balancing.abort();
    Ok(())
}

fn balance(processor: Arc<EventProcessor>) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = processor.run().await {
            eprintln!("the processor ended: {error}");
        }
    })
}

/// Takes the events of every partition that the processor is given. All in one task, since the SDK's streams cannot move
/// between threads.
async fn dispatch(processor: &EventProcessor, round: u32, report: mpsc::Sender<Result<(), Failure>>) {
    let mut pumps = FuturesUnordered::new();
    loop {
        tokio::select! {
            partition = processor.next_partition_client() => match partition {
                Ok(partition) => pumps.push(pump(partition, round, report.clone())),
                Err(_) => return,
            },
            Some(()) = pumps.next() => {}
        }
    }
}

async fn pump(partition: Arc<PartitionClient>, round: u32, report: mpsc::Sender<Result<(), Failure>>) {
    let mut events = partition.stream_events();
    while let Some(event) = events.next().await {
        let taken = match event {
            Ok(event) => {
                // Room first: what the round does not want must not be told, nor get a checkpoint.
                let Ok(room) = report.reserve().await else { return };
                line::event(partition.get_partition_id(), &event, Some(round));
                room.send(partition.update_checkpoint(&event).await.map_err(Failure::from));
                continue;
            }
            Err(error) => Err(error.into()),
        };
        if report.send(taken).await.is_err() {
            return;
        }
    }
}
