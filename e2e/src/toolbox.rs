//! The tools that real clients need, made on demand and kept under `~/.cache/weft/e2e/<hash of the requirement files>`:
//! Python environments, one per SDK version, and a `node_modules`. A tool that is missing is a failure that names it.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::PermissionsExt as _,
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
        python_environment(Path::new("python3"), folder, &requirements)
    })?;
    Ok(folder.join("bin/python"))
}

/// Makes an environment in `folder` that holds the requirements.
pub(crate) fn python_environment(
    interpreter: &Path,
    folder: &Path,
    requirements: &Path,
) -> anyhow::Result<()> {
    run(
        Command::new(interpreter).args(["-m", "venv"]).arg(folder),
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
            .arg(requirements),
        "pip",
    )
}

/// A copy of `clients/javascript/NAME` beside its modules, of its own per call. These are what
/// `clients/javascript/package-lock.json` names.
pub fn javascript_program(name: &str) -> anyhow::Result<tempfile::TempPath> {
    let sources = clients_folder().join("javascript");
    beside_modules(&node_modules("javascript", &sources)?, &sources.join(name))
}

/// The folder whose `node_modules` holds what the `package-lock.json` in `sources` names.
pub(crate) fn node_modules(name: &str, sources: &Path) -> anyhow::Result<PathBuf> {
    let files = [sources.join("package.json"), sources.join("package-lock.json")];
    prepare(name, &[&files[0], &files[1]], |folder| {
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

/// The folder whose `node_modules` holds a package of npm.
pub(crate) fn npm(package: &str, version: &str) -> anyhow::Result<PathBuf> {
    prepare_version(&format!("{package}-{version}"), |folder| {
        let mut install = Command::new("npm");
        install.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
        ]);
        run(
            install
                .arg(format!("{package}@{version}"))
                .arg("--prefix")
                .arg(folder),
            "npm",
        )
    })
}

/// A copy of a program in the folder that holds its modules, because Node looks for them beside the program.
pub(crate) fn beside_modules(folder: &Path, program: &Path) -> anyhow::Result<tempfile::TempPath> {
    let mut copy = tempfile::Builder::new()
        .suffix(".mjs")
        // For the user of a pod, too.
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .context("create the copy")?;
    let mut text = fs::File::open(program).with_context(|| format!("open {}", program.display()))?;
    std::io::copy(&mut text, copy.as_file_mut()).context("copy the program")?;
    Ok(copy.into_temp_path())
}

/// The folder of the cache for `name` and the content of these files, filled by `install` if it is not there yet.
pub(crate) fn prepare(
    name: &str,
    requirements: &[&Path],
    install: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    prepare_version(&format!("{name}-{:016x}", hash(requirements)?), install)
}

/// The folder `name` of the cache, which says the version, filled by `install` if it is not there yet.
pub fn prepare_version(
    name: &str,
    install: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let _turn = INSTALLING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = cache_folder()?.join(name);
    let complete = folder.join(".complete");
    if complete.is_file() {
        return Ok(folder);
    }
    // What an interrupted run left behind is of no use.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
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

pub(crate) fn run(command: &mut Command, tool: &str) -> anyhow::Result<()> {
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
