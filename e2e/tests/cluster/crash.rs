//! The broker's pod is deleted and its process killed under load, again and again: nothing acknowledged is lost, nothing
//! settled comes back, a batch survives whole or not at all.

use std::time::Duration;

use anyhow::ensure;
use e2e::cluster::{Space, until};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;

use crate::{
    fixture::{self, Life, Load, SOON},
    harness,
};

const CYCLES: u32 = 20;

/// What happens to the broker.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// `kill -9` of its process.
    Kill,
    /// `kubectl delete pod`.
    Delete,
    /// `kubectl delete pod --grace-period=0 --force`.
    ForceDelete,
}

#[test]
fn nothing_acknowledged_is_lost_in_twenty_kills_and_deletions_of_the_broker() {
    let _together = harness::together();
    let space = fixture::shop("crash");
    fixture::connect(&space);
    let load = Load::new(space.door("shop").expect("a door"));
    load.during(|load| {
        load.wait_for(20, SOON);
        let mut gaps = Vec::new();
        for cycle in 0..CYCLES {
            let blow = match cycle % 5 {
                0 | 2 | 4 => Blow::Kill,
                1 => Blow::Delete,
                _ => Blow::ForceDelete,
            };
            load.take_longest_gap();
            strike(&space, blow);
            load.wait_for(20, SOON);
            gaps.push((load.take_longest_gap(), blow));
            assert!(
                load.ledger().violations().is_empty(),
                "in cycle {cycle} ({blow:?}): {:?}",
                load.ledger().violations()
            );
        }
        gaps.sort_by_key(|(gap, _)| *gap);
        println!("gaps in which nothing was accepted: {gaps:?}");
    });
    fixture::drain(&load);
    assert!(
        load.ledger().is_substantial(400, 20),
        "the load was no load: {}",
        load.ledger().summary()
    );
}

/// Returns when the broker has come back.
fn strike(space: &Space, blow: Blow) {
    let before = until("the broker to be ready", SOON, || fixture::life(space, "shop")).expect("it is");
    match blow {
        Blow::Kill => space.kill_broker("shop").expect("killed"),
        Blow::Delete => space.delete::<Pod>("shop-0").expect("deleted"),
        Blow::ForceDelete => space
            .cluster()
            .delete_with::<Pod>(space.name(), "shop-0", &DeleteParams::default().grace_period(0))
            .expect("deleted"),
    }
    until("the broker to be back", SOON, || {
        let after = fixture::life(space, "shop")?;
        ensure!(after != before, "it has not gone yet");
        let Life { pod_uid, restarts } = &after;
        let expected = match blow {
            Blow::Kill => *pod_uid == before.pod_uid && *restarts == before.restarts + 1,
            Blow::Delete | Blow::ForceDelete => *pod_uid != before.pod_uid,
        };
        ensure!(expected, "after {blow:?} of {before:?} it is {after:?}");
        Ok(())
    })
    .expect("it comes back");
    // A moment of work before the next.
    std::thread::sleep(Duration::from_millis(200));
}
