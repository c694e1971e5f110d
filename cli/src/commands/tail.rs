//! `weft tail`

use crate::args::Tail;
use crate::client::Client;
use crate::connection::Connection;
use crate::environment::Environment;
use crate::event;
use crate::failure::{Exit, Failure};
use crate::listed::Item;
use crate::output::{self, Output};
use crate::percent::encode;

pub(crate) fn run(args: &Tail, environment: &Environment) -> Result<(), Failure> {
    let client = Client::new(Connection::resolve(&args.connection, environment)?)?;
    let mut left = args.max;
    for tailed in client.stream(&format!("/$weft/v1/topics/{}/tail", encode(&args.topic)))? {
        print(&Item::from(tailed?), args.output)?;
        left = left.map(|left| left.saturating_sub(1));
        if left == Some(0) {
            return Ok(());
        }
    }
    Err(Failure::new(Exit::Unavailable, "the stream of events ended")
        .with_next("the service was stopped or restarted; start tail again"))
}

fn print(tailed: &Item, output: Output) -> Result<(), Failure> {
    if output == Output::Json {
        return output::line(&tailed.line());
    }
    let value = tailed.value();
    match value["missed"].as_u64() {
        Some(missed) => output::line(&format!("… {missed} events were too fast for this reader")),
        None => output::line(&event::text(&tailed.event())),
    }
}
