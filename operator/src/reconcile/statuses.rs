//! What is said about every object of a Kubernetes namespace.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use crds::Kind;
use crds::shared::condition;
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use plan::{Decision, Plan};

use super::letters;
use super::plane::{Affair, Plane};
use super::snapshot::{Snapshot, Surroundings};
use super::{Again, Now, Reconciler};
use crate::cache::{Key, SeenStatus};
use crate::events::{Happening, Reason};
use crate::names;
use crate::outbox::{Content, Job};
use crate::release;
use crate::roll;
use crate::status::{
    self, Lags, NamespaceView, Obstacle, Pace, Patience, Progress, Said, Upgrade, Verdict, View,
};

/// One Namespace with what is known of its pod.
struct Known<'a> {
    around: Surroundings,
    affair: &'a Affair,
}

/// What a status is to say.
struct Saying<'a> {
    said: &'a [Said],
    endpoint: Option<&'a str>,
    /// Of a Hub whose pod is known.
    lags: Option<&'a Lags>,
}

impl Reconciler {
    /// Leaves every status that differs in the outbox. `name` is that of the Kubernetes namespace.
    pub(super) fn say(
        &self,
        name: &str,
        seen: &Snapshot,
        plane: &mut Plane,
        planned: &Plan,
        now: Now,
        again: &mut Again,
    ) {
        // Writing objects took its time, and statuses were written meanwhile.
        let newest = Snapshot::take(&self.caches, name);
        let statuses = newest.statuses();
        let with_store = letters::with_store(seen);
        let known = self.known(seen, &plane.affairs, planned);
        let views: HashMap<&str, View<'_>> =
            known.iter().map(|(name, known)| (*name, known.view())).collect();
        for decision in &planned.decisions {
            let Some(before) = statuses.get(decision.object.uid.as_str()).copied() else {
                continue;
            };
            let (said, endpoint, waits) = match decision.object.kind {
                Kind::Namespace => {
                    let known = known.get(decision.object.name.as_str());
                    self.namespace(seen, decision, before, known)
                }
                _ => entity(decision, before, &views, &with_store),
            };
            let lags = lags(decision, &views);
            if let Some(until) = waits
                .then(|| wait(&mut plane.patience, decision, before, now))
                .flatten()
            {
                again.at(until);
                continue;
            }
            let saying = Saying {
                said: &said,
                endpoint: endpoint.as_deref(),
                lags: lags.as_ref(),
            };
            if let Some(until) = self.write(decision, &saying, before, &mut plane.pace, now) {
                again.at(until);
            }
        }
        plane.patience.end_round();
        plane.pace.end_round(now.monotonic);
    }

