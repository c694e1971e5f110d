//! `weft receive`

use std::time::Duration;

use serde_json::{Value, json};

use crate::args::Receive;
use crate::client::{API_VERSION, Client};
use crate::connection::Connection;
use crate::environment::Environment;
use crate::event;
use crate::failure::{Exit, Failure};
use crate::listed::{Item, List};
use crate::output::{self, Output};
use crate::percent::encode;

pub(crate) fn run(args: &Receive, environment: &Environment) -> Result<(), Failure> {
    let client = Client::new(Connection::resolve(&args.connection, environment)?)?;
    let base = format!(
        "/topics/{}/eventsubscriptions/{}",
        encode(&args.topic),
        encode(&args.subscription)
    );
    let path = format!(
        "{base}:receive?{API_VERSION}&maxEvents={}&maxWaitTime={}",
        args.max, args.wait
    );
    let List { value: deliveries } = client.post(&path, None, Duration::from_secs(args.wait.into()))?;
    if deliveries.is_empty() && args.output == Output::Text {
        eprintln!("no events within {} s", args.wait);
    }
    for delivery in &deliveries {
        print(delivery, args.output)?;
    }
    // Only now: what could not be printed must come again.
    if args.ack && !deliveries.is_empty() {
        acknowledge(&client, &base, &deliveries)?;
    }
    Ok(())
}

fn print(delivery: &Item, output: Output) -> Result<(), Failure> {
    if output == Output::Json {
        return output::line(&delivery.line());
    }
    let value = delivery.value();
    let count = &value["brokerProperties"]["deliveryCount"];
    output::line(&format!(
        "{}\n    delivery {count}",
        event::text(&delivery.event())
    ))
}

fn acknowledge(client: &Client, base: &str, deliveries: &[Item]) -> Result<(), Failure> {
    let token = |delivery: &Item| delivery.value()["brokerProperties"]["lockToken"].take();
    let tokens: Vec<Value> = deliveries.iter().map(token).collect();
    let path = format!("{base}:acknowledge?{API_VERSION}");
    let answer: Value = client.post(&path, Some(&json!({"lockTokens": tokens})), Duration::ZERO)?;
    let failed = answer["failedLockTokens"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    match failed.first() {
        None => Ok(()),
        Some(first) => {
            let reason = event::bare(&first["error"]["message"]);
            let message = format!(
                "{} of {} events were not acknowledged: {reason}",
                failed.len(),
                tokens.len()
            );
            Err(Failure::new(Exit::Refused, message)
                .with_code(event::bare(&first["error"]["code"]))
                .with_next(
                    "they will be delivered again; receive fewer at once if their locks expire too soon",
                ))
        }
    }
}
