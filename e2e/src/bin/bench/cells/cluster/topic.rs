//! From the apply of one Topic to an event in it.

use std::time::{Duration, Instant};

use anyhow::Context;
use crds::v1alpha1::{Namespace, Topic};
use e2e::{EventGrid, cluster::Space, eventgrid::event};
use kube::api::{Patch, PatchParams};

use super::{
    AT_MOST, NAMESPACE, Stage, objects,
    samples::{Samples, readable},
    timed,
    watching::{Watching, ready},
};
use crate::table::Row;

const SAMPLES: usize = 120;
/// Connections and caches grow warm.
const BEFORE: usize = 3;
const AIM_P50: Duration = Duration::from_millis(150);
const AIM_P99: Duration = Duration::from_secs(1);

pub(super) fn run(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let space = Space::create("bench-topic")?;
    space.apply(&objects::namespace())?;
    space.wait_ready::<Namespace>(NAMESPACE, AT_MOST)?;
    let times = apply_and_publish(stage, &space, SAMPLES)?;
    stage.leave(space)?;
    let what = "apply of a Topic → Ready and a publish succeeds";
    Ok(vec![
        timed(
            &format!("{what}, p50"),
            format!("{} ({} samples)", readable(times.percentile(50)), times.count()),
            times.percentile(50),
            AIM_P50,
        ),
        timed(
            &format!("{what}, p99"),
            format!(
                "{}, at most {}",
                readable(times.percentile(99)),
                readable(times.longest())
            ),
            times.percentile(99),
            AIM_P99,
        ),
    ])
}

/// Topics one after the other into a Namespace that is ready; each gets one publish, without a second attempt.
pub(super) fn apply_and_publish(stage: &Stage, space: &Space, samples: usize) -> anyhow::Result<Samples> {
    let api = stage.cluster.api::<Topic>(space.name());
    let mut topics = Watching::begin(&stage.cluster, &api, None)?;
    let mut client = space.event_grid(NAMESPACE)?;
    let mut times = Samples::default();
    for index in 0..samples + BEFORE {
        let name = format!("one-more-{index}");
        let time = one(stage, &api, &mut topics, &mut client, &name)?;
        if index >= BEFORE {
            times.add(time);
        }
        if index % 20 == 0 {
            stage.say(format!("topic {index}: {}", readable(time)));
        }
    }
    Ok(times)
}

fn one(
    stage: &Stage,
    api: &kube::Api<Topic>,
    topics: &mut Watching<Topic>,
    client: &mut EventGrid,
    name: &str,
) -> anyhow::Result<Duration> {
    let object = objects::topic(name);
    let start = Instant::now();
    stage
        .cluster
        .block_on(api.patch(
            name,
            &PatchParams::apply(e2e::cluster::FIELD_MANAGER),
            &Patch::Apply(&object),
        ))
        .context("apply a Topic")?;
    topics
        .until(AT_MOST, |event| ready(event).filter(|ready| ready == name))
        .with_context(|| format!("wait for {name}"))?;
    client
        .publish(name, &[event("first")])
        .with_context(|| format!("publish to {name}, which is ready"))?;
    Ok(start.elapsed())
}
