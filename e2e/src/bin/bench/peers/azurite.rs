//! Azurite, the emulator of Azure Storage: its blobs, from npm.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::Context;

use super::{installed, run};
use crate::running::{self, Running};

pub(crate) const VERSION: &str = "3.37.0";
/// Known to everybody, as is its key.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running server with empty folders, ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    running: Running,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().context("create a folder")?;
        let [address] = running::free_addresses()?;
        let mut command = Command::new("node");
        command
            .arg(program)
            .args(["--silent", "--disableTelemetry", "--skipApiVersionCheck"]);
        command.args([
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            &address.port().to_string(),
        ]);
        command.arg("--location").arg(folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self {
            running: Running::start(&mut command, address)?,
            address,
            _folder: folder,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.id()
    }
}

fn program() -> anyhow::Result<PathBuf> {
    let folder = installed(&format!("azurite-{VERSION}"), |folder| {
        let package = format!("azurite@{VERSION}");
        let mut install = Command::new("npm");
        install.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
            &package,
        ]);
        run(install.arg("--prefix").arg(folder)).map(drop)
    })?;
    Ok(folder.join("node_modules/azurite/dist/src/blob/main.js"))
}
