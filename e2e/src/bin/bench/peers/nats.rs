//! NATS JetStream with file storage and one replica.

mod install;
mod session;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use self::session::Session;
use crate::measure::{self, Rate};

/// Messages under way at once, as many as the events of our own publishers.
const WINDOW: usize = 1_600;
const MESSAGE_BYTES: usize = 1_024;
const STREAM: &str =
    r#"{"name":"BENCH","subjects":["bench.>"],"storage":"file","num_replicas":1,"max_bytes":16000000000}"#;
const CONSUMER: &str = r#"{"stream_name":"BENCH","config":{"durable_name":"C","name":"C","ack_policy":"explicit","deliver_policy":"all","max_ack_pending":20000}}"#;

/// When a published message is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Every two minutes, which is the default.
    Default,
    /// Before its acknowledgement.
    Always,
}

/// A running server with an empty stream, ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start(sync: Sync) -> anyhow::Result<Self> {
        let binary = install::binary()?;
        let folder = tempfile::tempdir().context("create a folder")?;
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
        let address = free.local_addr().context("read the port")?;
        drop(free);
        let sync = match sync {
            Sync::Default => "",
            Sync::Always => "sync_interval: always",
        };
        let store = folder.path().join("js");
        let configuration = format!(
            "listen: {address}\njetstream {{ store_dir: {:?}, max_file_store: 17000000000\n{sync}\n}}\n",
            store.display().to_string()
        );
        let file = folder.path().join("nats.conf");
        fs::write(&file, configuration).context("write the configuration")?;
        let mut command = Command::new(binary);
        command
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().context("start nats-server")?;
        let server = Self {
            process,
            address,
            _folder: folder,
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if start.elapsed() > Duration::from_secs(20) {
                bail!("nats-server does not answer");
            }
            thread::sleep(Duration::from_millis(20));
        }
        let mut session = Session::open(address)?;
        session.request("$JS.API.STREAM.CREATE.BENCH", STREAM)?;
        session.request("$JS.API.CONSUMER.CREATE.BENCH.C", CONSUMER)?;
        Ok(server)
    }

    /// Publishes with acknowledgements for `time`.
    pub(crate) fn publish(&self, time: Duration) -> anyhow::Result<Rate> {
        let mut session = Session::open(self.address)?;
        measure::rate(self.process.id(), || {
            session.publish("bench.a", MESSAGE_BYTES, WINDOW, time)
        })
    }

    /// Pulls and acknowledges what was published, for `time` or until nothing is left.
    pub(crate) fn pull(&self, time: Duration) -> anyhow::Result<Rate> {
        let mut session = Session::open(self.address)?;
        measure::rate(self.process.id(), || session.pull("BENCH", "C", WINDOW / 2, time))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
