//! `cargo run --release -p e2e --bin bench [CELL…]`: measures the product and its peers and prints a Markdown table.
//!
//! A cell takes five to ten seconds. Beside each stand the p50 of an fsync probe taken just before it, because a disk
//! differs from minute to minute, and the server's CPU per event, because the loader runs on the same cores.
//! The method is described in `docs/benchmarks.md`.
#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark is a main: it reads its arguments and the real clock"
)]

mod bare;
mod cells;
mod group_commit;
mod load;
mod measure;
mod peers;
mod probe;
mod requests;
mod table;

use std::process::Command;

use anyhow::{Context, bail};

use self::table::Table;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, port, file] = arguments.as_slice()
        && role == bare::ROLE
    {
        return bare::serve(port.parse().context("parse the port")?, file.as_ref());
    }
    build_the_product()?;
    e2e::procfs::raise_open_files_limit()?;
    let mut table = Table::default();
    for (name, cell) in cells::ALL {
        if arguments.is_empty() || arguments.iter().any(|wanted| name.contains(wanted.as_str())) {
            eprintln!("{name} …");
            // One cell that fails does not take the others' figures with it.
            let rows = cell().unwrap_or_else(|error| vec![table::Row::failed(name, &error)]);
            rows.iter().for_each(|row| eprintln!("{row}"));
            table.extend(rows);
        }
    }
    println!("{table}");
    if table.has_failures() {
        bail!("a cell failed");
    }
    Ok(())
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
