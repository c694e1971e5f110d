//! Requests come in, answers go out, one after the other.

use std::error::Error;

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines, Stdin, stdin},
    sync::Mutex,
};

use crate::{
    line::{self, say},
    request::Request,
};

/// What can go wrong in a scenario; the SDK's own error among them.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Standard input: requests, and the line that ends a stream.
pub(crate) type Input = Mutex<Lines<BufReader<Stdin>>>;

/// What a scenario has to say at its end.
pub(crate) enum Outcome {
    Done,
    /// The SDK has no call for it.
    Unsupported(&'static str),
}

/// Answers every request by running its scenario, and returns whether one has failed. Each argument is a request; without
/// arguments, each line of standard input.
pub(crate) async fn serve(run: impl AsyncFn(&Request, &Input) -> Result<Outcome, Failure>) -> bool {
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
            failed |= !answer(text.trim(), &input, &run).await;
        }
    }
    failed
}

async fn answer(
    text: &str,
    input: &Input,
    run: &impl AsyncFn(&Request, &Input) -> Result<Outcome, Failure>,
) -> bool {
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
