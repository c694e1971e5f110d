//! `weft checkpoint list`

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::groups::{Group, Groups, Progress, age};
use super::standing::{Hub, Standing};
use crate::age;
use crate::args::CheckpointList;
use crate::client::Client;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{self, Output};

const HEADER: [&str; 10] = [
    "CONTAINER",
    "ADDRESS",
    "HUB",
    "GROUP",
    "PARTITION",
    "SEQUENCE",
    "LAST",
    "LAG",
    "AGE",
    "OWNER",
];

pub(super) fn run(args: &CheckpointList, environment: &Environment) -> Result<(), Failure> {
    let client = super::client(&args.connection, environment)?;
    let groups = Groups::read(&client, args.container.as_deref())?;
    let wanted =
        |name: &str, only: &Option<String>| only.as_ref().is_none_or(|only| only.eq_ignore_ascii_case(name));
    let groups: Vec<_> = groups
        .into_iter()
        .filter(|group| wanted(&group.hub, &args.hub) && wanted(&group.group, &args.group))
        .collect();
    let hubs = Hubs::read(&client, &groups)?;
    hubs.tell_refusals();
    let hubs = hubs.present;
    let rows: Vec<_> = groups.iter().flat_map(|group| rows(group, &hubs)).collect();
    match args.output {
        Output::Json => rows.iter().try_for_each(|row| output::json(&row.json())),
        Output::Text if rows.is_empty() => output::line("no checkpoints"),
        Output::Text => {
            let rows: Vec<_> = rows.iter().map(Row::cells).collect();
            output::table(&HEADER, &rows)
        }
    }
}

/// The hubs that groups name.
#[derive(Default)]
struct Hubs {
    /// By name in lower case.
    present: HashMap<String, Hub>,
    /// Those that may not be looked at, and why not.
    refused: Vec<(String, Failure)>,
}

impl Hubs {
    /// Each is asked for by itself, so that the right to look at it is enough. One may be gone while checkpoints of it
    /// remain.
    fn read(client: &Client, groups: &[Group]) -> Result<Self, Failure> {
        let names: BTreeSet<_> = groups.iter().map(|group| group.hub.to_lowercase()).collect();
        let mut hubs = Self::default();
        for name in names {
            match Hub::find(client, &name) {
                Ok(hub) => hubs.present.extend(hub.map(|hub| (name, hub))),
                // Who may only see checkpoints sees those.
                Err(failure) if failure.is_refusal() => hubs.refused.push((name, failure)),
                Err(failure) => return Err(failure),
            }
        }
        Ok(hubs)
    }

    fn tell_refusals(&self) {
        let Some((_, why)) = self.refused.first() else {
            return;
        };
        let names: Vec<_> = self.refused.iter().map(|(name, _)| name.as_str()).collect();
        eprintln!(
            "how far behind the groups of {} are is not known: {why} (a hub that is gone is refused in these words, too)",
            names.join(", ")
        );
    }
}

fn rows<'g>(group: &'g Group, hubs: &'g HashMap<String, Hub>) -> impl Iterator<Item = Row<'g>> {
    let hub = hubs.get(&group.hub.to_lowercase());
    group.partitions.iter().map(move |(partition, progress)| Row {
        group,
        partition: *partition,
        progress,
        standing: hub.and_then(|hub| hub.partition(*partition)),
    })
}

/// What is known of one partition.
struct Row<'g> {
    group: &'g Group,
    partition: u32,
    progress: &'g Progress,
    standing: Option<&'g Standing>,
}

impl Row<'_> {
    fn lag(&self) -> Option<u64> {
        Some(self.standing?.lag(self.progress.sequence_number()?))
    }

    fn cells(&self) -> Vec<String> {
        let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let now = self.group.now;
        let age = self
            .progress
            .checkpoint
            .as_ref()
            .map(|blob| age::text(age(blob, now)));
        let owner = self.progress.owner(now).filter(|owner| owner.is_live());
        vec![
            self.group.container.name.clone(),
            self.group.address.clone(),
            self.group.hub.clone(),
            self.group.group.clone(),
            self.partition.to_string(),
            number(self.progress.sequence_number()),
            number(self.standing.map(|standing| standing.last_sequence_number)),
            self.lag().map_or_else(|| "-".to_owned(), |lag| lag.to_string()),
            age.unwrap_or_else(|| "-".to_owned()),
            owner.map_or_else(|| "-".to_owned(), |owner| owner.name),
        ]
    }

    fn json(&self) -> Value {
        let now = self.group.now;
        let checkpoint = self.progress.checkpoint.as_ref();
        let owner = self.progress.owner(now);
        json!({
            "container": self.group.container.name, "address": self.group.address,
            "hub": self.group.hub, "consumerGroup": self.group.group, "partition": self.partition.to_string(),
            "sequenceNumber": self.progress.sequence_number(),
            "offset": checkpoint.and_then(|blob| blob.metadata("offset")),
            "lastSequenceNumber": self.standing.map(|standing| standing.last_sequence_number),
            "lag": self.lag(),
            "lastModified": checkpoint.map(|blob| blob.last_modified.to_string()),
            "ageSeconds": checkpoint.map(|blob| age(blob, now).as_secs()),
            "owner": owner.as_ref().map(|owner| &owner.name),
            "ownerIsLive": owner.as_ref().map(super::groups::Owner::is_live),
            "ownerAgeSeconds": owner.as_ref().map(|owner| owner.age.as_secs()),
        })
    }
}
