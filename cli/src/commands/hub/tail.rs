//! `weft hub tail`

use super::{client, event, path};
use crate::args::HubTail;
use crate::environment::Environment;
use crate::event::bare;
use crate::failure::{Exit, Failure};
use crate::listed::Item;
use crate::output::{self, Output};

pub(super) fn run(args: &HubTail, environment: &Environment) -> Result<(), Failure> {
    let client = client(&args.connection, environment)?;
    let query = args.partition.map(|id| format!("?partition={id}"));
    let path = format!("{}/tail{}", path(&args.hub), query.unwrap_or_default());
    let mut left = args.max;
    for tailed in client.stream(&path)? {
        let tailed = Item::from(tailed?);
        let is_event = print(&tailed, args.output)?;
        left = left.map(|left| left.saturating_sub(u64::from(is_event)));
        if left == Some(0) {
            return Ok(());
        }
    }
    Err(Failure::new(Exit::Unavailable, "the stream of events ended")
        .with_next("the hub is gone, or the service was stopped or restarted; start tail again"))
}

/// False if it was the news that events are missing.
fn print(tailed: &Item, output: Output) -> Result<bool, Failure> {
    let value = tailed.value();
    let missed = value["missed"].as_u64();
    match missed {
        Some(missed) if output == Output::Text => output::line(&format!(
            "… {missed} events of partition {} went before they could be read",
            bare(&value["partition"])
        ))?,
        _ => event::print(tailed, output)?,
    }
    Ok(missed.is_none())
}
