//! Other people's servers, brought on demand into `~/.cache/weft`.

pub(crate) mod kafka;
pub(crate) mod nats;
pub(crate) mod rabbitmq;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

/// The folder of a peer in this version, filled by `install` if it is not there yet.
fn installed(name: &str, install: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    let folder = PathBuf::from(home).join(".cache/weft/e2e").join(name);
    let complete = folder.join(".complete");
    if complete.is_file() {
        return Ok(folder);
    }
    eprintln!("installing {name} …");
    // What an interrupted run left behind is of no use.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).context("create the folder of a peer")?;
    install(&folder).with_context(|| format!("install {name} into {}", folder.display()))?;
    fs::write(&complete, b"").context("mark the folder complete")?;
    Ok(folder)
}

/// Runs a command to its end.
///
/// # Errors
/// When it fails; the message holds what it said.
fn run(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_owned();
    let output = command
        .output()
        .with_context(|| format!("run {}: is it installed?", program.display()))?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if !output.status.success() {
        bail!("{} failed ({}): {said}", program.display(), output.status);
    }
    Ok(said)
}
