//! Many Topics, and an operator that starts.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use crds::v1alpha1::{EventSubscription, Namespace, Topic};
use e2e::{
    cluster::{Space, until},
    procfs,
};
use kube::{Api, ResourceExt as _, api::ListParams};

use super::{
    AT_MOST, NAMESPACE, Stage, never, objects,
    operator::{Operator, Process},
    samples::readable,
    timed, topic,
    watching::{Reports, Watching, ready},
};
use crate::{
    measure::as_f64,
    table::{Row, thousands},
};

const THOUSAND: usize = 1_000;
const TEN_THOUSAND: usize = 10_000;
const AIM_THOUSAND: Duration = Duration::from_secs(10);
const AIM_TEN_THOUSAND: Duration = Duration::from_secs(45);
const AIM_WARM: Duration = Duration::from_secs(2);
const AIM_ONE_MORE: Duration = Duration::from_millis(300);
const AIM_MB: f64 = 50.0;
const ONE_MORE: usize = 30;
/// Buffers of the start are given back by then.
const SETTLE: Duration = Duration::from_secs(5);

pub(super) fn thousand(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let operator = Operator::of(&stage.cluster);
    let space = Space::create("bench-1k")?;
    let cold = cold(stage, &operator, &space, THOUSAND, THOUSAND)?;
    let mut rows = vec![cold.row(
        "1,000 Topics + 1,000 EventSubscriptions, operator started cold → all Ready",
        AIM_THOUSAND,
    )];
    thread::sleep(SETTLE);
    rows.extend(warm(stage, &operator, &space)?);
    stage.leave(space)?;
    Ok(rows)
}

pub(super) fn ten_thousand(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let operator = Operator::of(&stage.cluster);
    let space = Space::create("bench-10k")?;
    let cold = cold(stage, &operator, &space, TEN_THOUSAND, 0)?;
    let mut rows = vec![cold.row(
        "10,000 Topics, operator started cold → all Ready",
        AIM_TEN_THOUSAND,
    )];
    wait_for_secrets(stage, cold.process)?;
    thread::sleep(SETTLE);
    rows.push(memory(cold.process)?);
    let times = topic::apply_and_publish(stage, &space, ONE_MORE)?;
    rows.push(timed(
        "apply of one more Topic beside 10,000 → Ready and a publish succeeds, p50",
        format!(
            "{}, at most {} ({ONE_MORE} samples)",
            readable(times.percentile(50)),
            readable(times.longest())
        ),
        times.percentile(50),
        AIM_ONE_MORE,
    ));
    rows.push(Row {
        what: "operator's resident memory after those".to_owned(),
        ..memory(cold.process)?
    });
    stage.leave(space)?;
    Ok(rows)
}

/// Every Topic has a Secret for its programs, which is written behind the statuses.
fn wait_for_secrets(stage: &Stage, process: Process) -> anyhow::Result<()> {
    let start = Instant::now();
    until("the operator to have written everything", AT_MOST, || {
        let waiting = process.metrics()?.queue();
        anyhow::ensure!(waiting == 0.0, "{waiting} writes wait");
        Ok(())
    })?;
    stage.say(format!(
        "the last Secret for programs was written {} later",
        readable(start.elapsed())
    ));
    Ok(())
}

fn memory(process: Process) -> anyhow::Result<Row> {
    let now = as_f64(procfs::resident_bytes(process.pid)?) / 1e6;
    let peak = as_f64(procfs::peak_resident_bytes(process.pid)?) / 1e6;
    Ok(Row {
        what: "operator's resident memory with 10,000 Topics".to_owned(),
        measured: format!("{now:.1} MB (its peak: {peak:.1} MB)"),
        against: format!("aim ≤ {AIM_MB:.0} MB"),
        ratio: Some(now / AIM_MB),
        ..Row::default()
    })
}

/// How long a start took.
struct Cold {
    /// From the request for an operator, with the making of its pod.
    asked: Duration,
    /// From the start of its process.
    started: Duration,
    process: Process,
}

impl Cold {
    fn row(&self, what: &str, aim: Duration) -> Row {
        let measured = format!(
            "{} from the process's start, {} from scaling up",
            readable(self.started),
            readable(self.asked)
        );
        timed(what, measured, self.started, aim)
    }
}

