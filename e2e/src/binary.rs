//! Where the `weft` binary is.

use std::path::PathBuf;

use anyhow::{Context, bail};

/// `$WEFT_BIN`, or `weft` in the target folder that this program was built into.
///
/// # Errors
/// When there is no such file. It is not built here: a test that builds would hide how stale its subject is.
pub fn weft() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("WEFT_BIN") {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!("WEFT_BIN names {}, which is not a file", path.display());
        }
        return Ok(path);
    }
    let path = profile_folder()?.join("weft");
    if !path.is_file() {
        bail!(
            "{} is missing: run `make test`, or `cargo build -p cli` before `cargo test -p e2e`",
            path.display()
        );
    }
    Ok(path)
}

/// `target/debug` or `target/release`. Test binaries lie in `deps` below it, programs lie in it.
pub fn profile_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("find this program's own path")?;
    let folder = program.parent().context("this program lies in a folder")?;
    let folder = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    Ok(folder.to_path_buf())
}
