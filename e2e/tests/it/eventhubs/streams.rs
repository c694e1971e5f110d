//! Producers and consumers that run through whatever happens to the broker, one pair and one partition for each SDK.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use e2e::eventhubs::{Client, Event, Line, Position, Request, Sdk};

/// How long a client may take to go on after a restart.
const RECOVERY: Duration = Duration::from_secs(120);

/// Often enough that the SDK itself survives a broker that is away.
const RETRIES: u32 = 200;

/// A pair of clients for each SDK.
pub(crate) struct Streams {
    sdks: Vec<Sdk>,
    said: Vec<Mutex<Said>>,
    stop_sending: AtomicBool,
    stop_receiving: AtomicBool,
}

/// What the clients of one partition have said.
#[derive(Debug, Default)]
struct Said {
    acknowledged: Vec<String>,
    /// Sent, and given up by the SDK: each may be there or not.
    failed: u64,
    /// By sequence number: what the consumer received; the same may come again.
    received: BTreeMap<i64, String>,
    repeats: u64,
    /// When the consumer received something for the last time.
    heard: Option<Instant>,
    /// What a client said of its own trouble for the last time, and when.
    trouble: Option<(Instant, String)>,
}

impl Streams {
    pub(crate) fn new(sdks: &[Sdk]) -> Self {
        Self {
            sdks: sdks.to_vec(),
            said: sdks.iter().map(|_| Mutex::default()).collect(),
            stop_sending: AtomicBool::new(false),
            stop_receiving: AtomicBool::new(false),
        }
    }

    /// Runs `trouble` while two clients of every SDK, in their order, send to a partition of their own and receive from it;
    /// then waits until everything that was acknowledged was received.
    pub(crate) fn during(&self, clients: Vec<[Client; 2]>, trouble: impl FnOnce(&Self) + Send) {
        thread::scope(|scope| {
            for (number, clients) in clients.into_iter().enumerate() {
                let said = &self.said[number];
                let [producer, consumer] = begin(clients, number);
                scope.spawn(|| follow(producer, said, &self.stop_sending));
                scope.spawn(|| follow(consumer, said, &self.stop_receiving));
            }
            // A panic here must end the threads as well, or the scope would wait for ever.
            let outcome = thread::Builder::new()
                .spawn_scoped(scope, || {
                    trouble(self);
                    self.stop_sending.store(true, Ordering::Relaxed);
                    self.everything_is_received();
                })
                .expect("a thread")
                .join();
            self.stop_sending.store(true, Ordering::Relaxed);
            self.stop_receiving.store(true, Ordering::Relaxed);
            if let Err(panic) = outcome {
                std::panic::resume_unwind(panic);
            }
        });
    }

    /// Compares what was said with what is there: the events of the partition with each SDK's number.
    pub(crate) fn check(&self, truth: impl Fn(&str) -> Vec<Event>) {
        for (number, sdk) in self.sdks.iter().enumerate() {
            let said = self.said[number].lock().expect("no test thread panics");
            check(&truth(&number.to_string()), &said, *sdk);
        }
    }

    fn sdks_that(&self, is: impl Fn(usize, &Said) -> bool) -> Vec<Sdk> {
        let said = self.said.iter().enumerate();
        said.filter(|(number, said)| is(*number, &said.lock().expect("no test thread panics")))
            .map(|(number, _)| self.sdks[number])
            .collect()
    }

