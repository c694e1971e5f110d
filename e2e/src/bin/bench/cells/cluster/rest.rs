//! What the operator does while nothing changes.

use std::{
    thread,
    time::{Duration, Instant},
};

use crds::v1alpha1::{EventSubscription, Namespace, Topic};
use e2e::cluster::Space;

use super::{AT_MOST, NAMESPACE, Stage, never, objects, operator::Operator, samples::readable};
use crate::table::Row;

const TOPICS: usize = 50;
/// What is still under way after the last object has become ready.
const SETTLE: Duration = Duration::from_secs(10);
const PROGRESS: Duration = Duration::from_secs(30);

pub(super) fn run(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let space = Space::create("bench-rest")?;
    space.apply(&objects::namespace())?;
    let name = |index: usize| format!("quiet-{index}");
    objects::create::<Topic>(&space, (0..TOPICS).map(|index| objects::topic(&name(index))))?;
    objects::create::<EventSubscription>(
        &space,
        (0..TOPICS).map(|index| objects::subscription(&name(index), &name(index))),
    )?;
    space.wait_ready::<Namespace>(NAMESPACE, AT_MOST)?;
    for index in 0..TOPICS {
        space.wait_ready::<Topic>(&name(index), AT_MOST)?;
        space.wait_ready::<EventSubscription>(&name(index), AT_MOST)?;
    }
    let rows = measure(stage, &space)?;
    stage.leave(space)?;
    Ok(rows)
}

fn measure(stage: &Stage, space: &Space) -> anyhow::Result<Vec<Row>> {
    thread::sleep(SETTLE);
    let process = Operator::of(&stage.cluster).process()?;
    let (before, versions) = (process.metrics()?, objects::versions(space)?);
    let start = Instant::now();
    while start.elapsed() < stage.rest {
        thread::sleep(PROGRESS.min(stage.rest.saturating_sub(start.elapsed())));
        let now = process.metrics()?;
        stage.say(format!(
            "at rest for {}: {} reconciles, {} writes",
            readable(start.elapsed()),
            now.reconciles() - before.reconciles(),
            now.writes() - before.writes()
        ));
    }
    let after = process.metrics()?;
    let changed = objects::differing(&versions, &objects::versions(space)?);
    let reconciles = after.reconciles() - before.reconciles();
    let writes = after.writes() - before.writes();
    if writes > 0.0 {
        stage.say(format!("before: {:?}", before.written()));
        stage.say(format!("after: {:?}", after.written()));
    }
    Ok(vec![never(
        &format!("reconciles and writes in {} at rest", readable(stage.rest)),
        format!(
            "{reconciles} reconciles, {writes} writes, {} of {} objects changed",
            changed.len(),
            versions.len()
        ),
        reconciles + writes,
    )])
}
