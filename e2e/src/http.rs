//! A small blocking HTTP/1.1 client that sends exactly the bytes a test asks for, wrong ones included.

mod stream;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail};

use self::stream::Stream;

/// Longer than the longest poll that tests make.
const READ_TIMEOUT: Duration = Duration::from_secs(150);

/// What to send. `Host` and `Content-Length` are added.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn post(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            ..Self::default()
        }
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn encode(&self, method: &str) -> Vec<u8> {
        let mut bytes = format!("{method} {} HTTP/1.1\r\nhost: localhost\r\n", self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", self.body.len()).as_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not; the message shows it.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!(
                "read status {} body {:?} as JSON",
                self.status,
                String::from_utf8_lossy(&self.body)
            )
        })
    }
}

/// One kept-alive connection.
#[derive(Debug)]
pub struct Connection(BufReader<Stream>);

impl Connection {
    pub fn open(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self(BufReader::new(Stream::plain(socket(address)?))))
    }

    /// Over TLS, to a server whose certificate bears this name and is signed by one of these authorities (PEM).
    pub fn open_tls(address: SocketAddr, server_name: &str, authorities: &str) -> anyhow::Result<Self> {
        let stream = Stream::tls(socket(address)?, server_name, authorities)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a POST and waits for its answer.
    pub fn post(&mut self, request: &Request) -> anyhow::Result<Response> {
        self.send("POST", request)
    }

    /// Sends a GET and waits for its answer.
    pub fn get(&mut self, request: &Request) -> anyhow::Result<Response> {
        self.send("GET", request)
    }

    /// Sends a request with this method and waits for its answer.
    pub fn send(&mut self, method: &str, request: &Request) -> anyhow::Result<Response> {
        // A server may answer and close before it has read all of a body that it refuses: what it said counts then.
        let sent = self.0.get_mut().write_all(&request.encode(method));
        match (self.read_response(), sent) {
            (Ok(response), _) => Ok(response),
            (Err(_), Err(error)) => Err(error).context("send the request"),
            (Err(error), Ok(())) => Err(error),
        }
    }

    /// Sends raw bytes.
    pub fn send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// The socket, for timeouts and for waiting on its end.
    pub fn socket(&self) -> &TcpStream {
        self.0.get_ref().socket()
    }

    /// Reads one response.
    pub fn read_response(&mut self) -> anyhow::Result<Response> {
        let status_line = self.read_line().context("read the status line")?;
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status: u16 = status.with_context(|| format!("parse the status line {status_line:?}"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line().context("read a header")?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response {
            status,
            headers,
            body: Vec::new(),
        };
        self.read_body(&mut response)?;
        Ok(response)
    }

    fn read_body(&mut self, response: &mut Response) -> anyhow::Result<()> {
        if let Some(length) = response.header("content-length") {
            let length = length.parse().context("parse content-length")?;
            response.body.resize(length, 0);
            return self.0.read_exact(&mut response.body).context("read the body");
        }
        if response.header("transfer-encoding") != Some("chunked") {
            return Ok(());
        }
        loop {
            let size = self.read_line().context("read a chunk's size")?;
            let size = usize::from_str_radix(size.trim(), 16).context("parse a chunk's size")?;
            let start = response.body.len();
            response.body.resize(start + size, 0);
            self.0
                .read_exact(&mut response.body[start..])
                .context("read a chunk")?;
            self.read_line().context("read a chunk's end")?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn read_line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            bail!("the server closed the connection");
        }
        Ok(line.trim_end().to_owned())
    }
}

fn socket(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).context("connect")?;
    stream.set_nodelay(true).context("set no delay")?;
    stream
        .set_read_timeout(Some(READ_TIMEOUT))
        .context("set the read timeout")?;
    stream
        .set_write_timeout(Some(READ_TIMEOUT))
        .context("set the write timeout")?;
    Ok(stream)
}

/// One request on a connection of its own.
pub fn post(address: SocketAddr, request: &Request) -> anyhow::Result<Response> {
    Connection::open(address)?.post(request)
}

/// One GET on a connection of its own.
pub fn get(address: SocketAddr, target: &str) -> anyhow::Result<Response> {
    Connection::open(address)?.get(&Request::post(target))
}
