//! Apache Kafka, one broker without ZooKeeper.

mod install;
mod produce;
mod protocol;

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Context;

pub(crate) use self::produce::Producers;
use e2e::running::{self, Running};

use crate::peers;

pub(crate) use self::install::VERSION;

const TOPIC: &str = "bench";
/// As many as the hub has that it is compared with.
pub(crate) const PARTITIONS: usize = 4;
/// What its own start script asks for.
const JVM: [&str; 7] = [
    "-Xms1g",
    "-Xmx1g",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
];
/// As large as those of our log.
const SEGMENT_BYTES: u64 = 64 << 20;
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";

/// When a produced record is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// When the kernel sees fit, which is the default.
    Default,
    /// Before its acknowledgement.
    EveryMessage,
}

/// A running broker with an empty topic, ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    running: Running,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Server {
    /// What it keeps is bounded, and what is beyond goes soon.
    pub(crate) fn start(flush: Flush, kept_bytes: u64) -> anyhow::Result<Self> {
        let libraries = install::libraries()?;
        let folder = tempfile::tempdir().context("create a folder")?;
        let [address, controller] = running::free_addresses()?;
        let properties = folder.path().join("server.properties");
        fs::write(
            &properties,
            configuration(folder.path(), kept_bytes, address, controller, flush),
        )
        .context("write the configuration")?;
        let java = || {
            let mut command = Command::new("java");
            command.env("CLASSPATH", libraries.join("*")).args(JVM);
            command
        };
        peers::run(
            java()
                .args([
                    "kafka.tools.StorageTool",
                    "format",
                    "--standalone",
                    "-t",
                    CLUSTER,
                    "-c",
                ])
                .arg(&properties),
        )?;
        let log = fs::File::create(folder.path().join("log")).context("create the log")?;
        let mut command = java();
        command.arg("kafka.Kafka").arg(&properties);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("clone the log")?)
            .stderr(log);
        let running = Running::start(&mut command, address).context("start Kafka")?;
        produce::create_topic(address)?;
        Ok(Self {
            running,
            address,
            _folder: folder,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.id()
    }
}

fn configuration(
    folder: &Path,
    kept_bytes: u64,
    broker: SocketAddr,
    controller: SocketAddr,
    flush: Flush,
) -> String {
    let flush = match flush {
        Flush::Default => "",
        Flush::EveryMessage => "log.flush.interval.messages=1",
    };
    format!(
        "process.roles=broker,controller\nnode.id=1\n\
         listeners=PLAINTEXT://{broker},CONTROLLER://{controller}\nadvertised.listeners=PLAINTEXT://{broker}\n\
         controller.listener.names=CONTROLLER\ncontroller.quorum.bootstrap.servers={controller}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         inter.broker.listener.name=PLAINTEXT\nlog.dirs={}\nnum.partitions={PARTITIONS}\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n\
         log.retention.bytes={}\nlog.segment.bytes={SEGMENT_BYTES}\n\
         log.retention.check.interval.ms=1000\nlog.segment.delete.delay.ms=1000\n{flush}\n",
        folder.join("data").display(),
        kept_bytes / PARTITIONS as u64,
    )
}
