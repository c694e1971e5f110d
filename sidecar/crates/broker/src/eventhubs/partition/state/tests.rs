use storage::Log;
use storage::memory::{self, MemoryLog};

use super::*;
use crate::eventhubs::ages::Ages;

const DAY: Duration = Duration::from_secs(86_400);

/// A partition over a log whose appends are durable at once.
struct Fixture {
    state: State,
    log: std::sync::Arc<MemoryLog>,
    now: Timestamp,
}

impl Fixture {
    fn new(bytes_max: Option<u64>) -> Self {
        let mut state = State::new(End::default());
        state.declare(Rules {
            retention: DAY,
            bytes_max,
        });
        let (log, ..) = memory::log();
        Self {
            state,
            log,
            now: testkit::time_zero(),
        }
    }

    fn append(&mut self, lengths: &[usize]) -> Summary {
        let events: Vec<Bytes> = lengths.iter().map(|length| vec![1; *length].into()).collect();
        let Assignment::Events(assigned) = self.state.assign(&events, None, self.now).unwrap() else {
            panic!("nobody stamped it");
        };
        let commit = self.log.append(storage::Reservation::none(), &[]);
        self.state.appended(&commit, assigned.payload);
        self.state.advance();
        assigned.summary
    }

    fn cursor(&self, start: StartPosition) -> Cursor {
        self.state.cursor(start).unwrap()
    }
}

fn offset(offset: u64, inclusive: bool) -> StartPosition {
    StartPosition::Offset { offset, inclusive }
}

fn sequence(sequence: u64, inclusive: bool) -> StartPosition {
    StartPosition::Sequence { sequence, inclusive }
}

#[test]
fn numbers_have_no_gaps_and_offsets_grow_even_with_empty_events() {
    let mut fixture = Fixture::new(None);
    let first = fixture.append(&[10, 0, 5]);
    assert_eq!((first.first_sequence, first.first_offset), (0, 0));
    assert_eq!((first.last_offset, first.end_offset), (11, 16));
    let second = fixture.append(&[0]);
    assert_eq!((second.first_sequence, second.first_offset), (3, 16));
    let durable = fixture.state.durable();
    assert_eq!(
        (durable.last_sequence(), durable.last.map(|last| last.offset)),
        (3, Some(16))
    );
}

#[test]
fn a_clock_that_goes_back_does_not_turn_the_enqueued_time_back() {
    let mut fixture = Fixture::new(None);
    fixture.now = fixture.now + Duration::from_micros(1_700);
    fixture.append(&[1]);
    let seen = testkit::time_zero() + Duration::from_millis(1);
    fixture.now = testkit::time_zero();
    fixture.append(&[1]);
    assert_eq!(fixture.state.durable().last.unwrap().time, seen);
}

#[test]
fn a_position_that_no_event_has_had_is_refused_with_the_last_one() {
    let mut fixture = Fixture::new(None);
    for nowhere in [sequence(1, false), sequence(1, true)] {
        assert_eq!(
            fixture.state.cursor(nowhere),
            Err(ReceiveError::SequenceBeyondEnd {
                sequence: 1,
                last: -1
            })
        );
    }
    assert_eq!(
        fixture.state.cursor(offset(1, false)),
        Err(ReceiveError::OffsetBeyondEnd {
            offset: 1,
            last: None
        })
    );
    fixture.cursor(sequence(0, false));
    fixture.cursor(offset(0, false));
    fixture.append(&[7, 7]);
    fixture.cursor(sequence(1, false));
    fixture.cursor(sequence(2, true));
    fixture.cursor(offset(7, false));
    fixture.cursor(offset(14, true));
    assert_eq!(
        fixture.state.cursor(sequence(2, false)),
        Err(ReceiveError::SequenceBeyondEnd { sequence: 2, last: 1 })
    );
    assert_eq!(
        fixture.state.cursor(offset(8, false)),
        Err(ReceiveError::OffsetBeyondEnd {
            offset: 8,
            last: Some(7)
        })
    );
}

#[test]
fn what_is_not_durable_is_not_there_for_anybody() {
    let mut fixture = Fixture::new(None);
    fixture.append(&[1]);
    let events = [Bytes::from_static(b"later")];
    fixture.state.assign(&events, None, fixture.now).unwrap();
    assert_eq!(fixture.state.durable().last_sequence(), 0);
    let Cursor { mut record, .. } = fixture.cursor(StartPosition::Latest);
    assert_eq!(record, 1);
    assert!(matches!(
        fixture.state.fetch(&mut record, 10, 1000),
        Fetch::Nothing
    ));
}

#[test]
fn only_as_many_records_are_read_as_hold_the_events_that_are_wanted() {
    let mut fixture = Fixture::new(None);
    for _ in 0..1000 {
        fixture.append(&[100; 10]);
    }
    let fetch = |events| match fixture.state.fetch(&mut 500, events, u64::MAX) {
        Fetch::Read(count) => count,
        other => panic!("{other:?}"),
    };
    assert_eq!(fetch(1), 1);
    assert_eq!(fetch(300), 30);
    assert_eq!(fetch(usize::MAX), 500);
}

