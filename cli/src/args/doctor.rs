//! The command line of `weft doctor`.

use clap::Args;

use super::{Connection, Place};
use crate::output::Output;

/// Find out why a program does not get through to a Namespace.
///
/// Looks at names, ports, certificates, clocks, keys, tokens and rights, in this order, with the settings of `weft dev`,
/// or with --endpoint, or with those in the environment, as a program would find them. Rights are those to what
/// EVENT_HUB_NAME, EVENTGRID_TOPIC_NAME and EVENTGRID_EVENT_SUBSCRIPTION_NAME name. It changes nothing. Ends with 1 if
/// something is wrong.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// A Namespace of `weft dev`. Not needed when only one runs from the data folder.
    #[arg(conflicts_with = "endpoint")]
    pub(crate) namespace: Option<String>,

    #[command(flatten)]
    pub(crate) place: Place,

    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

impl Doctor {
    /// As other commands are told it.
    pub(crate) fn into_connection(self) -> Connection {
        Connection {
            namespace: self.namespace,
            place: self.place,
        }
    }
}
