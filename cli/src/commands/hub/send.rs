//! `weft hub send`

use std::io::{self, IsTerminal, Read};

use serde_json::{Map, Value, json};

use super::client;
use crate::args::HubSend;
use crate::client::Upload;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::percent::encode;

/// The media type by which a hub takes a list of events.
const LIST: &str = "application/vnd.microsoft.servicebus.json";

pub(super) fn run(args: HubSend, environment: &Environment) -> Result<(), Failure> {
    let client = client(&args.connection, environment)?;
    let hub = encode(&args.hub);
    let path = match args.partition {
        Some(id) => format!("/{hub}/partitions/{id}/messages"),
        None => format!("/{hub}/messages"),
    };
    let data = data(args.data.as_deref())?;
    client.upload(&upload(&args, path, data)?)?;
    match args.output {
        Output::Json => output::json(&json!({"hub": args.hub, "sent": 1})),
        Output::Text => output::line(&format!("sent 1 event to {}", args.hub)),
    }
}

fn data(given: Option<&str>) -> Result<Vec<u8>, Failure> {
    match given {
        Some(data) if data != "-" => Ok(data.as_bytes().to_vec()),
        None if io::stdin().is_terminal() => {
            Err(Failure::usage("nothing to send")
                .with_next("give the data as an argument, or on standard input"))
        }
        _ => {
            let mut data = Vec::new();
            io::stdin()
                .read_to_end(&mut data)
                .map_err(|cause| Failure::machine("read standard input", cause))?;
            Ok(data)
        }
    }
}

/// The data as it is, unless there are properties. Those would be headers then, whose names are no longer what they were
/// and may mean something else on the way; so that the event is the only one of a list instead.
fn upload(args: &HubSend, path: String, data: Vec<u8>) -> Result<Upload, Failure> {
    let key = args.key.as_ref().map(|key| json!({"PartitionKey": key}));
    if args.properties.is_empty() {
        return Ok(Upload {
            path,
            content_type: args.content_type.clone(),
            broker_properties: key.map(|key| key.to_string()),
            body: data,
        });
    }
    let body = String::from_utf8(data).map_err(|_| {
        Failure::usage("the data is not text, and only text can have properties over HTTP")
            .with_next("leave out --property, send text, or use an SDK")
    })?;
    let mut broker_properties = key.unwrap_or_else(|| json!({}));
    if let Some(content_type) = &args.content_type {
        broker_properties["ContentType"] = json!(content_type);
    }
    let properties = args.properties.iter().cloned();
    let properties: Map<String, Value> = properties
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    let event = json!({"Body": body, "UserProperties": properties, "BrokerProperties": broker_properties});
    Ok(Upload {
        path,
        content_type: Some(LIST.to_owned()),
        broker_properties: None,
        body: json!([event]).to_string().into_bytes(),
    })
}
