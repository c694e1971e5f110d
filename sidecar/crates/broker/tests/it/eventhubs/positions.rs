use auth::Permit;
use broker::*;
use futures_util::FutureExt;

use super::world::*;

fn offset(offset: u64, inclusive: bool) -> StartPosition {
    StartPosition::Offset { offset, inclusive }
}

fn sequence(sequence: u64, inclusive: bool) -> StartPosition {
    StartPosition::Sequence { sequence, inclusive }
}

/// Three appends, an hour apart: `a` and `bb` (offsets 0 and 1), `ccc` (3), `d` and `e` (6 and 7).
async fn filled(ground: Ground) -> World {
    let world = World::over(ground).await;
    world.append(0, &["a", "bb"]).await;
    world.clock.advance(HOUR);
    world.append(0, &["ccc"]).await;
    world.clock.advance(HOUR);
    world.append(0, &["d", "e"]).await;
    world
}

#[tokio::test]
async fn every_position_begins_where_it_says() {
    let start = testkit::time_zero();
    let all = ["a", "bb", "ccc", "d", "e"];
    let cases = [
        (StartPosition::Earliest, 0),
        (StartPosition::Latest, 5),
        (offset(0, false), 1),
        (offset(0, true), 0),
        (offset(1, true), 1),
        (offset(2, false), 2),
        (offset(3, false), 3),
        (offset(7, true), 4),
        (offset(7, false), 5),
        (offset(8, true), 5),
        (sequence(0, false), 1),
        (sequence(0, true), 0),
        (sequence(2, true), 2),
        (sequence(3, false), 4),
        (sequence(4, false), 5),
        (sequence(5, true), 5),
        (StartPosition::Time(start), 0),
        (StartPosition::Time(start + HOUR / 2), 2),
        (StartPosition::Time(start + HOUR), 2),
        (StartPosition::Time(start + HOUR * 2), 3),
        (StartPosition::Time(start + HOUR * 3), 5),
    ];
    for ground in Ground::each() {
        let world = filled(ground).await;
        for (position, first) in cases {
            let read = read_from(&world.partition(0), position).await;
            assert_eq!(texts(&read), all[first..], "{position:?}");
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_position_beyond_the_end_is_refused_and_names_the_last_event() {
    let world = filled(Ground::memory()).await;
    let partition = world.partition(0);
    let refused = |start| connect(&partition, "$Default", start, "", None).unwrap_err();
    assert_eq!(
        refused(sequence(99, false)),
        ReceiveError::SequenceBeyondEnd {
            sequence: 99,
            last: 4
        }
    );
    assert_eq!(
        refused(offset(99, true)),
        ReceiveError::OffsetBeyondEnd {
            offset: 99,
            last: Some(7)
        }
    );
    let peeked = partition.peek(&Permit::internal(), offset(99, true), 1).await;
    assert!(peeked.is_err());
}

#[tokio::test]
async fn a_time_that_is_to_come_lets_earlier_events_pass() {
    let world = filled(Ground::memory()).await;
    let wanted = world.clock.now() + HOUR;
    let mut receiver = receive(&world.partition(0), StartPosition::Time(wanted));
    assert!(receiver.next(10, MUCH).now_or_never().is_none());
    world.append(0, &["early"]).await;
    assert!(receiver.next(10, MUCH).now_or_never().is_none());
    world.clock.advance(HOUR);
    world.append(0, &["in time"]).await;
    let received = receiver.next(10, MUCH).await.unwrap();
    assert_eq!(texts(&received), ["in time"]);
}

#[tokio::test]
async fn a_position_that_is_no_longer_retained_means_the_oldest_event_that_is() {
    let world = filled(Ground::memory()).await;
    world.pass(DAY - HOUR / 2).await;
    for position in [
        sequence(0, true),
        offset(0, false),
        StartPosition::Time(testkit::time_zero()),
    ] {
        let read = read_from(&world.partition(0), position).await;
        assert_eq!(texts(&read), ["d", "e"], "{position:?}");
    }
}
