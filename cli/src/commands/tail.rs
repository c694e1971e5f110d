//! `weft tail`

use serde_json::Value;

use crate::args::Tail;
use crate::client::Client;
use crate::connection::Connection;
use crate::environment::Environment;
use crate::event;
use crate::failure::{Exit, Failure};
use crate::output::{self, Output};
use crate::percent::encode;

pub(crate) fn run(args: &Tail, environment: &Environment) -> Result<(), Failure> {
    let client = Client::new(Connection::resolve(&args.connection, environment)?)?;
    let mut left = args.max;
    for line in client.lines(&format!("/$weft/v1/topics/{}/tail", encode(&args.topic)))? {
        let line = line?;
        // An empty line only says that the service is still there.
        if line.is_empty() {
            continue;
        }
        print(&line, args.output)?;
        left = left.map(|left| left.saturating_sub(1));
        if left == Some(0) {
            return Ok(());
        }
    }
    Err(
        Failure::new(Exit::Unavailable, "the stream of events ended").with_next(
            "the service was stopped or restarted, or this reader was too slow for it; start tail again",
        ),
    )
}

/// JSON goes out as it came in, numbers and all.
fn print(line: &str, output: Output) -> Result<(), Failure> {
    let Ok(tailed) = serde_json::from_str::<Value>(line) else {
        return output::line(line);
    };
    match (output, tailed["missed"].as_u64()) {
        (Output::Json, _) => output::line(line),
        (Output::Text, Some(missed)) => {
            output::line(&format!("… {missed} events were too fast for this reader"))
        }
        (Output::Text, None) => output::line(&event::text(&tailed["event"])),
    }
}
