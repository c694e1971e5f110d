//! What the programs run on: made on demand from the lock files in this repository, kept by [`toolbox`].
//!
//! Sources are part of the key, except where an interpreter reads them in place.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use crate::toolbox::{self, clients_folder, prepare, run};

/// The first Python that azure-eventhub 5.15.0 supports.
const FIRST_PYTHON: (u32, u32) = (3, 8);
/// Python 3.LAST is the last one that is looked for by name.
const LAST_PYTHON: u32 = 20;

/// Which Python an environment is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    Oldest,
    Newest,
}

/// One of the programs in Rust.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rust {
    /// Of `clients/rust`.
    folder: &'static str,
    package: &'static str,
    /// Whether it has modules of the first one.
    shares_sources: bool,
}

impl Rust {
    pub(super) const NEWEST: Self = Self {
        folder: "eventhubs",
        package: "eventhubs-client",
        shares_sources: false,
    };
    pub(super) const PASSWORDLESS: Self = Self {
        folder: "passwordless",
        package: "passwordless-client",
        shares_sources: true,
    };
}

/// The interpreter of an environment with the SDK.
pub(super) fn python(age: Age) -> anyhow::Result<PathBuf> {
    let name = match age {
        Age::Oldest => "oldest",
        Age::Newest => "newest",
    };
    let requirements = source_folder("python").join(name).join("requirements.txt");
    let ((major, minor), interpreter) = interpreter(age)?;
    let key = format!("python{major}.{minor}-eventhubs-{name}");
    let folder = prepare(&key, &[&requirements], |folder| {
        toolbox::python_environment(&interpreter, folder, &requirements)
    })?;
    Ok(folder.join("bin/python"))
}

/// The machine's oldest Python that will do, or its newest.
fn interpreter(age: Age) -> anyhow::Result<((u32, u32), PathBuf)> {
    let mut found: Vec<_> = candidates()
        .into_iter()
        .filter_map(|candidate| Some((python_version(&candidate)?, candidate)))
        .filter(|(version, _)| *version >= FIRST_PYTHON)
        .collect();
    found.sort();
    let chosen = match age {
        Age::Oldest => found.into_iter().next(),
        Age::Newest => found.into_iter().next_back(),
    };
    chosen.context("find a Python 3.8 or newer with venv")
}

/// `python3`, `python3.8` and so on, and what pyenv has installed.
fn candidates() -> Vec<PathBuf> {
    let mut names: Vec<_> = (FIRST_PYTHON.1..=LAST_PYTHON)
        .map(|minor| PathBuf::from(format!("python3.{minor}")))
        .collect();
    names.push(PathBuf::from("python3"));
    if let Some(home) = env::var_os("HOME") {
        let versions = fs::read_dir(Path::new(&home).join(".pyenv/versions"));
        names.extend(
            versions
                .into_iter()
                .flatten()
                .flatten()
                .map(|version| version.path().join("bin/python3")),
        );
    }
    names
}

