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
    let started = Broker::start(log, table, replay, testkit::clock(), &scope, &Registry::default());
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
