//! The OCI image layout (image-spec 1.1) in a tar file: blobs named by their SHA-256, and an index that names the images.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIGURATION: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A program that will be alone in its image, as `/NAME`.
#[derive(Debug, Clone)]
pub struct Image {
    /// With its tag. Not `latest`: Kubernetes would try to pull that.
    pub name: String,
    pub program: PathBuf,
    /// `UID:GID`; root without.
    pub user: Option<&'static str>,
}

/// An archive that is being written.
pub struct Archive {
    tar: Tar,
    manifests: Vec<Value>,
}

impl Archive {
    pub fn new(target: &Path) -> anyhow::Result<Self> {
        let folder = target.parent().context("an archive lies in a folder")?;
        fs::create_dir_all(folder).context("create the folder of the archive")?;
        let file = File::create(target).with_context(|| format!("create {}", target.display()))?;
        Ok(Self {
            tar: Tar::new(BufWriter::new(file)),
            manifests: Vec::new(),
        })
    }

    /// Adds an image and returns its size in bytes.
    pub fn add(&mut self, image: &Image) -> anyhow::Result<u64> {
        let name = image.program.file_name().context("name the program")?;
        let name = name.to_str().context("a program's name is text")?;
        let layer = layer(name, &image.program)?;
        let layer = self.blob(LAYER, &layer)?;
        let mut run = json!({"Entrypoint": [format!("/{name}")], "WorkingDir": "/"});
        if let Some(user) = image.user {
            run["User"] = user.into();
        }
        let configuration = json!({
            "architecture": architecture(),
            "os": "linux",
            "config": run,
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        });
        let configuration = self.blob(CONFIGURATION, configuration.to_string().as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": configuration,
            "layers": [layer],
        });
        let mut manifest = self.blob(MANIFEST, manifest.to_string().as_bytes())?;
        // containerd reads the first, everybody else the second.
        let tag = image.name.rsplit(':').next().unwrap_or_default();
        manifest["annotations"] = json!({
            "io.containerd.image.name": image.name,
            "org.opencontainers.image.ref.name": tag,
        });
        self.manifests.push(manifest);
        layer["size"].as_u64().context("a layer has a size")
    }

    pub fn finish(mut self) -> anyhow::Result<()> {
        let index = json!({"schemaVersion": 2, "manifests": self.manifests}).to_string();
        self.tar.add("index.json", index.as_bytes(), 0o644)?;
        self.tar
            .add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644)?;
        let mut file = self.tar.finish()?;
        file.flush().context("write the archive")
    }

    fn blob(&mut self, media_type: &str, content: &[u8]) -> anyhow::Result<Value> {
        let digest = digest(content);
        self.tar.add(&format!("blobs/sha256/{digest}"), content, 0o644)?;
        Ok(json!({
            "mediaType": media_type,
            "digest": format!("sha256:{digest}"),
            "size": content.len(),
        }))
    }
}

/// SHA-256 of a file, in hexadecimal.
pub(super) fn digest_of(file: &Path) -> anyhow::Result<String> {
    Ok(digest(
        &fs::read(file).with_context(|| format!("read {}", file.display()))?,
    ))
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The root file system: the program, and nothing else.
fn layer(name: &str, program: &Path) -> anyhow::Result<Vec<u8>> {
    let content = fs::read(program).with_context(|| format!("read {}", program.display()))?;
    let mut tar = Tar::new(Vec::with_capacity(content.len() + 4096));
    tar.add(name, &content, 0o755)?;
    tar.finish()
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A tar in which nothing depends on when or by whom it was written, so that equal programs give equal digests.
struct Tar<W: Write = BufWriter<File>>(tar::Builder<W>);

impl<W: Write> Tar<W> {
    fn new(target: W) -> Self {
        Self(tar::Builder::new(target))
    }

    fn add(&mut self, path: &str, content: &[u8], mode: u32) -> anyhow::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        self.0
            .append_data(&mut header, path, content)
            .with_context(|| format!("write {path}"))
    }

    fn finish(self) -> anyhow::Result<W> {
        self.0.into_inner().context("end the archive")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_programs_give_equal_archives_of_which_every_blob_bears_its_digest() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("tool");
        fs::write(&program, b"program").expect("write it");
        let pack = |target: &str| {
            let target = folder.path().join(target);
            let mut archive = Archive::new(&target).expect("begin");
            let image = Image {
                name: "weft.local/tool:1".to_owned(),
                program: program.clone(),
                user: Some("65532:65532"),
            };
            archive.add(&image).expect("add");
            archive.finish().expect("finish");
            fs::read(target).expect("read it back")
        };
        let first = pack("a.tar");
        assert_eq!(first, pack("b.tar"));
        let mut blobs = 0;
        for entry in tar::Archive::new(first.as_slice()).entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mut content = Vec::new();
            std::io::copy(&mut entry, &mut content).expect("its content");
            if let Some(name) = path.strip_prefix("blobs/sha256/") {
                assert_eq!(name, digest(&content));
                blobs += 1;
            }
        }
        assert_eq!(blobs, 3);
    }
}
