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

use std::error::Error;

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines, Stdin, stdin},
    sync::Mutex,
};

use crate::{line::say, request::Request};

/// What can go wrong in a scenario; the SDK's own error among them.
type Failure = Box<dyn Error + Send + Sync>;

/// Standard input: requests, and the line that ends a stream.
type Input = Mutex<Lines<BufReader<Stdin>>>;

/// What a scenario has to say at its end.
enum Outcome {
    Done,
    /// The SDK has no call for it.
    Unsupported(&'static str),
}

// On several threads this SDK loses answers that come before it has noted what it sent, and waits for ever.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let input = Mutex::new(BufReader::new(stdin()).lines());
    let mut arguments = std::env::args().skip(1).peekable();
    let interactive = arguments.peek().is_none();
    let mut failed = false;
    loop {
        let text = match arguments.next() {
            None if interactive => input.lock().await.next_line().await.ok().flatten(),
            argument => argument,
        };
        let Some(text) = text else { break };
        if !text.trim().is_empty() {
            failed |= !answer(text.trim(), &input).await;
        }
    }
    // Ends what the SDK left running, and the thread that reads standard input.
    std::process::exit(i32::from(failed))
}

async fn answer(text: &str, input: &Input) -> bool {
    let outcome = match Request::parse(text) {
        Ok(request) => (run(&request, input).await, request.scenario),
        Err(error) => (Err(error), String::new()),
    };
    match outcome {
        (Ok(Outcome::Done), scenario) => say("done", scenario),
        (Ok(Outcome::Unsupported(why)), _) => say("unsupported", why),
        (Err(error), _) => {
            say("error", line::failure(error.as_ref()));
            return false;
        }
    }
    true
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
