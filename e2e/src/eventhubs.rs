//! Programs on Azure's Event Hubs SDKs, in five languages, behind one contract.
//!
//! A program of `clients/*/eventhubs` reads requests and prints lines. A request is a JSON object ([`Request`]), one a
//! line on standard input, or as an argument; a bare word is a scenario without arguments, for use by hand. A line is a
//! JSON object with one field that names its kind ([`Line`]). The last line of an answer is `done`, `unsupported` or
//! `error`. With requests as arguments the program ends, with exit code 1 after an error.
//!
//! | environment | what |
//! |---|---|
//! | `EVENT_HUB_CONNECTION_STR` | as `weft exec` gives it; `connection` in a request goes before it |
//! | `EVENT_HUB_NAME` | the hub; `hub` in a request goes before it |
//! | `EVENT_HUB_TRANSPORT` | `websocket`, or AMQP over TCP |
//! | `EVENT_HUB_CUSTOM_ENDPOINT` | `sb://HOST:PORT`, where the door is not on its usual port |
//! | `EVENT_HUB_CREDENTIAL` | `token`: `DefaultAzureCredential` at `EVENT_HUB_FULLY_QUALIFIED_NAMESPACE`, no connection string |
//! | `BLOB_CONTAINER_NAME` | where processors keep their checkpoints, at `BLOB_STORAGE_ACCOUNT_URL`; without it, in memory |
//!
//! ```sh
//! EVENT_HUB_NAME=telemetry weft exec shop -- node client.mjs properties
//! ```

mod client;
mod compatibility;
mod connection_string;
mod line;
mod request;
mod sdk;
mod tools;

pub(crate) use self::client::{interpreter, parts, words};
pub use self::{
    client::{Client, Door, example, examples, keda, passwordless_example, quickstart},
    compatibility::{Outcome, Report},
    connection_string::ConnectionString,
    line::{Event, Failure, HubProperties, LastEnqueued, Line, Lines, PartitionProperties, Value},
    request::{Mode, NewEvent, Position, Request},
    sdk::Sdk,
};
