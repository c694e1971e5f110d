//! RabbitMQ from Debian: its packages and what they need, unpacked into a root of their own. Nothing is installed on
//! this machine, and no package's scripts are run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use e2e::toolbox;

use crate::peers;

pub(super) const VERSION: &str = "4.0";
/// A stable release: its versions do not move beyond their last part.
const SUITE: &str = "trixie";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The server, and what every Debian has and no package names.
const PACKAGES: [&str; 10] = [
    "rabbitmq-server",
    "base-files",
    "bash",
    "coreutils",
    "dash",
    "grep",
    "hostname",
    "libc-bin",
    "procps",
    "sed",
];

/// The root, made at first need.
pub(super) fn root() -> anyhow::Result<PathBuf> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "it runs in a root folder of its own, which only root can enter"
    );
    let name = format!("rabbitmq-{VERSION}-{SUITE}");
    Ok(toolbox::prepare_version(&name, unpack)?.join("root"))
}

fn unpack(folder: &Path) -> anyhow::Result<()> {
    let root = folder.join("root");
    for part in ["lists/partial", "archives/partial", "root"] {
        fs::create_dir_all(folder.join(part)).context("create a folder for apt")?;
    }
    download(folder)?;
    for entry in fs::read_dir(folder.join("archives")).context("list the packages")? {
        let file = entry.context("list the packages")?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            peers::run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&root))?;
        }
    }
    fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n").context("write the hosts")?;
    for part in ["lists", "archives"] {
        fs::remove_dir_all(folder.join(part)).context("remove what is no longer needed")?;
    }
    Ok(())
}

/// With lists and a state of its own: apt believes that nothing is installed.
fn download(folder: &Path) -> anyhow::Result<()> {
    let sources = format!("deb [signed-by={KEYRING}] {} {SUITE} main\n", mirror()?);
    fs::write(folder.join("sources.list"), sources).context("write the sources")?;
    fs::write(folder.join("status"), "").context("write an empty state")?;
    peers::run(apt(folder).arg("update"))?;
    peers::run(
        apt(folder)
            .args(["--yes", "--download-only", "install"])
            .args(PACKAGES),
    )?;
    Ok(())
}

fn apt(folder: &Path) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq");
    for (option, file) in [
        ("Dir::Etc::sourcelist", "sources.list"),
        ("Dir::State::lists", "lists"),
        ("Dir::State::status", "status"),
        ("Dir::Cache::archives", "archives"),
    ] {
        command.arg("-o");
        command.arg(format!("{option}={}", folder.join(file).display()));
    }
    for setting in [
        "Dir::Etc::sourceparts=-",
        "APT::Sandbox::User=root",
        "APT::Install-Recommends=false",
    ] {
        command.args(["-o", setting]);
    }
    command
}

/// Where this machine gets Debian's packages from.
fn mirror() -> anyhow::Result<String> {
    let find = || -> anyhow::Result<Option<String>> {
        let targets = peers::run(Command::new("apt-get").args([
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Created-By: Packages",
            "Origin: Debian",
        ]))?;
        let mut uris = targets.lines().map(str::trim);
        let found = uris.find(|uri| uri.trim_end_matches('/').ends_with("/debian"));
        Ok(found.map(str::to_owned))
    };
    if let Some(mirror) = find()? {
        return Ok(mirror);
    }
    // Its lists may never have been fetched.
    peers::run(Command::new("apt-get").args(["-qq", "update"]))?;
    find()?.context("find a mirror of Debian among apt's sources: is this machine a Debian?")
}
