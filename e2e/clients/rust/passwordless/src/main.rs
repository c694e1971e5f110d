//! Scenarios on `azure_messaging_eventhubs` with a token, and with checkpoints in blobs. Usage: passwordless-client
//! [REQUEST]..., see e2e/src/eventhubs.rs
#![allow(
    clippy::disallowed_methods,
    reason = "a program of the tests stands outside the product: it reads its environment and starts its tasks"
)]

mod clients;
#[path = "../../eventhubs/src/line.rs"]
mod line;
#[path = "../../eventhubs/src/processing.rs"]
mod processing;
mod producing;
mod receiving;
#[path = "../../eventhubs/src/request.rs"]
#[allow(dead_code, reason = "the other program reads all of it")]
mod request;
#[path = "../../eventhubs/src/serving.rs"]
mod serving;

use crate::{
    request::Request,
    serving::{Failure, Input, Outcome},
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let failed = serving::serve(run).await;
    // Ends what the SDK left running, and the thread that reads standard input.
    std::process::exit(i32::from(failed))
}

async fn run(request: &Request, _: &Input) -> Result<Outcome, Failure> {
    match request.scenario.as_str() {
        "properties" => producing::properties(request).await,
        "send" => producing::send(request).await,
        "receive" => receiving::receive(request).await,
        "processor" => processing::processor(request).await,
        _ => Ok(Outcome::Unsupported("this program is for what needs a token")),
    }
}
