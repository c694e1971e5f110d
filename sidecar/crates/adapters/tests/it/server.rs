//! A server in a process of its own, on a port of loopback that it chooses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// It ends with the test.
pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
}

impl Server {
    /// Starts it and waits until its output names where it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let (mut output, writer) = std::io::pipe().unwrap();
        command.stdin(Stdio::null());
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        // It holds the other end of the pipe.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut said = String::new();
        let mut lines = BufReader::new(&mut output);
        let address = loop {
            let before = said.len();
            let count = lines.read_line(&mut said).unwrap();
            assert!(count > 0, "it ended instead of listening: {said}");
            let found = said[before..].split_once(" on http://");
            if let Some((_, address)) = found {
                break address.trim().to_owned();
            }
        };
        // So that it never waits for somebody to read what it says.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self { child, address }
    }

    /// Sends a request without a body; gives the status.
    pub(crate) fn put(&self, target: &str, headers: &str) -> u16 {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "PUT {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n{headers}\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no HTTP: {answer}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
