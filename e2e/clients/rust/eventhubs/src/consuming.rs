//! Receivers of one partition.

use std::{pin::pin, time::Duration};

use azure_messaging_eventhubs::{
    ConsumerClient, EventHubsError, EventReceiver, OpenReceiverOptions, StartLocation, StartPosition,
    models::ReceivedEventData,
};
use futures::{Stream, StreamExt};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    Failure, Input, Outcome,
    clients::{consumer, producer},
    line::{self, say},
    producing::send_batch,
    request::Request,
};

/// How long a stream waits for an event before it begins anew where it was (if that was at the end, events in between are
/// lost to it).
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn receive(request: &Request) -> Result<Outcome, Failure> {
    if request.track {
        return Ok(Outcome::Unsupported(
            "this SDK does not ask for the last enqueued event",
        ));
    }
    let (stop, stopped) = watch::channel(false);
    let receiving = async {
        let received = receive_some(request).await;
        stop.send_replace(true);
        received
    };
    let (received, trickled) = tokio::join!(receiving, trickle(request, stopped));
    received?;
    trickled?;
    Ok(Outcome::Done)
}

async fn receive_some(request: &Request) -> Result<(), Failure> {
    let Opened { receiver, _client } = open(request, request.position()?, request.owner_level).await?;
    let mut events = pin!(receiver.stream_events());
    for _ in 0..request.count {
        let Some(event) = next(&mut events, request.timeout()).await? else {
            break;
        };
        line::event(receiver.partition_id(), &event, None);
    }
    Ok(())
}

/// Sends an event again and again, because nobody can tell when a consumer stands at the end of its partition.
async fn trickle(request: &Request, stopped: watch::Receiver<bool>) -> Result<(), Failure> {
    let Some(wanted) = &request.trickle else {
        return Ok(());
    };
    let client = producer(request).await?;
    while !*stopped.borrow() {
        send_batch(&client, vec![wanted.event()?], &request.partition_id, &None).await?;
        sleep(Duration::from_millis(300)).await;
    }
    client.close().await?;
    Ok(())
}

/// A receiver with a connection of its own, which lives as long as its client.
struct Opened {
    receiver: EventReceiver,
    _client: ConsumerClient,
}

async fn open(
    request: &Request,
    position: StartPosition,
    owner_level: Option<i64>,
) -> Result<Opened, Failure> {
    let client = consumer(request).await?;
    let options = OpenReceiverOptions {
        owner_level,
        start_position: Some(position),
        ..OpenReceiverOptions::default()
    };
    let receiver = client
        .open_receiver_on_partition(request.partition()?, Some(options))
        .await?;
    Ok(Opened {
        receiver,
        _client: client,
    })
}

/// The next event, or none when none came in time.
async fn next<S>(events: &mut S, patience: Duration) -> Result<Option<ReceivedEventData>, EventHubsError>
where
    S: Stream<Item = Result<ReceivedEventData, EventHubsError>> + Unpin,
{
    match timeout(patience, events.next()).await {
        Ok(event) => event.transpose(),
        Err(_) => Ok(None),
    }
}

/// The next error; events before it do not matter.
async fn error<S>(events: &mut S, patience: Duration) -> Result<EventHubsError, Failure>
where
    S: Stream<Item = Result<ReceivedEventData, EventHubsError>> + Unpin,
{
    loop {
        match next(events, patience).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err("no error came".into()),
            Err(error) => return Ok(error),
        }
    }
}

/// A higher owner level takes the partition over; a lower one and none at all are refused.
pub(crate) async fn epoch(request: &Request) -> Result<Outcome, Failure> {
    let Opened {
        receiver: first,
        _client,
    } = open(request, earliest(), Some(1)).await?;
    let mut at_first = pin!(first.stream_events());
    next(&mut at_first, request.timeout())
        .await?
        .ok_or("the first receiver got nothing")?;

    let Opened {
        receiver: second,
        _client,
    } = open(request, earliest(), Some(2)).await?;
    let mut at_second = pin!(second.stream_events());
    let event = next(&mut at_second, request.timeout())
        .await?
        .ok_or("the second receiver got nothing")?;
    line::event(second.partition_id(), &event, None);
    let disconnected = error(&mut at_first, request.timeout()).await?;
    say("disconnected", line::failure(&disconnected));

    for level in [Some(1), None] {
        say("refused", refusal(request, level).await?);
    }
    Ok(Outcome::Done)
}

async fn refusal(request: &Request, level: Option<i64>) -> Result<serde_json::Value, Failure> {
    let late = match open(request, earliest(), level).await {
        Ok(late) => late,
        Err(error) => return Ok(line::failure(error.as_ref())),
    };
    let mut events = pin!(late.receiver.stream_events());
    Ok(line::failure(&error(&mut events, request.timeout()).await?))
}

fn earliest() -> StartPosition {
    StartPosition {
        location: StartLocation::Earliest,
        inclusive: false,
    }
}

/// Receives until a line comes in. After a reconnection this SDK begins where it began at first, so that events repeat.
pub(crate) async fn stream(request: &Request, input: &Input) -> Result<Outcome, Failure> {
    let mut input = input.lock().await;
    tokio::select! {
        failed = receive_forever(request) => failed?,
        _ = input.next_line() => {}
    }
    Ok(Outcome::Done)
}

async fn receive_forever(request: &Request) -> Result<(), Failure> {
    let mut position = request.position()?;
    loop {
        if let Err(error) = receive_until_error(request, &mut position).await {
            // The SDK has given up; a program would begin anew where it was.
            say("trouble", line::failure(error.as_ref()));
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// An authorization that is under way when the connection breaks would never end by itself, and the stream waits for it.
async fn receive_until_error(request: &Request, position: &mut StartPosition) -> Result<(), Failure> {
    let Opened { receiver, _client } = timeout(PATIENCE, open(request, position.clone(), None)).await??;
    let mut events = pin!(receiver.stream_events());
    while let Some(event) = timeout(PATIENCE, events.next()).await? {
        let event = event?;
        line::event(receiver.partition_id(), &event, None);
        if let Some(number) = event.sequence_number() {
            *position = StartPosition {
                location: StartLocation::SequenceNumber(number),
                inclusive: false,
            };
        }
    }
    Ok(())
}