    /// Waits until every producer has got some more acknowledgements; `when` says after what.
    pub(crate) fn everybody_sends(&self, when: &str) {
        let count = |said: &Mutex<Said>| said.lock().expect("no test thread panics").acknowledged.len();
        let before: Vec<_> = self.said.iter().map(count).collect();
        let start = Instant::now();
        loop {
            let idle = self.sdks_that(|number, said| said.acknowledged.len() < before[number] + 3);
            if idle.is_empty() {
                return;
            }
            assert!(start.elapsed() < RECOVERY, "{idle:?} did not go on {when}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn everything_is_received(&self) {
        let start = Instant::now();
        loop {
            // Producers that are just stopping may get one more acknowledgement.
            thread::sleep(Duration::from_millis(500));
            let behind = self.sdks_that(|_, said| !said.is_complete());
            if behind.is_empty() {
                return;
            }
            if start.elapsed() > RECOVERY {
                let how = self
                    .said
                    .iter()
                    .map(|said| said.lock().expect("no test thread panics").missed());
                let how: Vec<_> = self
                    .sdks
                    .iter()
                    .zip(how)
                    .filter(|(sdk, _)| behind.contains(sdk))
                    .collect();
                panic!("consumers miss acknowledged events: {how:?}");
            }
        }
    }
}

/// Makes a producer and a consumer of them, on the partition with this number.
fn begin([mut producer, mut consumer]: [Client; 2], number: usize) -> [Client; 2] {
    let id = number.to_string();
    let pause = Duration::from_millis(20);
    producer
        .begin(&Request::stream_send(&id, "").retries(RETRIES).pause(pause))
        .expect("the producer begins");
    consumer
        .begin(&Request::stream_receive(&id, Position::Earliest).retries(RETRIES))
        .expect("the consumer begins");
    [producer, consumer]
}

/// Notes what a client says until it is told to stop and has stopped.
fn follow(mut client: Client, said: &Mutex<Said>, stop: &AtomicBool) {
    let mut stopped = None;
    loop {
        if stopped.is_none() && stop.load(Ordering::Relaxed) {
            client.stop().expect("the client listens");
            stopped = Some(Instant::now());
        }
        let line = client
            .line(Instant::now() + Duration::from_millis(100))
            .expect("the client lives");
        let mut said = said.lock().expect("no test thread panics");
        match line {
            Some(Line::Acknowledged(body)) => said.acknowledged.push(body),
            Some(Line::Failed { .. }) => said.failed += 1,
            Some(Line::Event(event)) => said.receive(*event),
            Some(Line::Done(_)) => return,
            Some(Line::Error(failure)) => panic!("{:?} gave up: {failure:?}", client.sdk()),
            Some(line) => said.trouble = Some((Instant::now(), format!("{line:?}"))),
            None if stopped.is_some_and(|stopped| stopped.elapsed() > RECOVERY) => {
                panic!("{:?} does not stop", client.sdk())
            }
            None => {}
        }
    }
}

impl Said {
    fn receive(&mut self, event: Event) {
        let body = event.body.expect("short bodies are shown");
        self.heard = Some(Instant::now());
        if let Some(before) = self.received.insert(event.sequence_number, body.clone()) {
            assert_eq!(before, body, "number {} was two events", event.sequence_number);
            self.repeats += 1;
        }
    }
}

impl Said {
    /// Whether the consumer has everything that was acknowledged to the producer.
    fn is_complete(&self) -> bool {
        let received: BTreeSet<_> = self.received.values().collect();
        self.acknowledged.iter().all(|body| received.contains(body))
    }

    /// How the consumer stands that has not everything, for whoever looks for the reason.
    fn missed(&self) -> String {
        let received: BTreeSet<_> = self.received.values().collect();
        let missed = self.acknowledged.iter().filter(|body| !received.contains(body));
        let ago = |at: &Instant| format!("{:?} ago", at.elapsed());
        format!(
            "{} of {} acknowledged; received up to number {:?}, {} times again, the last {:?}; its last trouble: {:?}",
            missed.count(),
            self.acknowledged.len(),
            self.received.last_key_value().map(|(number, _)| number),
            self.repeats,
            self.heard.as_ref().map(ago),
            self.trouble.as_ref().map(|(at, what)| (ago(at), what))
        )
    }
}

/// What a partition holds, as a reader sees it who was not there.
pub(crate) fn truth(mut reader: Client, partition: &str) -> Vec<Event> {
    let lines = reader
        .run(&Request::partition_properties(partition))
        .expect("an answer")
        .ok()
        .expect("properties");
    let last = lines.iter().find_map(|line| match line {
        Line::Partition(properties) => Some(properties.last_enqueued_sequence_number),
        _ => None,
    });
    let count =
        usize::try_from(last.expect("properties") + 1).expect("a partition holds no less than nothing");
    let request = Request::receive(partition, Position::Earliest, count);
    let lines = reader.run(&request).expect("an answer").ok().expect("events");
    lines.events().into_iter().cloned().collect()
}

fn check(truth: &[Event], said: &Said, sdk: Sdk) {
    println!(
        "{sdk:?}: {} acknowledged, {} given up, {} in the partition, {} received again",
        said.acknowledged.len(),
        said.failed,
        truth.len(),
        said.repeats
    );
    let mut newest = None;
    for (event, number) in truth.iter().zip(0..) {
        assert_eq!(event.sequence_number, number, "{sdk:?}: a gap or a repeat");
        let sent: u64 = event
            .body
            .as_deref()
            .and_then(|body| body.parse().ok())
            .expect("a number was sent");
        // An SDK may send an event again that it got no answer for; it may not send it after a later one.
        assert!(newest <= Some(sent), "{sdk:?}: {sent} came after {newest:?}");
        newest = Some(sent);
    }
    for pair in truth.windows(2) {
        assert!(
            pair[0].enqueued_time <= pair[1].enqueued_time,
            "{sdk:?}: {pair:?}"
        );
        let offsets: Vec<i64> = pair
            .iter()
            .map(|event| event.offset.parse().expect("a number"))
            .collect();
        assert!(offsets[0] < offsets[1], "{sdk:?}: {pair:?}");
    }
    let bodies: BTreeSet<_> = truth.iter().filter_map(|event| event.body.as_ref()).collect();
    let lost: Vec<_> = said
        .acknowledged
        .iter()
        .filter(|body| !bodies.contains(body))
        .collect();
    assert!(lost.is_empty(), "{sdk:?}: acknowledged and lost: {lost:?}");
    for (number, body) in &said.received {
        let place = usize::try_from(*number).expect("not negative");
        let held = truth.get(place).and_then(|event| event.body.as_ref());
        assert_eq!(
            held,
            Some(body),
            "{sdk:?}: number {number} was received as something else"
        );
    }
    let gaps: Vec<_> = (0..)
        .zip(said.received.keys())
        .filter(|(place, number)| place != *number)
        .take(3)
        .collect();
    assert!(
        gaps.is_empty(),
        "{sdk:?}: the consumer missed events before {gaps:?}"
    );
}
