//! A loader for Kafka that costs as little as the one for AMQP: requests encoded beforehand, answers of which only the
//! error code is read.

use std::{
    cell::RefCell,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{PARTITIONS, protocol};
use crate::{
    copies::Copies,
    side_by_side,
    tally::{Tally, UnderWay},
};

const READ_BYTES: usize = 64 * 1024;
/// How long the last answers of a round may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a topic may take until it can be produced to.
const BIRTH: Duration = Duration::from_secs(30);

/// Has the topic created, and waits until every partition takes a record.
pub(super) fn create_topic(address: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).context("connect to Kafka")?;
    call(&mut stream, &protocol::metadata())?;
    let start = Instant::now();
    for partition in 0..PARTITIONS {
        loop {
            let answer = call(&mut stream, &protocol::produce(partition, 1))?;
            match error_code(&answer)? {
                0 => break,
                code if start.elapsed() > BIRTH => bail!("Kafka refuses a record with code {code}"),
                _ => thread::sleep(Duration::from_millis(50)),
            }
        }
    }
    Ok(())
}

fn call(stream: &mut TcpStream, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    stream.write_all(request).context("write to Kafka")?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).context("read from Kafka")?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).context("read from Kafka")?;
    Ok(answer)
}

fn error_code(answer: &[u8]) -> anyhow::Result<i16> {
    let code = answer.get(protocol::ERROR_CODE..).and_then(<[u8]>::first_chunk);
    code.copied()
        .map(i16::from_be_bytes)
        .context("find the error code in Kafka's answer")
}

/// A connection for each partition, over all rounds of a measurement.
#[derive(Debug)]
pub(crate) struct Producers(Vec<Producer>);

impl Producers {
    /// Each has up to `outstanding` requests under way, of so many records.
    pub(crate) fn open(address: SocketAddr, records: usize, outstanding: usize) -> anyhow::Result<Self> {
        let open = |partition| Producer::open(address, partition, records, outstanding);
        (0..PARTITIONS).map(open).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Produces for `time`, and waits for the answers.
    pub(crate) fn run(&mut self, time: Duration) -> anyhow::Result<Tally> {
        let tally = RefCell::default();
        let end = Instant::now() + time;
        let tasks = self.0.iter_mut().map(|producer| producer.produce(end, &tally));
        side_by_side::run(tasks, time + PATIENCE)?;
        Ok(tally.into_inner())
    }
}

#[derive(Debug)]
struct Producer {
    stream: TcpStream,
    input: BytesMut,
    copies: Copies,
    records: u64,
    next: u32,
    outstanding: usize,
    under_way: UnderWay,
}

impl Producer {
    fn open(
        address: SocketAddr,
        partition: usize,
        records: usize,
        outstanding: usize,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).context("connect to Kafka")?;
        stream.set_nodelay(true).context("set no delay")?;
        stream
            .set_nonblocking(true)
            .context("make the socket non-blocking")?;
        let request = protocol::produce(partition, records);
        Ok(Self {
            stream,
            input: BytesMut::new(),
            copies: Copies::new(&request, &[protocol::CORRELATION], outstanding),
            records: records as u64,
            next: 0,
            outstanding,
            under_way: UnderWay::new(outstanding),
        })
    }

    async fn produce(&mut self, end: Instant, tally: &RefCell<Tally>) -> anyhow::Result<()> {
        let stream = self.stream.try_clone().context("clone the socket")?;
        let mut stream = tokio::net::TcpStream::from_std(stream).context("adopt the socket")?;
        loop {
            let now = Instant::now();
            if now < end {
                let count = self.outstanding - self.under_way.count();
                self.under_way.sent(self.next, count, now);
                stream
                    .write_all(self.copies.numbered(self.next, count))
                    .await
                    .context("write to Kafka")?;
                self.next = self.next.wrapping_add(count as u32);
            } else if self.under_way.count() == 0 {
                return Ok(());
            }
            self.input.reserve(READ_BYTES);
            if stream
                .read_buf(&mut self.input)
                .await
                .context("read from Kafka")?
                == 0
            {
                bail!("Kafka closed the connection");
            }
            self.hear(&mut tally.borrow_mut())?;
        }
    }

    fn hear(&mut self, tally: &mut Tally) -> anyhow::Result<()> {
        let now = Instant::now();
        while let Some(length) = self.input.first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            if self.input.len() < 4 + length {
                break;
            }
            self.input.advance(4);
            let mut answer = self.input.split_to(length);
            let code = error_code(&answer)?;
            tally
                .latencies
                .add(self.under_way.answered(answer.get_u32(), now));
            match code {
                0 => tally.events += self.records,
                code => tally.refuse(|| format!("Kafka's code {code}")),
            }
        }
        Ok(())
    }
}
