//! Other people's servers, brought on demand into `~/.cache/weft`.

pub(crate) mod kafka;
pub(crate) mod nats;
pub(crate) mod rabbitmq;

use std::process::Command;

use anyhow::{Context, bail};

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
