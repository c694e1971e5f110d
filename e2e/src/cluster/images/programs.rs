//! Builds the operator and the sidecar as static programs.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};

use crate::cluster::command;

/// Of the workspace's Cargo.toml.
const PROFILE: &str = "image";

/// The paths of `weft-operator` and `weft-sidecar`.
///
/// # Errors
/// When they do not build.
pub fn build() -> anyhow::Result<[PathBuf; 2]> {
    let target = target()?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["build", "--quiet", "--profile", PROFILE, "--target", &target]);
    cargo.args(["--package", "operator", "--bin", "weft-operator"]);
    cargo.args(["--package", "sidecar", "--bin", "weft-sidecar"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    // A target of its own name keeps build scripts and macros, which have to be dynamic, apart. What an outer cargo
    // set for its own build is not for this one.
    cargo
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    let messages = command::run(&mut cargo).context("build the programs of the images")?;
    let program = |name: &str| -> anyhow::Result<PathBuf> {
        let path = executable(&messages, name).with_context(|| format!("find the built {name}"))?;
        ensure!(path.is_file(), "{} is missing", path.display());
        Ok(path)
    };
    Ok([program("weft-operator")?, program("weft-sidecar")?])
}

/// Cargo says where it put what it built.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let path = Path::new(message["executable"].as_str()?);
        (path.file_name()? == name).then(|| path.to_path_buf())
    })
}

/// This machine's own, by name.
fn target() -> anyhow::Result<String> {
    let version = command::call("rustc", ["-vV"])?;
    match version.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(host.to_owned()),
        None => bail!("rustc -vV does not tell its host"),
    }
}
