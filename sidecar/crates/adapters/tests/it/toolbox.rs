//! Servers that are written in Python and JavaScript, installed on demand under
//! `~/.cache/weft/e2e/NAME-VERSION`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with moto, whose `bin` has `moto_server`.
pub(crate) fn moto() -> PathBuf {
    const VERSION: &str = "5.2.5";
    prepare(&format!("moto-{VERSION}"), |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder));
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let mut pip = Command::new(folder.join("bin/python"));
        run(pip.args(install).arg(format!("moto[server]=={VERSION}")));
    })
}

/// The folder whose `node_modules` has Azurite.
pub(crate) fn azurite() -> PathBuf {
    const VERSION: &str = "3.37.0";
    prepare(&format!("azurite-{VERSION}"), |folder| {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("package.json"), r#"{"private":true}"#).unwrap();
        let install = [
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ];
        let mut npm = Command::new("npm");
        run(npm
            .args(install)
            .arg(format!("azurite@{VERSION}"))
            .current_dir(folder));
    })
}

/// The folder, filled by `install` if it is not there yet. Other processes wait meanwhile.
fn prepare(name: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let home = std::env::var_os("HOME").expect("HOME is set");
    let cache = Path::new(&home).join(".cache/weft/e2e");
    fs::create_dir_all(&cache).unwrap();
    let turn = File::create(cache.join(format!("{name}.lock"))).unwrap();
    turn.lock().unwrap();
    let folder = cache.join(name);
    let complete = folder.join(".complete");
    if !complete.is_file() {
        // What an interrupted run left behind is of no use.
        let _ = fs::remove_dir_all(&folder);
        install(&folder);
        fs::write(&complete, b"").unwrap();
    }
    folder
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: is it installed?"));
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&said)
    );
}
