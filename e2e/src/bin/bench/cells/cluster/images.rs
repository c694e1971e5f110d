//! How large the images are on a node.

use anyhow::Context;
use e2e::cluster::install;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Node};
use kube::{Api, api::ListParams};

use super::Stage;
use crate::table::Row;

const AIM_MB: f64 = 25.0;

pub(super) fn run(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let deployment: Deployment = stage.cluster.get(install::NAMESPACE, "weft-operator")?;
    let containers = deployment.spec.and_then(|spec| spec.template.spec);
    let container = containers.and_then(|spec| spec.containers.into_iter().next());
    let container = container.context("find the operator's container")?;
    let operator = container.image.context("find the operator's image")?;
    let arguments = container.args.unwrap_or_default();
    let sidecar = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--image="));
    let sidecar = sidecar.context("find the sidecar's image")?;
    Ok(vec![
        row(stage, "operator image", &operator)?,
        row(stage, "sidecar image", sidecar)?,
    ])
}

fn row(stage: &Stage, what: &str, image: &str) -> anyhow::Result<Row> {
    let megabytes = size(stage, image)? / 1e6;
    Ok(Row {
        what: what.to_owned(),
        measured: format!("{megabytes:.1} MB"),
        against: format!("aim ≤ {AIM_MB:.0} MB"),
        ratio: Some(megabytes / AIM_MB),
        ..Row::default()
    })
}

/// As the kubelet reports it.
fn size(stage: &Stage, image: &str) -> anyhow::Result<f64> {
    e2e::cluster::until("a node to report the image", super::AT_MOST, || {
        let api: Api<Node> = Api::all(stage.cluster.client());
        let nodes = stage.cluster.block_on(api.list(&ListParams::default()))?;
        let mut images = nodes.into_iter().filter_map(|node| node.status?.images).flatten();
        let found = images.find(|found| {
            let mut names = found.names.iter().flatten();
            names.any(|name| name == image)
        });
        let bytes = found.and_then(|found| found.size_bytes);
        let bytes = bytes.with_context(|| format!("no node has {image}"))?;
        Ok(f64::from(u32::try_from(bytes)?))
    })
}
