//! The conditions of a Namespace.

use std::borrow::Cow;

use config::PodReport;
use crds::shared::{ProgrammedReason, ReadyReason, UpgradeReason, condition};
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
    [accepted, programmed, ready].into_iter().chain(upgrade).collect()
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
