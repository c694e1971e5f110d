//! How far consumers are behind by their own account.

use std::time::Duration;

use broker::*;
use bytes::Bytes;
use model::ByteCount;

use super::positions::*;
use crate::it::eventhubs::world::*;

#[tokio::test]
async fn lag_counts_the_events_after_the_newest_checkpoint() {
    let world = World::new().await;
    for _ in 0..10 {
        world.append(1, &["event"]).await;
    }
    put(
        &world,
        "localhost/telemetry/billing/checkpoint/1",
        &[("offset", "100"), ("sequencenumber", "3")],
    )
    .await;
    put(
        &world,
        "localhost/telemetry/billing/ownership/1",
        &[("ownerid", "pod-7")],
    )
    .await;
    put(
        &world,
        "localhost/telemetry/$default/checkpoint/0",
        &[("sequencenumber", "")],
    )
    .await;
    put(
        &world,
        "localhost/telemetry/$default/ownership/0",
        &[("ownerid", "")],
    )
    .await;
    // None of these is a position in a partition of a declared hub.
    for name in [
        "localhost/telemetry/billing/checkpoint/4",
        "localhost/nothing/billing/checkpoint/1",
        "localhost/telemetry/checkpoint/1",
        "telemetry/billing/checkpoint/1",
        "localhost/telemetry/billing/checkpoint/one",
    ] {
        put(&world, name, &[("sequencenumber", "3")]).await;
    }
    let modified = world.clock.now();
    let lag = |group: &str, partition, sequence_number, last, lag, owner: Option<&str>| Lag {
        hub: String::from("telemetry"),
        hub_uid: TELEMETRY,
        group: String::from(group),
        partition,
        sequence_number,
        last,
        lag,
        owner: owner.map(String::from),
        modified,
    };
    let expected = [
        lag("$Default", 0, None, -1, 0, None),
        lag("billing", 1, Some(3), 9, 6, Some("pod-7")),
    ];
    assert_eq!(world.broker.lags(), expected);
    let text = world.registry.encode();
    let line = r#"weft_eventhubs_consumer_lag{hub="telemetry",group="billing",partition="1"} 6"#;
    assert!(
        text.lines().any(|other| other == line),
        "{line} is not in\n{text}"
    );
    // The same consumer under another name of the Namespace.
    world.clock.advance(Duration::from_secs(1));
    put(
        &world,
        "shop.ns.svc/telemetry/billing/checkpoint/1",
        &[("sequencenumber", "9")],
    )
    .await;
    let newest = world.broker.lags().pop().unwrap();
    assert_eq!(
        (newest.lag, newest.sequence_number, newest.owner),
        (0, Some(9), None)
    );
    // What is gone does not count.
    put(
        &world,
        "shop.ns.svc/telemetry/billing/checkpoint/1",
        &[("sequencenumber", "2")],
    )
    .await;
    assert_eq!(world.broker.lags().pop().unwrap().lag, 7);
    world.pass(2 * DAY).await;
    assert_eq!(world.broker.lags().pop().unwrap().lag, 0);
    world.stop().await;
}

#[tokio::test]
async fn scrapes_share_a_look_at_consumers_for_some_seconds() {
    let world = World::new().await;
    world.append(1, &["a", "b", "c"]).await;
    let checkpoint = async |sequence| {
        let name = "localhost/telemetry/billing/checkpoint/1";
        put(&world, name, &[("sequencenumber", sequence)]).await
    };
    let scraped = || {
        let text = world.registry.encode();
        let series = r#"weft_eventhubs_consumer_lag{hub="telemetry",group="billing",partition="1"} "#;
        let lag = text.lines().find_map(|line| line.strip_prefix(series));
        lag.expect("it is there").to_owned()
    };
    checkpoint("0").await;
    assert_eq!(scraped(), "2");
    checkpoint("1").await;
    assert_eq!(scraped(), "2");
    // Whoever asks the broker gets the newest, and lets others have it.
    assert_eq!(world.broker.lags()[0].lag, 1);
    assert_eq!(scraped(), "1");
    checkpoint("2").await;
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(scraped(), "0");
    world.stop().await;
}

#[tokio::test]
async fn events_count_once_they_are_durable_and_whoever_follows_the_changes_looks_again_then() {
    let world = World::over(Ground::embedded(ByteCount::mib(4))).await;
    put(&world, "localhost/telemetry/billing/checkpoint/1", &[]).await;
    let mut changes = world.broker.changes();
    let held = world.disk().hold();
    let events = [Bytes::from_static(b"event")];
    let appended = world.partition(1).append(&SEND, &events, None).unwrap();
    // The hubs' keeper sees the append, and tells of it.
    tokio::time::sleep(Duration::from_millis(50)).await;
    changes.mark_unchanged();
    assert_eq!(world.broker.lags()[0].lag, 0);
    drop(held);
    appended.durable().await;
    let told = tokio::time::timeout(Duration::from_secs(5), changes.changed()).await;
    told.expect("somebody tells").unwrap();
    assert_eq!(world.broker.lags()[0].lag, 1);
    world.stop().await;
}

#[tokio::test]
async fn names_of_hubs_and_groups_may_contain_slashes() {
    let config = HubConfig {
        name: String::from("Plant/A"),
        consumer_groups: vec![String::from("x/Y")],
        ..telemetry()
    };
    let world = World::with(Ground::memory(), config).await;
    put(&world, "localhost/plant/a/x/y/checkpoint/0", &[]).await;
    put(&world, "localhost/plant/a/z/checkpoint/0", &[]).await;
    let lags = world.broker.lags();
    let names: Vec<_> = lags.iter().map(|lag| (&*lag.hub, &*lag.group)).collect();
    assert_eq!(names, [("Plant/A", "x/Y"), ("Plant/A", "z")]);
    world.stop().await;
}
