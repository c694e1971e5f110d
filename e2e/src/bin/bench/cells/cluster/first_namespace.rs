//! From nothing to a Namespace that accepts events.

use std::time::{Duration, Instant};

use crds::v1alpha1::Topic;
use e2e::{
    cluster::{Space, until},
    eventgrid::event,
};

use super::{
    AT_MOST, NAMESPACE, Stage, objects,
    samples::{Samples, readable},
    timed,
    watching::{Watching, ready},
};
use crate::table::Row;

const ROUNDS: usize = 7;
const AIM: Duration = Duration::from_secs(5);

pub(super) fn run(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let mut times = Samples::default();
    let mut repeated = 0;
    for round in 0..ROUNDS {
        let space = Space::create("bench-first")?;
        let api = stage.cluster.api::<Topic>(space.name());
        let mut topics = Watching::begin(&stage.cluster, &api, None)?;
        let start = Instant::now();
        space.apply(&format!(
            "{}\n---\n{}",
            objects::namespace(),
            objects::topic("first")
        ))?;
        topics.until(AT_MOST, ready)?;
        let ready = start.elapsed();
        // Ready is a promise, but the node may not have heard of the new Service yet.
        let mut attempts = 0;
        until("a first publish", AT_MOST, || {
            attempts += 1;
            space.event_grid(NAMESPACE)?.publish("first", &[event("first")])
        })?;
        let time = start.elapsed();
        stage.say(format!(
            "{}/{ROUNDS}: ready after {}, published after {}, attempts: {attempts}",
            round + 1,
            readable(ready),
            readable(time)
        ));
        repeated += usize::from(attempts > 1);
        times.add(time);
        stage.leave(space)?;
    }
    Ok(vec![timed(
        "a first Namespace (with a Topic) from nothing → it takes an event, image present",
        format!(
            "{}, at most {} ({ROUNDS} samples; {repeated} needed a second attempt to connect)",
            readable(times.percentile(50)),
            readable(times.longest())
        ),
        times.percentile(50),
        AIM,
    )])
}
