//! The conditions of a Namespace.

use std::borrow::Cow;

use config::PodReport;
use crds::shared::{
    CheckpointsCopiedReason, DataLostReason, IssuersReachedReason, ProgrammedReason, ReadyReason,
    UpgradeReason, condition,
};
use crds::v1alpha1::NamespaceSpec;
use plan::Decision;

use super::Said;
use super::entity::NOT_ACCEPTED;

/// What keeps a Namespace's objects from being as they should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Something is on its way; what.
    Pending(String),
    /// Kubernetes does not take an object; which and why.
    Refused(String),
    /// The volume does not get its size; why.
    Volume(String),
    /// The Namespace is paused.
    Paused,
}

/// A version of the pod other than the operator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// There is none.
    UpToDate,
    /// The pod is being given the operator's version.
    Upgrading(String),
    /// The pod waits for approval; how to give it.
    ApprovalNeeded(String),
}

/// What is known of a Namespace's pod.
#[derive(Debug)]
pub struct NamespaceView<'a> {
    /// What keeps its objects from being as they should.
    pub obstacle: Option<Obstacle>,
    /// The newest report.
    pub report: Option<&'a PodReport>,
    /// Whether it is of the pod that runs.
    pub is_current: bool,
    /// The revision from which on its settings are as they are.
    pub settings_since: u64,
    /// The revision of the Secret that the pod has to use.
    pub secrets_revision: u64,
    /// Whether a status says already that this generation is programmed.
    pub was_programmed: bool,
    /// Whether a pod is ready.
    pub pod_is_ready: bool,
    /// Why no pod is ready, where the pod says.
    pub pod_trouble: Option<String>,
    /// Versions.
    pub upgrade: Option<Upgrade>,
    /// What the user should know and need not act on.
    pub notices: Vec<String>,
    /// The field of its spec, if there is one, that a version from before tokens and checkpoints passes over.
    pub needs_tokens: Option<&'static str>,
}

/// The first field of a spec that a broker from before tokens and checkpoints passes over. Such a broker would go on
/// accepting keys that the user no longer wants to be accepted.
pub fn needs_tokens(spec: &NamespaceSpec) -> Option<&'static str> {
    let store = spec
        .checkpoint
        .as_ref()
        .is_some_and(|checkpoint| checkpoint.object_store.is_some());
    [
        (spec.disable_local_auth == Some(true), "spec.disableLocalAuth"),
        (spec.identity.is_some(), "spec.identity"),
        (store, "spec.checkpoint"),
    ]
    .into_iter()
    .find_map(|(is_set, field)| is_set.then_some(field))
}

impl NamespaceView<'_> {
    /// Nothing is known, for a Namespace that is not accepted.
    pub fn unknown() -> Self {
        Self {
            obstacle: None,
            report: None,
            is_current: false,
            settings_since: u64::MAX,
            secrets_revision: u64::MAX,
            was_programmed: false,
            pod_is_ready: false,
            pod_trouble: None,
            upgrade: None,
            notices: Vec::new(),
            needs_tokens: None,
        }
    }

    /// Whether the pod is about to have everything, so that a `False` would be short-lived.
    pub fn is_on_its_way(&self) -> bool {
        matches!(self.programmed().0, ProgrammedReason::Pending)
    }

    fn programmed(&self) -> (ProgrammedReason, Cow<'static, str>) {
        match &self.obstacle {
            Some(Obstacle::Pending(what)) => return (ProgrammedReason::Pending, what.clone().into()),
            Some(Obstacle::Refused(why)) => return (ProgrammedReason::ObjectRefused, why.clone().into()),
            Some(Obstacle::Volume(why)) => return (ProgrammedReason::VolumeNotResized, why.clone().into()),
            Some(Obstacle::Paused) => return (ProgrammedReason::Paused, PAUSED.into()),
            None => {}
        }
        let Some(report) = self.report else {
            return (ProgrammedReason::Pending, "no broker pod has reported yet".into());
        };
        if let Some(problem) = report.problem.as_ref().filter(|_| self.is_current) {
            return (ProgrammedReason::Refused, problem.reason.clone().into());
        }
        if let Some(field) = self
            .needs_tokens
            .filter(|_| self.is_current && report.incarnation.is_none())
        {
            return (
                ProgrammedReason::Refused,
                format!(
                    "the broker pod has version {}, which passes over {field}; let the Namespace be upgraded, as its \
                     condition UpgradeAvailable says",
                    report.version
                )
                .into(),
            );
        }
        let is_new = report.revision < self.settings_since || report.secrets_revision < self.secrets_revision;
        if is_new {
            return (
                ProgrammedReason::Pending,
                "the broker pod has not applied it yet".into(),
            );
        }
        if !self.is_current && !self.was_programmed {
            return (ProgrammedReason::Pending, "the broker pod is starting".into());
        }
        (ProgrammedReason::Programmed, self.applied().into())
    }

    /// Whether events were lost, as far as the pod knows.
    fn data_lost(&self) -> Option<Said> {
        let report = self.report.filter(|report| report.incarnation.is_some())?;
        let usual = (
            DataLostReason::NothingLost.as_str(),
            "the log has what it was given",
        );
        let reason = DataLostReason::DiskWasEmpty.as_str();
        let lost = report.data_lost.as_deref();
        Some(reported(condition::DATA_LOST, false, usual, reason, lost))
    }

    /// Whether what consumers save survives the disk, as far as the pod knows.
    fn checkpoints_copied(&self) -> Option<Said> {
        let report = self.report.filter(|report| report.incarnation.is_some())?;
        let usual = (
            CheckpointsCopiedReason::Copied.as_str(),
            "what consumers save gets into the copy outside the disk",
        );
        let reason = CheckpointsCopiedReason::NotCopied.as_str();
        let trouble = report.copy_trouble.as_deref();
        Some(reported(
            condition::CHECKPOINTS_COPIED,
            true,
            usual,
            reason,
            trouble,
        ))
    }

    /// Whether the issuers outside of the cluster say their keys; nothing if there is none.
    fn issuers_reached(&self) -> Option<Said> {
        let issuers = self.report?.issuers.as_ref()?;
        let usual = (
            IssuersReachedReason::Reached.as_str(),
            "every issuer says the keys of its tokens",
        );
        let reason = IssuersReachedReason::NotReached.as_str();
        let trouble = issuers.trouble.as_deref();
        Some(reported(condition::ISSUERS_REACHED, true, usual, reason, trouble))
    }

    /// The message of a Namespace that is programmed.
    fn applied(&self) -> String {
        let waits = self
            .report
            .map(|report| report.pending_restart.as_slice())
            .unwrap_or_default();
        let waits = waits
            .iter()
            .map(|what| format!("takes effect when the pod restarts: {what}"));
        let parts: Vec<String> = waits.chain(self.notices.iter().cloned()).collect();
        if parts.is_empty() {
            return "the broker pod has applied it".to_owned();
        }
        format!("the broker pod has applied it. {}", parts.join(". "))
    }
}