    fn known<'a>(
        &self,
        seen: &Snapshot,
        affairs: &'a HashMap<String, Affair>,
        planned: &'a Plan,
    ) -> HashMap<&'a str, Known<'a>> {
        let namespaces = planned
            .decisions
            .iter()
            .filter(|decision| decision.object.kind == Kind::Namespace);
        let known = namespaces.filter_map(|decision| {
            let affair = affairs.get(&decision.object.uid)?;
            let around = Surroundings::take(&self.caches, &seen.namespace(&decision.object.uid)?.object)?;
            Some((decision.object.name.as_str(), Known { around, affair }))
        });
        known.collect()
    }

    /// What is said of a Namespace, its endpoint, and whether that may change in a moment.
    fn namespace(
        &self,
        seen: &Snapshot,
        decision: &Decision,
        before: &SeenStatus,
        known: Option<&Known<'_>>,
    ) -> (Vec<Said>, Option<String>, bool) {
        let generation = decision.object.generation;
        let needs = seen.namespace(&decision.object.uid);
        let needs = needs.and_then(|one| status::needs_tokens(&one.object.spec));
        let view = known.map(|known| NamespaceView {
            needs_tokens: needs,
            ..known.namespace_view(self, before, generation)
        });
        let Some(view) = view.filter(|_| decision.accepted()) else {
            let view = NamespaceView::unknown();
            // What runs goes on running, and is where it was.
            let endpoint = before.endpoint.and(endpoint(seen, decision));
            return (status::namespace(decision, &view), endpoint, false);
        };
        let waits = view.is_on_its_way();
        (
            status::namespace(decision, &view),
            endpoint(seen, decision),
            waits,
        )
    }

    /// Leaves a status that differs in the outbox; or says until when it can wait, because only lags differ.
    fn write(
        &self,
        decision: &Decision,
        saying: &Saying<'_>,
        before: &SeenStatus,
        pace: &mut Pace,
        now: Now,
    ) -> Option<Instant> {
        let object = &decision.object;
        let Saying { said, endpoint, lags } = *saying;
        let Some(wanted) = status::wanted(said, endpoint, lags, object.generation, before, now.wall) else {
            // What was decided before may wait to be written, and is not true any more.
            return self.outbox.withdraw_status(&object.uid, now.monotonic);
        };
        let wait = pace.wait(&object.uid, now.monotonic);
        if let Some(until) = wait.filter(|_| wanted.is_about_lags) {
            return Some(until);
        }
        if wanted.has_new_lags {
            pace.note(&object.uid, now.monotonic);
        }
        let is_new = self.outbox.put(Job {
            kind: object.kind,
            key: Key::new(&object.namespace, &object.name),
            uid: object.uid.as_str().into(),
            fingerprint: wanted.fingerprint,
            content: Content::Status(wanted.status),
        });
        // As long as its write is under way, a transition looks new each time.
        if is_new {
            self.tell_of_transitions(decision, said, before);
        }
        None
    }

    fn tell_of_transitions(&self, decision: &Decision, said: &[Said], before: &SeenStatus) {
        let was = |kind: &str| before.condition(kind).and_then(|condition| condition.status);
        let about = reference(decision);
        let tell = |reason, note: &str| {
            self.events.tell(Happening {
                about: about.clone(),
                reason,
                note: note.to_owned(),
            });
        };
        for said in said {
            match (said.kind, was(said.kind), said.is_true) {
                (condition::ACCEPTED, None | Some(true), false) => {
                    tell(Reason::NotAccepted, &format!("{}: {}", said.reason, said.message));
                }
                (condition::ACCEPTED, Some(false), true) => tell(Reason::Accepted, &said.message),
                (condition::UPGRADE_AVAILABLE, None | Some(false), true) => {
                    tell(Reason::UpgradeAvailable, &said.message);
                }
                (condition::DATA_LOST, None | Some(false), true) => tell(Reason::DataLost, &said.message),
                (condition::CHECKPOINTS_COPIED, None | Some(true), false) => {
                    tell(Reason::CheckpointsNotCopied, &said.message);
                }
                (condition::ISSUERS_REACHED, None | Some(true), false) => {
                    tell(Reason::IssuersNotReached, &said.message);
                }
                (condition::UPGRADE_AVAILABLE, _, false) if is_new_upgrade(said, before) => {
                    tell(Reason::Upgrading, &said.message);
                }
                _ => {}
            }
        }
        let refused = said
            .iter()
            .find(|said| said.reason == crds::shared::ProgrammedReason::ObjectRefused.as_str());
        if let Some(refused) = refused.filter(|said| said.kind == condition::PROGRAMMED) {
            tell(Reason::ObjectRefused, &refused.message);
        }
    }
}

/// Whether an upgrade begins with what is said.
fn is_new_upgrade(said: &Said, before: &SeenStatus) -> bool {
    let before = before.condition(said.kind);
    said.reason == crds::shared::UpgradeReason::Upgrading.as_str()
        && before.is_none_or(|condition| condition.content != said.content())
}

/// What is said of a Topic, EventSubscription or Hub, and whether that may change in a moment.
fn entity(
    decision: &Decision,
    before: &SeenStatus,
    views: &HashMap<&str, View<'_>>,
    with_store: &HashSet<&str>,
) -> (Vec<Said>, Option<String>, bool) {
    let was_programmed = status::was_programmed(before, decision.object.generation);
    let view = decision
        .place
        .as_ref()
        .and_then(|place| Some((place, views.get(place.namespace.as_str())?)));
    let progress = match view {
        Some((place, view)) => {
            let obstacle = match decision.object.kind {
                Kind::Hub => view.obstacle_to_hubs(),
                _ if with_store.contains(decision.object.uid.as_str()) => {
                    view.obstacle_to_dead_letter_stores()
                }
                _ => None,
            };
            obstacle.unwrap_or_else(|| {
                view.progress(&place.uid, place.shard.unwrap_or(usize::MAX), was_programmed)
            })
        }
        None => Progress::Pending("its Namespace is not looked after yet".into()),
    };
    let waits = decision.accepted() && matches!(progress, Progress::Pending(_));
    (status::entity(decision, &progress).into(), None, waits)
}

/// How far the consumers of a Hub are; `None` if it is none, or nothing is known of its pod.
fn lags(decision: &Decision, views: &HashMap<&str, View<'_>>) -> Option<Lags> {
    let place = decision
        .place
        .as_ref()
        .filter(|_| decision.object.kind == Kind::Hub)?;
    let view = views.get(place.namespace.as_str())?;
    Some(view.lags.get(place.uid.as_str()).cloned().unwrap_or_default())
}

/// Until when the status of an object that is on its way is left alone.
fn wait(patience: &mut Patience, decision: &Decision, before: &SeenStatus, now: Now) -> Option<Instant> {
    let object = &decision.object;
    let is_first = before.observed_generation != object.generation;
    let may_wait = is_first || status::was_programmed(before, object.generation);
    if !may_wait {
        return None;
    }
    match patience.ask(&object.uid, object.generation, is_first, now.monotonic) {
        Verdict::Until(until) => Some(until),
        Verdict::Over => None,
    }
}

