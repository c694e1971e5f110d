//! The command line of `weft checkpoint`.

use clap::{Args, Subcommand};

use super::{Connection, Start};
use crate::output::Output;

/// See how far consumer groups have come in event hubs, and have them go on from elsewhere.
///
/// These are the checkpoints that programs keep in the Namespace's own checkpoint store. What a program keeps in a store
/// elsewhere is not seen.
#[derive(Debug, Subcommand)]
pub(crate) enum Checkpoint {
    List(List),
    Show(Show),
    Reset(Reset),
}

impl Checkpoint {
    pub(super) fn output(&self) -> Output {
        match self {
            Self::List(args) => args.output,
            Self::Show(args) => args.output,
            Self::Reset(args) => args.output,
        }
    }
}

/// List what each consumer group has processed of each partition, how far behind it is, and who owns it.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this hub.
    pub(crate) hub: Option<String>,

    /// Only this consumer group.
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,

    /// Only checkpoints in this container.
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Show the blobs of one consumer group as its programs wrote them.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) target: Target,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Have a consumer group go on from elsewhere.
///
/// Shows what it would change; changes it after a yes on the terminal, or with --yes. Programs look at checkpoints when
/// they take a partition, so the group has to be stopped: while one of its programs lives, nothing is changed.
#[derive(Debug, Args)]
pub(crate) struct Reset {
    #[command(flatten)]
    pub(crate) target: Target,

    /// The next event that the group reads: `earliest`, `latest` (only what comes from now on), `sequence:N`, the first
    /// one since a time as in 2026-01-31T12:00:00Z, or since so long ago as in 15m. A number needs --partition.
    #[arg(long, value_name = "WHERE", value_parser = position, required_unless_present = "delete")]
    pub(crate) to: Option<Start>,

    /// Delete the checkpoints: each program then begins where it says itself.
    #[arg(long, conflicts_with = "to")]
    pub(crate) delete: bool,

    /// Only this partition.
    #[arg(long, value_name = "ID")]
    pub(crate) partition: Option<u32>,

    /// Also while a program of the group lives. It goes on where it is, and may write its own checkpoint over this one.
    #[arg(long)]
    pub(crate) force: bool,

    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// One consumer group.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The hub's name.
    pub(crate) hub: String,

    /// The consumer group's name.
    pub(crate) group: String,

    /// The container that has its checkpoints. Not needed when only one has.
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
}

/// Where a group can go on; an offset is what it would have to be translated into.
fn position(text: &str) -> Result<Start, String> {
    let expected = || "write earliest, latest, sequence:N, 2026-01-31T12:00:00Z or 15m".to_owned();
    match text {
        "latest" => Ok(Start::Newest),
        _ => match text.parse() {
            Ok(Start::Newest | Start::Offset(_)) | Err(_) => Err(expected()),
            Ok(start) => Ok(start),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_goes_on_at_an_end_a_number_or_a_time() {
        assert_eq!(position("latest"), Ok(Start::Newest));
        assert_eq!(position("earliest"), Ok(Start::Earliest));
        assert_eq!(position("sequence:5"), Ok(Start::Sequence(5)));
        assert!(matches!(position("15m"), Ok(Start::Ago(_))));
        for text in ["newest", "offset:5", "", "5"] {
            assert!(position(text).is_err(), "{text}");
        }
    }
}
