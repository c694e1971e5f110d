//! Hubs against a plain reading of the promise: random commands, equal behaviour.

use std::time::Duration;

use auth::Permit;
use broker::*;
use bytes::Bytes;
use model::Timestamp;
use proptest::prelude::*;
use storage::shadow::Survivors;

use super::world::*;

/// A partition is the list of everything that was ever appended to it.
#[derive(Default)]
struct Model {
    partitions: [Vec<Received>; 2],
}

#[derive(Clone, Debug)]
enum Command {
    Append { partition: usize, lengths: Vec<usize> },
    Pass(Duration),
    Restart,
    PowerCut,
    Read { partition: usize, start: Start },
}

#[derive(Clone, Copy, Debug)]
enum Start {
    Earliest,
    Latest,
    /// A share of what there is, and a bit beyond.
    Offset(f64, bool),
    Sequence(f64, bool),
    Time(f64),
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let append = (0..2_usize, proptest::collection::vec(0..2000_usize, 1..30))
        .prop_map(|(partition, lengths)| Command::Append { partition, lengths });
    let start = prop_oneof![
        Just(Start::Earliest),
        Just(Start::Latest),
        (0.0..1.1, any::<bool>()).prop_map(|(share, inclusive)| Start::Offset(share, inclusive)),
        (0.0..1.1, any::<bool>()).prop_map(|(share, inclusive)| Start::Sequence(share, inclusive)),
        (0.0..1.1).prop_map(Start::Time),
    ];
    let read = (0..2_usize, start).prop_map(|(partition, start)| Command::Read { partition, start });
    let command = prop_oneof![
        8 => append,
        3 => (1..40_000_u64).prop_map(|seconds| Command::Pass(Duration::from_secs(seconds))),
        1 => Just(Command::Restart),
        1 => Just(Command::PowerCut),
        6 => read,
    ];
    proptest::collection::vec(command, 1..60)
}

impl Model {
    fn append(&mut self, partition: usize, lengths: &[usize], now: Timestamp) -> Vec<Bytes> {
        let events = &mut self.partitions[partition];
        let mut appended = Vec::new();
        for length in lengths {
            let (sequence, offset) = events.last().map_or((0, 0), |last| {
                (last.sequence + 1, last.offset + last.event.len().max(1) as u64)
            });
            let event = Bytes::from(vec![sequence as u8; *length]);
            appended.push(event.clone());
            events.push(Received {
                sequence,
                offset,
                enqueued_time: now,
                event,
            });
        }
        appended
    }

    fn position(&self, partition: usize, start: Start) -> StartPosition {
        let events = &self.partitions[partition];
        let part = |share: f64, whole: u64| (whole as f64 * share) as u64;
        match start {
            Start::Earliest => StartPosition::Earliest,
            Start::Latest => StartPosition::Latest,
            Start::Offset(share, inclusive) => StartPosition::Offset {
                offset: part(share, events.last().map_or(0, |last| last.offset + 10)),
                inclusive,
            },
            Start::Sequence(share, inclusive) => StartPosition::Sequence {
                sequence: part(share, events.len() as u64),
                inclusive,
            },
            Start::Time(share) => {
                let zero = testkit::time_zero();
                let last = events.last().map_or(zero, |last| last.enqueued_time);
                StartPosition::Time(zero + (last.saturating_sub(zero)).mul_f64(share))
            }
        }
    }

    /// What a reader gets that starts there, if everything was retained; None if there is no such position.
    fn from(&self, partition: usize, start: StartPosition) -> Option<&[Received]> {
        let events = &self.partitions[partition];
        let last = events.last();
        let next_offset = last.map_or(0, |last| last.offset + last.event.len().max(1) as u64);
        let exists = match start {
            StartPosition::Offset {
                offset,
                inclusive: true,
            } => offset <= next_offset,
            StartPosition::Offset { offset, .. } => offset <= last.map_or(0, |last| last.offset),
            StartPosition::Sequence {
                sequence,
                inclusive: true,
            } => sequence <= events.len() as u64,
            StartPosition::Sequence { sequence, .. } => sequence <= last.map_or(0, |last| last.sequence),
            _ => true,
        };
        let first = events.iter().position(|event| match start {
            StartPosition::Earliest => true,
            StartPosition::Latest => false,
            StartPosition::Offset {
                offset,
                inclusive: true,
            } => event.offset >= offset,
            StartPosition::Offset { offset, .. } => event.offset > offset,
            StartPosition::Sequence {
                sequence,
                inclusive: true,
            } => event.sequence >= sequence,
            StartPosition::Sequence { sequence, .. } => event.sequence > sequence,
            StartPosition::Time(time) => event.enqueued_time >= time,
        });
        exists.then(|| &events[first.unwrap_or(events.len())..])
    }
}

async fn run(commands: Vec<Command>) {
    let mut world = World::new().await;
    let mut model = Model::default();
    for command in commands {
        match command {
            Command::Append { partition, lengths } => {
                let events = model.append(partition, &lengths, world.clock.now());
                let appended = world.partition(partition as u32);
                appended
                    .append(&Permit::internal(), &events, None)
                    .expect("there is room");
            }
            Command::Pass(time) => world.pass(time).await,
            Command::Restart => world = world.restart().await,
            Command::PowerCut => world = world.power_cut(Survivors::None).await,
            Command::Read { partition, start } => check(&world, &model, partition, start).await,
        }
    }
    for partition in [0, 1] {
        check(&world, &model, partition, Start::Earliest).await;
    }
}

async fn check(world: &World, model: &Model, partition: usize, start: Start) {
    let start = model.position(partition, start);
    let found = world.partition(partition as u32);
    let Some(expected) = model.from(partition, start) else {
        let refused = found.peek(&Permit::internal(), start, 1).await;
        assert!(refused.is_err(), "{start:?} lies beyond the end");
        return;
    };
    let read = read_from(&found, start).await;
    let missing = expected
        .len()
        .checked_sub(read.len())
        .expect("nothing comes twice");
    assert_eq!(read, expected[missing..], "{start:?}");
    let now = world.clock.now();
    let is_over = |event: &Received| event.enqueued_time + DAY <= now;
    assert!(
        expected[..missing].iter().all(is_over),
        "{start:?}: an event went too early"
    );
    let properties = found.properties();
    assert_eq!(
        properties.last_sequence,
        model.partitions[partition].len() as i64 - 1
    );
    let last = model.partitions[partition].last();
    assert_eq!(properties.last_offset, last.map(|last| last.offset));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_readers_see_what_was_appended_from_where_they_start(commands in commands()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(commands));
    }
}
