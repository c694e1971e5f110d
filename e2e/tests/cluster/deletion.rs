//! Deletion in every order: it ends, whether the operator is there or not, and nothing comes back.

use std::{thread, time::Duration};

use anyhow::ensure;
use crds::v1alpha1::{EventSubscription, Namespace, Topic};
use e2e::cluster::{Space, until};
use k8s_openapi::api::core::v1::Pod;

use crate::{
    fixture::{self, GONE, Operator},
    harness,
};

/// Longer than an operator needs to make something that it should not.
const A_WHILE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Namespace,
    Topic,
    EventSubscription,
    /// `kubectl delete namespace`.
    KubernetesNamespace,
}

use Step::{EventSubscription as S, KubernetesNamespace as K, Namespace as N, Topic as T};

/// Every order of the three kinds; and the Kubernetes namespace, first or after one of them.
const ORDERS: [&[Step]; 8] = [
    &[N, T, S],
    &[N, S, T],
    &[T, N, S],
    &[T, S, N],
    &[S, N, T],
    &[S, T, N],
    &[K],
    &[N, K],
];

#[test]
fn deletion_ends_in_every_order() {
    let _together = harness::together();
    let spaces = prepare("gone-up");
    delete_all(&spaces);
    wait_until_gone(spaces);
}

#[test]
fn deletion_ends_while_the_operator_is_away_and_nothing_comes_back_with_it() {
    let _alone = harness::alone();
    let spaces = prepare("gone-down");
    let operator = Operator::installed();
    let stopped = operator.stop();
    delete_all(&spaces);
    let spaces = wait_until_gone(spaces);
    drop(stopped);
    thread::sleep(A_WHILE);
    for (space, order) in &spaces {
        assert_eq!(
            left(space),
            Vec::<String>::new(),
            "after {order:?}, with the operator back"
        );
    }
}

#[test]
fn deletion_ends_while_the_operator_restarts() {
    let _alone = harness::alone();
    let spaces = prepare("gone-restart");
    let operator = Operator::installed();
    operator.kill();
    delete_all(&spaces);
    operator.kill();
    wait_until_gone(spaces);
    operator.wait_until_ready();
}

type Ordered = (Space, &'static [Step]);

/// A shop for each order, all ready.
fn prepare(prefix: &str) -> Vec<Ordered> {
    thread::scope(|scope| {
        let threads: Vec<_> = ORDERS
            .iter()
            .map(|order| scope.spawn(move || (fixture::shop(prefix), *order)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a shop"))
            .collect()
    })
}

fn delete_all(spaces: &[Ordered]) {
    for (space, order) in spaces {
        for step in *order {
            match step {
                N => space.delete::<Namespace>("shop"),
                T => space.delete::<Topic>("orders"),
                S => space.delete::<EventSubscription>("billing"),
                K => delete_kubernetes_namespace(space),
            }
            .unwrap_or_else(|error| panic!("{step:?} of {order:?}: {error:#}"));
        }
    }
}

fn delete_kubernetes_namespace(space: &Space) -> anyhow::Result<()> {
    // By kubectl and not by the space, which still wants to look at what is left.
    space
        .kubectl(["delete", "namespace", space.name(), "--wait=false"])
        .map(drop)
}

/// Returns those whose Kubernetes namespaces are still there, on purpose.
fn wait_until_gone(spaces: Vec<Ordered>) -> Vec<Ordered> {
    let start = std::time::Instant::now();
    let mut remaining = Vec::new();
    for (space, order) in spaces {
        let rest = GONE.saturating_sub(start.elapsed());
        if order.contains(&K) {
            let mut space = space;
            space
                .delete_all(rest)
                .unwrap_or_else(|error| panic!("after {order:?}: {error:#}"));
            continue;
        }
        until(&format!("everything to be gone after {order:?}"), rest, || {
            let left = left(&space);
            ensure!(left.is_empty(), "{left:?}");
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error:#}"));
        remaining.push((space, order));
    }
    println!("all was gone after {:?}", start.elapsed());
    remaining
}

/// Everything that is still there, but for the data, which outlives its Namespace by a day.
fn left(space: &Space) -> Vec<String> {
    let children = fixture::children(space).into_keys();
    let mut left: Vec<_> = children
        .filter(|child| !child.starts_with("PersistentVolumeClaim/"))
        .collect();
    let pods = space.list::<Pod>().expect("listed").into_iter();
    left.extend(pods.map(|pod| format!("Pod/{}", pod.metadata.name.unwrap_or_default())));
    let is_there = [
        (
            "Namespace/shop",
            space.find::<Namespace>("shop").expect("asked").is_some(),
        ),
        (
            "Topic/orders",
            space.find::<Topic>("orders").expect("asked").is_some(),
        ),
        (
            "EventSubscription/billing",
            space
                .find::<EventSubscription>("billing")
                .expect("asked")
                .is_some(),
        ),
    ];
    left.extend(
        is_there
            .into_iter()
            .filter(|(_, is)| *is)
            .map(|(name, _)| name.to_owned()),
    );
    left
}
