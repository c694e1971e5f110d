//! Whether KEDA's scaler for event hubs finds how far a consumer group is: its own code, on what an SDK's checkpoint store
//! has written.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use e2e::{
    Weft,
    blobs::Positions,
    eventhubs::{Client, Door, Line, Mode, NewEvent, Request, Sdk, keda},
    manifests::Manifests,
};
use serde::Deserialize;

use crate::{requests, table::Row};

const SDK: Sdk = Sdk::PythonNewest;
const HUB: &str = "telemetry";
const GROUP: &str = "dashboards";
const CONTAINER: &str = "progress";
const PARTITIONS: u32 = 4;
/// Events of each partition that come after its checkpoint.
const BEHIND: u32 = 2;
/// How long a processor may take for all checkpoints.
const PATIENCE: Duration = Duration::from_secs(60);
/// A processor that has not spoken of a partition for this long has lost it.
const EXPIRATION: Duration = Duration::from_secs(30);

/// What KEDA knows of a partition; from the difference it tells how many programs are needed.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Progress {
    partition_id: String,
    /// Of the checkpoint.
    sequence_number: i64,
    last_enqueued_sequence_number: i64,
}

pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    let manifests = Manifests::new(requests::SIZE).hub(HUB, PARTITIONS, &[GROUP]);
    let weft = Weft::start(manifests.yaml())?;
    let mut producer = Client::start(&weft, SDK, Door::Plain, HUB)?;
    // A number of their own each, so that none is taken for another.
    for partition in 0..PARTITIONS {
        send(&mut producer, partition, partition + 1)?;
    }
    store_checkpoints(&weft)?;
    for partition in 0..PARTITIONS {
        send(&mut producer, partition, BEHIND)?;
    }
    let (read, expected) = (ask_keda(&weft)?, expected());
    ensure!(read == expected, "KEDA read {read:?} and not {expected:?}");
    Ok(vec![Row {
        what: "KEDA's scaler reads our checkpoints".to_owned(),
        measured: format!("{} of {PARTITIONS} partitions", read.len()),
        against: format!(
            "the numbers that {} stored; strategy `blobMetadata`",
            SDK.title()?
        ),
        ..Row::default()
    }])
}

fn send(producer: &mut Client, partition: u32, count: u32) -> anyhow::Result<()> {
    let events = (0..count).map(|number| NewEvent::text(&number.to_string()));
    let request = Request::send(Mode::Batch, events.collect()).to_partition(&partition.to_string());
    producer.run(&request)?.ok()?;
    Ok(())
}

/// A processor takes all that was sent so far.
fn store_checkpoints(weft: &Weft) -> anyhow::Result<()> {
    let newest: Positions = expected()
        .into_iter()
        .map(|of| (of.partition_id, of.sequence_number))
        .collect();
    let mut processor = Client::with_checkpoints(weft, SDK, HUB, CONTAINER)?;
    processor.begin(&Request::stream_process(GROUP, EXPIRATION))?;
    let deadline = Instant::now() + PATIENCE;
    let mut stored = Positions::new();
    while stored != newest {
        let line = processor.line(deadline)?;
        match line.with_context(|| format!("only these were stored in time: {stored:?}"))? {
            Line::Checkpoint {
                partition_id,
                sequence_number,
            } => {
                stored.insert(partition_id, sequence_number);
            }
            Line::Trouble(failure) => bail!("the processor has trouble: {failure:?}"),
            _ => {}
        }
    }
    Ok(())
}

/// Of a hub that was empty before.
fn expected() -> Vec<Progress> {
    let expected = (0..PARTITIONS).map(|partition| Progress {
        partition_id: partition.to_string(),
        sequence_number: partition.into(),
        last_enqueued_sequence_number: (partition + BEHIND).into(),
    });
    expected.collect()
}

fn ask_keda(weft: &Weft) -> anyhow::Result<Vec<Progress>> {
    let output = keda(weft, HUB, CONTAINER, GROUP)?
        .output()
        .context("run KEDA's code")?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "KEDA's code failed: {complaints}");
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).context("read what KEDA's code printed"))
        .collect()
}
