//! An object's own rules, and how not to check them twice.

use std::collections::{HashMap, hash_map};

use crds::Kind;
use crds::shared::Reason;
use kube::ResourceExt;
use serde::Serialize;
use uuid::Uuid;

use crate::decision::Refusal;
use crate::manifest;

/// What [`plan_again`](crate::plan_again) remembers of the objects that it has seen: which of them keep their own
/// rules. It changes how long a plan takes, never what comes out.
///
/// An entry holds for one `metadata.uid` and `metadata.generation`, which the API server raises with every change of a
/// spec; an object without either is checked each time. What was not planned the last time is forgotten, so that a memo
/// never holds more entries than there are objects.
#[derive(Debug, Default)]
pub struct Memo {
    entries: HashMap<(Kind, Uuid), Entry>,
    /// Which plan it is; an entry that has not taken part in the present one is old.
    round: u64,
}

#[derive(Debug)]
struct Entry {
    generation: i64,
    round: u64,
    outcome: Result<(), Refusal>,
}

impl Memo {
    /// How many objects it remembers.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it remembers nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn begin(&mut self) {
        self.round += 1;
    }

    /// Forgets what has not been asked for since [`Memo::begin`].
    pub(crate) fn end(&mut self) {
        let round = self.round;
        self.entries.retain(|_, entry| entry.round == round);
    }

    /// The object's own rules, the schema's included: an object may have been admitted by an older schema. Returns its
    /// uid.
    pub(crate) fn checked(
        &mut self,
        kind: Kind,
        object: &(impl ResourceExt + Serialize),
    ) -> Result<Uuid, Refusal> {
        let meta = object.meta();
        let uid = meta.uid.as_deref().and_then(|uid| Uuid::parse_str(uid).ok());
        match (uid, meta.generation) {
            (Some(uid), Some(generation)) => self.remembered(kind, uid, generation, object).map(|()| uid),
            (uid, _) => own_rules(kind, object).and_then(|()| uid.ok_or_else(no_uid)),
        }
    }

    fn remembered(
        &mut self,
        kind: Kind,
        uid: Uuid,
        generation: i64,
        object: &impl Serialize,
    ) -> Result<(), Refusal> {
        let round = self.round;
        let new = || Entry {
            generation,
            round,
            outcome: own_rules(kind, object),
        };
        let entry = match self.entries.entry((kind, uid)) {
            hash_map::Entry::Vacant(vacant) => vacant.insert(new()),
            hash_map::Entry::Occupied(occupied) => {
                let entry = occupied.into_mut();
                if entry.generation != generation {
                    *entry = new();
                }
                entry.round = round;
                entry
            }
        };
        entry.outcome.clone()
    }
}

fn own_rules(kind: Kind, object: &impl Serialize) -> Result<(), Refusal> {
    let value = serde_json::to_value(object).map_err(|error| {
        let rule = format!("the object cannot be written as JSON: {error}");
        Refusal::new(Reason::Invalid, "", rule, "apply it again")
    })?;
    let violations = manifest::check(kind, &value);
    match violations.is_empty() {
        true => Ok(()),
        false => Err(Refusal::invalid(violations)),
    }
}

fn no_uid() -> Refusal {
    Refusal::new(
        Reason::Invalid,
        "metadata.uid",
        "an object has a UUID",
        "let the API server create the object",
    )
}
