//! Rounds of events that are sent to every partition of a hub, and what processors make of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use e2e::{
    cluster::until,
    eventhubs::{Client, Line, Mode, NewEvent, Request},
};

/// How long anything may take on a machine that does other things, too.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// A processor that has not spoken of a partition for this long has lost it.
pub(super) const EXPIRATION: Duration = Duration::from_secs(6);

/// Sends events that can be told apart, and knows what was acknowledged.
pub(super) struct Producer {
    client: Client,
    partitions: u32,
    round: u32,
    pub(super) acknowledged: BTreeSet<String>,
}

impl Producer {
    pub(super) fn new(client: Client, partitions: u32) -> Self {
        Self {
            client,
            partitions,
            round: 0,
            acknowledged: BTreeSet::new(),
        }
    }

    /// Sends so many events to each partition, again if the outcome is unknown.
    pub(super) fn send(&mut self, count: u32) {
        self.round += 1;
        for partition in 0..self.partitions {
            let bodies: Vec<_> = (0..count)
                .map(|number| format!("{partition}-{}-{number}", self.round))
                .collect();
            let events = bodies.iter().map(|body| NewEvent::text(body)).collect();
            let request = Request::send(Mode::Batch, events).to_partition(&partition.to_string());
            until("the events to be acknowledged", PATIENCE, || {
                self.client.run(&request)?.ok().map(drop)
            })
            .expect("they are");
            self.acknowledged.extend(bodies);
        }
    }
}

/// What a processor said of an event.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) at: Instant,
    /// Which process said it.
    pub(super) life: usize,
    pub(super) partition: String,
    pub(super) number: i64,
    pub(super) body: String,
}

/// A checkpoint that a processor said it had stored.
#[derive(Debug)]
struct Stored {
    life: usize,
    partition: String,
    number: i64,
}

/// What all processors of a group have said.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    taken: Vec<Taken>,
    stored: Vec<Stored>,
    troubles: Vec<String>,
}

impl Ledger {
    pub(super) fn taken(&self) -> Vec<Taken> {
        self.0.lock().expect("no test thread panics").taken.clone()
    }

    /// So many checkpoints were said to be stored.
    pub(super) fn stored(&self) -> usize {
        self.0.lock().expect("no test thread panics").stored.len()
    }

    /// Whether one of these lives can have stored that number after the first `stored` checkpoints were said: it has said
    /// so since, or it had taken the event and not yet said that it stored it, or a later one.
    pub(super) fn may_have_stored(
        &self,
        partition: &str,
        number: i64,
        lives: &[usize],
        stored: usize,
    ) -> bool {
        let said = self.0.lock().expect("no test thread panics");
        let (before, since) = said.stored.split_at(stored);
        let was_told = |life| {
            let mut before = before.iter();
            before.any(|one| one.life == life && one.partition == partition && one.number >= number)
        };
        let mut taken = said.taken.iter();
        let is_under_way = taken.any(|taken| {
            let is_it = taken.partition == partition && taken.number == number;
            is_it && lives.contains(&taken.life) && !was_told(taken.life)
        });
        let mut since = since.iter();
        is_under_way || since.any(|one| one.partition == partition && one.number == number)
    }

    /// The highest number of each partition that was taken.
    pub(super) fn newest(&self) -> BTreeMap<String, i64> {
        let mut newest = BTreeMap::new();
        for taken in self.taken() {
            let number = newest.entry(taken.partition).or_insert(taken.number);
            *number = taken.number.max(*number);
        }
        newest
    }

    /// Waits until all of these have been taken at least once.
    pub(super) fn wait_for(&self, bodies: &BTreeSet<String>) {
        until("every event to be processed", PATIENCE, || {
            let taken = self.taken();
            let seen: BTreeSet<_> = taken.iter().map(|taken| &taken.body).collect();
            let missing: Vec<_> = bodies.iter().filter(|body| !seen.contains(body)).collect();
            ensure!(
                missing.is_empty(),
                "{} of {} are missing: {:?}; troubles: {:?}",
                missing.len(),
                bodies.len(),
                &missing[..missing.len().min(8)],
                self.troubles()
            );
            Ok(())
        })
        .expect("at least once");
    }

    /// The last of what the SDKs complained about.
    fn troubles(&self) -> Vec<String> {
        let said = self.0.lock().expect("no test thread panics");
        said.troubles.iter().rev().take(5).cloned().collect()
    }

    fn note(&self, life: usize, line: Line) {
        let mut said = self.0.lock().expect("no test thread panics");
        match line {
            Line::Event(event) => said.taken.push(Taken {
                at: Instant::now(),
                life,
                partition: event.partition_id,
                number: event.sequence_number,
                body: event.body.unwrap_or_default(),
            }),
            Line::Checkpoint {
                partition_id,
                sequence_number,
            } => said.stored.push(Stored {
                life,
                partition: partition_id,
                number: sequence_number,
            }),
            Line::Trouble(failure) => said.troubles.push(format!("{life}: {failure:?}")),
            _ => {}
        }
    }
}

const RUNS: u8 = 0;
const STOPS: u8 = 1;
const DIES: u8 = 2;

/// A process that takes its share of a group's partitions.
pub(super) struct Processor {
    life: usize,
    end: Arc<AtomicU8>,
    follower: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Processor {
    pub(super) fn start(mut client: Client, group: &str, life: usize, ledger: &Arc<Ledger>) -> Self {
        client
            .begin(&Request::stream_process(group, EXPIRATION).retries(200))
            .expect("the processor begins");
        let end = Arc::new(AtomicU8::new(RUNS));
        let (ledger, wanted) = (Arc::clone(ledger), Arc::clone(&end));
        let follower = thread::spawn(move || follow(client, life, &ledger, &wanted));
        Self {
            life,
            end,
            follower: Some(follower),
        }
    }

    pub(super) fn life(&self) -> usize {
        self.life
    }

    /// `kill -9`.
    pub(super) fn kill(mut self) {
        self.end(DIES).expect("it lived until now");
    }

    /// Lets it say goodbye.
    pub(super) fn stop(mut self) {
        self.end(STOPS).expect("it lived until now, and stops");
    }

    fn end(&mut self, how: u8) -> anyhow::Result<()> {
        self.end.store(how, Ordering::Relaxed);
        let follower = self.follower.take().context("it has not ended yet")?;
        follower.join().expect("the follower does not panic")
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        // Of a test that has failed: its processes would hold the thread that reads them.
        if self.follower.is_some() {
            let _ = self.end(DIES);
        }
    }
}

/// Reads what it says until it has ended as it should.
fn follow(mut client: Client, life: usize, ledger: &Ledger, end: &AtomicU8) -> anyhow::Result<()> {
    let mut stopped: Option<Instant> = None;
    loop {
        match end.load(Ordering::Relaxed) {
            DIES => {
                // What it has said counts: it may have stored so.
                client
                    .kill()?
                    .into_iter()
                    .for_each(|line| ledger.note(life, line));
                return Ok(());
            }
            STOPS if stopped.is_none() => {
                client.stop()?;
                stopped = Some(Instant::now());
            }
            _ => {}
        }
        match client.line(Instant::now() + Duration::from_millis(50))? {
            Some(Line::Done(_)) => return Ok(()),
            Some(Line::Error(failure)) => anyhow::bail!("{:?} gave up: {failure:?}", client.sdk()),
            Some(line) => ledger.note(life, line),
            None => ensure!(
                stopped.is_none_or(|stopped| stopped.elapsed() < PATIENCE),
                "{:?} does not stop",
                client.sdk()
            ),
        }
    }
}