fn endpoint(seen: &Snapshot, decision: &Decision) -> Option<String> {
    let namespace = seen.namespace(&decision.object.uid)?;
    let name = namespace.object.metadata.name.as_deref()?;
    Some(names::endpoint(
        name,
        namespace.object.metadata.namespace.as_deref()?,
    ))
}

fn reference(decision: &Decision) -> ObjectReference {
    let object = &decision.object;
    ObjectReference {
        api_version: Some(crds::API_VERSION.to_owned()),
        kind: Some(object.kind.as_str().to_owned()),
        namespace: Some(object.namespace.clone()),
        name: Some(object.name.clone()),
        uid: Some(object.uid.clone()),
        ..ObjectReference::default()
    }
}

impl<'a> Known<'a> {
    fn view<'b>(&'b self) -> View<'b> {
        let report = self.around.report.as_ref();
        View {
            wanted: self.affair.configuration.wanted(),
            since: &self.affair.configuration.since,
            report,
            is_current: self.around.report_is_current(),
            refused: View::refused_of(report),
            lags: Lags::by_hub(report),
            is_behind: self.affair.is_behind,
            is_paused: self.affair.obstacle == Some(Obstacle::Paused),
        }
    }

    fn namespace_view<'b>(
        &'b self,
        reconciler: &Reconciler,
        before: &SeenStatus,
        generation: Option<i64>,
    ) -> NamespaceView<'b> {
        let (affair, around) = (self.affair, &self.around);
        let decided = affair.decided.as_ref();
        let pod = around.running_pod();
        let behind = affair
            .is_behind
            .then(|| Obstacle::Pending("its objects are being written".to_owned()));
        NamespaceView {
            obstacle: affair.obstacle.clone().or(behind),
            report: around.report.as_ref(),
            is_current: around.report_is_current(),
            settings_since: affair.configuration.since.settings(),
            secrets_revision: decided.map_or(u64::MAX, |decided| decided.secrets_revision),
            was_programmed: status::was_programmed(before, generation),
            pod_is_ready: pod.is_some_and(is_ready),
            pod_trouble: pod.and_then(trouble),
            upgrade: Some(upgrade(self, reconciler)),
            notices: decided.map(|decided| decided.notices.clone()).unwrap_or_default(),
            needs_tokens: None,
        }
    }
}

fn upgrade(known: &Known<'_>, reconciler: &Reconciler) -> Upgrade {
    let to = &reconciler.settings.release;
    let waiting = known
        .affair
        .decided
        .as_ref()
        .and_then(|decided| decided.upgrade.as_ref());
    if let Some(upgrade) = waiting {
        return Upgrade::ApprovalNeeded(format!(
            "the pod runs {} ({}); annotate the Namespace with {}={} to let it run {} ({}), which restarts it",
            upgrade.from.version,
            upgrade.from.image,
            crds::annotation::APPROVE_UPGRADE,
            upgrade.to.version,
            upgrade.to.version,
            upgrade.to.image,
        ));
    }
    // One that ends counts, too: until it has gone, its successor does not run. An image that somebody rewrites for every
    // pod, as registry mirrors do, is told from one that is to be replaced by the template.
    let set = known.around.stateful_set.as_ref();
    let outdated = known.around.pods.iter().map(|pod| &pod.object);
    let mut outdated = outdated.filter(|pod| set.is_some_and(|set| roll::is_outdated(&set.object, pod)));
    let before = outdated.find_map(|pod| image(pod).filter(|image| **image != to.image));
    match before {
        Some(image) => Upgrade::Upgrading(format!("from {image} to {} ({})", to.version, to.image)),
        None => Upgrade::UpToDate,
    }
}

/// What the broker in a pod runs.
fn image(pod: &Pod) -> Option<&String> {
    let containers = &pod.spec.as_ref()?.containers;
    let broker = containers.iter().find(|one| one.name == release::CONTAINER)?;
    broker.image.as_ref()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Why a pod is not ready, where Kubernetes says.
fn trouble(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let waiting = status.container_statuses.iter().flatten().find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting
            .reason
            .as_deref()
            .filter(|reason| *reason != "ContainerCreating")?;
        Some(match waiting.message.as_deref() {
            Some(message) => format!("{reason}: {message}"),
            None => reason.to_owned(),
        })
    });
    let unscheduled = || {
        let conditions = status.conditions.iter().flatten();
        let mut unscheduled = conditions.filter(|one| one.type_ == "PodScheduled" && one.status == "False");
        unscheduled.next()?.message.clone()
    };
    waiting.or_else(unscheduled)
}
