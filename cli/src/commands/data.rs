//! `weft data`

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::args::{self, Data};
use crate::client::Client;
use crate::confirmation;
use crate::connection::{Connection, local_data, local_namespaces};
use crate::dev::{Departed, departed};
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
            let gone = gone(&connection, environment)?;
            let nothing_runs = local_data(&connection, environment)
                .is_some_and(|data| connection.namespace.is_none() && local_namespaces(&data).is_empty());
            let streams = if nothing_runs && !gone.is_empty() {
                Ok(Vec::new())
            } else {
                client(&connection, environment).and_then(|client| streams(&client))
            };
            list(streams, &gone, output)
        }
        Data::Purge {
            uid,
            yes,
            connection,
            output,
        } => {
            let gone = gone(&connection, environment)?;
            let namespace = gone.into_iter().find(|gone| gone.uid.to_string() == uid);
            match (namespace, local_data(&connection, environment)) {
                (Some(namespace), Some(data)) => purge_namespace(&data, &namespace, yes, output),
                _ => purge(&client(&connection, environment)?, &uid, yes, output),
            }
        }
    }
}

fn client(connection: &args::Connection, environment: &Environment) -> Result<Client, Failure> {
    Client::new(Connection::resolve(connection, environment)?)
}

/// Namespaces of local mode that are gone; the data of Namespaces elsewhere is not ours to see.
fn gone(connection: &args::Connection, environment: &Environment) -> Result<Vec<Departed>, Failure> {
    let data = local_data(connection, environment);
    data.map_or_else(|| Ok(Vec::new()), |data| departed::list(&data))
}

fn streams(client: &Client) -> Result<Vec<Value>, Failure> {
    let List { value } = client.get("/$weft/v1/streams")?;
    Ok(value.iter().map(Item::value).collect())
}

/// Streams of the Namespace that runs, and Namespaces that are gone. The latter are known even if none runs.
fn list(streams: Result<Vec<Value>, Failure>, gone: &[Departed], output: Output) -> Result<(), Failure> {
    let (streams, failure) = match streams {
        Ok(streams) => (Some(streams), None),
        Err(failure) => (None, Some(failure)),
    };
    match output {
        Output::Json => {
            let namespaces = gone.iter().map(namespace);
            let streams = streams.into_iter().flatten();
            streams
                .chain(namespaces)
                .try_for_each(|each| output::json(&each))?;
        }
        Output::Text => {
            if let Some(streams) = streams {
                table_of_streams(&streams)?;
            }
            table_of_namespaces(gone)?;
        }
    }
    failure.map_or(Ok(()), Err)
}

fn table_of_streams(streams: &[Value]) -> Result<(), Failure> {
    if streams.is_empty() {
        return output::line("no streams");
    }
    let header = ["UID", "KIND", "NAME", "STATE", "SINCE", "EVENTS", "BYTES"];
    output::table(&header, &streams.iter().map(row).collect::<Vec<_>>())
}

fn table_of_namespaces(gone: &[Departed]) -> Result<(), Failure> {
    if gone.is_empty() {
        return Ok(());
    }
    let row = |gone: &Departed| {
        let deleted = gone.delete_at.map_or_else(|| "never".to_owned(), time);
        vec![gone.uid.to_string(), gone.name.clone(), deleted]
    };
    output::line("")?;
    let header = ["UID", "NAMESPACE THAT IS GONE", "DELETED"];
    output::table(&header, &gone.iter().map(row).collect::<Vec<_>>())
}

fn namespace(gone: &Departed) -> Value {
    json!({
        "kind": "Namespace", "uid": gone.uid, "name": gone.name, "state": "Closed",
        "deleteAt": gone.delete_at.map(time),
    })
}

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "never".to_owned(), |time| time.to_string())
}

fn row(stream: &Value) -> Vec<String> {
    let cell = |name: &str| stream.get(name).map_or_else(|| "-".to_owned(), event::bare);
    let bytes = indicatif::BinaryBytes(stream["bytes"].as_u64().unwrap_or_default()).to_string();
    vec![
        cell("uid"),
        cell("kind"),
        cell("name"),
        cell("state"),
        cell("since"),
        cell("events"),
        bytes,
    ]
}

fn purge(client: &Client, uid: &str, yes: bool, output: Output) -> Result<(), Failure> {
    if !yes && !confirmed(|| what(client, uid))? {
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
    purged(uid, output)
}

fn purge_namespace(data: &Path, gone: &Departed, yes: bool, output: Output) -> Result<(), Failure> {
    let what = || Ok(format!("everything of the Namespace {} that is gone", gone.name));
    if !yes && !confirmed(what)? {
        return Err(Failure::new(Exit::Machine, "nothing was deleted"));
    }
    departed::purge(data, gone.uid)?;
    purged(&gone.uid.to_string(), output)
}

fn purged(uid: &str, output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => output::json(&json!({"purged": uid})),
        Output::Text => output::line(&format!("purged {uid}")),
    }
}

fn what(client: &Client, uid: &str) -> Result<String, Failure> {
    let streams = streams(client)?;
    Ok(match streams.iter().find(|stream| stream["uid"] == uid) {
        Some(stream) => {
            format!(
                "{} events of the {} {} ({})",
                stream["events"],
                event::bare(&stream["kind"]),
                event::bare(&stream["name"]),
                event::bare(&stream["state"])
            )
        }
        None => format!("the data of {uid}"),
    })
}

/// With what is about to go.
fn confirmed(what: impl FnOnce() -> Result<String, Failure>) -> Result<bool, Failure> {
    confirmation::confirmed("a purge", || Ok(format!("Delete {} for ever?", what()?)))
}