/// Creates the objects while there is no operator, then starts one and waits for all of them.
fn cold(
    stage: &Stage,
    operator: &Operator,
    space: &Space,
    topics: usize,
    subscriptions: usize,
) -> anyhow::Result<Cold> {
    operator.stop()?;
    let start = Instant::now();
    space.apply(&objects::namespace())?;
    let name = |index: usize| format!("many-{index}");
    objects::create::<Topic>(space, (0..topics).map(|index| objects::topic(&name(index))))?;
    objects::create::<EventSubscription>(
        space,
        (0..subscriptions).map(|index| objects::subscription(&name(index), &name(index))),
    )?;
    stage.say(format!(
        "{topics} Topics and {subscriptions} EventSubscriptions were created in {}",
        readable(start.elapsed())
    ));
    let (topic_api, subscription_api) = (
        stage.cluster.api::<Topic>(space.name()),
        stage.cluster.api::<EventSubscription>(space.name()),
    );
    let mut changes = Watching::begin(&stage.cluster, &topic_api, None)?;
    let mut changes_of_subscriptions = Watching::begin(&stage.cluster, &subscription_api, None)?;
    let start = Instant::now();
    operator.start()?;
    all_ready(stage, "Topics", &mut changes, topics)?;
    all_ready(
        stage,
        "EventSubscriptions",
        &mut changes_of_subscriptions,
        subscriptions,
    )?;
    let asked = start.elapsed();
    let process = operator.process()?;
    let started = process
        .age()?
        .saturating_sub(start.elapsed().saturating_sub(asked));
    space.wait_ready::<Namespace>(NAMESPACE, AT_MOST)?;
    Ok(Cold {
        asked,
        started,
        process,
    })
}

fn all_ready<K>(stage: &Stage, what: &str, changes: &mut Watching<K>, count: usize) -> anyhow::Result<()>
where
    K: Reports + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let mut found = BTreeSet::new();
    while found.len() < count {
        let name = changes.until(AT_MOST, ready)?;
        if found.insert(name) && found.len() % (count / 5).max(1) == 0 {
            stage.say(format!("{} of {count} {what} are ready", found.len()));
        }
    }
    Ok(())
}

/// Starts the operator on a cluster where there is nothing to do.
fn warm(stage: &Stage, operator: &Operator, space: &Space) -> anyhow::Result<Vec<Row>> {
    let before = objects::versions(space)?;
    let planes = planes(stage)?;
    operator.stop()?;
    operator.start()?;
    let process = operator.process()?;
    let time = until("the operator to have looked at everything", AT_MOST, || {
        let metrics = process.metrics()?;
        let age = process.age()?;
        anyhow::ensure!(
            metrics.leads() && metrics.reconciles() >= planes && metrics.queue() == 0.0,
            "{} of {planes} Kubernetes namespaces",
            metrics.reconciles()
        );
        Ok(age)
    })?;
    thread::sleep(SETTLE);
    let metrics = process.metrics()?;
    let changed = objects::differing(&before, &objects::versions(space)?);
    if metrics.writes() > 0.0 || !changed.is_empty() {
        stage.say(format!("{:?}; changed: {changed:?}", metrics.written()));
    }
    Ok(vec![
        timed(
            "restart of the operator with all that Ready → everything looked at",
            format!("{} from the process's start", readable(time)),
            time,
            AIM_WARM,
        ),
        never(
            "writes of that restart",
            format!(
                "{} writes, {} of {} objects changed",
                metrics.writes(),
                changed.len(),
                thousands(as_f64(before.len() as u64))
            ),
            metrics.writes(),
        ),
    ])
}

/// How many Kubernetes namespaces the operator has something to do in.
fn planes(stage: &Stage) -> anyhow::Result<f64> {
    let api: Api<Namespace> = Api::all(stage.cluster.client());
    let all = stage.cluster.block_on(api.list(&ListParams::default()))?;
    let names: BTreeSet<_> = all.iter().filter_map(|one| one.namespace()).collect();
    Ok(as_f64(names.len() as u64))
}
