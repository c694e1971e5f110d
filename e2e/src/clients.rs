//! Runs the programs of `clients/` against a running [`Weft`].

use std::process::Command;

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

/// Which door a program is pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Http,
    Https,
}

/// Runs one scenario of the SDK's program with the settings that `weft dev` wrote and returns what it printed.
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
    match sdk {
        Sdk::PythonBeta => python(weft, "beta", door, scenario, topic, subscription),
        Sdk::PythonNewest => python(weft, "newest", door, scenario, topic, subscription),
        Sdk::JavaScript => {
            let program = toolbox::javascript_program("client.mjs")?;
            let mut command = Command::new("node");
            command.arg(&program).arg(scenario);
            finish(weft, command, door, topic, subscription)
                .with_context(|| format!("scenario {scenario} in JavaScript"))
        }
    }
}

fn python(
    weft: &Weft,
    version: &str,
    door: Door,
    scenario: &str,
    topic: &str,
    subscription: &str,
) -> anyhow::Result<String> {
    let mut command = Command::new(toolbox::python(version)?);
    command
        .arg("-B")
        .arg(
            toolbox::clients_folder()
                .join("python")
                .join(version)
                .join("client.py"),
        )
        .arg(scenario);
    finish(weft, command, door, topic, subscription)
        .with_context(|| format!("scenario {scenario} on Python {version}"))
}

fn finish(
    weft: &Weft,
    mut command: Command,
    door: Door,
    topic: &str,
    subscription: &str,
) -> anyhow::Result<String> {
    command.envs(weft.settings()?).env("EVENTGRID_TOPIC_NAME", topic);
    command.env("EVENTGRID_EVENT_SUBSCRIPTION_NAME", subscription);
    command.env(
        "EVENTGRID_ENDPOINT",
        match door {
            Door::Http => weft.http_endpoint(),
            Door::Https => weft.https_endpoint(),
        },
    );
    // A proxy of the machine has no business between a client and localhost.
    command
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost");
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
