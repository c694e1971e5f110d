//! Why the data plane does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the data plane does not start. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port cannot be opened.
    #[error("open the {door} port {}: {cause}; {}", address.port(), bind_advice(address, cause))]
    Bind {
        /// `http`, `https`, `amqp`, `amqps` or `operations`.
        door: &'static str,
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// The first configuration does not fit, and there is no earlier one to go on with.
    #[error("configuration revision {revision}: {reason}")]
    Configuration {
        /// Which one.
        revision: u64,
        /// What does not fit, and what to do about it.
        reason: String,
    },
    /// The log cannot be opened. Nothing in it was changed.
    #[error("open the log in {}: {cause}", folder.display())]
    Storage {
        /// Where it lies.
        folder: PathBuf,
        /// What is wrong.
        cause: storage::OpenError,
    },
    /// The folder holds the data of another Namespace.
    #[error(
        "{} holds the data of another Namespace (uid {found}, this one is {expected}); \
         use another folder, or remove this one if its data is no longer wanted",
        folder.display()
    )]
    ForeignData {
        /// Where it lies.
        folder: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// The folder cannot be marked as this Namespace's.
    #[error("mark {} as the data of this Namespace: {cause}", folder.display())]
    Claim {
        /// Where it lies.
        folder: PathBuf,
        /// What is wrong.
        cause: storage::TableError,
    },
    /// What the folder says about the beginning of its log cannot be read.
    #[error("read how the log in {} began: {cause}", folder.display())]
    Note {
        /// Where it lies.
        folder: PathBuf,
        /// What is wrong.
        cause: serde_json::Error,
    },
    /// The copy of checkpoints does not let an empty disk begin.
    #[error("begin on an empty disk: the checkpoints in {place}: {cause}")]
    Copy {
        /// Where they are.
        place: String,
        /// What is wrong.
        cause: checkpoint::StoreError,
    },
    /// The broker cannot go on from what is stored. Nothing in it was changed.
    #[error("start the broker: {0}")]
    Broker(#[from] broker::StartError),
    /// The first publish, receive and acknowledge did not succeed, and the data plane was stopped meanwhile.
    #[error("stopped before it was ready")]
    Stopped,
}

fn bind_advice(address: &SocketAddr, cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::AddrInUse => {
            let port = address.port();
            format!(
                "another program listens there (`ss -ltnp 'sport = :{port}'` names it); stop it or choose other ports"
            )
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege; choose a higher one".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            format!(
                "{} is no address of this machine; choose one that is, or 0.0.0.0 for all",
                address.ip()
            )
        }
        _ => "choose another address or port".to_owned(),
    }
}
