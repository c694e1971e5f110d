//! The command line.

mod checkpoint;
mod doctor;
mod hub;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::failure::EXIT_CODES;
use crate::output::Output;
pub(crate) use checkpoint::{
    Checkpoint, List as CheckpointList, Reset as CheckpointReset, Show as CheckpointShow, Target,
};
pub(crate) use doctor::Doctor;
pub(crate) use hub::{Hub, Peek as HubPeek, Send as HubSend, Show as HubShow, Start, Tail as HubTail};

/// Azure-compatible events without Azure: run Namespaces on this machine, publish, receive, look inside.
#[derive(Debug, Parser)]
#[command(name = "weft", version, after_long_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(Dev),
    Env(Env),
    Exec(Exec),
    Publish(Publish),
    Receive(Receive),
    Tail(Tail),
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    #[command(subcommand)]
    Hub(Hub),
    #[command(subcommand)]
    Checkpoint(Checkpoint),
    #[command(subcommand)]
    Data(Data),
    Doctor(Doctor),
    Completion(Completion),
}

impl Command {
    /// How the command was asked to talk; failures are told the same way.
    pub(crate) fn output(&self) -> Output {
        match self {
            Self::Dev(args) => args.output,
            Self::Env(args) if args.output == EnvOutput::Json => Output::Json,
            Self::Env(_) | Self::Exec(_) | Self::Completion(_) => Output::Text,
            Self::Publish(args) => args.output,
            Self::Receive(args) => args.output,
            Self::Tail(args) => args.output,
            Self::DeadLetters(command) => command.output(),
            Self::Hub(command) => command.output(),
            Self::Checkpoint(command) => command.output(),
            Self::Data(command) => command.output(),
            Self::Doctor(args) => args.output,
        }
    }
}

/// Run every Namespace found in DIR's manifests in this process, until Ctrl-C.
///
/// Reads *.yaml, *.yml and *.json under DIR and follows their changes; objects of other API groups are skipped.
/// Prints `ready NAMESPACE URL` on standard output when that Namespace accepts events, and writes the settings that a
/// program needs to DATA/NAMESPACE.env (see `weft env` and `weft exec`). Logs go to standard error; WEFT_LOG filters
/// them (`info,storage=debug`).
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Where the manifests are: a folder or a single file.
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,

    #[command(flatten)]
    pub(crate) data: DataArg,

    /// The address to listen on. Every key is as powerful here as elsewhere: think before opening it.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    pub(crate) listen: IpAddr,

    /// The first Namespace's block of ports: N http, N+1 https, N+2 amqp, N+3 amqps, N+6 checkpoints (blobs, https), N+9
    /// operations; further Namespaces take the next ten.
    ///
    /// Without it the first Namespace gets 8080, 8443, 5672, 5671, 10000 and 9464. A Namespace keeps the block it was first
    /// given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=65_526))]
    pub(crate) port_base: Option<u16>,

    /// How log lines look.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,

    /// How standard output looks.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One readable line per event.
    #[default]
    Text,
    /// One JSON object per event.
    Json,
}

/// The folder of local mode.
#[derive(Debug, Args)]
pub(crate) struct DataArg {
    /// Log, keys and certificates of local mode; the next start goes on from there.
    #[arg(
        long,
        visible_alias = "data-dir",
        value_name = "DIR",
        default_value = ".weft",
        env = "WEFT_DATA"
    )]
    pub(crate) data: PathBuf,
}

/// Print the settings that a program needs to talk to a local Namespace.
///
/// In a shell: `set -a; . <(weft env shop); set +a`.
#[derive(Debug, Args)]
pub(crate) struct Env {
    /// The Namespace's name.
    pub(crate) namespace: String,

    #[command(flatten)]
    pub(crate) data: DataArg,

    /// `shell`: KEY='value'; `json`: one object; `docker`: KEY=value, for `docker run --env-file`.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: EnvOutput,
}

/// How `weft env` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvOutput {
    #[default]
    Shell,
    Json,
    Docker,
}

/// Run a program with the settings, and the trust in certificates, that it needs for a local Namespace.
///
/// `weft exec shop -- python3 publish_receive.py`. Signals and the exit code are the program's own. With the trust that
/// it gives, EVENTGRID_ENDPOINT is the one with TLS here, which serves programs with a key and those with a token alike.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The Namespace's name.
    pub(crate) namespace: String,

    #[command(flatten)]
    pub(crate) data: DataArg,

    /// The program and its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<OsString>,
}

/// Which Namespace to talk to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// A Namespace of `weft dev`. Not needed when only one runs from the data folder.
    #[arg(long, short, value_name = "NAME", conflicts_with = "endpoint")]
    pub(crate) namespace: Option<String>,

    #[command(flatten)]
    pub(crate) place: Place,
}

