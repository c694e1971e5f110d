//! What a pod starts from without asking anybody.

use config::Head;

use super::kept::KeptError;
use super::mirror::Mirror;
use super::mounted::MountError;
use super::pieces::Pieces;
use super::{Pod, kept, mounted};

/// Everything that lies in the pod's file system already.
pub(super) struct Local {
    /// Knows the newest document that can be used, and the mounted secrets.
    pub(super) mirror: Mirror,
    /// What is kept on the volume, if it can be used.
    pub(super) stored: Option<Head>,
    /// What is missing, in words for the user.
    pub(super) lacks: Vec<String>,
}

impl Local {
    pub(super) fn read(pod: &Pod) -> Self {
        let mut local = Self {
            mirror: Mirror::default(),
            stored: None,
            lacks: Vec::new(),
        };
        let mounted = local.read_mounted(pod);
        let kept = local.read_kept(pod);
        let mut found: Vec<_> = [("mounted files", mounted), ("volume", kept)]
            .into_iter()
            .filter_map(|(place, pieces)| pieces.map(|pieces| (place, pieces)))
            .collect();
        // The newest first; one that cannot be used leaves the place to the other.
        found.sort_by_key(|(_, pieces)| std::cmp::Reverse(pieces.revision()));
        for (place, pieces) in found {
            local.offer(place, pieces);
        }
        match mounted::keys(&pod.secrets_dir) {
            Ok(keys) => local.mirror.offer_keys(keys),
            Err(error) => local.lacks.push(format!("secrets: {error}")),
        }
        local
    }

    fn read_mounted(&mut self, pod: &Pod) -> Option<Pieces> {
        let document = mounted::document(&pod.config_dir);
        let document = document.map_err(|error| self.lacks.push(format!("mounted files: {error}")));
        document.ok()
    }

    fn read_kept(&mut self, pod: &Pod) -> Option<Pieces> {
        match kept::load(&pod.data_dir, &pod.namespace_uid) {
            Ok(pieces) => {
                self.stored = Some(pieces.head.clone());
                Some(pieces)
            }
            Err(error) => {
                // A volume that was adopted, or is new, is nothing to worry about.
                if !matches!(error, KeptError::Absent | KeptError::Foreign { .. }) {
                    tracing::warn!("the configuration that was kept on the volume cannot be used: {error}");
                }
                self.lacks.push(format!("volume: {error}"));
                None
            }
        }
    }

    fn offer(&mut self, place: &str, pieces: Pieces) {
        let revision = pieces.revision();
        if self.mirror.pieces().is_some() {
            tracing::debug!(place, revision, "found a configuration that is not newer");
            return;
        }
        match self.mirror.offer(pieces) {
            Ok(()) => tracing::info!(place, revision, "found a configuration"),
            Err(error) => {
                tracing::warn!(
                    place,
                    revision,
                    "found a configuration that cannot be used: {error}"
                );
                self.lacks.push(format!("{place}: {error}"));
            }
        }
    }
}

/// Looks whether the kubelet has laid newer files into the pod. It may know more than we do when only we have lost the
/// API server.
pub(super) fn look_again(mirror: &mut Mirror, pod: &Pod) {
    if let Err(error) = look_for_document(mirror, pod) {
        tracing::debug!("mounted files: {error}");
    }
    match mounted::keys(&pod.secrets_dir) {
        Ok(keys) => mirror.offer_keys(keys),
        Err(error) => tracing::debug!("mounted secrets: {error}"),
    }
}

fn look_for_document(mirror: &mut Mirror, pod: &Pod) -> Result<(), MountError> {
    let known = mirror.pieces().map(|pieces| pieces.revision());
    if known.is_some_and(|known| known >= mounted::revision(&pod.config_dir).unwrap_or_default()) {
        return Ok(());
    }
    let pieces = mounted::document(&pod.config_dir)?;
    let revision = pieces.revision();
    mirror.offer(pieces)?;
    tracing::info!(revision, "found a newer configuration in the mounted files");
    Ok(())
}
