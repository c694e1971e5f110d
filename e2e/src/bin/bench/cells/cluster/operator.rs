//! The operator's process: stopped, started, and what it tells of itself.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, ensure};
use e2e::{
    cluster::{Cluster, install, until},
    http, procfs,
};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use serde_json::json;

use super::AT_MOST;

const DEPLOYMENT: &str = "weft-operator";
const LABELS: &str = "app.kubernetes.io/name=weft-operator";
const OPERATIONS: u16 = 9464;

/// The only operator of the cluster; runs again when this is dropped.
#[derive(Debug)]
pub(super) struct Operator(Cluster);

/// The one process that runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pub(super) pid: u32,
    address: SocketAddr,
}

impl Operator {
    pub(super) fn of(cluster: &Cluster) -> Self {
        Self(cluster.clone())
    }

    /// Stops it and waits until it is gone.
    pub(super) fn stop(&self) -> anyhow::Result<()> {
        self.scale(0)?;
        until("the operator to be gone", AT_MOST, || {
            let pods = self.0.list::<Pod>(install::NAMESPACE, LABELS)?;
            ensure!(pods.is_empty(), "{} pods", pods.len());
            Ok(())
        })
    }

    /// Asks for one and returns at once.
    pub(super) fn start(&self) -> anyhow::Result<()> {
        self.scale(1)
    }

    fn scale(&self, replicas: u8) -> anyhow::Result<()> {
        let change = json!({"spec": {"replicas": replicas}});
        self.0
            .patch::<Deployment>(install::NAMESPACE, DEPLOYMENT, &change)
            .context("scale the operator")?;
        Ok(())
    }

    /// Waits until it runs and answers.
    pub(super) fn process(&self) -> anyhow::Result<Process> {
        until("the operator to run", AT_MOST, || {
            let process = self.find()?;
            process.metrics()?;
            Ok(process)
        })
    }

    fn find(&self) -> anyhow::Result<Process> {
        let pods = self.0.list::<Pod>(install::NAMESPACE, LABELS)?;
        let mut alive = pods
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let pod = alive.next().context("there is no pod")?;
        ensure!(alive.next().is_none(), "there are several pods");
        let status = pod.status.as_ref().context("the pod has no status")?;
        let address: IpAddr = status
            .pod_ip
            .as_deref()
            .context("the pod has no address")?
            .parse()
            .context("parse the pod's address")?;
        let containers = status.container_statuses.as_deref().unwrap_or_default();
        let container = containers
            .first()
            .and_then(|container| container.container_id.as_deref());
        let container = container.context("the pod has no container")?;
        let node = self.0.machine()?.node_of(&pod)?;
        Ok(Process {
            pid: node.container_process(container)?,
            address: SocketAddr::new(address, OPERATIONS),
        })
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if let Err(error) = self.start() {
            eprintln!("the operator was not started again: {error:#}");
        }
    }
}

impl Process {
    pub(super) fn age(&self) -> anyhow::Result<Duration> {
        procfs::age(self.pid)
    }

    pub(super) fn metrics(&self) -> anyhow::Result<Metrics> {
        let response = http::get(self.address, "/metrics")?;
        Ok(Metrics(String::from_utf8(response.body).context("read metrics")?))
    }
}

/// What it counts.
#[derive(Debug, Clone)]
pub(super) struct Metrics(String);

impl Metrics {
    pub(super) fn reconciles(&self) -> f64 {
        self.sum("weft_operator_reconciles_total")
    }

    pub(super) fn writes(&self) -> f64 {
        self.sum("weft_operator_writes_total")
    }

    pub(super) fn leads(&self) -> bool {
        self.sum("weft_operator_is_leader") > 0.0
    }

    pub(super) fn queue(&self) -> f64 {
        self.sum("weft_operator_queue_depth") + self.sum("weft_operator_pending_statuses")
    }

    /// The counts of what was written, one per kind.
    pub(super) fn written(&self) -> Vec<&str> {
        self.0
            .lines()
            .filter_map(|line| line.strip_prefix("weft_operator_writes_total"))
            .collect()
    }

    /// A metric, over all of its labels.
    fn sum(&self, name: &str) -> f64 {
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{')).then(|| value.parse::<f64>().ok())?
        });
        // A sum of nothing is -0.
        values.sum::<f64>() + 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_nothing_else() {
        let metrics = Metrics(
            "# TYPE weft_operator_writes counter\nweft_operator_writes_total{kind=\"Topic\",verb=\"status\"} 2\n\
             weft_operator_writes_total{kind=\"Role\",verb=\"apply\"} 3\nweft_operator_writes_total_more 7\n"
                .to_owned(),
        );
        assert!((metrics.writes() - 5.0).abs() < f64::EPSILON);
    }
}
