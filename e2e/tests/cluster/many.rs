//! A thousand Topics at once: each becomes ready, and the first publish after that succeeds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use crds::v1alpha1::{Namespace, Topic};
use e2e::{EventGrid, cluster::Space, eventgrid::event};
use futures_util::{StreamExt as _, stream};
use kube::{
    Api, ResourceExt as _,
    api::PostParams,
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;

use crate::{
    fixture::{self, SOON},
    harness,
};

const TOPICS: usize = 1000;
const PUBLISHERS: usize = 4;
/// Requests under way at once, as a tool that applies many files would have.
const APPLIED_AT_ONCE: usize = 16;
const DEADLINE: Duration = Duration::from_secs(120);

#[test]
fn each_of_a_thousand_topics_takes_events_the_moment_it_is_ready() {
    let _together = harness::together();
    let space = Space::create("many").expect("a space");
    space
        .apply(
            "apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {name: shop}\n\
             spec: {storage: {ephemeral: {sizeLimit: 1Gi}}}",
        )
        .expect("the manifest is accepted");
    space.wait_ready::<Namespace>("shop", SOON).expect("ready");
    // A brand-new Service is excepted from the promise: it has to lead to the pod first.
    fixture::connect(&space);
    let door = space.door("shop").expect("a door");
    let (ready, to_publish) = mpsc::sync_channel(TOPICS);
    let to_publish = Mutex::new(to_publish);
    let failures = Mutex::new(BTreeMap::new());
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..PUBLISHERS {
            scope.spawn(|| {
                let mut client = door.open().expect("a connection");
                publish_once_each(&to_publish, &mut client, &failures);
            });
        }
        scope.spawn(|| apply_all(&space));
        follow(&space, |name| ready.send(name).expect("the publishers wait"));
        drop(ready);
    });
    println!("{TOPICS} topics became ready in {:?}", start.elapsed());
    let failures = failures.into_inner().expect("nobody panicked");
    assert!(
        failures.is_empty(),
        "{} of {TOPICS} first publishes failed: {failures:#?}",
        failures.len()
    );
}

fn publish_once_each(
    names: &Mutex<Receiver<String>>,
    client: &mut EventGrid,
    failures: &Mutex<BTreeMap<String, String>>,
) {
    loop {
        let next = names.lock().expect("nobody panicked").recv();
        let Ok(name) = next else {
            return;
        };
        if let Err(error) = client.publish(&name, &[event(&name)]) {
            let mut failures = failures.lock().expect("nobody panicked");
            failures.insert(name, format!("{error:#}"));
        }
    }
}

fn apply_all(space: &Space) {
    let api: Api<Topic> = space.cluster().api(space.name());
    let parameters = PostParams::default();
    space.cluster().block_on(
        stream::iter(0..TOPICS).for_each_concurrent(APPLIED_AT_ONCE, |number| {
            let (api, parameters) = (api.clone(), &parameters);
            async move {
                let topic: Topic = serde_json::from_value(json!({
                    "metadata": {"name": format!("topic-{number:04}")},
                    "spec": {"namespaceRef": {"name": "shop"}},
                }))
                .expect("a Topic");
                api.create(parameters, &topic).await.expect("created");
            }
        }),
    );
}

/// Tells each Topic the moment it is seen to be ready for the first time, until all are.
fn follow(space: &Space, mut tell: impl FnMut(String)) {
    let api: Api<Topic> = space.cluster().api(space.name());
    let mut told = BTreeSet::new();
    let followed = space.cluster().block_on(async {
        let topics = watcher(api, watcher::Config::default()).applied_objects();
        let mut topics = std::pin::pin!(topics);
        tokio::time::timeout(DEADLINE, async {
            while told.len() < TOPICS {
                let topic = topics.next().await.expect("a watch does not end");
                let topic = topic.expect("the watch works");
                if is_ready(&topic) && told.insert(topic.name_any()) {
                    tell(topic.name_any());
                }
            }
        })
        .await
    });
    assert!(
        followed.is_ok(),
        "after {DEADLINE:?} {} of {TOPICS} topics are ready",
        told.len()
    );
}

fn is_ready(topic: &Topic) -> bool {
    let status = topic.status.as_ref();
    status.is_some_and(|status| {
        status.conditions.iter().any(|condition| {
            condition.type_ == "Ready"
                && condition.status == "True"
                && condition.observed_generation == topic.metadata.generation
        })
    })
}
