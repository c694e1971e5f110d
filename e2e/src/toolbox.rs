//! The tools that real clients need, made on demand and kept under `~/.cache/weft/e2e/<hash of the requirement files>`:
//! Python environments, one per SDK version, and a `node_modules`. A tool that is missing is a failure that names it.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use anyhow::{Context, bail};

/// One test installs while the others wait, so that two do not write the same folder.
static INSTALLING: Mutex<()> = Mutex::new(());

/// The folder of the client programs.
pub fn clients_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// The interpreter of the environment that holds `clients/python/NAME/requirements.txt`.
pub fn python(name: &str) -> anyhow::Result<PathBuf> {
    let requirements = clients_folder()
        .join("python")
        .join(name)
        .join("requirements.txt");
    let folder = prepare(&format!("python-{name}"), &[&requirements], |folder| {
        run(
            Command::new("python3").args(["-m", "venv"]).arg(folder),
            "python3 with venv",
        )?;
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ];
        run(
            Command::new(folder.join("bin/python"))
                .args(install)
                .arg(&requirements),
            "pip",
        )
    })?;
    Ok(folder.join("bin/python"))
}

/// The folder whose `node_modules` holds what `clients/javascript/package-lock.json` names. The client programs are
/// copied into it by [`javascript_program`], because Node looks for modules beside the program.
pub fn javascript() -> anyhow::Result<PathBuf> {
    let sources = clients_folder().join("javascript");
    let files = [sources.join("package.json"), sources.join("package-lock.json")];
    prepare("javascript", &[&files[0], &files[1]], |folder| {
        fs::create_dir_all(folder).context("create the folder")?;
        for file in &files {
            let name = file.file_name().context("name the file")?;
            fs::copy(file, folder.join(name)).with_context(|| format!("copy {}", file.display()))?;
        }
        let arguments = [
            "ci",
            "--omit=dev",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ];
        run(Command::new("npm").args(arguments).current_dir(folder), "npm")
    })
}

/// A copy of `clients/javascript/NAME` beside its modules, of its own per call.
pub fn javascript_program(name: &str) -> anyhow::Result<tempfile::TempPath> {
    let folder = javascript()?;
    let mut copy = tempfile::Builder::new()
        .suffix(".mjs")
        .tempfile_in(&folder)
        .context("create the copy")?;
    let source = clients_folder().join("javascript").join(name);
    let mut text = fs::File::open(&source).with_context(|| format!("open {}", source.display()))?;
    std::io::copy(&mut text, copy.as_file_mut()).context("copy the program")?;
    Ok(copy.into_temp_path())
}

fn prepare(
    name: &str,
    requirements: &[&Path],
    install: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let _turn = INSTALLING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = cache_folder()?.join(format!("{name}-{:016x}", hash(requirements)?));
    let complete = folder.join(".complete");
    if complete.is_file() {
        return Ok(folder);
    }
    // What an interrupted run left behind is of no use.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.parent().context("the cache has a parent")?).context("create the cache")?;
    install(&folder).with_context(|| format!("install {name} into {}", folder.display()))?;
    fs::write(&complete, b"").context("mark the folder complete")?;
    Ok(folder)
}

fn cache_folder() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    Ok(Path::new(&home).join(".cache/weft/e2e"))
}

fn hash(files: &[&Path]) -> anyhow::Result<u64> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(file)
            .with_context(|| format!("read {}", file.display()))?
            .hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn run(command: &mut Command, tool: &str) -> anyhow::Result<()> {
    let output = command
        .output()
        .with_context(|| format!("run {tool}: is it installed?"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "{tool} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&said)
        );
    }
    Ok(())
}
