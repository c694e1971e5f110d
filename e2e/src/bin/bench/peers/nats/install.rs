//! Builds `nats-server` with the Go tools.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, bail};

const MODULE: &str = "github.com/nats-io/nats-server/v2@v2.15.2";

/// The path of the binary, built at first need.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    let folder = PathBuf::from(home).join(".cache/weft/peers");
    let binary = folder.join("bin/nats-server");
    if binary.is_file() {
        return Ok(binary);
    }
    eprintln!("building {MODULE} …");
    let mut command = Command::new("go");
    command.args(["install", MODULE]).env("GOPROXY", proxy_alone()?);
    for (variable, name) in [
        ("GOPATH", "go"),
        ("GOBIN", "bin"),
        ("GOCACHE", "gocache"),
        ("TMPDIR", "tmp"),
    ] {
        fs::create_dir_all(folder.join(name)).context("create the cache")?;
        command.env(variable, folder.join(name));
    }
    if !command.status().context("run go: is it installed?")?.success() {
        bail!("go install {MODULE} failed");
    }
    Ok(binary)
}

/// The configured module proxy without its fallback to the hosts of the sources.
fn proxy_alone() -> anyhow::Result<String> {
    let output = Command::new("go")
        .args(["env", "GOPROXY"])
        .output()
        .context("run go: is it installed?")?;
    let proxies = String::from_utf8(output.stdout).context("read GOPROXY")?;
    Ok(proxies.trim().split(',').next().unwrap_or_default().to_owned())
}