/// None for one that is not there, or that cannot make environments.
fn python_version(interpreter: &Path) -> Option<(u32, u32)> {
    let program = "import ensurepip, venv, sys; print(*sys.version_info[:2])";
    let output = Command::new(interpreter).args(["-c", program]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Where an environment's Python has its own library, unless that is a part of the system.
pub(super) fn home_of_python(interpreter: &Path) -> anyhow::Result<Option<PathBuf>> {
    let program = "import sys; print(sys.base_prefix)";
    let output = Command::new(interpreter)
        .args(["-c", program])
        .output()
        .with_context(|| format!("ask {} for its home", interpreter.display()))?;
    let home = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok((!home.starts_with("/usr")).then_some(home))
}

/// Where the system keeps Java's settings, which its own folder links to.
pub(super) fn settings_of_java() -> anyhow::Result<Vec<PathBuf>> {
    let etc = fs::read_dir("/etc").context("list /etc")?;
    let folders = etc
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("java"));
    Ok(folders.map(|entry| entry.path()).collect())
}

/// A copy of the program beside its modules, where Node looks for them.
pub(super) fn javascript() -> anyhow::Result<tempfile::TempPath> {
    let folder = toolbox::node_modules("javascript-eventhubs", &source_folder("javascript"))?;
    toolbox::beside_modules(&folder, &source_folder("javascript").join("client.mjs"))
}

/// The program, built.
pub(super) fn go() -> anyhow::Result<PathBuf> {
    go_program("go-eventhubs", &source_folder("go"))
}

/// What asks KEDA's scaler, built. KEDA and all that it needs take minutes at first.
pub(super) fn keda() -> anyhow::Result<PathBuf> {
    go_program("go-keda", &clients_folder().join("go/keda"))
}

fn go_program(name: &str, sources: &Path) -> anyhow::Result<PathBuf> {
    let files = files_of(sources)?;
    let folder = prepare(name, &by_reference(&files), |folder| {
        let mut build = Command::new("go");
        build
            .args(["build", "-mod=readonly", "-trimpath", "-o"])
            .arg(folder.join("client"));
        run(build.arg(".").current_dir(sources), "go")
    })?;
    Ok(folder.join("client"))
}

/// The class path of the program, built, with its libraries.
pub(super) fn java() -> anyhow::Result<String> {
    let sources = source_folder("java");
    let program = files_of(&sources.join("src/weft"))?;
    let pom = sources.join("pom.xml");
    let mut key = by_reference(&program);
    key.push(&pom);
    let folder = prepare("java-eventhubs", &key, |folder| {
        let libraries = folder.join("libraries");
        let mut fetch = Command::new("mvn");
        fetch
            .args([
                "--batch-mode",
                "--quiet",
                "dependency:copy-dependencies",
                "--file",
            ])
            .arg(&pom);
        fetch.arg(format!("-DoutputDirectory={}", libraries.display()));
        run(&mut fetch, "mvn")?;
        let mut compile = Command::new("javac");
        compile
            .arg("-cp")
            .arg(libraries.join("*"))
            .arg("-d")
            .arg(folder.join("classes"));
        run(compile.args(&program), "javac")
    })?;
    Ok(format!("{0}/classes:{0}/libraries/*", folder.display()))
}

/// A program in Rust, built. The SDK and all that it needs are built once per lock file.
pub(super) fn rust(program: Rust) -> anyhow::Result<PathBuf> {
    let sources = clients_folder().join("rust").join(program.folder);
    let lock = sources.join("Cargo.lock");
    let target = prepare(&format!("rust-{}-target", program.folder), &[&lock], |folder| {
        run(
            &mut cargo(&sources, folder, &["build", "--locked", "--quiet"]),
            "cargo",
        )
    })?;
    let mut files = files_of(&sources.join("src"))?;
    if program.shares_sources {
        files.extend(files_of(&source_folder("rust").join("src"))?);
    }
    files.extend([lock, sources.join("Cargo.toml")]);
    let folder = prepare(
        &format!("rust-{}", program.folder),
        &by_reference(&files),
        |folder| {
            // Cargo takes what a checkout in another place built of this package for this one's own.
            run(
                &mut cargo(
                    &sources,
                    &target,
                    &["clean", "--quiet", "--package", program.package],
                ),
                "cargo",
            )?;
            run(
                &mut cargo(&sources, &target, &["build", "--locked", "--quiet"]),
                "cargo",
            )?;
            fs::copy(target.join("debug").join(program.package), folder.join("client"))
                .context("copy the program")?;
            Ok(())
        },
    )?;
    Ok(folder.join("client"))
}

fn cargo(sources: &Path, target: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command
        .args(arguments)
        .current_dir(sources)
        .env("CARGO_TARGET_DIR", target);
    command
}

pub(super) fn source_folder(language: &str) -> PathBuf {
    clients_folder().join(language).join("eventhubs")
}

/// The files directly in a folder, in a fixed order.
fn files_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("list {}", folder.display()))?
            .path();
        if path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("{} has no files", folder.display());
    }
    files.sort();
    Ok(files)
}

fn by_reference(files: &[PathBuf]) -> Vec<&Path> {
    files.iter().map(PathBuf::as_path).collect()
}
