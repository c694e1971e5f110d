//! The log alone, measured by its own example program.

use crate::table::Row;

pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    anyhow::bail!("later")
}
