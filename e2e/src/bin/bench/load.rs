//! A load generator that costs little: raw HTTP/1.1 over tokio on one thread, prebuilt requests, answers that are cut by
//! their Content-Length and not parsed.

use std::{cell::Cell, future::Future, net::SocketAddr, pin::Pin, rc::Rc, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A kept-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// An answer of status 200.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    body: &'a [u8],
}

impl<'a> Answer<'a> {
    pub(crate) fn text(&self) -> anyhow::Result<&'a str> {
        std::str::from_utf8(self.body).context("read the answer as text")
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connect")?;
        stream.set_nodelay(true).context("set no delay")?;
        Ok(Self {
            stream,
            buffer: vec![0; 64 * 1024],
            filled: 0,
        })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// When the answer is not 200; the message holds it.
    pub(crate) async fn call(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await.context("send")?;
        self.filled = 0;
        let (head, length) = loop {
            self.read_some().await?;
            let seen = &self.buffer[..self.filled];
            if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                break (end + 4, content_length(&seen[..end])?);
            }
        };
        while self.filled < head + length {
            self.read_some().await?;
        }
        let answer = &self.buffer[..head + length];
        if !answer.starts_with(b"HTTP/1.1 200") {
            bail!("the server answered {}", String::from_utf8_lossy(answer));
        }
        Ok(Answer {
            body: &answer[head..],
        })
    }

    async fn read_some(&mut self) -> anyhow::Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = self
            .stream
            .read(&mut self.buffer[self.filled..])
            .await
            .context("read")?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        self.filled += read;
        Ok(())
    }
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head).context("read the head as text")?;
    let header = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = header.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = lengths
        .next()
        .with_context(|| format!("find content-length in {head:?}"))?;
    length.trim().parse().context("parse content-length")
}

/// Counts the events that the tasks of one run have moved.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Rc<Cell<u64>>);

impl Counter {
    pub(crate) fn add(&self, events: u64) {
        self.0.set(self.0.get() + events);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }
}

/// Runs tasks side by side on this thread until all have ended or the time is over, and returns what they counted.
///
/// # Errors
/// When one of them fails.
pub(crate) fn run_for(time: Duration, counter: &Counter, tasks: Vec<Task>) -> anyhow::Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("build a runtime")?;
    let local = tokio::task::LocalSet::new();
    let mut running: Vec<_> = tasks.into_iter().map(|task| local.spawn_local(task)).collect();
    runtime.block_on(local.run_until(async {
        let end = tokio::time::Instant::now() + time;
        while let Some(mut task) = running.pop() {
            match tokio::time::timeout_at(end, &mut task).await {
                Ok(ended) => ended.context("join a task")??,
                Err(_) => task.abort(),
            }
        }
        anyhow::Ok(())
    }))?;
    Ok(counter.get())
}

/// What one connection does.
pub(crate) type Task = Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

/// Tasks that send the same request for ever, each answer counting `events`.
pub(crate) fn repeat(
    address: SocketAddr,
    connections: usize,
    request: Vec<u8>,
    events: u64,
    counter: &Counter,
) -> Vec<Task> {
    let request: Rc<[u8]> = request.into();
    let task = || -> Task {
        let (request, counter) = (Rc::clone(&request), counter.clone());
        Box::pin(async move {
            let mut connection = Connection::open(address).await?;
            loop {
                connection.call(&request).await?;
                counter.add(events);
            }
        })
    };
    (0..connections).map(|_| task()).collect()
}

/// Sends the same request from `connections` connections for `time`; returns how many events were answered.
pub(crate) fn repeat_for(
    time: Duration,
    address: SocketAddr,
    connections: usize,
    request: Vec<u8>,
    events: u64,
) -> anyhow::Result<u64> {
    let counter = Counter::default();
    run_for(
        time,
        &counter,
        repeat(address, connections, request, events, &counter),
    )
}
