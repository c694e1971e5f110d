//! A small client of the NATS text protocol: enough to publish with acknowledgements and to pull with explicit acks.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// Where answers come back to.
const INBOX: &str = "_INBOX.bench";

/// How long the server may be silent before the run counts as hung.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Session {
    stream: BufReader<TcpStream>,
    line: String,
    payload: Vec<u8>,
}

/// One message, without its payload, which lies in [`Session::payload`].
#[derive(Debug)]
struct Message {
    reply: Option<String>,
    has_headers: bool,
}

impl Session {
    pub(super) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).context("connect to nats-server")?;
        stream.set_nodelay(true).context("set no delay")?;
        stream
            .set_read_timeout(Some(SILENCE))
            .context("set the read timeout")?;
        let mut session = Self {
            stream: BufReader::with_capacity(256 * 1024, stream),
            line: String::new(),
            payload: Vec::new(),
        };
        let hello =
            r#"CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"lang":"weft"}"#;
        session.send(format!("{hello}\r\nSUB {INBOX}.* 1\r\n").as_bytes())?;
        Ok(session)
    }

    /// A request of the JetStream API.
    ///
    /// # Errors
    /// When the answer is an error.
    pub(super) fn request(&mut self, subject: &str, body: &str) -> anyhow::Result<()> {
        self.send(format!("PUB {subject} {INBOX}.api {}\r\n{body}\r\n", body.len()).as_bytes())?;
        self.read_message()?;
        let answer = String::from_utf8_lossy(&self.payload);
        if answer.contains(r#""error":"#) {
            bail!("{subject} was answered {answer}");
        }
        Ok(())
    }

    /// Publishes for `time` with `window` messages unacknowledged; returns how many were acknowledged.
    pub(super) fn publish(
        &mut self,
        subject: &str,
        bytes: usize,
        window: usize,
        time: Duration,
    ) -> anyhow::Result<u64> {
        let message = format!("PUB {subject} {INBOX}.ack {bytes}\r\n{}\r\n", "x".repeat(bytes)).into_bytes();
        let start = Instant::now();
        self.send(&message.repeat(window))?;
        let (mut acknowledged, mut under_way) = (0, window);
        while under_way > 0 {
            // One write for all acknowledgements that one read brought.
            let mut answered = 0;
            loop {
                self.read_message()?;
                if !self.payload.starts_with(b"{\"stream\"") {
                    bail!(
                        "a publish was answered {}",
                        String::from_utf8_lossy(&self.payload)
                    );
                }
                answered += 1;
                if self.stream.buffer().is_empty() {
                    break;
                }
            }
            acknowledged += answered as u64;
            under_way -= answered;
            if start.elapsed() < time {
                self.send(&message.repeat(answered))?;
                under_way += answered;
            }
        }
        Ok(acknowledged)
    }

    /// Pulls in batches and acknowledges every message, for `time` or until nothing is left; returns how many.
    pub(super) fn pull(
        &mut self,
        stream: &str,
        consumer: &str,
        batch: usize,
        time: Duration,
    ) -> anyhow::Result<u64> {
        let body = format!(r#"{{"batch":{batch},"no_wait":true}}"#);
        let next = format!(
            "PUB $JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer} {INBOX}.pull {}\r\n{body}\r\n",
            body.len()
        );
        let start = Instant::now();
        // Two requests under way, so that the server never waits for the next one.
        self.send(next.repeat(2).as_bytes())?;
        let (mut received, mut since_request) = (0, 0);
        let mut acks = Vec::new();
        while start.elapsed() < time {
            let message = self.read_message()?;
            let Some(reply) = message.reply.filter(|_| !message.has_headers) else {
                // A status: nothing is left.
                break;
            };
            received += 1;
            since_request += 1;
            acks.extend_from_slice(format!("PUB {reply} 4\r\n+ACK\r\n").as_bytes());
            if since_request == batch {
                since_request = 0;
                acks.extend_from_slice(next.as_bytes());
            }
            if self.stream.buffer().is_empty() || acks.len() > 64 * 1024 {
                self.send(&acks)?;
                acks.clear();
            }
        }
        self.send(&acks)?;
        // The answer to a ping says that the server has read all acknowledgements.
        self.send(b"PING\r\n")?;
        while !self.read_line()?.starts_with("PONG") {
            self.skip_payload()?;
        }
        Ok(received)
    }

    fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream
            .get_mut()
            .write_all(bytes)
            .context("write to nats-server")
    }

    /// Reads up to and including the next message.
    fn read_message(&mut self) -> anyhow::Result<Message> {
        loop {
            self.read_line()?;
            if let Some(message) = self.message()? {
                return Ok(message);
            }
            match self.line.split_ascii_whitespace().next() {
                Some("PING") => self.send(b"PONG\r\n")?,
                Some("-ERR") => bail!("nats-server said {}", self.line.trim_end()),
                _ => {}
            }
        }
    }

    fn skip_payload(&mut self) -> anyhow::Result<()> {
        self.message().map(|_| ())
    }

    /// If the line announces a message: reads its payload.
    fn message(&mut self) -> anyhow::Result<Option<Message>> {
        let words: Vec<_> = self.line.split_ascii_whitespace().collect();
        let has_headers = words.first() == Some(&"HMSG");
        if !has_headers && words.first() != Some(&"MSG") {
            return Ok(None);
        }
        let length: usize = words
            .last()
            .and_then(|word| word.parse().ok())
            .context("parse a message's length")?;
        let with_reply = if has_headers { 6 } else { 5 };
        let reply = (words.len() == with_reply).then(|| words[3].to_owned());
        self.payload.resize(length + 2, 0);
        self.stream
            .read_exact(&mut self.payload)
            .context("read a message")?;
        self.payload.truncate(length);
        Ok(Some(Message { reply, has_headers }))
    }

    fn read_line(&mut self) -> anyhow::Result<&str> {
        self.line.clear();
        if self
            .stream
            .read_line(&mut self.line)
            .context("read from nats-server")?
            == 0
        {
            bail!("nats-server closed the connection");
        }
        Ok(&self.line)
    }
}
