//! Runs the programs of `clients/` against a running [`Weft`].

use std::{path::PathBuf, process::Command};

use anyhow::{Context, bail};

use crate::{Weft, toolbox};

/// Which SDK a program uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    /// `azure-eventgrid` 4.17.0b1.
    PythonBeta,
    /// `azure-eventgrid`, the newest release.
    PythonNewest,
    /// `@azure/eventgrid-namespaces`.
    JavaScript,
}

/// How a program comes to its settings, and which door they lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Http,
    Https,
    /// Whatever `weft exec` hands over.
    Exec,
    /// The token that `weft exec` hands over, at the door with TLS; no key.
    Token,
}

/// Runs one scenario of the SDK's program on a topic and returns what it printed.
///
/// # Errors
/// When it fails; the message holds all that it said.
pub fn run(
    weft: &Weft,
    sdk: Sdk,
    door: Door,
    scenario: &str,
    topic: &str,
    subscription: &str,
) -> anyhow::Result<String> {
    // The copy that Node runs lives as long as the run.
    let javascript;
    let (interpreter, program) = match sdk {
        Sdk::PythonBeta => python("beta")?,
        Sdk::PythonNewest => python("newest")?,
        Sdk::JavaScript => {
            javascript = toolbox::javascript_program("client.mjs")?;
            (PathBuf::from("node"), javascript.to_path_buf())
        }
    };
    let mut command = match door {
        Door::Exec => {
            let mut command = weft.exec();
            command.arg(interpreter);
            command
        }
        Door::Token => {
            let mut command = weft.exec();
            let endpoint = format!("EVENTGRID_ENDPOINT={}", weft.https_endpoint());
            command
                .args(["env", "-u", "EVENTGRID_KEY", &endpoint])
                .arg(interpreter);
            command
        }
        Door::Http | Door::Https => {
            let mut command = Command::new(interpreter);
            command.envs(weft.settings()?);
            command
        }
    };
    if door == Door::Https {
        command.env("EVENTGRID_ENDPOINT", weft.https_endpoint());
    }
    command.arg(program).arg(scenario);
    command
        .env("EVENTGRID_TOPIC_NAME", topic)
        .env("EVENTGRID_EVENT_SUBSCRIPTION_NAME", subscription);
    // A proxy of the machine has no business between a client and localhost, and Python need not write beside sources.
    command
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost");
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    finish(command).with_context(|| format!("scenario {scenario} of {sdk:?} through {door:?}"))
}

fn python(version: &str) -> anyhow::Result<(PathBuf, PathBuf)> {
    let program = toolbox::clients_folder()
        .join("python")
        .join(version)
        .join("client.py");
    Ok((toolbox::python(version)?, program))
}

fn finish(mut command: Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("run {:?}: is it installed?", command.get_program()))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "the client failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&said)
        );
    }
    String::from_utf8(output.stdout).context("read what the client printed")
}
