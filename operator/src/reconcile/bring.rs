//! Brings what was decided for one Namespace into effect.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use plan::Configuration;

use super::decide::Decided;
use super::snapshot::Surroundings;
use crate::apply::{Applied, Applier, Assume, Failure, LOOK_AGAIN};
use crate::cache::Caches;
use crate::configuration::{self, Memory};
use crate::object::{ChildKind, Owner, Prepared};
use crate::roll::{self, Victim};
use crate::status::Obstacle;
use crate::sweep;

/// Objects that are applied at once for one Namespace.
const AT_ONCE: usize = 8;

/// How far it went.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// What is in the way, for the user.
    pub(super) obstacle: Option<Obstacle>,
    /// A stranger's object that has a name of ours: kind and name.
    pub(super) taken: Option<String>,
    /// Whether it is worth another try soon.
    pub(super) failed: bool,
    /// When to look again although nothing may tell.
    pub(super) again_in: Option<Duration>,
    /// Whether the configuration that was planned is the one in effect.
    pub(super) is_configured: bool,
    /// The pod that was deleted so that it comes back with the newest template.
    pub(super) replaced: Option<Victim>,
    /// Whether the keys and certificates were written.
    pub(super) wrote_state: bool,
    /// Whether there is a volume already, so that what is refused of it is another size.
    has_volume: bool,
}

/// Brings everything into effect, as far as it goes: one object that fails does not hold up another that does not need
/// it. The StatefulSet comes last, so that its pod finds what it needs.
///
/// # Errors
/// Only [`Failure::NotLeading`], upon which nothing further is to be done.
pub(super) async fn bring(
    applier: &Applier,
    caches: &Caches,
    around: &Surroundings,
    decided: &Decided,
    configuration: Configuration,
    memory: &mut Memory,
) -> Result<Brought, Failure> {
    let owner = &around.owner;
    let mut brought = Brought {
        has_volume: decided.has_volume,
        obstacle: decided.resizing.clone().map(Obstacle::Volume),
        ..Brought::default()
    };
    for state in &decided.state {
        let applied = applier.apply(state, Assume::SameVersion).await;
        brought.wrote_state |= applied == Ok(Applied::Written);
        brought.note(&state_name(state), state.kind, applied)?;
        // The next one follows from it: a certificate of an authority that was not written is trusted by nobody.
        if brought.is_stopped() {
            return Ok(brought);
        }
    }
    let floor = around.report.as_ref().map_or(0, |report| report.revision);
    let parts = apply_all(applier, &decided.parts);
    let pieces = configuration::bring(applier, caches, owner, configuration, floor, memory);
    let (parts, pieces) = tokio::join!(parts, pieces);
    for (name, kind, applied) in parts {
        brought.note(&name, kind, applied)?;
    }
    brought.note_configuration(pieces)?;
    if brought.is_stopped() {
        return Ok(brought);
    }
    let set = &decided.stateful_set;
    brought.note(
        &state_name(set),
        set.kind,
        applier.apply(set, decided.assume_of_set).await,
    )?;
    let wanted = wanted_names(owner, decided);
    let removed = sweep::remove(applier, owner, &sweep::orphans(caches, owner, &wanted)).await;
    brought.note_failure(removed)?;
    brought.roll(applier, caches, owner).await?;
    Ok(brought)
}

async fn apply_all(
    applier: &Applier,
    objects: &[Prepared],
) -> Vec<(String, ChildKind, Result<Applied, Failure>)> {
    let one = async |object: &Prepared| {
        let applied = applier.apply(object, Assume::SameObject).await;
        (state_name(object), object.kind, applied)
    };
    let all: Vec<_> = objects.iter().map(one).collect();
    stream::iter(all).buffer_unordered(AT_ONCE).collect().await
}

/// Every name that the sweep leaves alone.
fn wanted_names(owner: &Owner, decided: &Decided) -> BTreeSet<(ChildKind, String)> {
    let objects = decided
        .state
        .iter()
        .chain(&decided.parts)
        .chain([&decided.stateful_set]);
    let objects = objects.map(|object| (object.kind, object.name.clone()));
    // Authorities stay also while a certificate of the user's is served: programs trust them, and may have to again.
    let authorities = (ChildKind::Secret, crate::names::ca(&owner.name));
    objects
        .chain(configuration::names(owner))
        .chain([authorities])
        .collect()
}

