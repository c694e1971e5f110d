//! Kubernetes Events: what happened, beside what is.
//!
//! Few, typed and bounded: an Event is written for a transition, not for a state, so that there are none at rest.
//! Losing one loses nothing, so a queue that is full drops it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use runtime::TaskScope;
use tokio::sync::mpsc;

use crate::leader::Leadership;
use crate::metrics::Metrics;

/// Events that wait to be written. Further ones are dropped and counted.
const WAITING: usize = 256;

/// Every reason of an Event. Scripts may rely on the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The object is accepted, after it was not.
    Accepted,
    /// The object is not accepted; the note begins with the condition's reason.
    NotAccepted,
    /// A pod is replaced, because its template changed.
    PodReplaced,
    /// A new version of the broker waits for approval.
    UpgradeAvailable,
    /// The pod is being given a new version of the broker.
    Upgrading,
    /// There are new access keys.
    KeysRotated,
    /// There is a new serving certificate.
    CertificateRotated,
    /// There is a new certificate authority.
    AuthorityRotated,
    /// A volume belongs to no Namespace any more and will be deleted.
    VolumeScheduledForDeletion,
    /// A volume that was to be deleted is in use again.
    VolumeKept,
    /// A volume was deleted when its time had come.
    VolumeDeleted,
    /// Kubernetes does not take an object.
    ObjectRefused,
    /// The log began anew on an empty disk, and its events from before are gone.
    DataLost,
    /// What consumers save does not get into the copy that survives the disk.
    CheckpointsNotCopied,
    /// An issuer outside of the cluster does not say the keys of its tokens.
    IssuersNotReached,
}

impl Reason {
    /// The word in the Event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::NotAccepted => "NotAccepted",
            Self::PodReplaced => "PodReplaced",
            Self::UpgradeAvailable => "UpgradeAvailable",
            Self::Upgrading => "Upgrading",
            Self::KeysRotated => "KeysRotated",
            Self::CertificateRotated => "CertificateRotated",
            Self::AuthorityRotated => "AuthorityRotated",
            Self::VolumeScheduledForDeletion => "VolumeScheduledForDeletion",
            Self::VolumeKept => "VolumeKept",
            Self::VolumeDeleted => "VolumeDeleted",
            Self::ObjectRefused => "ObjectRefused",
            Self::DataLost => "DataLost",
            Self::CheckpointsNotCopied => "CheckpointsNotCopied",
            Self::IssuersNotReached => "IssuersNotReached",
        }
    }

    fn event_type(self) -> EventType {
        match self {
            Self::NotAccepted
            | Self::ObjectRefused
            | Self::DataLost
            | Self::CheckpointsNotCopied
            | Self::IssuersNotReached
            | Self::VolumeScheduledForDeletion
            | Self::VolumeDeleted => EventType::Warning,
            _ => EventType::Normal,
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Accepted | Self::NotAccepted => "Plan",
            Self::PodReplaced | Self::UpgradeAvailable | Self::Upgrading => "Roll",
            Self::KeysRotated | Self::CertificateRotated | Self::AuthorityRotated => "Rotate",
            Self::VolumeScheduledForDeletion | Self::VolumeKept | Self::VolumeDeleted => "Sweep",
            Self::ObjectRefused => "Apply",
            Self::DataLost => "Start",
            Self::CheckpointsNotCopied => "Copy",
            Self::IssuersNotReached => "Fetch",
        }
    }
}

/// Something that happened to an object.
#[derive(Clone, Debug)]
pub struct Happening {
    /// The object.
    pub about: ObjectReference,
    /// What.
    pub reason: Reason,
    /// In words.
    pub note: String,
}

/// Takes what happened and writes it when there is time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    sender: mpsc::Sender<Happening>,
    metrics: Arc<Metrics>,
}

impl Events {
    /// Starts the task that writes them.
    pub fn start(
        client: Client,
        identity: &str,
        leadership: Leadership,
        metrics: Arc<Metrics>,
        scope: &TaskScope,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let reporter = Reporter {
            controller: crate::FIELD_MANAGER.to_owned(),
            instance: Some(identity.to_owned()),
        };
        let recorder = Recorder::new(client, reporter);
        let writer = write(receiver, recorder, leadership, metrics.clone(), scope.clone());
        scope.spawn("events", writer);
        Self { sender, metrics }
    }

    /// Says that something happened. Never waits.
    pub fn tell(&self, happening: Happening) {
        tracing::info!(
            kind = happening.about.kind,
            namespace = happening.about.namespace,
            name = happening.about.name,
            reason = happening.reason.as_str(),
            note = happening.note,
        );
        if self.sender.try_send(happening).is_err() {
            self.metrics.events_dropped.inc();
        }
    }
}

async fn write(
    mut receiver: mpsc::Receiver<Happening>,
    recorder: Recorder,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    scope: TaskScope,
) {
    loop {
        let happening = tokio::select! {
            happening = receiver.recv() => happening,
            () = scope.cancelled() => None,
        };
        let Some(happening) = happening else { return };
        if !leadership.leads() {
            continue;
        }
        let event = Event {
            type_: happening.reason.event_type(),
            reason: happening.reason.as_str().to_owned(),
            // The API server refuses a longer one.
            note: Some(happening.note.chars().take(1_000).collect()),
            action: happening.reason.action().to_owned(),
            secondary: None,
        };
        let publish = recorder.publish(&event, &happening.about);
        match tokio::time::timeout(std::time::Duration::from_secs(5), publish).await {
            Ok(Ok(())) => metrics.wrote("Event", "event"),
            Ok(Err(error)) => {
                metrics.events_dropped.inc();
                tracing::debug!(%error, "an Event was not written");
            }
            Err(_) => {
                metrics.events_dropped.inc();
            }
        }
    }
}
