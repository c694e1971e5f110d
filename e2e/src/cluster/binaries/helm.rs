//! Helm, from its Go module.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use crate::cluster::{command, progress::Progress};

const MODULE: &str = "helm.sh/helm/v4/cmd/helm";
const VERSION: &str = "v4.3.1";

/// Its path, built at first need.
pub(super) fn prepare(cache: &Path, progress: Progress) -> anyhow::Result<PathBuf> {
    let folder = cache.join(format!("helm-{VERSION}/bin"));
    let binary = folder.join("helm");
    if binary.is_file() {
        return Ok(binary);
    }
    progress.say(format!("building Helm {VERSION}, minutes at first …"));
    fs::create_dir_all(&folder).context("create the folder of Helm")?;
    let mut go = Command::new("go");
    go.env("CGO_ENABLED", "0").env("GOBIN", &folder);
    go.args(["install", "-trimpath", "-ldflags", "-s -w"])
        .arg(format!("{MODULE}@{VERSION}"));
    command::run(&mut go).context("build Helm")?;
    Ok(binary)
}