#[test]
fn records_are_kept_for_receivers_and_only_for_them() {
    let mut fixture = Fixture::new(None);
    fixture.append(&[1]);
    assert!(matches!(fixture.state.fetch(&mut 0, 1, 9), Fetch::Read(1)));
    fixture.state.receiver_came();
    fixture.append(&[1]);
    assert!(matches!(fixture.state.fetch(&mut 0, 1, 9), Fetch::Read(1)));
    assert!(matches!(fixture.state.fetch(&mut 1, 1, 9), Fetch::At(kept) if kept.len() == 1));
    fixture.state.receiver_went();
    assert!(matches!(fixture.state.fetch(&mut 1, 1, 9), Fetch::Read(1)));
}

#[test]
fn an_event_goes_when_its_retention_is_over_and_not_before() {
    let mut fixture = Fixture::new(None);
    let hour = Duration::from_secs(3600);
    for _ in 0..10 {
        fixture.append(&[1]);
        fixture.now = fixture.now + hour;
    }
    let start = testkit::time_zero();
    let overdue = |state: &State, after: Duration| {
        state
            .overdue(&Ages::default(), start + after, true)
            .map(|mark| mark.record)
    };
    assert_eq!(fixture.state.overdue_at(), Some(start + DAY));
    assert_eq!(overdue(&fixture.state, DAY - Duration::from_millis(1)), None);
    assert_eq!(overdue(&fixture.state, DAY), Some(1));
    assert_eq!(overdue(&fixture.state, DAY + hour * 5), Some(6));
    let begin = fixture
        .state
        .overdue(&Ages::default(), start + DAY + hour * 9, true)
        .unwrap();
    assert_eq!(begin.record, 10, "the last one is as old as that now");
    fixture.state.trim(begin);
    assert_eq!(fixture.state.begin().sequence, 10);
    assert_eq!(fixture.state.overdue_at(), None);
    assert_eq!(fixture.cursor(StartPosition::Earliest).record, 10);
    assert_eq!(fixture.cursor(sequence(3, true)).record, 10);
}

#[test]
fn a_partition_that_is_too_large_loses_its_oldest_events_but_never_the_newest() {
    let mut fixture = Fixture::new(Some(8_000));
    for _ in 0..40 {
        fixture.append(&[1000]);
        if let Some(begin) = fixture.state.overdue(&Ages::default(), fixture.now, true) {
            fixture.state.trim(begin);
        }
        let begin = fixture.state.begin();
        assert!(fixture.state.bytes_from(&begin) <= 8_000);
    }
    assert_eq!(fixture.state.begin().record, 33);
    fixture.append(&[50_000]);
    let begin = fixture
        .state
        .overdue(&Ages::default(), fixture.now, true)
        .unwrap();
    assert_eq!(begin.record, 40);
}

#[test]
fn what_is_not_durable_does_not_go_and_does_not_keep_the_rest() {
    let mut fixture = Fixture::new(Some(8_000));
    for _ in 0..20 {
        fixture.append(&[1000]);
    }
    let events = [Bytes::from(vec![1; 1000])];
    for _ in 0..20 {
        fixture.state.assign(&events, None, fixture.now).unwrap();
    }
    let begin = fixture
        .state
        .overdue(&Ages::default(), fixture.now, true)
        .unwrap();
    assert_eq!(begin.record, 20);
}

#[test]
fn a_snapshot_and_what_the_log_adds_give_the_state_back() {
    let mut fixture = Fixture::new(None);
    for _ in 0..5 {
        fixture.append(&[300, 2]);
    }
    let mut writer = Writer::with_capacity(64);
    fixture.state.encode(&mut writer);
    let bytes = writer.finish();
    let mut replayed = State::decode(&mut Reader::new(&bytes)).unwrap();
    let events = [Bytes::from_static(b"more")];
    let Assignment::Events(assigned) = fixture.state.assign(&events, None, fixture.now).unwrap() else {
        panic!("nobody stamped it");
    };
    let Payload { record, time, bytes } = assigned.payload;
    assert_eq!(replayed.replay_events(record, time, &bytes), Ok(true));
    assert_eq!(
        replayed.replay_events(record, time, &bytes),
        Ok(false),
        "it is known"
    );
    assert_eq!(replayed.next(), fixture.state.next());
    assert_eq!(replayed.begin(), fixture.state.begin());
    let begin = Mark {
        record: 3,
        sequence: 6,
        offset: 906,
        time,
    };
    replayed.replay_trimmed(begin);
    replayed.replay_trimmed(Mark::default());
    assert_eq!(replayed.begin(), begin);
}
