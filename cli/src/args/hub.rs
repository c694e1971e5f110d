//! The command line of `weft hub`.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::Connection;
use crate::output::Output;

/// Look into event hubs, send to them, watch them.
#[derive(Debug, Subcommand)]
pub(crate) enum Hub {
    Show(Show),
    Peek(Peek),
    Send(Send),
    Tail(Tail),
}

impl Hub {
    pub(super) fn output(&self) -> Output {
        match self {
            Self::Show(args) => args.output,
            Self::Peek(args) => args.output,
            Self::Send(args) => args.output,
            Self::Tail(args) => args.output,
        }
    }
}

/// List the hubs; or show where the partitions of one stand, and who reads them.
///
/// The lag of a consumer group is that of the receivers that are connected. Where a program goes on that is away, it has
/// written down in its checkpoint store: `weft checkpoint list` shows that of the Namespace.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The hub's name.
    pub(crate) hub: Option<String>,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Show events that a hub retains, without taking them from any consumer.
///
/// Those of several partitions are shown in the order in which they were enqueued.
#[derive(Debug, Args)]
pub(crate) struct Peek {
    /// The hub's name.
    pub(crate) hub: String,

    /// Only this partition.
    #[arg(long, value_name = "ID")]
    pub(crate) partition: Option<u32>,

    /// Where to begin: `newest` (the last so many), `earliest`, `sequence:N`, `offset:N`, a time as in
    /// 2026-01-31T12:00:00Z, or how long ago as in 15m. Numbers need --partition.
    #[arg(long, value_name = "WHERE", default_value = "newest")]
    pub(crate) from: Start,

    /// At most this many events.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max: u32,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Send one event to a hub.
///
/// Without --partition and --key the hub chooses a partition, one after the other.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The hub's name.
    pub(crate) hub: String,

    /// The event's data. `-`, or nothing: standard input, to its end, as it is.
    pub(crate) data: Option<String>,

    /// The partition to send to.
    #[arg(long, value_name = "ID", conflicts_with = "key")]
    pub(crate) partition: Option<u32>,

    /// The partition key: events with the same one go to the same partition. It has nothing to do with access keys.
    #[arg(long, value_name = "PARTITION_KEY")]
    pub(crate) key: Option<String>,

    /// An application property, a text. May be given several times. The data must be text then.
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = property)]
    pub(crate) properties: Vec<(String, String)>,

    /// What the data is, such as application/json.
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Watch a hub: every event from now on, without taking it from any consumer.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// The hub's name.
    pub(crate) hub: String,

    /// Only this partition. Without it, all that the hub has when the tail begins.
    #[arg(long, value_name = "ID")]
    pub(crate) partition: Option<u32>,

    /// Stop after this many events.
    #[arg(long, value_name = "N")]
    pub(crate) max: Option<u64>,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Where a peek begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Newest,
    Earliest,
    Sequence(u64),
    Offset(u64),
    Time(Timestamp),
    Ago(Duration),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let expected = |_| format!("`{text}` is not a number that an event can have");
            text.parse().map_err(expected)
        };
        match text.split_once(':') {
            Some(("sequence", sequence)) => return number(sequence).map(Self::Sequence),
            Some(("offset", offset)) => return number(offset).map(Self::Offset),
            _ => (),
        }
        match text {
            "newest" => Ok(Self::Newest),
            "earliest" => Ok(Self::Earliest),
            _ => time(text).or_else(|| ago(text)).ok_or_else(|| {
                "write newest, earliest, sequence:N, offset:N, 2026-01-31T12:00:00Z or 15m".to_owned()
            }),
        }
    }
}

fn time(text: &str) -> Option<Start> {
    text.parse().ok().map(Start::Time)
}

fn ago(text: &str) -> Option<Start> {
    let duration: SignedDuration = text.parse().ok()?;
    Duration::try_from(duration).ok().map(Start::Ago)
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peek_begins_by_number_by_time_or_at_an_end() {
        let time = "2026-01-31T12:00:00Z".parse().unwrap();
        for (text, start) in [
            ("newest", Start::Newest),
            ("earliest", Start::Earliest),
            ("sequence:5", Start::Sequence(5)),
            ("offset:4096", Start::Offset(4_096)),
            ("2026-01-31T12:00:00Z", Start::Time(time)),
            ("2026-01-31T13:00:00+01:00", Start::Time(time)),
            ("15m", Start::Ago(Duration::from_secs(900))),
            ("1h 30m", Start::Ago(Duration::from_secs(5_400))),
        ] {
            assert_eq!(text.parse(), Ok(start), "{text}");
        }
        for text in ["", "latest", "5", "sequence:x", "offset:-1", "-15m", "2026-01-31"] {
            assert!(text.parse::<Start>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_property_has_a_name_and_may_be_empty() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(property("a=b=c"), pair("a", "b=c"));
        assert_eq!(property("a="), pair("a", ""));
        assert!(property("a").is_err() && property("=b").is_err());
    }
}
