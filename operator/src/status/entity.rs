//! The conditions of a Topic, EventSubscription or Hub.

use std::borrow::Cow;
use std::collections::HashMap;

use config::PodReport;
use crds::shared::{ProgrammedReason, ReadyReason, condition};
use plan::Decision;

use super::{Lags, Said};
use crate::cache::SeenStatus;
use crate::configuration::{Since, Wanted};

/// How far an accepted object has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The pod serves it.
    Programmed,
    /// It is on its way; why, in words for the user.
    Pending(Cow<'static, str>),
    /// The pod does not serve it; what it said.
    Refused(String),
    /// It waits because its Namespace is paused.
    Paused,
}

/// What is known of a Namespace's pod, as far as its entities are concerned.
#[derive(Debug)]
pub struct View<'a> {
    /// What the pod has to report; `None` before anything was written for it.
    pub wanted: Option<&'a Wanted>,
    /// Since which revision each entity is as it is.
    pub since: &'a Since,
    /// The newest report, of the pod that runs or of an earlier one.
    pub report: Option<&'a PodReport>,
    /// Whether it is of the pod that runs.
    pub is_current: bool,
    /// Refused entities of that report, by uid in the document.
    pub refused: HashMap<&'a str, &'a str>,
    /// How far consumers are, of that report, by uid in the document.
    pub lags: HashMap<&'a str, Lags>,
    /// Whether what was planned last is not what was written last: it failed, or the Namespace is paused.
    pub is_behind: bool,
    /// Whether the Namespace is paused.
    pub is_paused: bool,
}

impl<'a> View<'a> {
    /// Of which entities the report speaks.
    pub fn refused_of(report: Option<&'a PodReport>) -> HashMap<&'a str, &'a str> {
        let refused = report.into_iter().flat_map(|report| &report.refused);
        refused
            .map(|refused| (refused.uid.as_str(), refused.reason.as_str()))
            .collect()
    }

    /// Why the pod cannot serve any Hub, if that is so. Its digests do not tell: to a version from before there were Hubs
    /// they are a field of a shard that it passes over.
    pub fn obstacle_to_hubs(&self) -> Option<Progress> {
        let report = self
            .report
            .filter(|report| self.is_current && !report.serves_hubs)?;
        Some(Progress::Refused(format!(
            "the broker pod has version {}, which serves no Hubs; let the Namespace be upgraded, as its condition \
             UpgradeAvailable says",
            report.version
        )))
    }

    /// Why dead letters are not stored, if that is so. As with Hubs, digests do not tell.
    pub fn obstacle_to_dead_letter_stores(&self) -> Option<Progress> {
        let report = self
            .report
            .filter(|report| self.is_current && !report.stores_dead_letters)?;
        Some(Progress::Refused(format!(
            "the broker pod has version {}, which drops dead letters that go to an object store; let the Namespace be \
             upgraded, as its condition UpgradeAvailable says",
            report.version
        )))
    }

    /// How far the entity with this uid in the document, in this shard, has come. A `True` that was said of the same
    /// generation stays when the pod is replaced: the new one starts from what the old one had.
    pub fn progress(&self, uid: &str, shard: usize, was_programmed: bool) -> Progress {
        if self.is_behind {
            return match (was_programmed, self.is_paused) {
                (true, _) => Progress::Programmed,
                (false, true) => Progress::Paused,
                (false, false) => Progress::Pending(
                    "the configuration is not written yet: see the Namespace's conditions".into(),
                ),
            };
        }
        let (Some(report), Some(wanted)) = (self.report, self.wanted) else {
            return Progress::Pending("no broker pod has reported yet".into());
        };
        let has_shard = report
            .shards
            .get(shard)
            .is_some_and(|digest| Some(digest) == wanted.shards.get(shard));
        let has_revision = self
            .since
            .revision(uid)
            .is_some_and(|since| since <= report.revision);
        if !has_shard && !has_revision {
            return Progress::Pending("the broker pod has not applied it yet".into());
        }
        if let Some(why) = self.refused.get(uid) {
            return Progress::Refused((*why).to_owned());
        }
        if self.is_current || was_programmed {
            return Progress::Programmed;
        }
        Progress::Pending("the broker pod is starting".into())
    }
}

