//! `weft data`

use std::io::{self, IsTerminal};
use std::time::Duration;

use serde_json::{Value, json};

use crate::args::Data;
use crate::client::Client;
use crate::connection::Connection;
use crate::environment::Environment;
use crate::event;
use crate::failure::{Exit, Failure};
use crate::listed::{Item, List};
use crate::output::{self, Output};
use crate::percent::encode;
use crate::progress;

/// A purge rewrites what the log says about a stream, however large it is.
const PURGE_PATIENCE: Duration = Duration::from_secs(600);

pub(crate) fn run(command: Data, environment: &Environment) -> Result<(), Failure> {
    match command {
        Data::List { connection, output } => {
            let client = Client::new(Connection::resolve(&connection, environment)?)?;
            list(&streams(&client)?, output)
        }
        Data::Purge {
            uid,
            yes,
            connection,
            output,
        } => {
            let client = Client::new(Connection::resolve(&connection, environment)?)?;
            purge(&client, &uid, yes, output)
        }
    }
}

fn streams(client: &Client) -> Result<Vec<Value>, Failure> {
    let List { value } = client.get("/$weft/v1/streams")?;
    Ok(value.iter().map(Item::value).collect())
}

fn list(streams: &[Value], output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => streams.iter().try_for_each(output::json),
        Output::Text if streams.is_empty() => output::line("no streams"),
        Output::Text => {
            let header = ["UID", "TOPIC", "STATE", "SINCE", "EVENTS", "BYTES"];
            output::table(&header, &streams.iter().map(row).collect::<Vec<_>>())
        }
    }
}

fn row(stream: &Value) -> Vec<String> {
    let cell = |name: &str| stream.get(name).map_or_else(|| "-".to_owned(), event::bare);
    let bytes = indicatif::BinaryBytes(stream["bytes"].as_u64().unwrap_or_default()).to_string();
    vec![
        cell("uid"),
        cell("name"),
        cell("state"),
        cell("since"),
        cell("events"),
        bytes,
    ]
}

fn purge(client: &Client, uid: &str, yes: bool, output: Output) -> Result<(), Failure> {
    if !yes && !confirmed(client, uid)? {
        return Err(Failure::new(Exit::Machine, "nothing was deleted"));
    }
    let spinner = progress::bar("purging", None);
    let outcome = client.post(
        &format!("/$weft/v1/streams/{}:purge", encode(uid)),
        None,
        PURGE_PATIENCE,
    );
    spinner.finish_and_clear();
    let _: Value = outcome?;
    match output {
        Output::Json => output::json(&json!({"purged": uid})),
        Output::Text => output::line(&format!("purged {uid}")),
    }
}

/// Asks on the terminal, with what is about to go. Whoever cannot be asked must say `--yes`.
fn confirmed(client: &Client, uid: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(
            Failure::usage("a purge needs a confirmation").with_next("run it in a terminal, or give --yes")
        );
    }
    let streams = streams(client)?;
    let what = match streams.iter().find(|stream| stream["uid"] == uid) {
        Some(stream) => {
            format!(
                "{} events of the topic {} ({})",
                stream["events"],
                event::bare(&stream["name"]),
                event::bare(&stream["state"])
            )
        }
        None => format!("the data of {uid}"),
    };
    eprint!("Delete {what} for ever? Type yes: ");
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|cause| Failure::machine("read the answer", cause))?;
    Ok(answer.trim() == "yes")
}
