//! The codec alone, measured by its own example program.

use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::table::Row;

const AIM: f64 = 300.0;

pub(super) fn run() -> anyhow::Result<Vec<Row>> {
    build()?;
    let program = e2e::binary::profile_folder()?.join("examples/codec_bench");
    let output = Command::new(&program).output();
    let output = output.with_context(|| format!("run {}", program.display()))?;
    let text = String::from_utf8(output.stdout).context("read what it printed")?;
    let line = text.lines().last().unwrap_or_default();
    let figures: Value = serde_json::from_str(line).with_context(|| format!("parse {line:?}"))?;
    let figure = |name: &str| {
        figures[name]
            .as_f64()
            .with_context(|| format!("find {name} in {line}"))
    };
    let both = figure("decode_and_encode_ns")?;
    Ok(vec![Row {
        what: "AMQP codec alone, decode + encode of a 1 KiB transfer".to_owned(),
        measured: format!(
            "{both:.0} ns ({:.0} + {:.0})",
            figure("decode_transfer_ns")?,
            figure("encode_transfer_ns")?
        ),
        against: format!("aim ≤ {AIM:.0} ns"),
        ratio: Some(both / AIM),
        ..Row::default()
    }])
}

fn build() -> anyhow::Result<()> {
    let mut build = Command::new("cargo");
    build.args([
        "build",
        "--release",
        "--quiet",
        "--package",
        "amqp",
        "--example",
        "codec_bench",
    ]);
    if !build
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("run cargo")?
        .success()
    {
        bail!("the release build of codec_bench failed");
    }
    Ok(())
}
