//! What is remembered of one Kubernetes namespace.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crds::shared::Reason;
use plan::manifest::Violation;
use plan::{Configuration, Finding, Memo};

use super::Now;
use super::bring::Brought;
use super::decide::{Decided, Trouble};
use super::entity_secrets::HandedOut;
use crate::configuration::Memory;
use crate::release::UpgradeAvailable;
use crate::status::{Obstacle, Pace, Patience};

/// One Kubernetes namespace.
#[derive(Default)]
pub(super) struct Plane {
    /// Makes plans cheap.
    pub(super) memo: Memo,
    /// Why EventSubscriptions are not accepted, as only a look around them shows. Found anew with every reconcile.
    pub(super) letters: Vec<Finding>,
    /// Of each Namespace, by uid.
    pub(super) affairs: HashMap<String, Affair>,
    /// Which objects wait, and since when.
    pub(super) patience: Patience,
    /// When the lags of consumers may be written again.
    pub(super) pace: Pace,
    /// Which connection Secrets of entities are known to be in effect.
    pub(super) handed_out: HandedOut,
}

/// What is remembered of one Namespace.
#[derive(Default)]
pub(super) struct Affair {
    /// Of its configuration.
    pub(super) configuration: Memory,
    /// Why it is not accepted, as only a look around it shows. Found anew with every reconcile.
    pub(super) finding: Option<Finding>,
    /// A stranger's object is in the way, and when to try again: no watch tells when it is gone.
    pub(super) taken: Option<(Finding, Instant)>,
    /// Whether Secrets that nobody offers existed when the API server was asked.
    pub(super) asked: Vec<Asked>,
    /// What is in the way.
    pub(super) obstacle: Option<Obstacle>,
    /// When to look again.
    pub(super) again_at: Option<Instant>,
    /// Whether the configuration that was planned is not the one in effect.
    pub(super) is_behind: bool,
    /// What was decided last.
    pub(super) decided: Option<Outline>,
}

/// An answer about a Secret that nobody offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its name.
    pub(super) name: String,
    /// Whether it exists.
    pub(super) exists: bool,
    /// When the API server was asked.
    pub(super) at: Instant,
}

/// What is kept of a decision.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    /// The revision of the Secret that the pod has to use.
    pub(super) secrets_revision: u64,
    /// The access key that programs are given, if they are given one.
    pub(super) key: Option<String>,
    /// The claim in use.
    pub(super) claim: Option<String>,
    /// What waits for approval.
    pub(super) upgrade: Option<UpgradeAvailable>,
    /// What the user should know.
    pub(super) notices: Vec<String>,
}

impl Plane {
    /// Every finding that stands.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let of = |affair: &Affair| {
            affair
                .taken
                .as_ref()
                .map(|(finding, _)| finding)
                .or(affair.finding.as_ref())
                .cloned()
        };
        let of_namespaces = self.affairs.values().filter_map(of);
        of_namespaces.chain(self.letters.iter().cloned()).collect()
    }

    /// Forgets Namespaces that are gone.
    pub(super) fn keep_only(&mut self, living: &BTreeSet<&str>) {
        self.affairs.retain(|uid, _| living.contains(uid.as_str()));
    }
}

impl Affair {
    /// Begins to bring the Namespace into effect.
    pub(super) fn begin(&mut self) {
        (self.obstacle, self.again_at, self.is_behind) = (None, None, false);
    }

    /// The Namespace is paused: what is in effect stays.
    pub(super) fn pause(&mut self, configuration: &Configuration) {
        self.obstacle = Some(Obstacle::Paused);
        self.is_behind = !self.configuration.is_written(configuration);
    }

    /// Nothing could be decided. Whether that is worth another try.
    pub(super) fn trouble(&mut self, trouble: Trouble) -> bool {
        self.is_behind = true;
        match trouble {
            Trouble::Finding(finding) => {
                self.finding = Some(finding);
                false
            }
            Trouble::Blocked(why) => {
                self.obstacle = Some(Obstacle::Refused(why));
                false
            }
            Trouble::Failed(why) => {
                tracing::warn!(why, "nothing could be decided");
                self.obstacle = Some(Obstacle::Pending(why));
                true
            }
        }
    }

    /// It was brought into effect, as far as it went. Whether that is worth another try.
    pub(super) fn brought(&mut self, decided: Decided, brought: Brought, now: Now) -> bool {
        self.is_behind = !brought.is_configured;
        self.obstacle = brought.obstacle;
        let renewal = decided.next_renewal.map(|at| now.at(at));
        let look = brought.again_in.map(|wait| now.monotonic + wait);
        self.again_at = renewal.into_iter().chain(look).min();
        if let (Some(taken), Some(until)) = (brought.taken, look) {
            self.taken = Some((name_taken(&decided, &taken), until));
        }
        self.decided = Some(Outline {
            secrets_revision: decided.secrets_revision,
            key: decided.key,
            claim: decided.claim,
            upgrade: decided.upgrade,
            notices: decided.notices,
        });
        brought.failed
    }
}

fn name_taken(decided: &Decided, object: &str) -> Finding {
    Finding {
        uid: decided.uid.clone(),
        reason: Reason::NameTaken,
        violation: Violation::new(
            "metadata.name",
            format!("there is a {object} that is not Weft's, and the Namespace needs that name"),
            "rename or remove that object, or give the Namespace another name",
        ),
    }
}
