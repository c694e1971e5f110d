//! Scenarios on `azure_messaging_eventhubs`. Usage: eventhubs-client [REQUEST]..., see e2e/src/eventhubs.rs
#![allow(
    clippy::disallowed_methods,
    reason = "a program of the tests stands outside the product: it reads its environment and starts its tasks"
)]

mod clients;
mod consuming;
mod line;
mod processing;
mod producing;
mod request;
mod serving;

use crate::{
    request::Request,
    serving::{Failure, Input, Outcome},
};

// On several threads this SDK loses answers that come before it has noted what it sent, and waits for ever.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let failed = serving::serve(run).await;
    // Ends what the SDK left running, and the thread that reads standard input.
    std::process::exit(i32::from(failed))
}

async fn run(request: &Request, input: &Input) -> Result<Outcome, Failure> {
    match request.scenario.as_str() {
        "properties" => producing::properties(request).await,
        "send" => producing::send(request).await,
        "receive" => consuming::receive(request).await,
        "epoch" => consuming::epoch(request).await,
        "processor" => processing::processor(request).await,
        "stream_send" => producing::stream(request, input).await,
        "stream_receive" => consuming::stream(request, input).await,
        other => Err(format!("no scenario is called {other}").into()),
    }
}
