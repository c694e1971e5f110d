//! The log alone, measured by its own example program, which runs a bare loop of pwrite and fdatasync beside it.

use std::{process::Command, time::Duration};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::{
    probe,
    table::{Row, thousands},
};

const SECONDS_PER_ROUND: &str = "2";
const AIM: f64 = 0.7;

pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    build()?;
    let folder = tempfile::tempdir().context("create a folder")?;
    let probe = probe::run()?;
    let program = e2e::binary::profile_folder()?.join("examples/log_bench");
    let output = Command::new(&program)
        .arg(folder.path())
        .arg(SECONDS_PER_ROUND)
        .output();
    let output = output.with_context(|| format!("run {}", program.display()))?;
    let text = String::from_utf8(output.stdout).context("read what it printed")?;
    let line = text.lines().last().unwrap_or_default();
    let figures: Value = serde_json::from_str(line).with_context(|| format!("parse {line:?}"))?;
    let figure = |name: &str| {
        figures[name]
            .as_f64()
            .with_context(|| format!("find {name} in {line}"))
    };
    let (rate, bare, ratio) = (
        figure("log_appends_per_second")?,
        figure("bare_appends_per_second")?,
        figure("ratio")?,
    );
    Ok(vec![Row {
        what: format!("log alone, {} outstanding 1 KiB appends", figures["outstanding"]),
        measured: format!(
            "{} appends/s, {} per commit",
            thousands(rate),
            thousands(figure("appends_per_commit")?)
        ),
        against: format!(
            "bare pwrite+fdatasync loop: {}/s; aim ≥ {AIM} and ≤ 1 µs",
            thousands(bare)
        ),
        ratio: Some(ratio),
        cpu: Some(Duration::from_secs_f64(
            figure("log_cpu_micros_per_append")? / 1e6,
        )),
        probe: Some(probe),
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
        "storage",
        "--example",
        "log_bench",
    ]);
    if !build
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("run cargo")?
        .success()
    {
        bail!("the release build of log_bench failed");
    }
    Ok(())
}
