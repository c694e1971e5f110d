//! The cells of the table, in its order.

mod checkpoints;
pub(crate) mod cluster;
mod empty;
mod eventhubs;
mod filters;
mod keda;
mod log;
mod memory;
mod passwordless;
mod publish;
mod restart;
mod round_trip;
mod single;

use std::time::Duration;

use e2e::{Weft, manifests::Manifests};

use crate::{requests, table::Row};

type Cell = fn() -> anyhow::Result<Vec<Row>>;

/// Name on the command line, and what it does.
pub(crate) fn all() -> impl Iterator<Item = &'static (&'static str, Cell)> {
    EVENT_GRID.iter().chain(eventhubs::ALL).chain(PASSWORDLESS)
}

const PASSWORDLESS: &[(&str, Cell)] = &[
    ("checkpoints", checkpoints::run),
    ("passwordless-start", passwordless::run),
    ("keda", keda::run),
];

const EVENT_GRID: &[(&str, Cell)] = &[
    ("publish", publish::run),
    ("round-trip", round_trip::run),
    ("single", single::run),
    ("log", log::run),
    ("filters", filters::run),
    ("in-flight", memory::in_flight),
    ("idle-subscriptions", memory::subscriptions),
    ("restart", restart::run),
    ("empty", empty::run),
];

/// How long a rate is measured.
const TIME: Duration = Duration::from_secs(6);

/// One topic, one subscription that takes everything.
fn plain() -> anyhow::Result<Weft> {
    Weft::start(
        Manifests::new(requests::SIZE)
            .topic("orders")
            .subscription("orders", "billing", "")
            .yaml(),
    )
}