const PAUSED: &str = "spec.paused is true: everything goes on as it is, and no change takes effect";

/// The conditions of a Namespace about which plan has decided.
pub fn namespace(decision: &Decision, view: &NamespaceView<'_>) -> Vec<Said> {
    let accepted = Said::new(
        condition::ACCEPTED,
        decision.accepted(),
        decision.reason.as_str(),
        decision.message(),
    );
    let (reason, message) = if decision.accepted() {
        view.programmed()
    } else {
        (ProgrammedReason::NotAccepted, NOT_ACCEPTED.into())
    };
    let is_programmed = reason == ProgrammedReason::Programmed;
    let programmed = Said::new(condition::PROGRAMMED, is_programmed, reason.as_str(), message);
    let mut ready_reason = ReadyReason::of(decision.reason, reason);
    if ready_reason == ReadyReason::Ready && !view.pod_is_ready {
        ready_reason = ReadyReason::PodsNotReady;
    }
    let ready_message = match ready_reason {
        ReadyReason::Ready => "the endpoint accepts events".into(),
        ReadyReason::NotAccepted(_) => accepted.message.clone(),
        ReadyReason::NotProgrammed(_) => programmed.message.clone(),
        ReadyReason::PodsNotReady => match &view.pod_trouble {
            Some(trouble) => format!("the broker pod is not ready: {trouble}").into(),
            None => "the broker pod is not ready".into(),
        },
    };
    let is_ready = ready_reason == ReadyReason::Ready;
    let ready = Said::new(condition::READY, is_ready, ready_reason.as_str(), ready_message);
    let upgrade = view.upgrade.as_ref().filter(|_| decision.accepted()).map(upgrade);
    let data_lost = view.data_lost().filter(|_| decision.accepted());
    let copied = view.checkpoints_copied().filter(|_| decision.accepted());
    let reached = view.issuers_reached().filter(|_| decision.accepted());
    [accepted, programmed, ready]
        .into_iter()
        .chain(upgrade)
        .chain(data_lost)
        .chain(copied)
        .chain(reached)
        .collect()
}

/// A condition that is `usual`, with its reason and message, unless the pod reports `trouble`, for which the reason is
/// another.
fn reported(
    kind: &'static str,
    usual: bool,
    (usual_reason, usual_message): (&'static str, &'static str),
    reason: &'static str,
    trouble: Option<&str>,
) -> Said {
    match trouble {
        None => Said::new(kind, usual, usual_reason, usual_message),
        Some(trouble) => Said::new(kind, !usual, reason, trouble.to_owned()),
    }
}

