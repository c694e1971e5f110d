//! An HTTP client that sends exactly what it is told.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// No test waits longer than this for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(crate) struct Client {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    /// Sent with every [`Client::call`].
    pub(crate) authorization: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.expect("connect"))
    }

    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            buffer: Vec::new(),
            authorization: None,
        }
    }

    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.authorization = Some(format!("SharedAccessKey {key}"));
        self
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("send");
        self.stream.flush().await.expect("flush");
    }

    /// Sends, whether or not the other side still listens.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// One request and its response. `headers` are lines without line ends.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        target: &str,
        headers: &[&str],
        body: impl AsRef<[u8]>,
    ) -> Response {
        self.send(self.request(method, target, headers, body)).await;
        self.response().await
    }

    pub(crate) fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[&str],
        body: impl AsRef<[u8]>,
    ) -> Vec<u8> {
        let body = body.as_ref();
        let mut head = format!(
            "{method} {target} HTTP/1.1\r\nhost: weft\r\ncontent-length: {}\r\n",
            body.len()
        );
        for line in headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        if let Some(authorization) = &self.authorization {
            head.push_str(&format!("authorization: {authorization}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), body].concat()
    }

    pub(crate) async fn response(&mut self) -> Response {
        self.try_response()
            .await
            .expect("a response, not the end of the connection")
    }

    /// None if the connection ends before a response.
    pub(crate) async fn try_response(&mut self) -> Option<Response> {
        let head = self.until(b"\r\n\r\n").await?;
        let head = String::from_utf8(head).expect("a head in ASCII");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status");
        let mut response = Response {
            status,
            head,
            body: Vec::new(),
        };
        if let Some(length) = response.header("content-length") {
            let length = length.parse().expect("a length");
            response.body = self.exactly(length).await?;
        } else if response.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await? {
                response.body.extend_from_slice(&chunk);
            }
        }
        Some(response)
    }

    /// A response's head, and nothing of its body.
    pub(crate) async fn head(&mut self) -> Response {
        let head =
            String::from_utf8(self.until(b"\r\n\r\n").await.expect("a head")).expect("a head in ASCII");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status");
        Response {
            status,
            head,
            body: Vec::new(),
        }
    }

    /// The next chunk of a chunked body; the inner None is its end, the outer one that of the connection.
    pub(crate) async fn chunk(&mut self) -> Option<Option<Vec<u8>>> {
        let size = self.until(b"\r\n").await?;
        let size = std::str::from_utf8(&size)
            .expect("a size in ASCII")
            .trim()
            .to_owned();
        let size = usize::from_str_radix(&size, 16).expect("a size in hexadecimal");
        let chunk = self.exactly(size + 2).await?;
        Some((size > 0).then(|| chunk[..size].to_vec()))
    }

    /// Whether the server closes the connection, without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill().await
    }

    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return Some(self.buffer.drain(..at + end.len()).collect());
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.fill().await {
                return None;
            }
        }
        Some(self.buffer.drain(..length).collect())
    }

    async fn fill(&mut self) -> bool {
        let mut chunk = vec![0; 16 << 10];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut chunk)).await;
        match read.expect("an answer in time") {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                true
            }
        }
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code in the envelope, which must be the one in the header.
    pub(crate) fn code(&self) -> String {
        let code = self.json()["error"]["code"].as_str().expect("a code").to_owned();
        assert_eq!(self.header("broker-errorcode"), Some(code.as_str()));
        code
    }

    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"]
            .as_str()
            .expect("a message")
            .to_owned()
    }
}
