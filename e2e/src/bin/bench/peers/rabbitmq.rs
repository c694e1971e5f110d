//! RabbitMQ with quorum queues, one node.

mod install;

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Context;

use e2e::running::{self, Running};

use crate::amqp_load::Peer;

/// Known to the server, and on loopback only.
const USER: &str = "guest";
/// A salt of four bytes and the SHA-256 of salt and password, which is the user's name.
const PASSWORD_HASH: &str = "d2VmdMkKA5xIfxm08Kq5/NzdrZ2lp7DwYxwmSGEkb0pwK4Kx";

/// Brings its data folder, devices and processes into the root, all of which vanish with the namespaces, and becomes the
/// server.
const START: &str = r#"
set -e
root=$1 home=$2
shift 2
mount --bind "$home" "$root/var/lib/rabbitmq"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin LANG=C.UTF-8 HOME=/var/lib/rabbitmq "$@" \
    /usr/lib/rabbitmq/bin/rabbitmq-server
"#;

/// A running server with queues that are empty at first, ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    running: Running,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Server {
    /// With so many queues, `bench-0` and so on.
    pub(crate) fn start(queues: usize) -> anyhow::Result<Self> {
        let root = install::root()?;
        let folder = tempfile::tempdir().context("create a folder")?;
        let [address, distribution, mapper] = running::free_addresses()?;
        configure(folder.path(), address, queues)?;
        // Processes of its own: they all end with the first.
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            START,
            "sh",
        ]);
        command.arg(&root).arg(folder.path());
        command.args(environment(distribution, mapper));
        let log = fs::File::create(folder.path().join("log")).context("create the log")?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("clone the log")?)
            .stderr(log);
        let running = Running::start(&mut command, address).with_context(|| {
            let said = fs::read_to_string(folder.path().join("log"));
            format!("start RabbitMQ; it said:\n{}", said.unwrap_or_default())
        })?;
        Ok(Self {
            running,
            address,
            _folder: folder,
        })
    }

    pub(crate) fn peer(&self) -> Peer {
        Peer {
            address: self.address,
            user: USER.to_owned(),
            password: USER.to_owned(),
        }
    }

    /// The process that does the work.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        let outer = self.running.id();
        let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children"));
        let children = children.context("read the children of unshare")?;
        let first = children.split_whitespace().next();
        first
            .context("unshare has no child")?
            .parse()
            .context("parse a process id")
    }

    /// As its folder in Debian's package says.
    pub(crate) fn version(&self) -> anyhow::Result<String> {
        let entries = fs::read_dir(install::root()?.join("usr/lib/rabbitmq/lib"));
        let names = entries.context("list what RabbitMQ has installed")?.flatten();
        let mut names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let version = names.find_map(|name| Some(name.strip_prefix("rabbitmq_server-")?.to_owned()));
        version.context("find RabbitMQ's version")
    }
}

/// The address of a queue, to send to and to receive from.
pub(crate) fn queue(index: usize) -> String {
    format!("/queues/bench-{index}")
}

fn configure(folder: &Path, address: SocketAddr, queues: usize) -> anyhow::Result<()> {
    let configuration = format!(
        "listeners.tcp.1 = {address}\nload_definitions = /var/lib/rabbitmq/definitions.json\n\
         log.console = true\nlog.file = false\n"
    );
    fs::write(folder.join("rabbitmq.conf"), configuration).context("write the configuration")?;
    let queue = |index| {
        serde_json::json!({
            "name": format!("bench-{index}"), "vhost": "/", "durable": true, "auto_delete": false,
            "arguments": {"x-queue-type": "quorum"},
        })
    };
    let definitions = serde_json::json!({
        "vhosts": [{"name": "/"}],
        "users": [{
            "name": USER, "password_hash": PASSWORD_HASH,
            "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": [],
        }],
        "permissions": [{"user": USER, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
        "queues": (0..queues).map(queue).collect::<Vec<_>>(),
    });
    fs::write(folder.join("definitions.json"), definitions.to_string()).context("write the definitions")
}

/// Everything on loopback, and on ports of its own.
fn environment(distribution: SocketAddr, mapper: SocketAddr) -> Vec<String> {
    [
        ("RABBITMQ_ALLOW_INPUT", "1"),
        ("RABBITMQ_NODENAME", "bench@localhost"),
        ("RABBITMQ_CONFIG_FILE", "/var/lib/rabbitmq/rabbitmq.conf"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "/var/lib/rabbitmq/plugins"),
        ("RABBITMQ_DIST_PORT", &distribution.port().to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1"),
        ("ERL_EPMD_PORT", &mapper.port().to_string()),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
        ),
    ]
    .map(|(name, value)| format!("{name}={value}"))
    .into()
}
