//! What Debian has ready: downloaded with apt from the mirror that this machine is set up with, and unpacked beside the
//! other programs. Nothing is installed, so neither the machine's packages nor its services change.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use crate::cluster::command;

/// The release whose versions are known to work with our Kubernetes. A stable one does not move.
const SUITE: &str = "trixie";
const PACKAGES: [&str; 3] = ["containerd", "etcd-server", "containernetworking-plugins"];
/// Linked against the C library of its release, so it comes from the machine's own.
const NATIVE_PACKAGE: &str = "runc";
const PROGRAMS: [&str; 5] = [
    "usr/bin/containerd",
    "usr/bin/containerd-shim-runc-v2",
    "usr/bin/ctr",
    "usr/bin/etcd",
    "usr/sbin/runc",
];
const PLUGINS: [&str; 4] = ["bridge", "host-local", "loopback", "portmap"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What they are made from.
pub(super) fn recipe() -> anyhow::Result<String> {
    Ok(format!(
        "{SUITE} {} {PACKAGES:?} {PROGRAMS:?} {PLUGINS:?}",
        own_suite()?
    ))
}

/// Downloads into `work`, and moves the programs to `folder` and `folder/cni`.
pub(super) fn unpack(work: &Path, folder: &Path) -> anyhow::Result<()> {
    let _ = fs::remove_dir_all(work);
    for part in ["lists/partial", "archives/partial", "root"] {
        fs::create_dir_all(work.join(part)).context("create a folder for apt")?;
    }
    download(work)?;
    let root = work.join("root");
    for entry in fs::read_dir(work).context("list the packages")? {
        let file = entry.context("list the packages")?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            command::run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&root))?;
        }
    }
    fs::create_dir_all(folder.join("cni")).context("create the folder of the network plugins")?;
    for program in PROGRAMS {
        place(&root.join(program), folder)?;
    }
    for plugin in PLUGINS {
        place(&root.join("usr/lib/cni").join(plugin), &folder.join("cni"))?;
    }
    fs::remove_dir_all(work).context("remove what is no longer needed")
}

fn place(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let name = file.file_name().context("name the program")?;
    fs::rename(file, folder.join(name)).with_context(|| format!("move {} into place", file.display()))
}

/// With lists of its own, so that the machine's apt never hears of another release.
fn download(work: &Path) -> anyhow::Result<()> {
    let (mirror, own) = (mirror()?, own_suite()?);
    let sources: String = [own.as_str(), SUITE]
        .map(|suite| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"))
        .concat();
    fs::write(work.join("sources.list"), sources).context("write the sources")?;
    command::run(apt(work).args(["-qq", "update"]))?;
    let mut packages: Vec<_> = PACKAGES.map(|package| format!("{package}/{SUITE}")).into();
    packages.push(format!("{NATIVE_PACKAGE}/{own}"));
    command::run(apt(work).args(["-qq", "download"]).args(packages))?;
    Ok(())
}

fn apt(work: &Path) -> Command {
    let mut command = Command::new("apt-get");
    command.current_dir(work);
    let option = |name: &str, path: PathBuf| format!("{name}={}", path.display());
    for setting in [
        option("Dir::Etc::sourcelist", work.join("sources.list")),
        option("Dir::State::lists", work.join("lists")),
        option("Dir::Cache::archives", work.join("archives")),
        "Dir::Etc::sourceparts=-".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
    ] {
        command.args(["-o", &setting]);
    }
    command
}

/// The mirror of Debian that this machine uses; its lists may never have been fetched.
fn mirror() -> anyhow::Result<String> {
    if let Some(mirror) = known_mirror()? {
        return Ok(mirror);
    }
    command::call("apt-get", ["-qq", "update"])?;
    known_mirror()?.context("find a mirror of Debian among apt's sources: is this machine a Debian?")
}

fn known_mirror() -> anyhow::Result<Option<String>> {
    let targets = command::call(
        "apt-get",
        [
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Created-By: Packages",
            "Origin: Debian",
        ],
    )?;
    let found = targets
        .lines()
        .map(str::trim)
        .find(|uri| uri.trim_end_matches('/').ends_with("/debian"));
    Ok(found.map(str::to_owned))
}

/// `bookworm`, `trixie` …
fn own_suite() -> anyhow::Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("read /etc/os-release")?;
    let value = |key: &str| {
        release.lines().find_map(|line| {
            let value = line.strip_prefix(key)?.strip_prefix('=')?;
            Some(value.trim_matches('"').to_owned())
        })
    };
    if value("ID").as_deref() != Some("debian") {
        bail!(
            "the programs of a cluster are taken from Debian, and this is {}; name a running cluster in KUBECONFIG instead",
            value("PRETTY_NAME").unwrap_or_else(|| "another system".to_owned())
        );
    }
    value("VERSION_CODENAME").context("find VERSION_CODENAME in /etc/os-release")
}