/// The conditions of an entity about which plan has decided and that has come so far.
pub fn entity(decision: &Decision, progress: &Progress) -> [Said; 3] {
    let accepted = Said::new(
        condition::ACCEPTED,
        decision.accepted(),
        decision.reason.as_str(),
        decision.message(),
    );
    let (reason, message): (_, Cow<'static, str>) = match progress {
        _ if !decision.accepted() => (ProgrammedReason::NotAccepted, NOT_ACCEPTED.into()),
        Progress::Programmed => (
            ProgrammedReason::Programmed,
            "the broker pod has applied it".into(),
        ),
        Progress::Pending(why) => (ProgrammedReason::Pending, why.clone()),
        Progress::Refused(why) => (ProgrammedReason::Refused, why.clone().into()),
        Progress::Paused => (ProgrammedReason::Paused, "the Namespace is paused".into()),
    };
    let is_programmed = reason == ProgrammedReason::Programmed;
    let programmed = Said::new(condition::PROGRAMMED, is_programmed, reason.as_str(), message);
    let ready_reason = ReadyReason::of(decision.reason, reason);
    let ready_message = match ready_reason {
        ReadyReason::Ready => "the next publish or receive succeeds".into(),
        ReadyReason::NotAccepted(_) => accepted.message.clone(),
        ReadyReason::NotProgrammed(_) | ReadyReason::PodsNotReady => programmed.message.clone(),
    };
    let is_ready = ready_reason == ReadyReason::Ready;
    let ready = Said::new(condition::READY, is_ready, ready_reason.as_str(), ready_message);
    [accepted, programmed, ready]
}

/// What an object that is not accepted is told about the pod.
pub(super) const NOT_ACCEPTED: &str = "it is not accepted, so that there is nothing to apply";

/// Whether a status says that the pod has applied this generation.
pub fn was_programmed(seen: &SeenStatus, generation: Option<i64>) -> bool {
    seen.is_true(condition::PROGRAMMED, generation)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_that_does_not_know_hubs_or_stores_has_none_whatever_its_digests_say() {
        let since = Since::default();
        let digest = config::Digest::of(b"");
        let mut text = json!({
            "format": 1, "podUid": "p", "version": "0.1.0", "namespaceUid": "n", "revision": 7,
            "shards": vec![digest.to_string(); config::SHARD_COUNT], "secretsRevision": 1, "refused": [],
        });
        let old: PodReport = serde_json::from_value(text.clone()).unwrap();
        text["servesHubs"] = json!(true);
        text["storesDeadLetters"] = json!(true);
        let new: PodReport = serde_json::from_value(text).unwrap();
        let wanted = Wanted {
            revision: 7,
            shards: [digest; config::SHARD_COUNT],
        };
        let view = |report, is_current| View {
            wanted: Some(&wanted),
            since: &since,
            report,
            is_current,
            refused: HashMap::new(),
            lags: HashMap::new(),
            is_behind: false,
            is_paused: false,
        };
        let obstacle = view(Some(&old), true).obstacle_to_hubs();
        assert!(matches!(obstacle, Some(Progress::Refused(why)) if why.contains("version 0.1.0")));
        for view in [view(Some(&new), true), view(Some(&old), false), view(None, true)] {
            assert_eq!(view.obstacle_to_hubs(), None);
            assert_eq!(view.obstacle_to_dead_letter_stores(), None);
        }
        let obstacle = view(Some(&old), true).obstacle_to_dead_letter_stores();
        assert!(matches!(obstacle, Some(Progress::Refused(why)) if why.contains("drops dead letters")));
    }
}
