//! `weft checkpoint reset`

use serde_json::{Value, json};

use super::groups::{Group, Groups};
use super::mark::{self, Mark};
use super::standing::{Hub, Standing};
use crate::age;
use crate::args::{CheckpointReset, Start};
use crate::blobs::{self, Expected};
use crate::client::Client;
use crate::confirmation::confirmed;
use crate::environment::Environment;
use crate::failure::{Exit, Failure};
use crate::output::{self, Output};

pub(super) fn run(args: &CheckpointReset, environment: &Environment) -> Result<(), Failure> {
    if matches!(args.to, Some(Start::Sequence(_))) && args.partition.is_none() {
        return Err(Failure::usage("sequence numbers are those of one partition")
            .with_next("say which one with --partition ID, or give a time"));
    }
    let client = super::client(&args.connection, environment)?;
    let groups = Groups::read(&client, args.target.container.as_deref())?;
    let groups = super::find(groups, &args.target)?;
    if !args.force {
        groups
            .iter()
            .try_for_each(|group| nobody_lives(group, args.partition))?;
    }
    let changes = plan(&client, &groups, args)?;
    tell(&changes, args.output, false)?;
    if changes.is_empty() {
        return Ok(());
    }
    let question = || Ok(format!("Change these checkpoints of {}?", args.target.group));
    if !args.yes && !confirmed("a reset", question)? {
        return Err(Failure::new(Exit::Machine, "nothing was changed"));
    }
    changes.iter().try_for_each(|change| change.apply(&client))?;
    match args.output {
        Output::Json => tell(&changes, Output::Json, true),
        Output::Text => output::line(&format!("changed {}", count(changes.len()))),
    }
}

fn nobody_lives(group: &Group, only: Option<u32>) -> Result<(), Failure> {
    for (partition, progress) in &group.partitions {
        let owner = progress.owner(group.now).filter(super::groups::Owner::is_live);
        let Some(owner) = owner.filter(|_| only.is_none_or(|only| only == *partition)) else {
            continue;
        };
        let message = format!(
            "{} has partition {partition} of {}: it said so {} ago",
            owner.name,
            group.hub,
            age::text(owner.age)
        );
        return Err(Failure::new(Exit::Refused, message).with_next(
            "stop the programs of the group and wait a minute; with --force it is changed anyway, and they may write \
             over it",
        ));
    }
    Ok(())
}

/// What is about to happen to one checkpoint.
struct Change<'g> {
    group: &'g Group,
    partition: u32,
    name: String,
    /// None: it is deleted.
    mark: Option<Mark>,
}

fn plan<'g>(
    client: &Client,
    groups: &'g [Group],
    args: &CheckpointReset,
) -> Result<Vec<Change<'g>>, Failure> {
    match &args.to {
        Some(start) => plan_marks(client, groups, args, start),
        None => {
            let has = |group: &'g Group| {
                let written = group
                    .partitions
                    .iter()
                    .filter(|(_, progress)| progress.checkpoint.is_some());
                let partitions = written.map(|(partition, _)| *partition);
                partitions.map(move |partition| Change::new(group, partition, None))
            };
            let changes = groups.iter().flat_map(has);
            Ok(changes
                .filter(|change| args.partition.is_none_or(|only| only == change.partition))
                .collect())
        }
    }
}

/// For all partitions of the hub, so that the group goes on from one place also where it never wrote a checkpoint.
fn plan_marks<'g>(
    client: &Client,
    groups: &'g [Group],
    args: &CheckpointReset,
    start: &Start,
) -> Result<Vec<Change<'g>>, Failure> {
    let hub = Hub::read(client, &args.target.hub)?;
    let mut changes = Vec::new();
    for (partition, standing) in partitions(&hub, args)? {
        let mark = mark::find(client, &args.target.hub, standing, start)?;
        let change = |group| Change::new(group, partition, Some(mark.clone()));
        changes.extend(groups.iter().map(change));
    }
    Ok(changes)
}

fn partitions<'h>(hub: &'h Hub, args: &CheckpointReset) -> Result<Vec<(u32, &'h Standing)>, Failure> {
    let all = hub
        .partitions
        .iter()
        .filter_map(|standing| Some((standing.id()?, standing)));
    let Some(only) = args.partition else {
        return Ok(all.collect());
    };
    let standing = hub.partition(only).ok_or_else(|| {
        let count = hub.partitions.len();
        Failure::usage(format!("{} has no partition {only}", args.target.hub))
            .with_next(format!("it has {count} partitions, counted from 0"))
    })?;
    Ok(vec![(only, standing)])
}

impl<'g> Change<'g> {
    fn new(group: &'g Group, partition: u32, mark: Option<Mark>) -> Self {
        let present = group
            .partitions
            .get(&partition)
            .and_then(|progress| progress.checkpoint.as_ref());
        let name = present.map_or_else(|| group.checkpoint_name(partition), |blob| blob.name.clone());
        Self {
            group,
            partition,
            name,
            mark,
        }
    }

    /// The sequence number that is there now.
    fn before(&self) -> Option<i64> {
        self.group.partitions.get(&self.partition)?.sequence_number()
    }

    fn expected(&self) -> Expected<'g> {
        let progress = self.group.partitions.get(&self.partition);
        let blob = progress.and_then(|progress| progress.checkpoint.as_ref());
        blob.map_or(Expected::Absent, |blob| Expected::Unchanged(&blob.etag))
    }

    fn apply(&self, client: &Client) -> Result<(), Failure> {
        let container = &self.group.container;
        let done = match &self.mark {
            None => blobs::delete(client, container, &self.name, self.expected()),
            Some(mark) => {
                let metadata = mark.metadata();
                let metadata = metadata.each_ref().map(|(name, value)| (*name, value.as_str()));
                blobs::put(client, container, &self.name, &metadata, self.expected())
            }
        };
        done.map_err(|failure| {
            failure.with_context(&format!("the checkpoint of partition {}", self.partition))
        })
    }

    fn cells(&self) -> Vec<String> {
        let number =
            |number: Option<i64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
        vec![
            self.group.address.clone(),
            self.partition.to_string(),
            number(self.before()),
            number(self.mark.as_ref().map(|mark| mark.sequence_number)),
        ]
    }

    fn json(&self, changed: bool) -> Value {
        let mark = self.mark.as_ref();
        json!({
            "container": self.group.container.name, "name": self.name, "partition": self.partition.to_string(),
            "before": self.before(),
            "sequenceNumber": mark.map(|mark| mark.sequence_number),
            "offset": mark.map(|mark| &mark.offset),
            "changed": changed,
        })
    }
}

/// For programs, what was done comes after what would be.
fn tell(changes: &[Change<'_>], output: Output, changed: bool) -> Result<(), Failure> {
    match output {
        Output::Json => changes
            .iter()
            .try_for_each(|change| output::json(&change.json(changed))),
        Output::Text if changes.is_empty() => output::line("there is no checkpoint to change"),
        Output::Text => {
            let rows: Vec<_> = changes.iter().map(Change::cells).collect();
            output::table(&["ADDRESS", "PARTITION", "PROCESSED UP TO", "WILL BE"], &rows)
        }
    }
}

fn count(checkpoints: usize) -> String {
    match checkpoints {
        1 => "1 checkpoint".to_owned(),
        _ => format!("{checkpoints} checkpoints"),
    }
}
