//! Runs the machine's own tools and keeps what they said for the error.

use std::{
    ffi::OsStr,
    process::{Command, Output, Stdio},
};

use anyhow::{Context, bail};

/// Variables that would send what stays on this machine through a proxy.
const PROXIES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];

/// Runs it to its end and returns its standard output.
///
/// # Errors
/// When it cannot be started, or fails; the message holds all that it said.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        bail!("{} failed ({}): {}", line(command), output.status, said(&output));
    }
    String::from_utf8(output.stdout).with_context(|| format!("read what {} printed", line(command)))
}

/// Runs it to its end, whatever that is.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<Output> {
    command.stdin(Stdio::null());
    command
        .output()
        .with_context(|| format!("run {}: is it installed?", command.get_program().display()))
}

/// `run` for a program and its arguments.
pub(crate) fn call<I: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = I>,
) -> anyhow::Result<String> {
    run(Command::new(program).args(arguments))
}

/// A command whose connections stay on this machine.
pub(crate) fn local(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for variable in PROXIES {
        command.env_remove(variable);
    }
    command
}

/// What it said, both streams.
pub(crate) fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).trim_end().to_owned()
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
