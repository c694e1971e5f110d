//! What is shown when a test has failed: enough to see why without running it again.

use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{ContainerState, Event, Pod};
use kube::{
    Api, ResourceExt as _,
    api::ListParams,
    core::{DynamicObject, TypeMeta},
};

use super::{condition, connection::Cluster, install, wait};

const POD_LINES: usize = 40;
const OPERATOR_LINES: usize = 60;
const EVENTS_MAX: usize = 40;

impl Cluster {
    /// The state of a Kubernetes namespace: resources of Weft, pods, events, logs; and the operator's last decisions.
    pub fn describe(&self, namespace: &str) -> String {
        let mut text = format!("--- what is in {namespace} ---\n");
        self.describe_resources(namespace, &mut text);
        self.describe_pods(namespace, &mut text);
        self.describe_events(namespace, &mut text);
        for log in self.logs(namespace).unwrap_or_default() {
            let _ = writeln!(
                text,
                "log of {}/{}, run {}:\n{}",
                log.pod,
                log.container,
                log.run,
                wait::tail(&log.text, POD_LINES)
            );
        }
        self.describe_operator(namespace, &mut text);
        text
    }

    fn describe_resources(&self, namespace: &str, text: &mut String) {
        for kind in crds::Kind::ALL {
            let types = TypeMeta {
                api_version: crds::API_VERSION.to_owned(),
                kind: kind.to_string(),
            };
            let objects = self.block_on(async {
                let api: Api<DynamicObject> = self.api_of(&types, namespace).await.ok()?;
                api.list(&ListParams::default()).await.ok()
            });
            // More than a few tell no more.
            for object in objects.into_iter().flatten().take(10) {
                let conditions = condition::conditions(&object).unwrap_or_default();
                let _ = writeln!(
                    text,
                    "{kind} {} (generation {}): {}",
                    object.name_any(),
                    object.metadata.generation.unwrap_or_default(),
                    condition::describe(&conditions)
                );
            }
        }
    }

    fn describe_pods(&self, namespace: &str, text: &mut String) {
        for pod in self.list::<Pod>(namespace, "").unwrap_or_default() {
            let status = pod.status.clone().unwrap_or_default();
            let leaving = pod.metadata.deletion_timestamp.is_some();
            let _ = writeln!(
                text,
                "pod {} is {}{}",
                pod.name_any(),
                status.phase.as_deref().unwrap_or("unknown"),
                if leaving { ", leaving" } else { "" }
            );
            for container in status.container_statuses.unwrap_or_default() {
                let _ = writeln!(
                    text,
                    "    {}: ready {}, {} restarts, {}; before: {}",
                    container.name,
                    container.ready,
                    container.restart_count,
                    state(container.state.as_ref()),
                    state(container.last_state.as_ref())
                );
            }
            for condition in status.conditions.unwrap_or_default() {
                if condition.status != "True" {
                    let _ = writeln!(
                        text,
                        "    {}={}: {}",
                        condition.type_,
                        condition.status,
                        condition.message.unwrap_or_default()
                    );
                }
            }
        }
    }

    fn describe_events(&self, namespace: &str, text: &mut String) {
        let events = self.list::<Event>(namespace, "").unwrap_or_default();
        let skipped = events.len().saturating_sub(EVENTS_MAX);
        for event in events.into_iter().skip(skipped) {
            let _ = writeln!(
                text,
                "event: {} {}/{} {}: {}",
                event.type_.unwrap_or_default(),
                event.involved_object.kind.unwrap_or_default(),
                event.involved_object.name.unwrap_or_default(),
                event.reason.unwrap_or_default(),
                event.message.unwrap_or_default()
            );
        }
    }

    /// Lines of the operator that speak of this namespace, and those that wake a person.
    fn describe_operator(&self, namespace: &str, text: &mut String) {
        let logs = self.logs(install::NAMESPACE).unwrap_or_default();
        let lines: String = logs
            .iter()
            .flat_map(|log| log.text.lines())
            .filter(|line| line.contains(namespace) || crate::weft::is_alarm(line))
            .map(|line| format!("{line}\n"))
            .collect();
        let _ = writeln!(
            text,
            "the operator's last lines about it:\n{}",
            wait::tail(&lines, OPERATOR_LINES)
        );
    }
}

fn state(state: Option<&ContainerState>) -> String {
    match state {
        Some(ContainerState { running: Some(_), .. }) => "running".to_owned(),
        Some(ContainerState {
            waiting: Some(waiting),
            ..
        }) => format!(
            "waiting: {} {}",
            waiting.reason.as_deref().unwrap_or_default(),
            waiting.message.as_deref().unwrap_or_default()
        ),
        Some(ContainerState {
            terminated: Some(ended),
            ..
        }) => format!(
            "ended with {} ({}) {}",
            ended.exit_code,
            ended.reason.as_deref().unwrap_or_default(),
            ended.message.as_deref().unwrap_or_default()
        ),
        _ => "nothing".to_owned(),
    }
}