fn state_name(object: &Prepared) -> String {
    format!("{} {:?}", object.kind.as_str(), object.name)
}

impl Brought {
    /// Whether what comes next would lack something.
    fn is_stopped(&self) -> bool {
        // A volume that is too small is no reason to withhold anything else.
        let obstacle = self.obstacle.as_ref();
        self.failed || self.taken.is_some() || obstacle.is_some_and(|one| !matches!(one, Obstacle::Volume(_)))
    }

    fn note(
        &mut self,
        name: &str,
        kind: ChildKind,
        applied: Result<Applied, Failure>,
    ) -> Result<(), Failure> {
        match applied {
            Ok(Applied::InEffect | Applied::Written) => {}
            Ok(Applied::Waiting) => self.wait(format!("{name} of an earlier Namespace is being removed")),
            Ok(Applied::Taken) => {
                self.again_in = Some(LOOK_AGAIN);
                self.taken.get_or_insert_with(|| name.to_owned());
            }
            Ok(Applied::Refused(why)) => self.refused(name, kind, &why),
            Err(failure) => self.note_failure(Err(failure))?,
        }
        Ok(())
    }

    fn wait(&mut self, what: String) {
        self.again_in = Some(LOOK_AGAIN);
        self.meet(Obstacle::Pending(what));
    }

    /// The first one is told; a volume's size matters less than any other.
    fn meet(&mut self, obstacle: Obstacle) {
        if matches!(self.obstacle, None | Some(Obstacle::Volume(_))) {
            self.obstacle = Some(obstacle);
        }
    }

    fn refused(&mut self, name: &str, kind: ChildKind, why: &str) {
        self.again_in = Some(LOOK_AGAIN);
        let what = format!("Kubernetes does not take {name}: {why}");
        let obstacle = match kind {
            ChildKind::PersistentVolumeClaim if self.has_volume => Obstacle::Volume(what),
            _ => Obstacle::Refused(what),
        };
        self.meet(obstacle);
    }

    fn note_failure(&mut self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        match outcome {
            Ok(()) => Ok(()),
            Err(Failure::NotLeading) => Err(Failure::NotLeading),
            // The Kubernetes namespace is being deleted: there is nothing left to do in it.
            Err(Failure::Gone(why)) => {
                self.meet(Obstacle::Pending(why));
                Ok(())
            }
            // By trying at once it would be refused again.
            Err(Failure::Refused(why)) => {
                tracing::warn!(why, "the API server refuses a request");
                self.again_in = Some(LOOK_AGAIN);
                Ok(())
            }
            Err(failure) => {
                tracing::debug!(%failure, "a write is tried again");
                self.failed = true;
                Ok(())
            }
        }
    }

    fn note_configuration(
        &mut self,
        outcome: Result<configuration::Wanted, configuration::Error>,
    ) -> Result<(), Failure> {
        use configuration::Error;
        match outcome {
            Ok(_) => self.is_configured = true,
            Err(Error::Failed(failure)) => self.note_failure(Err(failure))?,
            Err(Error::Waiting(name)) => self.wait(format!(
                "ConfigMap {name:?} of an earlier Namespace is being removed"
            )),
            Err(Error::Taken(name)) => {
                self.again_in = Some(LOOK_AGAIN);
                self.taken.get_or_insert_with(|| format!("ConfigMap {name:?}"));
            }
            Err(Error::Refused { name, why }) => {
                self.refused(&format!("ConfigMap {name:?}"), ChildKind::ConfigMap, &why)
            }
        }
        Ok(())
    }

    /// Deletes the pod if it has an older template than its StatefulSet.
    async fn roll(&mut self, applier: &Applier, caches: &Caches, owner: &Owner) -> Result<(), Failure> {
        let name = crate::names::main(&owner.name);
        let Some(set) = caches.stateful_sets.get(&owner.kubernetes_namespace, &name) else {
            return Ok(());
        };
        let pods = super::snapshot::pods(caches, owner);
        let pods: Vec<_> = pods.iter().map(|pod| &pod.object).collect();
        let Some(victim) = roll::next(&set.object, &pods) else {
            return Ok(());
        };
        let deleted = applier
            .delete_pod(&owner.kubernetes_namespace, &victim.name, &victim.uid)
            .await;
        if deleted.is_ok() {
            self.replaced = Some(victim);
        }
        self.note_failure(deleted)
    }
}
