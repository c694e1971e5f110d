//! Checkpoints written through the Blob protocol, beside Azurite.

use std::{
    cell::RefCell,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use e2e::{
    Weft,
    azurite::{self, account_sas},
    http,
    manifests::{Manifests, NAMESPACE},
};

use crate::{
    load::{self, Counter, Task},
    measure::{Rate, rate},
    probe, requests,
    table::{Row, thousands},
    tally::Latencies,
};

const PROCESSORS: usize = 16;
/// Of each processor, where it writes for all of them at once.
const PARTITIONS: usize = 8;
const ROUNDS: usize = 3;
const TIME: Duration = Duration::from_secs(3);
const CONTAINER: &str = "progress";
const VERSION: &str = "2019-07-07";

const AIM_RATE: f64 = 20_000.0;
const AIM_FACTOR: u32 = 3;
const AIM_MORE: Duration = Duration::from_millis(1);

pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    let weft = Weft::start(Manifests::new(requests::SIZE).yaml())?;
    let ours = Account {
        address: weft.http_address(),
        pid: weft.pid(),
        path: format!("/checkpoints/{NAMESPACE}"),
        sas: account_sas(NAMESPACE, &weft.key()?)?,
    };
    ours.prepare()?;
    let azurite = azurite::Server::start(Ipv4Addr::LOCALHOST.into()).and_then(|server| {
        let account = Account {
            address: server.address(),
            pid: server.pid(),
            path: format!("/{}", azurite::ACCOUNT),
            sas: account_sas(azurite::ACCOUNT, azurite::KEY)?,
        };
        account.prepare()?;
        Ok((server, account))
    });
    let mut rows = Vec::new();
    for (what, connections) in [
        ("one write under way each", PROCESSORS),
        (
            "a write under way for each of 8 partitions",
            PROCESSORS * PARTITIONS,
        ),
    ] {
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        let probe = probe::run()?;
        for _ in 0..ROUNDS {
            rustix::fs::sync();
            mine.push(ours.round(connections)?);
            rustix::fs::sync();
            if let Ok((_, account)) = &azurite {
                theirs.push(account.round(connections)?);
            }
        }
        let mine = Round::median(mine);
        let aim = probe * AIM_FACTOR + AIM_MORE;
        let mut row = mine.row(&format!("checkpoint writes, 16 processors, {what}"), probe);
        row.against = format!(
            "aim ≥ {}/s ({:.2}), p99 ≤ 3 × probe + 1 ms = {} µs ({:.2})",
            thousands(AIM_RATE),
            mine.rate.per_second() / AIM_RATE,
            aim.as_micros(),
            mine.p99.as_secs_f64() / aim.as_secs_f64()
        );
        let other = (!theirs.is_empty()).then(|| Round::median(theirs));
        row.ratio = other
            .as_ref()
            .map(|other| mine.rate.per_second() / other.rate.per_second());
        rows.push(row);
        rows.push(match (&other, &azurite) {
            (Some(other), _) => Row {
                against: "does not sync its disk before it answers".to_owned(),
                ..other.row(&format!("Azurite {}, {what}", azurite::VERSION), probe)
            },
            (None, Err(error)) => Row {
                what: "Azurite".to_owned(),
                measured: format!("no peer: {error:#}").replace('\n', " "),
                ..Row::default()
            },
            (None, Ok(_)) => continue,
        });
    }
    Ok(rows)
}

/// A storage account, or what looks like one.
struct Account {
    address: SocketAddr,
    pid: u32,
    path: String,
    /// As a query.
    sas: String,
}

impl Account {
    /// The container, and a blob for every partition of every processor.
    fn prepare(&self) -> anyhow::Result<()> {
        let mut connection = http::Connection::open(self.address)?;
        let mut put = |target: String, headers: &[(&str, &str)]| {
            let mut request = http::Request::post(target).header("x-ms-version", VERSION);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let response = connection.send("PUT", &request)?;
            let text = String::from_utf8_lossy(&response.body).into_owned();
            ensure!(response.status == 201, "{}: {text}", response.status);
            Ok(())
        };
        put(
            format!("{}/{CONTAINER}?restype=container&{}", self.path, self.sas),
            &[],
        )?;
        for number in 0..PROCESSORS * PARTITIONS {
            let target = format!("{}?{}", self.blob(number), self.sas);
            put(target, &[("x-ms-blob-type", "BlockBlob")])?;
        }
        Ok(())
    }

    fn blob(&self, number: usize) -> String {
        let (processor, partition) = (number % PROCESSORS, number / PROCESSORS);
        format!(
            "{}/{CONTAINER}/localhost/hub-{processor}/%24default/checkpoint/{partition}",
            self.path
        )
    }

    /// As the SDKs write: the metadata is replaced, whatever it was.
    fn request(&self, number: usize) -> Vec<u8> {
        format!(
            "PUT {}?comp=metadata&{} HTTP/1.1\r\nhost: localhost\r\nx-ms-version: {VERSION}\r\n\
             x-ms-meta-offset: 4294967296\r\nx-ms-meta-sequencenumber: 1048576\r\ncontent-length: 0\r\n\r\n",
            self.blob(number),
            self.sas
        )
        .into_bytes()
    }

    fn round(&self, connections: usize) -> anyhow::Result<Round> {
        let latencies = Rc::new(RefCell::new(Latencies::default()));
        let counter = Counter::default();
        let tasks = (0..connections)
            .map(|number| {
                write_for_ever(
                    self.address,
                    self.request(number),
                    counter.clone(),
                    Rc::clone(&latencies),
                )
            })
            .collect();
        let rate = rate(self.pid, || load::run_for(TIME, &counter, tasks))?;
        let latencies = latencies.borrow();
        Ok(Round {
            rate,
            p50: latencies.quantile(500),
            p99: latencies.quantile(990),
        })
    }
}

fn write_for_ever(
    address: SocketAddr,
    request: Vec<u8>,
    counter: Counter,
    latencies: Rc<RefCell<Latencies>>,
) -> Task {
    Box::pin(async move {
        let mut connection = load::Connection::open(address).await?;
        loop {
            let start = Instant::now();
            connection.call(&request).await?;
            latencies.borrow_mut().add(start.elapsed());
            counter.add(1);
        }
    })
}

struct Round {
    rate: Rate,
    p50: Duration,
    p99: Duration,
}

impl Round {
    fn median(mut rounds: Vec<Self>) -> Self {
        rounds.sort_by(|a, b| a.rate.per_second().total_cmp(&b.rate.per_second()));
        let middle = rounds.len() / 2;
        rounds.swap_remove(middle)
    }

    fn row(&self, what: &str, probe: Duration) -> Row {
        Row {
            what: what.to_owned(),
            measured: format!(
                "{} writes/s, p50 {} µs, p99 {} µs",
                thousands(self.rate.per_second()),
                self.p50.as_micros(),
                self.p99.as_micros()
            ),
            cpu: Some(self.rate.cpu_per_event()),
            probe: Some(probe),
            ..Row::default()
        }
    }
}
