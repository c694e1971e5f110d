use std::time::Duration;

use auth::Permit;
use broker::*;

use super::fixture::*;

#[tokio::test]
async fn a_restart_changes_nothing_that_was_answered() {
    for gracefully in [false, true] {
        let mut fixture = Fixture::new().await;
        for id in 1..=4 {
            fixture.publish(id).await;
        }
        let held = fixture.receive(3).await;
        fixture
            .billing()
            .acknowledge(&Permit::internal(), tokens(&held[..1]))
            .await
            .unwrap();
        for _ in 0..2 {
            fixture = fixture.restart(gracefully).await;
            let fresh = fixture.receive(10).await;
            assert!(fresh.len() <= 1, "two are locked, one is settled");
            let billing = fixture.billing();
            billing
                .release(&Permit::internal(), tokens(&fresh), Duration::ZERO)
                .await
                .unwrap();
        }
        let settled = fixture
            .billing()
            .acknowledge(&Permit::internal(), tokens(&held))
            .await
            .unwrap();
        assert_eq!(
            settled,
            [Err(SettleError::LockLost), Ok(()), Ok(())],
            "gracefully: {gracefully}"
        );
        let last = fixture.receive(10).await;
        assert_eq!(events(&last), [&event(4).json()[..]]);
        assert_eq!(last[0].delivery_count, 3);
    }
}

#[tokio::test]
async fn a_snapshot_that_another_version_wrote_is_refused() {
    use runtime::TaskScope;
    use runtime::metrics::Registry;
    use storage::Table;
    let (log, table, replay) = storage::memory::log();
    table
        .compare_and_set("topics", None, bytes::Bytes::from_static(&[9, 0]))
        .await
        .unwrap();
    let scope = TaskScope::root();
    let started = Broker::start(
        log,
        table,
        replay,
        testkit::clock(),
        &scope,
        &Registry::default(),
        Origin::default(),
    );
    assert!(matches!(started, Err(StartError::Snapshot(_))));
}

#[tokio::test]
async fn a_busy_broker_leaves_snapshots_behind_and_comes_back_from_them() {
    let fixture = Fixture::new().await;
    let big = long(1, 1_000_000);
    for _ in 0..40 {
        fixture.publish_event(&big).await;
    }
    fixture.log_settled().await;
    let fixture = fixture.restart(false).await;
    for _ in 0..10 {
        assert_eq!(fixture.receive(100).await.len(), 4);
    }
    fixture.publish(1).await;
    assert_eq!(fixture.receive(100).await.len(), 1);
}

/// While a declaration is not understood nothing is deleted, and what it declares is missing. Only when that is really gone
/// its grace begins.
#[tokio::test]
async fn what_was_kept_without_being_declared_gets_its_whole_grace_when_it_leaves() {
    let fixture = Fixture::new().await.restart(true).await;
    fixture.publish(1).await;
    let configure = async |topics, policy| {
        let deletion = DeletionConfig { policy, grace: DAY };
        let configured = fixture.broker.configure(topics, Vec::new(), deletion).await;
        configured.expect("it is valid");
    };
    let pass = async |time| {
        fixture.clock.advance(time);
        // The owner wakes up by its own timer, or by whoever asks.
        fixture.log_settled().await;
        fixture.broker.streams().await.expect("it runs").len()
    };
    let mut without_billing = topics();
    without_billing[0].subscriptions.clear();
    without_billing.pop();
    configure(without_billing.clone(), DeletionPolicy::Retain).await;
    assert_eq!(pass(3 * DAY).await, 2);
    configure(without_billing, DeletionPolicy::Delete).await;
    assert_eq!(pass(DAY - MINUTE).await, 2);
    // The subscription is there as well.
    configure(topics(), DeletionPolicy::Delete).await;
    assert_eq!(fixture.receive(1).await.len(), 1);
    configure(Vec::new(), DeletionPolicy::Retain).await;
    assert_eq!(pass(3 * DAY).await, 2);
    configure(Vec::new(), DeletionPolicy::Delete).await;
    assert_eq!(pass(DAY - MINUTE).await, 2);
    assert_eq!(pass(MINUTE).await, 0);
    fixture.stop().await;
}
