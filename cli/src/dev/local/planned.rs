//! What a plan means for what runs, before anything is started or stopped.

use super::Local;
use crate::dev::departed;
use crate::dev::planning::{self, Planned, PlannedNamespace};
use crate::dev::state::{Departed, Known};

impl Local {
    /// Takes what is paused out of the plan, if it runs: it goes on as it is.
    pub(super) fn hold_paused(&mut self, planned: &mut Planned) {
        let paused = planned.namespaces.extract_if(.., |namespace| {
            namespace.paused
                && self
                    .running
                    .values()
                    .any(|running| running.name == namespace.name)
        });
        for namespace in paused {
            self.teller.note(
                &namespace.name,
                "it is paused: changes of its manifests wait until `paused` is gone",
            );
        }
    }

    pub(super) fn note_what_has_no_meaning(&mut self, planned: &Planned) {
        for PlannedNamespace {
            name, cluster_only, ..
        } in &planned.namespaces
        {
            if !cluster_only.is_empty() {
                let note = format!(
                    "these fields have a meaning only in a cluster: {}",
                    cluster_only.join(", ")
                );
                self.teller.note(name, &note);
            }
        }
    }

    /// Notes whose data each Namespace has. Returns the data that is left behind.
    pub(super) fn adopt(&mut self, planned: &Planned) -> Vec<Departed> {
        let mut left_behind = Vec::new();
        for namespace in &planned.namespaces {
            let Some(before) = self.state.adopt(namespace.object, namespace.uid) else {
                continue;
            };
            if !self.folder.namespace(namespace.uid).exists() {
                let note = format!("there is no data of {} to adopt: it starts empty", namespace.uid);
                self.teller.note(&namespace.name, &note);
            }
            if self.folder.namespace(before).exists() {
                left_behind.push(Departed {
                    name: namespace.name.clone(),
                    uid: before,
                    delete_at: departed::delete_at(namespace.settings(), &self.clock),
                });
            }
        }
        self.state.departed.extend(left_behind.iter().cloned());
        left_behind
    }

    /// A Namespace that has just gone.
    pub(super) fn departed(&self, name: String, known: &Known) -> Departed {
        let settings = planning::settings(&name, known);
        let delete_at = settings.and_then(|settings| departed::delete_at(&settings, &self.clock));
        Departed {
            name,
            uid: known.data(),
            delete_at,
        }
    }
}
