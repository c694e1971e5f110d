//! Weft itself: the chart, with our images, as Helm installs it.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{command, connection::Cluster, images::Weft};

/// The Kubernetes namespace of the operator.
pub const NAMESPACE: &str = "weft-system";
/// The release's name.
pub const RELEASE: &str = "weft";

impl Cluster {
    /// Builds the images and loads them on every node, if they changed.
    ///
    /// # Errors
    /// When they do not build; or when the cluster is another's: load them there by hand.
    pub fn load_images(&self) -> anyhow::Result<Weft> {
        let machine = self.machine()?;
        let weft = Weft::pack(&machine.state_folder().join("weft-images.tar"))?;
        for node in machine.nodes()? {
            node.import_image(&weft.archive)?;
        }
        weft.save(&images_file(machine.state_folder()))?;
        Ok(weft)
    }

    /// The images that were loaded last.
    pub fn images(&self) -> anyhow::Result<Weft> {
        match self.machine() {
            Ok(machine) => Weft::saved(&images_file(machine.state_folder())),
            // Whoever owns that cluster has loaded what `e2e image` printed; it depends on the programs alone.
            Err(_) => Weft::pack(&std::env::temp_dir().join("weft-images.tar")),
        }
    }

    /// `helm upgrade --install` of the chart with these images and further settings (`scope=namespaced`), and waits
    /// until the operator is ready.
    ///
    /// # Errors
    /// With what Helm said.
    pub fn install(&self, namespace: &str, images: &Weft, settings: &[&str]) -> anyhow::Result<()> {
        let mut helm = self.helm()?;
        helm.args(["upgrade", "--install", RELEASE]).arg(chart());
        helm.args(["--namespace", namespace, "--create-namespace"]);
        helm.args(["--wait", "--timeout", "60s"]);
        for setting in values(images)
            .iter()
            .map(String::as_str)
            .chain(settings.iter().copied())
        {
            helm.args(["--set", setting]);
        }
        command::run(&mut helm).context("install the chart")?;
        Ok(())
    }

    /// `helm uninstall`.
    pub fn uninstall(&self, namespace: &str) -> anyhow::Result<()> {
        let mut helm = self.helm()?;
        helm.args(["uninstall", RELEASE, "--namespace", namespace, "--wait"]);
        command::run(&mut helm).context("uninstall the chart")?;
        Ok(())
    }
}

/// The chart's folder.
pub fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/weft")
}

/// The chart's values for these images.
pub fn values(images: &Weft) -> Vec<String> {
    let mut values = Vec::new();
    for (part, image) in [("operator", &images.operator), ("sidecar", &images.sidecar)] {
        let (repository, tag) = image.rsplit_once(':').unwrap_or((image, ""));
        values.push(format!("image.{part}.repository={repository}"));
        values.push(format!("image.{part}.tag={tag}"));
    }
    values
}

fn images_file(state: &Path) -> PathBuf {
    state.join("weft-images.json")
}
