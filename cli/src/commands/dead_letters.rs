//! `weft dead-letters`

use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::Method;

use crate::args::{self, DeadLetters};
use crate::client::Client;
use crate::connection::Connection;
use crate::environment::Environment;
use crate::event;
use crate::failure::{Exit, Failure};
use crate::listed::{Item, List};
use crate::output::{self, Output};
use crate::percent::encode;
use crate::progress;

/// The service lists and redrives this many at a time.
const PAGE: usize = 100;

pub(crate) fn run(command: DeadLetters, environment: &Environment) -> Result<(), Failure> {
    match command {
        DeadLetters::List {
            topic,
            limit,
            after,
            connection,
            output,
        } => Queue::open(topic, &connection, environment)?.list(limit as usize, after, output),
        DeadLetters::Show {
            topic,
            sequence,
            connection,
            output,
        } => Queue::open(topic, &connection, environment)?.show(sequence, output),
        DeadLetters::Redrive {
            topic,
            sequences,
            all,
            connection,
            output,
        } => {
            let queue = Queue::open(topic, &connection, environment)?;
            let outcome = if all {
                queue.redrive_all()?
            } else {
                queue.redrive(sequences)?
            };
            outcome.report(&queue.topic, output)
        }
    }
}

/// The dead letters of one topic.
struct Queue {
    client: Client,
    topic: String,
    path: String,
}

impl Queue {
    fn open(
        topic: String,
        connection: &args::Connection,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let client = Client::new(Connection::resolve(connection, environment)?)?;
        let topic = match topic.starts_with(OF_STORES) {
            false if topic.contains('/') => on_the_way(&client, &topic)?,
            _ => topic,
        };
        let path = format!("/$weft/v1/topics/{}/dead-letters", encode(&topic));
        Ok(Self { client, topic, path })
    }

    fn list(&self, limit: usize, after: Option<u64>, output: Output) -> Result<(), Failure> {
        let mut letters = Vec::new();
        let mut after = after;
        while letters.len() < limit {
            let page = self.page(PAGE.min(limit - letters.len()), after)?;
            let Some(last) = page.last() else { break };
            after = Some(sequence(last));
            letters.extend(page);
        }
        match output {
            Output::Json => letters.iter().try_for_each(|letter| output::line(&letter.line())),
            Output::Text if letters.is_empty() => output::line(&format!("no dead letters in {}", self.topic)),
            Output::Text => output::table(&HEADER, &letters.iter().map(row).collect::<Vec<_>>()),
        }
    }

    fn show(&self, sequence: u64, output: Output) -> Result<(), Failure> {
        let letter: Item = self.client.get(&format!("{}/{sequence}", self.path))?;
        match output {
            Output::Json => output::line(&letter.line()),
            Output::Text => output::line(&format!("{sequence}  {}", event::text(&letter.event()))),
        }
    }

    fn page(&self, limit: usize, after: Option<u64>) -> Result<Vec<Item>, Failure> {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let List { value } = self.client.get(&format!("{}?limit={limit}{after}", self.path))?;
        Ok(value)
    }

    fn redrive(&self, sequences: Vec<u64>) -> Result<Outcome, Failure> {
        let bar = progress::bar("redriven", Some(sequences.len() as u64));
        let mut outcome = Outcome::default();
        for chunk in sequences.chunks(PAGE) {
            self.redrive_some(chunk, &mut outcome)?;
            bar.inc(chunk.len() as u64);
        }
        bar.finish_and_clear();
        Ok(outcome)
    }

    /// Page by page, so that nobody waits for one endless request, and those that stay are not tried twice.
    fn redrive_all(&self) -> Result<Outcome, Failure> {
        let bar = progress::bar("redriven", None);
        let mut outcome = Outcome::default();
        let mut after = None;
        loop {
            let page: Vec<u64> = self.page(PAGE, after)?.iter().map(sequence).collect();
            let Some(last) = page.last() else { break };
            after = Some(*last);
            self.redrive_some(&page, &mut outcome)?;
            bar.inc(page.len() as u64);
        }
        bar.finish_and_clear();
        Ok(outcome)
    }

