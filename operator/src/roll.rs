//! Which pod is deleted so that it comes back with the StatefulSet's newest template.
//!
//! StatefulSets with `OnDelete` leave that to us. One at a time, and only while no other is on its way.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;

/// Where the StatefulSet controller notes the template that a pod was made from.
const REVISION: &str = "controller-revision-hash";

/// A pod to delete. The uid is a precondition: a pod of the same name that came after it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
}

/// The next pod of `stateful_set` to delete; `pods` are all that belong to it. Not to be asked for a Namespace that is
/// paused.
pub fn next(stateful_set: &StatefulSet, pods: &[&Pod]) -> Option<Victim> {
    let status = stateful_set.status.as_ref()?;
    // Before the controller has seen the newest template, its revision says nothing about it.
    if status.observed_generation < stateful_set.metadata.generation {
        return None;
    }
    let is_outdated = |pod: &&&Pod| is_outdated(stateful_set, pod);
    if pods.iter().any(|pod| pod.metadata.deletion_timestamp.is_some()) {
        return None;
    }
    // One that does not serve anyway costs nobody anything, and may be waiting for the very change.
    if let Some(pod) = pods.iter().filter(is_outdated).find(|pod| !is_ready(pod)) {
        return victim(pod);
    }
    if pods.iter().any(|pod| !is_ready(pod)) {
        return None;
    }
    let last = pods.iter().filter(is_outdated).max_by_key(|pod| ordinal(pod))?;
    victim(last)
}

/// Whether the controller has made a newer template than the one that the pod was made from.
pub fn is_outdated(stateful_set: &StatefulSet, pod: &Pod) -> bool {
    let newest = stateful_set
        .status
        .as_ref()
        .and_then(|status| status.update_revision.as_deref());
    newest.is_some_and(|newest| revision(pod).is_some_and(|revision| revision != newest))
}

fn victim(pod: &Pod) -> Option<Victim> {
    Some(Victim {
        name: pod.metadata.name.clone()?,
        uid: pod.metadata.uid.clone()?,
    })
}

fn revision(pod: &Pod) -> Option<&str> {
    let labels = pod.metadata.labels.as_ref()?;
    labels.get(REVISION).map(String::as_str)
}

fn ordinal(pod: &Pod) -> Option<u32> {
    pod.metadata.name.as_ref()?.rsplit_once('-')?.1.parse().ok()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn stateful_set(generation: i64, observed: i64) -> StatefulSet {
        serde_json::from_value(json!({
            "metadata": {"generation": generation},
            "spec": {"selector": {}, "serviceName": "shop", "template": {}},
            "status": {"observedGeneration": observed, "replicas": 1, "updateRevision": "shop-new"},
        }))
        .unwrap()
    }

    fn pod(ordinal: u32, revision: &str, ready: bool) -> Value {
        json!({
            "metadata": {
                "name": format!("shop-{ordinal}"), "uid": format!("uid-{ordinal}"),
                "labels": {"controller-revision-hash": revision},
            },
            "status": {"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        })
    }

    fn next_of(stateful_set: &StatefulSet, pods: &[Value]) -> Option<String> {
        let pods: Vec<Pod> = pods
            .iter()
            .map(|pod| serde_json::from_value(pod.clone()).unwrap())
            .collect();
        next(stateful_set, &pods.iter().collect::<Vec<_>>()).map(|victim| victim.name)
    }

    #[test]
    fn an_outdated_pod_goes_and_a_new_one_stays() {
        let set = stateful_set(2, 2);
        assert_eq!(
            next_of(&set, &[pod(0, "shop-old", true)]).as_deref(),
            Some("shop-0")
        );
        assert_eq!(next_of(&set, &[pod(0, "shop-new", true)]), None);
        assert_eq!(next_of(&set, &[]), None);
    }

    #[test]
    fn nothing_goes_before_the_controller_has_seen_the_newest_template() {
        assert_eq!(next_of(&stateful_set(3, 2), &[pod(0, "shop-old", true)]), None);
    }

    #[test]
    fn never_two_at_a_time() {
        let set = stateful_set(2, 2);
        let mut going = pod(0, "shop-old", true);
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(next_of(&set, &[going, pod(1, "shop-old", true)]), None);
        assert_eq!(
            next_of(&set, &[pod(0, "shop-old", true), pod(1, "shop-new", false)]),
            None
        );
        let both = [pod(0, "shop-old", true), pod(1, "shop-old", true)];
        assert_eq!(next_of(&set, &both).as_deref(), Some("shop-1"));
    }

    #[test]
    fn an_outdated_pod_that_is_not_ready_goes_first() {
        let pods = [pod(0, "shop-old", false), pod(1, "shop-old", true)];
        assert_eq!(next_of(&stateful_set(2, 2), &pods).as_deref(), Some("shop-0"));
    }
}
