//! The bound for reading events back: a loop of pread and write over a file, for each connection. It runs as a process
//! of its own (this program in another role), so that its CPU is counted like the product's.

use std::{
    fs::File,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::io::AsyncReadExt;

use e2e::running::{self, Running};

use crate::side_by_side;

/// The first argument that turns this program into the server.
pub(crate) const ROLE: &str = "bare-file-server";

/// As much as the product reads and writes at once.
const CHUNK: usize = 256 * 1024;
/// Of the loader's reads, as when it receives events.
const READ_BYTES: usize = 256 * 1024;

/// Serves until it is killed. A connection that begins with the bytes of a number is given the part of the file that
/// begins there, of the length that follows.
pub(crate) fn serve(port: u16, file: &Path) -> anyhow::Result<()> {
    let file = Arc::new(File::open(file).context("open the file")?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).context("listen")?;
    for stream in listener.incoming() {
        let (stream, file) = (stream.context("accept")?, Arc::clone(&file));
        thread::spawn(move || {
            // A connection that only looked whether somebody listens asks for nothing.
            let _ = give(&stream, &file);
        });
    }
    Ok(())
}

fn give(mut stream: &TcpStream, file: &File) -> std::io::Result<()> {
    let mut part = [0; 16];
    std::io::Read::read_exact(&mut stream, &mut part)?;
    let (mut place, length) = parse(part);
    let (end, mut buffer) = (place + length, vec![0; CHUNK]);
    while place < end {
        let wanted = CHUNK.min(usize::try_from(end - place).unwrap_or(CHUNK));
        file.read_exact_at(&mut buffer[..wanted], place)?;
        stream.write_all(&buffer[..wanted])?;
        place += wanted as u64;
    }
    Ok(())
}

fn parse(part: [u8; 16]) -> (u64, u64) {
    let number = u128::from_be_bytes(part);
    ((number >> 64) as u64, number as u64)
}

/// A running server, and its file.
#[derive(Debug)]
pub(crate) struct Server {
    running: Running,
    address: SocketAddr,
    bytes: u64,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Over a file of so many bytes.
    pub(crate) fn start(bytes: u64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("create a folder")?;
        let file = folder.path().join("file");
        fill(&file, bytes).context("write the file")?;
        let [address] = running::free_addresses()?;
        let mut command = Command::new(std::env::current_exe().context("find this program")?);
        command.arg(ROLE).arg(address.port().to_string()).arg(&file);
        Ok(Self {
            running: Running::start(&mut command, address)?,
            address,
            bytes,
            file,
            _folder: folder,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.id()
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Reads the whole file, in equal parts over so many connections. Returns how many bytes came.
    pub(crate) fn read(&self, connections: u64, patience: Duration) -> anyhow::Result<u64> {
        let part = self.bytes / connections;
        let tasks = (0..connections).map(|index| read(self.address, index * part, part));
        side_by_side::run(tasks, patience)?;
        Ok(part * connections)
    }
}

async fn read(address: SocketAddr, place: u64, length: u64) -> anyhow::Result<()> {
    let mut stream = tokio::net::TcpStream::connect(address).await.context("connect")?;
    let part = u128::from(place) << 64 | u128::from(length);
    tokio::io::AsyncWriteExt::write_all(&mut stream, &part.to_be_bytes())
        .await
        .context("ask")?;
    let (mut buffer, mut left) = (vec![0; READ_BYTES], length);
    while left > 0 {
        match stream.read(&mut buffer).await.context("read")? {
            0 => bail!("the bare server closed the connection"),
            read => left = left.saturating_sub(read as u64),
        }
    }
    Ok(())
}

fn fill(path: &Path, bytes: u64) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    let chunk = vec![b'x'; 1024 * 1024];
    let mut left = bytes;
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        file.write_all(&chunk[..wanted])?;
        left -= wanted as u64;
    }
    file.sync_all().map_err(Into::into)
}