    fn redrive_some(&self, sequences: &[u64], outcome: &mut Outcome) -> Result<(), Failure> {
        let path = format!("{}:redrive", self.path);
        let mut answer: Value =
            self.client
                .post(&path, Some(&json!({"sequences": sequences})), Duration::ZERO)?;
        for (name, list) in [
            ("redriven", &mut outcome.redriven),
            ("failed", &mut outcome.failed),
        ] {
            if let Value::Array(items) = answer[name].take() {
                list.extend(items);
            }
        }
        Ok(())
    }
}

/// Begins the names of topics in which dead letters for an object store lie: the topic, the subscription and its uid follow.
const OF_STORES: &str = "$dead-letters/";

/// What whoever may not look at those is told. No resource of Kubernetes has them, so that roles for topics and
/// subscriptions do not reach them.
const OF_THE_NAMESPACE: &str = "letters that wait for an object store belong to the Namespace: use a key with the right Listen \
    (to redrive: Manage), or bind a role of your own with `receive` (to redrive: `manage`, too) on eventnamespaces; those \
    of the chart have it on topics, subscriptions and hubs only";

/// The topic in which the dead letters of `TOPIC/SUBSCRIPTION` lie that go to an object store. To find it takes the right
/// that it takes to list them.
fn on_the_way(client: &Client, subscription: &str) -> Result<String, Failure> {
    let answer = client.ask_authorized(&Method::GET, "/$weft/v1/streams", &[], None)?;
    if answer.status == 403 {
        return Err(answer.refusal().with_next(OF_THE_NAMESPACE));
    }
    let List { value } = answer.json()?;
    let streams: Vec<Value> = value.iter().map(Item::value).collect();
    let prefix = format!("{OF_STORES}{subscription}/").to_lowercase();
    let open = streams.iter().filter(|stream| stream["state"] == "Open");
    let names = open.filter_map(|stream| stream["name"].as_str());
    let found = names
        .into_iter()
        .find(|name| name.to_lowercase().starts_with(&prefix));
    found.map(str::to_owned).ok_or_else(|| {
        Failure::new(
            Exit::Refused,
            format!("there is no subscription {subscription} whose dead letters go to an object store"),
        )
        .with_next(
            "look at its deadLetter: name the topic of topicRef, or look into the store of objectStore",
        )
    })
}

#[derive(Debug, Default)]
struct Outcome {
    redriven: Vec<Value>,
    failed: Vec<Value>,
}

impl Outcome {
    fn report(self, topic: &str, output: Output) -> Result<(), Failure> {
        let (redriven, failed) = (self.redriven.len(), self.failed.len());
        match output {
            Output::Json => {
                output::json(&json!({"topic": topic, "redriven": self.redriven, "failed": self.failed}))?;
            }
            Output::Text => {
                let letters = if redriven == 1 {
                    "dead letter"
                } else {
                    "dead letters"
                };
                output::line(&format!("redrove {redriven} {letters} of {topic}"))?;
                for letter in &self.failed {
                    eprintln!(
                        "{} stays: {}",
                        letter["sequence"],
                        event::bare(&letter["error"]["message"])
                    );
                }
            }
        }
        match self.failed.first() {
            None => Ok(()),
            Some(first) => Err(Failure::new(Exit::Refused, format!("{failed} dead letters were not redriven"))
                .with_code(event::bare(&first["error"]["code"]))
                .with_next("bring the subscription that they came from back, or look at them with `weft dead-letters show`")),
        }
    }
}

const HEADER: [&str; 7] = [
    "SEQUENCE",
    "REASON",
    "ATTEMPTS",
    "SOURCE",
    "TYPE",
    "ID",
    "PUBLISHED",
];

fn row(letter: &Item) -> Vec<String> {
    let letter = letter.value();
    let event = &letter["event"];
    let mut row = vec![letter["sequence"].to_string()];
    for name in [
        "deadletterreason",
        "deliveryattempts",
        "deadlettersource",
        "type",
        "id",
        "publishutc",
    ] {
        row.push(event.get(name).map_or_else(|| "-".to_owned(), event::bare));
    }
    row
}

fn sequence(letter: &Item) -> u64 {
    letter.value()["sequence"].as_u64().unwrap_or(u64::MAX)
}
