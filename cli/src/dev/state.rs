//! What local mode remembers from one start to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::atomic_file;
use super::ports::Block;
use crate::failure::Failure;
use crate::manifest::Object;

const FORMAT: u32 = 1;

/// `DATA/state.json`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct State {
    format: u32,
    /// Revision of the last configuration that was handed out; it only grows.
    pub(crate) revision: u64,
    /// What each object is, by `KIND/KUBERNETES-NAMESPACE/NAME`.
    objects: BTreeMap<String, Known>,
    /// Ports by Namespace; kept after it is gone, for the case that it returns.
    pub(crate) ports: BTreeMap<String, Block>,
    /// Namespaces that are gone, while their data is still there.
    pub(crate) departed: Vec<Departed>,
}

/// An object as it was last accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Known {
    pub(crate) uid: Uuid,
    /// When it was first seen: where two objects want the same name for clients, the older one has it.
    pub(crate) created: String,
    /// The spec with which it was last accepted, because some fields cannot change then; null before.
    pub(crate) spec: Value,
    /// Of a Namespace: whose data it has, if it has adopted that of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adopted: Option<Uuid>,
}

impl Known {
    /// The identity of a Namespace's data.
    pub(crate) fn data(&self) -> Uuid {
        self.adopted.unwrap_or(self.uid)
    }
}

/// A Namespace that is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Departed {
    pub(crate) name: String,
    /// The identity of its data.
    pub(crate) uid: Uuid,
    /// Seconds since the Unix epoch at which its data is deleted; never, if absent (`deletionPolicy: Retain`).
    pub(crate) delete_at: Option<u64>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            format: FORMAT,
            revision: 0,
            objects: BTreeMap::new(),
            ports: BTreeMap::new(),
            departed: Vec::new(),
        }
    }
}

impl State {
    pub(crate) fn load(file: &Path) -> Result<Self, Failure> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(cause) => return Err(Failure::machine(format!("read {}", file.display()), cause)),
        };
        let unusable = |problem: String| {
            Failure::machine(format!("use {}", file.display()), problem)
                .with_next("restore the file, or start with another data folder; without it the events here belong to nobody")
        };
        let state: Self = serde_json::from_str(&text).map_err(|cause| unusable(cause.to_string()))?;
        if state.format != FORMAT {
            return Err(unusable(format!(
                "it has format {}, and this version of weft reads {FORMAT}",
                state.format
            )));
        }
        Ok(state)
    }

    pub(crate) fn save(&self, file: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).expect("names and numbers become JSON") + "\n";
        atomic_file::write_private(file, &text)
            .map_err(|cause| Failure::machine(format!("write {}", file.display()), cause))
    }

    pub(crate) fn known(&self, object: &Object) -> Option<&Known> {
        self.objects.get(&key(object))
    }

    /// Takes the whole set as what there is: new names get new uids, and names that are missing are forgotten, so
    /// that one that returns is a new object. Returns the Namespaces that are gone.
    pub(crate) fn take(&mut self, objects: &[Object], now: &str) -> Vec<(String, Known)> {
        let mut taken = BTreeMap::new();
        for object in objects {
            let key = key(object);
            let new = || Known {
                uid: Uuid::new_v4(),
                created: now.to_owned(),
                spec: Value::Null,
                adopted: None,
            };
            let known = self.objects.remove(&key).unwrap_or_else(new);
            taken.insert(key, known);
        }
        let left = std::mem::replace(&mut self.objects, taken);
        left.into_iter()
            .filter_map(|(key, known)| Some((namespace_name(&key)?.to_owned(), known)))
            .collect()
    }

    /// Remembers what the object is, now that it is part of a configuration.
    pub(crate) fn accept(&mut self, object: &Object) {
        if let Some(known) = self.objects.get_mut(&key(object)) {
            known.spec = object.value.get("spec").cloned().unwrap_or_default();
        }
    }

    /// Gives the Namespace with this uid that data, which has an owner again. Returns the data that it had, if that
    /// is different.
    pub(crate) fn adopt(&mut self, uid: Uuid, data: Uuid) -> Option<Uuid> {
        self.departed.retain(|departed| departed.uid != data);
        let known = self.objects.values_mut().find(|known| known.uid == uid)?;
        let before = known.data();
        known.adopted = Some(data).filter(|data| *data != uid);
        Some(before).filter(|before| *before != data)
    }

    /// Whether there was an object that `objects` no longer has.
    pub(crate) fn misses_any(&self, objects: &[Object]) -> bool {
        let present: BTreeSet<String> = objects.iter().map(key).collect();
        self.objects.keys().any(|known| !present.contains(known))
    }
}

fn namespace_name(key: &str) -> Option<&str> {
    Some(key.strip_prefix("Namespace/")?.split_once('/')?.1)
}

fn key(object: &Object) -> String {
    format!("{}/{}/{}", object.kind(), object.namespace(), object.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::objects_of;

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn topics(names: &[&str]) -> Vec<Object> {
        let text: String = names
            .iter()
            .map(|name| format!("---\napiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {{name: {name}}}\nspec: {{namespaceRef: {{name: shop}}}}\n"))
            .collect();
        objects_of(&text)
    }

    fn uid(state: &State, name: &str) -> Uuid {
        state.known(&topics(&[name])[0]).unwrap().uid
    }

    #[test]
    fn a_name_keeps_its_uid_across_starts_and_loses_it_with_its_object() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state.json");
        let mut state = State::load(&file).unwrap();
        state.take(&topics(&["orders", "refunds"]), NOW);
        state.save(&file).unwrap();
        let mut again = State::load(&file).unwrap();
        assert_eq!(again, state);
        assert!(
            again.misses_any(&topics(&["orders"]))
                && !again.misses_any(&topics(&["refunds", "orders", "new"]))
        );
        again.take(&topics(&["orders"]), NOW);
        again.take(&topics(&["refunds", "orders"]), NOW);
        assert_eq!(uid(&again, "orders"), uid(&state, "orders"));
        assert_ne!(uid(&again, "refunds"), uid(&state, "refunds"));
    }

    #[test]
    fn an_object_remembers_when_it_was_first_seen() {
        let mut state = State::default();
        state.take(&topics(&["zebra"]), "2026-01-01T00:00:00Z");
        state.take(&topics(&["ant", "zebra"]), "2026-01-02T00:00:00Z");
        assert_eq!(
            state.known(&topics(&["zebra"])[0]).unwrap().created,
            "2026-01-01T00:00:00Z"
        );
    }

    #[test]
    fn data_that_is_adopted_is_not_waiting_for_its_end() {
        let mut state = State::default();
        let objects =
            objects_of("apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {name: shop}\nspec: {}\n");
        state.take(&objects, NOW);
        let (own, old) = (state.known(&objects[0]).unwrap().uid, Uuid::new_v4());
        state.departed.push(Departed {
            name: "shop".into(),
            uid: old,
            delete_at: None,
        });
        assert_eq!(state.adopt(own, own), None);
        assert_eq!(state.departed.len(), 1);
        assert_eq!(state.adopt(own, old), Some(own));
        assert_eq!(state.adopt(own, old), None);
        assert!(state.departed.is_empty());
        assert_eq!(state.known(&objects[0]).unwrap().data(), old);
        assert_eq!(state.adopt(own, own), Some(old));
    }

    #[test]
    fn a_state_of_another_format_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state.json");
        fs::write(
            &file,
            r#"{"format":2,"revision":0,"objects":{},"ports":{},"departed":[]}"#,
        )
        .unwrap();
        assert!(
            State::load(&file)
                .unwrap_err()
                .to_string()
                .contains("has format 2")
        );
    }
}
