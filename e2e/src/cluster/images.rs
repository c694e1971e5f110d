//! Images without a registry: one static program each, from nothing, as an OCI archive that containerd imports.

mod archive;
mod programs;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::binaries::{Binaries, COREDNS_VERSION};

pub use archive::{Archive, Image};
pub use programs::build;

/// Holds a pod's namespaces open.
pub const PAUSE: &str = "weft.local/pause:1";

/// The user that our programs run as, as in the `Dockerfile`.
pub(crate) const USER: &str = "65532:65532";

/// The cluster's own.
pub(crate) fn coredns() -> String {
    format!("weft.local/coredns:{COREDNS_VERSION}")
}

/// Packs what every node needs into one archive.
pub(crate) fn pack_system(binaries: &Binaries, target: &Path) -> anyhow::Result<()> {
    let mut archive = Archive::new(target)?;
    for (name, program, user) in [(PAUSE.to_owned(), "pause", None), (coredns(), "coredns", None)] {
        archive.add(&Image {
            name,
            program: binaries.path(program),
            user,
        })?;
    }
    archive.finish()
}

/// Our two, ready to load.
#[derive(Debug, Clone)]
pub struct Weft {
    /// `weft.local/weft-operator:TAG`, where TAG changes with the program.
    pub operator: String,
    pub sidecar: String,
    /// The archive of both.
    pub archive: PathBuf,
}

impl Weft {
    /// Builds both programs and packs them.
    ///
    /// # Errors
    /// When they do not build.
    pub fn pack(target: &Path) -> anyhow::Result<Self> {
        let [operator, sidecar] = build()?;
        let mut archive = Archive::new(target)?;
        let mut names = Vec::new();
        for program in [operator, sidecar] {
            let name = program.file_name().context("name the program")?.to_string_lossy();
            let digest = archive::digest_of(&program)?;
            let image = Image {
                name: format!("weft.local/{name}:sha-{}", &digest[..12]),
                program: program.clone(),
                user: Some(USER),
            };
            let bytes = archive.add(&image)?;
            eprintln!(
                "          {} is {:.1} MB",
                image.name,
                f64::from(u32::try_from(bytes)?) / 1e6
            );
            names.push(image.name);
        }
        archive.finish()?;
        let [operator, sidecar] = names.try_into().expect("two programs were packed");
        Ok(Self {
            operator,
            sidecar,
            archive: target.to_path_buf(),
        })
    }

    /// Writes the names beside the archive, for whoever runs after us.
    pub(crate) fn save(&self, file: &Path) -> anyhow::Result<()> {
        let names = [&self.operator, &self.sidecar, &self.archive.display().to_string()];
        fs::write(file, serde_json::to_vec(&names)?).context("write the images' names")
    }

    pub(crate) fn saved(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read(file).with_context(|| format!("read {}", file.display()))?;
        let [operator, sidecar, archive]: [String; 3] =
            serde_json::from_slice(&text).context("parse the images' names")?;
        Ok(Self {
            operator,
            sidecar,
            archive: archive.into(),
        })
    }
}
