//! Helm, as users run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::files;

/// The same version as in the Makefile, which installs it.
const VERSION: &str = "v4.3.1";

fn binary() -> PathBuf {
    let home = std::env::var_os("HOME").expect("HOME is set");
    let file = Path::new(&home).join(format!(".cache/weft/helm-{VERSION}/bin/helm"));
    assert!(
        file.is_file(),
        "{} is missing: `make helm` installs it",
        file.display()
    );
    file
}

/// Runs it without a cluster.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(binary())
        .args(arguments)
        .current_dir(files::path("charts"))
        .env("KUBECONFIG", "/dev/null")
        .output()
        .expect("helm can be started")
}

/// What it prints on success.
pub(crate) fn call(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "helm {arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("helm prints UTF-8")
}

/// The chart's manifests with these settings (`KEY=VALUE`).
pub(crate) fn render(settings: &[&str]) -> String {
    render_with(settings, &[])
}

/// [`render`] with further arguments, such as what the API server can do.
pub(crate) fn render_with(settings: &[&str], further: &[&str]) -> String {
    call(&[&command("template", settings)[..], further].concat())
}

/// [`render`], parsed.
pub(crate) fn objects(settings: &[&str]) -> Vec<Value> {
    files::documents(&render(settings))
}

/// What it says about settings that it refuses.
pub(crate) fn refusal(settings: &[&str]) -> String {
    let output = run(&command("template", settings));
    assert!(!output.status.success(), "{settings:?} is taken");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What users read after the installation.
pub(crate) fn notes(settings: &[&str]) -> String {
    let mut arguments = command("install", settings);
    arguments.push("--dry-run=client");
    let all = call(&arguments);
    let (_, notes) = all.split_once("NOTES:\n").expect("there are notes");
    notes.to_owned()
}

fn command<'a>(verb: &'a str, settings: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![verb, "weft", "weft", "--namespace", "weft-system"];
    for setting in settings {
        arguments.extend(["--set-json", setting]);
    }
    arguments
}
