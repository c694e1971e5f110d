//! `cargo run --release -p e2e --bin bench [CELL…]`: measures the product and its peers and prints a Markdown table.
//! `eventhubs` runs every cell of Event Hubs, `cluster` every one that needs a Kubernetes cluster.
//!
//! A cell takes five to ten seconds. Beside each stand the p50 of an fsync probe taken just before it, because a disk
//! differs from minute to minute, and the server's CPU per event, because the loader runs on the same cores.
//! The method is described in `docs/benchmarks.md`.
#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark is a main: it reads its arguments and the real clock"
)]

mod amqp_load;
mod bare;
mod bare_file;
mod cells;
mod copies;
mod group_commit;
mod load;
mod measure;
mod peers;
mod probe;
mod requests;
mod side_by_side;
mod table;
mod tally;

use std::process::Command;

use anyhow::{Context, bail};
use clap::Parser;

use self::table::{Row, Table};

/// Measures the product and its peers.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Cells to run, by a part of their names; all of them if absent.
    cells: Vec<String>,
    #[command(flatten)]
    cluster: cells::cluster::Options,
}

impl Arguments {
    fn want(&self, name: &str) -> bool {
        self.cells.is_empty() || self.cells.iter().any(|wanted| name.contains(wanted.as_str()))
    }
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, port, file] = arguments.as_slice() {
        let port = || port.parse().context("parse the port");
        match role.as_str() {
            bare::ROLE => return bare::serve(port()?, file.as_ref()),
            bare_file::ROLE => return bare_file::serve(port()?, file.as_ref()),
            _ => {}
        }
    }
    let arguments = Arguments::parse();
    e2e::procfs::raise_open_files_limit()?;
    let mut table = Table::default();
    local(&arguments, &mut table)?;
    on_a_cluster(&arguments, &mut table)?;
    println!("{table}");
    if table.has_failures() {
        bail!("a cell failed");
    }
    Ok(())
}

/// The cells over `weft dev`.
fn local(arguments: &Arguments, table: &mut Table) -> anyhow::Result<()> {
    let wanted: Vec<_> = cells::all().filter(|(name, _)| arguments.want(name)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    build_the_product()?;
    for (name, cell) in wanted {
        run(name, table, cell);
    }
    Ok(())
}

/// The cells over the operator.
fn on_a_cluster(arguments: &Arguments, table: &mut Table) -> anyhow::Result<()> {
    let wanted: Vec<_> = cells::cluster::ALL
        .iter()
        .filter(|(name, _)| arguments.want(name))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let stage = cells::cluster::Stage::set(&arguments.cluster)?;
    for (name, cell) in wanted {
        run(name, table, || cell(&stage));
    }
    stage.clear()
}

/// One cell that fails does not take the others' figures with it.
fn run(name: &str, table: &mut Table, cell: impl FnOnce() -> anyhow::Result<Vec<Row>>) {
    eprintln!("{name} …");
    let rows = cell().unwrap_or_else(|error| vec![Row::failed(name, &error)]);
    rows.iter().for_each(|row| eprintln!("{row}"));
    table.extend(rows);
}

/// The release build of `weft` beside this program, and of nothing else.
fn build_the_product() -> anyhow::Result<()> {
    if std::env::var_os("WEFT_BIN").is_some() {
        return Ok(());
    }
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--quiet", "--package", "cli"]);
    if !build
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("run cargo")?
        .success()
    {
        bail!("the release build of weft failed");
    }
    Ok(())
}