/// Where it is, and what opens it.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Place {
    /// The data folder of `weft dev`, where the Namespace's settings lie.
    #[arg(long, value_name = "DIR", env = "WEFT_DATA")]
    pub(crate) data_dir: Option<PathBuf>,

    /// The HTTP(S) endpoint of a Namespace elsewhere. Default: EVENTGRID_ENDPOINT, else the local Namespace.
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,

    /// A file with the access key for --endpoint. Default: EVENTGRID_KEY. Keys are never arguments: others see those.
    #[arg(long, value_name = "FILE", requires = "endpoint")]
    pub(crate) key_file: Option<PathBuf>,

    /// A file with a bearer token for --endpoint, instead of a key. Default: AZURE_FEDERATED_TOKEN_FILE.
    #[arg(long, value_name = "FILE", requires = "endpoint", conflicts_with = "key_file")]
    pub(crate) token_file: Option<PathBuf>,

    /// Certificates (PEM) to trust for an https endpoint. Default: SSL_CERT_FILE, else the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// Publish CloudEvents to a topic.
///
/// One event from options:   weft publish orders --type order.placed --data '{"total": 7}'
/// Many events from a file or standard input, as NDJSON, one event, or an array; attributes that an event lacks are
/// filled from the options, and a missing id is generated.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Publish {
    /// The topic's name.
    pub(crate) topic: String,

    /// The event's type.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) event_type: Option<String>,

    /// The event's source [default: weft].
    #[arg(long)]
    pub(crate) source: Option<String>,

    /// The event's subject.
    #[arg(long)]
    pub(crate) subject: Option<String>,

    /// The event's data: a JSON value, or text if it is not JSON.
    #[arg(long, value_name = "VALUE", conflicts_with = "file", requires = "event_type")]
    pub(crate) data: Option<String>,

    /// Events from a file; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Receive events of a subscription.
///
/// Without --ack the events stay locked for the subscription's lock duration and are then delivered again.
#[derive(Debug, Args)]
pub(crate) struct Receive {
    /// The topic's name.
    pub(crate) topic: String,

    /// The event subscription's name.
    pub(crate) subscription: String,

    /// Acknowledge what was printed, so that it is not delivered again.
    #[arg(long)]
    pub(crate) ack: bool,

    /// At most this many events.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) max: u16,

    /// How many seconds to wait for the first event.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(10..=120))]
    pub(crate) wait: u16,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Watch a topic: every event from now on, without taking it from any subscription.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// The topic's name.
    pub(crate) topic: String,

    /// Stop after this many events.
    #[arg(long, value_name = "N")]
    pub(crate) max: Option<u64>,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Look at the dead letters that a topic collects, and send them back.
///
/// TOPIC is the topic that subscriptions name in `deadLetter.topicRef`. Those of a subscription with
/// `deadLetter.objectStore` are in that store; those that still wait for it are here: write TOPIC/SUBSCRIPTION.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List dead letters, oldest first.
    List {
        /// The dead-letter topic's name.
        topic: String,

        /// At most this many.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,

        /// Only those after this sequence number.
        #[arg(long, value_name = "SEQUENCE")]
        after: Option<u64>,

        #[command(flatten)]
        connection: Connection,

        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Show one dead letter with its data.
    Show {
        /// The dead-letter topic's name.
        topic: String,

        /// The sequence number that `list` shows.
        sequence: u64,

        #[command(flatten)]
        connection: Connection,

        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Give dead letters back to the subscription they came from, with a fresh count of deliveries.
    Redrive {
        /// The dead-letter topic's name.
        topic: String,

        /// The sequence numbers that `list` shows.
        #[arg(required_unless_present = "all", value_name = "SEQUENCE")]
        sequences: Vec<u64>,

        /// Every dead letter of the topic.
        #[arg(long, conflicts_with = "sequences")]
        all: bool,

        #[command(flatten)]
        connection: Connection,

        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

impl DeadLetters {
    fn output(&self) -> Output {
        match self {
            Self::List { output, .. } | Self::Show { output, .. } | Self::Redrive { output, .. } => *output,
        }
    }
}

/// See which streams of events lie on the disk, and delete what no manifest names any more.
#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// List the streams: open ones, and those whose topic or hub is gone and whose events wait for the end of the grace
    /// period.
    ///
    /// In local mode also the Namespaces that are gone and whose data is still there. The annotation
    /// `weft.dev/adopt-data: UID` on a new Topic, Hub or Namespace takes such data over.
    List {
        #[command(flatten)]
        connection: Connection,

        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Delete a closed stream and all its events at once, or the data of a local Namespace that is gone. This cannot be
    /// undone.
    Purge {
        /// The uid that `list` shows.
        uid: String,

        /// Do not ask.
        #[arg(long)]
        yes: bool,

        #[command(flatten)]
        connection: Connection,

        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

impl Data {
    fn output(&self) -> Output {
        match self {
            Self::List { output, .. } | Self::Purge { output, .. } => *output,
        }
    }
}

/// Print a completion script: `source <(weft completion bash)`.
#[derive(Debug, Args)]
pub(crate) struct Completion {
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_option_takes_a_key_as_its_value() {
        for name in ["--key", "--sas", "--secret"] {
            let line = ["weft", "publish", "t", "--type", "x", name, "k"];
            assert!(Cli::try_parse_from(line).is_err(), "{name}");
        }
    }

    #[test]
    fn a_program_keeps_its_own_options() {
        let line = [
            "weft",
            "exec",
            "shop",
            "--",
            "python3",
            "--version",
            "--data",
            "x",
        ];
        let Command::Exec(exec) = Cli::try_parse_from(line).unwrap().command else {
            panic!("exec")
        };
        assert_eq!(exec.command, ["python3", "--version", "--data", "x"]);
    }
}
