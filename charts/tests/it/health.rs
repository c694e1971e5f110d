//! What a GitOps tool should make of each reason.

use crds::shared::{ProgrammedReason, ReadyReason, Reason};
use serde_json::{Value, json};

/// What it should make of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// All is well.
    Healthy,
    /// It waits for something that comes by itself, or with another object.
    Progressing,
    /// Somebody must change this object, or what the cluster allows it.
    Degraded,
    /// A user asked to wait.
    Suspended,
}

/// Every reason that `Ready` can have, and what it says. A new reason does not compile until it is placed here.
pub(crate) fn all() -> Vec<(ReadyReason, Health)> {
    let accepted = Reason::ALL.iter().filter(|reason| **reason != Reason::Accepted);
    let programmed = ProgrammedReason::ALL
        .iter()
        .filter(|reason| **reason != ProgrammedReason::Programmed);
    let mut all = vec![
        (ReadyReason::Ready, Health::Healthy),
        (ReadyReason::PodsNotReady, Health::Progressing),
    ];
    all.extend(accepted.map(|reason| (ReadyReason::NotAccepted(*reason), of_accepted(*reason))));
    all.extend(programmed.map(|reason| (ReadyReason::NotProgrammed(*reason), of_programmed(*reason))));
    all
}

fn of_accepted(reason: Reason) -> Health {
    match reason {
        Reason::Accepted => Health::Healthy,
        Reason::ParentNotFound
        | Reason::ParentNotAccepted
        | Reason::DeadLetterTopicNotFound
        | Reason::SecretNotFound
        | Reason::DataInUse => Health::Progressing,
        Reason::Invalid
        | Reason::NameConflict
        | Reason::DeadLetterCycle
        | Reason::NameTaken
        | Reason::SecretNotUsable => Health::Degraded,
    }
}

fn of_programmed(reason: ProgrammedReason) -> Health {
    match reason {
        ProgrammedReason::Programmed => Health::Healthy,
        ProgrammedReason::Pending | ProgrammedReason::NotAccepted => Health::Progressing,
        ProgrammedReason::Paused => Health::Suspended,
        ProgrammedReason::Refused | ProgrammedReason::ObjectRefused | ProgrammedReason::VolumeNotResized => {
            Health::Degraded
        }
    }
}

/// An object that is ready, or not, for this reason.
pub(crate) fn object(reason: ReadyReason) -> Value {
    let status = if reason == ReadyReason::Ready {
        "True"
    } else {
        "False"
    };
    json!({
        "apiVersion": crds::API_VERSION,
        "kind": "Topic",
        "metadata": {"name": "orders", "generation": 1},
        "spec": {"namespaceRef": {"name": "shop"}},
        "status": {
            "observedGeneration": 1,
            "conditions": [
                {"type": "Ready", "status": status, "reason": reason.as_str(), "message": "why", "observedGeneration": 1}
            ],
        },
    })
}
