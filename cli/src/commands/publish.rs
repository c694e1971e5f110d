//! `weft publish`

mod input;

use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read};
use std::path::Path;

use serde_json::json;

use crate::args::Publish;
use crate::client::{API_VERSION, Client};
use crate::connection::Connection;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::percent::encode;
use crate::progress;
use input::{Batch, Events, Template};

pub(crate) fn run(args: Publish, environment: &Environment) -> Result<(), Failure> {
    let client = Client::new(Connection::resolve(&args.connection, environment)?)?;
    let template = Template {
        event_type: args.event_type,
        source: args.source,
        subject: args.subject,
    };
    let path = format!("/topics/{}:publish?{API_VERSION}", encode(&args.topic));
    let published = match &args.data {
        Some(data) => {
            let mut batch = Batch::default();
            batch.push(template.event(data)?);
            client.publish(&path, &batch.json())?;
            1
        }
        None => publish_all(
            &client,
            &path,
            Events::read(source(args.file.as_deref())?, template),
        )?,
    };
    report(&args.topic, published, args.output)
}

fn source(file: Option<&Path>) -> Result<Box<dyn Read + Send>, Failure> {
    match file {
        Some(file) if file != Path::new("-") => {
            let opened = File::open(file)
                .map_err(|cause| Failure::machine(format!("open {}", file.display()), cause))?;
            Ok(Box::new(BufReader::new(opened)))
        }
        None if io::stdin().is_terminal() => Err(Failure::usage("nothing to publish").with_next(
            "give --type and --data, or --file FILE, or events on standard input, one JSON object per line",
        )),
        _ => Ok(Box::new(BufReader::new(io::stdin()))),
    }
}

/// Sends what has arrived so far as one request, so that a slow source is not held back and a fast one goes in full
/// batches.
fn publish_all(client: &Client, path: &str, mut events: Events) -> Result<u64, Failure> {
    let bar = progress::bar("published", None);
    while let Some(batch) = events.next_batch() {
        let outcome = batch.and_then(|batch| client.publish(path, &batch.json()).map(|()| batch.len()));
        match outcome {
            Ok(count) => bar.inc(count as u64),
            Err(failure) => {
                let before = bar.position();
                bar.finish_and_clear();
                return Err(after(before, failure));
            }
        }
    }
    let published = bar.position();
    bar.finish_and_clear();
    Ok(published)
}

/// A failure in the middle says how far it went: a batch is stored as a whole or not at all.
fn after(published: u64, failure: Failure) -> Failure {
    if published == 0 {
        return failure;
    }
    failure.with_context(&format!("after {published} events that were published"))
}

fn report(topic: &str, published: u64, output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => output::json(&json!({"topic": topic, "published": published})),
        Output::Text => {
            let events = if published == 1 { "event" } else { "events" };
            output::line(&format!("published {published} {events} to {topic}"))
        }
    }
}
