//! What pods have said: of our own cluster all that they ever did, of another what the API server still has.

use std::{fs, path::Path};

use anyhow::Context;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt as _, api::LogParams};

use super::{caretaker, connection::Cluster, machine::Machine};
use crate::weft::is_alarm;

/// What one run of one container has said.
#[derive(Debug, Clone)]
pub struct ContainerLog {
    pub pod: String,
    pub container: String,
    /// Counts the container's restarts.
    pub run: u32,
    pub text: String,
}

impl ContainerLog {
    /// Lines that wake a person, without those that hold one of the expected texts.
    pub fn alarms(&self, expected: &[String]) -> Vec<String> {
        let alarming = self.text.lines().filter(|line| is_alarm(line));
        alarming
            .filter(|line| !expected.iter().any(|text| line.contains(text)))
            .map(|line| format!("{}/{} run {}: {line}", self.pod, self.container, self.run))
            .collect()
    }
}

impl Cluster {
    /// What every container in a Kubernetes namespace has said, oldest run first.
    pub fn logs(&self, namespace: &str) -> anyhow::Result<Vec<ContainerLog>> {
        match self.machine() {
            Ok(machine) => kept(machine, namespace),
            Err(_) => self.present_logs(namespace),
        }
    }

    /// What a pod's containers have said so far, runs one after the other.
    pub fn pod_log(&self, namespace: &str, pod: &str) -> anyhow::Result<String> {
        let logs = self.logs(namespace)?.into_iter().filter(|log| log.pod == pod);
        Ok(logs.map(|log| log.text).collect())
    }

    fn present_logs(&self, namespace: &str) -> anyhow::Result<Vec<ContainerLog>> {
        let mut logs = Vec::new();
        for pod in self.list::<Pod>(namespace, "")? {
            let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice());
            for container in containers.unwrap_or_default() {
                for previous in [true, false] {
                    let parameters = LogParams {
                        container: Some(container.name.clone()),
                        previous,
                        ..LogParams::default()
                    };
                    let log = self.block_on(self.api::<Pod>(namespace).logs(&pod.name_any(), &parameters));
                    // A container without a previous run, or without a first one, has no log.
                    logs.extend(log.ok().map(|text| ContainerLog {
                        pod: pod.name_any(),
                        container: container.name.clone(),
                        run: u32::from(!previous),
                        text,
                    }));
                }
            }
        }
        Ok(logs)
    }
}

/// From the files that the caretaker keeps: `NAMESPACE_POD_UID/CONTAINER/N.log`.
fn kept(machine: &Machine, namespace: &str) -> anyhow::Result<Vec<ContainerLog>> {
    let mut logs = Vec::new();
    for (pod, folder) in children(&caretaker::kept_folder(machine)) {
        let mut parts = pod.split('_');
        let (Some(of), Some(pod)) = (parts.next(), parts.next()) else {
            continue;
        };
        if of != namespace {
            continue;
        }
        for (container, folder) in children(&folder) {
            for (file, path) in children(&folder) {
                let Some(run) = file.strip_suffix(".log").and_then(|number| number.parse().ok()) else {
                    continue;
                };
                let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
                let began = path
                    .metadata()
                    .and_then(|metadata| metadata.created().or_else(|_| metadata.modified()));
                logs.push((
                    began.ok(),
                    ContainerLog {
                        pod: pod.to_owned(),
                        container: container.clone(),
                        run,
                        text: content(&String::from_utf8_lossy(&bytes)),
                    },
                ));
            }
        }
    }
    logs.sort_by_key(|(began, log)| (*began, log.run));
    Ok(logs.into_iter().map(|(_, log)| log).collect())
}

/// The container runtime writes `TIME STREAM TAG LINE`; P as a tag marks a line that goes on in the next.
fn content(text: &str) -> String {
    let mut content = String::with_capacity(text.len());
    for line in text.lines() {
        let mut fields = line.splitn(4, ' ');
        let tag = fields.nth(2).unwrap_or_default();
        content.push_str(fields.next().unwrap_or_default());
        if tag != "P" {
            content.push('\n');
        }
    }
    content
}

fn children(folder: &Path) -> Vec<(String, std::path::PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_freed_of_what_the_runtime_adds() {
        let text = "2026-01-01T00:00:00Z stderr F one\n2026-01-01T00:00:01Z stderr P tw\n2026-01-01T00:00:02Z stderr F o\n";
        assert_eq!(content(text), "one\ntwo\n");
    }
}