fn upgrade(upgrade: &Upgrade) -> Said {
    let (reason, message): (_, Cow<'static, str>) = match upgrade {
        Upgrade::UpToDate => (
            UpgradeReason::UpToDate,
            "the pod has the operator's version".into(),
        ),
        Upgrade::Upgrading(message) => (UpgradeReason::Upgrading, message.clone().into()),
        Upgrade::ApprovalNeeded(message) => (UpgradeReason::ApprovalNeeded, message.clone().into()),
    };
    let is_available = reason == UpgradeReason::ApprovalNeeded;
    Said::new(
        condition::UPGRADE_AVAILABLE,
        is_available,
        reason.as_str(),
        message,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(more: serde_json::Value) -> PodReport {
        let digest = config::Digest::of(b"").to_string();
        let mut report = json!({
            "format": 1, "podUid": "p", "version": "0.1.0", "namespaceUid": "n", "revision": 7,
            "shards": vec![digest; config::SHARD_COUNT], "secretsRevision": 1, "refused": [],
        });
        for (field, value) in more.as_object().unwrap() {
            report[field] = value.clone();
        }
        serde_json::from_value(report).unwrap()
    }

    fn view(report: &PodReport) -> NamespaceView<'_> {
        NamespaceView {
            report: Some(report),
            is_current: true,
            settings_since: 7,
            secrets_revision: 1,
            ..NamespaceView::unknown()
        }
    }

    #[test]
    fn a_pod_that_knows_no_tokens_is_not_said_to_have_switched_off_keys() {
        let spec = NamespaceSpec {
            disable_local_auth: Some(true),
            ..NamespaceSpec::default()
        };
        let (old, new) = (report(json!({})), report(json!({"incarnation": 0})));
        let programmed = |report, is_current, spec: &NamespaceSpec| {
            let view = NamespaceView {
                is_current,
                was_programmed: true,
                needs_tokens: needs_tokens(spec),
                ..view(report)
            };
            let (reason, message) = view.programmed();
            (reason, message.into_owned())
        };
        let (reason, message) = programmed(&old, true, &spec);
        assert_eq!(reason, ProgrammedReason::Refused);
        assert!(
            message.contains("0.1.0") && message.contains("spec.disableLocalAuth"),
            "{message}"
        );
        for (report, is_current, spec) in [
            (&new, true, &spec),
            (&old, false, &spec),
            (&old, true, &NamespaceSpec::default()),
        ] {
            assert_eq!(
                programmed(report, is_current, spec).0,
                ProgrammedReason::Programmed
            );
        }
    }

    #[test]
    fn lost_data_is_a_condition_of_its_own() {
        let old = report(json!({}));
        assert_eq!(view(&old).data_lost(), None, "it cannot know");
        let whole = report(json!({"incarnation": 0}));
        let said = view(&whole).data_lost().unwrap();
        assert_eq!(
            (said.kind, said.is_true, said.reason),
            ("DataLost", false, "NothingLost")
        );
        let lost = report(json!({"incarnation": 1, "dataLost": "the disk was empty"}));
        let said = view(&lost).data_lost().unwrap();
        assert_eq!((said.is_true, said.reason), (true, "DiskWasEmpty"));
        assert_eq!(said.message, "the disk was empty");
    }

    #[test]
    fn a_copy_that_stays_behind_is_a_condition_and_leaves_the_namespace_programmed() {
        let old = report(json!({}));
        assert_eq!(view(&old).checkpoints_copied(), None, "it cannot know");
        let good = report(json!({"incarnation": 0}));
        let said = view(&good).checkpoints_copied().unwrap();
        assert_eq!(
            (said.kind, said.is_true, said.reason),
            ("CheckpointsCopied", true, "Copied")
        );
        let behind = report(json!({"incarnation": 0, "copyTrouble": "it refuses"}));
        let said = view(&behind).checkpoints_copied().unwrap();
        assert_eq!((said.is_true, said.reason), (false, "NotCopied"));
        assert_eq!(said.message, "it refuses");
        assert_eq!(view(&behind).programmed().0, ProgrammedReason::Programmed);
    }

    #[test]
    fn issuers_are_a_condition_if_there_are_some() {
        let none = report(json!({"incarnation": 0}));
        assert_eq!(view(&none).issuers_reached(), None);
        let good = report(json!({"incarnation": 0, "issuers": {}}));
        let said = view(&good).issuers_reached().unwrap();
        assert_eq!(
            (said.kind, said.is_true, said.reason),
            ("IssuersReached", true, "Reached")
        );
        let away = report(json!({"incarnation": 0, "issuers": {"trouble": "one is away"}}));
        let said = view(&away).issuers_reached().unwrap();
        assert_eq!((said.is_true, said.reason), (false, "NotReached"));
        assert_eq!(said.message, "one is away");
        assert_eq!(view(&away).programmed().0, ProgrammedReason::Programmed);
    }
}
