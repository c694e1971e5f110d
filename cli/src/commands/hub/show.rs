//! `weft hub show`

use serde_json::Value;

use super::{client, path};
use crate::args::HubShow;
use crate::client::Client;
use crate::environment::Environment;
use crate::event::bare;
use crate::failure::Failure;
use crate::listed::{Item, List};
use crate::output::{self, Output};

pub(super) fn run(args: &HubShow, environment: &Environment) -> Result<(), Failure> {
    let client = client(&args.connection, environment)?;
    match &args.hub {
        Some(hub) => show(&client, hub, args.output),
        None => list(&client, args.output),
    }
}

fn list(client: &Client, output: Output) -> Result<(), Failure> {
    let List { value: hubs } = client.get("/$weft/v1/hubs")?;
    if output == Output::Json {
        return hubs.iter().try_for_each(|hub| output::line(&hub.line()));
    }
    if hubs.is_empty() {
        return output::line("no hubs");
    }
    let fields = ["name", "partitionCount", "events", "createdAt"];
    let rows: Vec<_> = hubs.iter().map(|hub| row(&hub.value(), &fields)).collect();
    output::table(&["HUB", "PARTITIONS", "EVENTS", "CREATED"], &rows)
}

fn show(client: &Client, hub: &str, output: Output) -> Result<(), Failure> {
    let hub: Item = client.get(&path(hub))?;
    if output == Output::Json {
        return output::line(&hub.line());
    }
    let hub = hub.value();
    output::line(&format!(
        "{}  {} partitions  {} events  created {}",
        bare(&hub["name"]),
        hub["partitionCount"],
        hub["events"],
        bare(&hub["createdAt"])
    ))?;
    output::line("")?;
    let header = [
        "PARTITION",
        "FIRST",
        "LAST",
        "LAST OFFSET",
        "LAST ENQUEUED",
        "EMPTY",
    ];
    let fields = [
        "id",
        "beginSequenceNumber",
        "lastSequenceNumber",
        "lastOffset",
        "lastEnqueuedTime",
        "isEmpty",
    ];
    output::table(&header, &rows(&hub["partitions"], &fields))?;
    output::line("")?;
    let fields = ["name", "receivers", "lag"];
    output::table(
        &["CONSUMER GROUP", "RECEIVERS", "LAG"],
        &rows(&hub["consumerGroups"], &fields),
    )
}

fn rows(list: &Value, fields: &[&str]) -> Vec<Vec<String>> {
    let list = list.as_array().into_iter().flatten();
    list.map(|item| row(item, fields)).collect()
}

fn row(item: &Value, fields: &[&str]) -> Vec<String> {
    let cell = |field: &&str| item.get(field).map_or_else(|| "-".to_owned(), bare);
    fields.iter().map(cell).collect()
}
