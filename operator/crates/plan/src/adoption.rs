//! Whose data an object has: its own, or that of an object that is gone.

use std::collections::{HashMap, HashSet};

use crds::Kind;
use crds::annotation::ADOPT_DATA;
use crds::shared::Reason;
use kube::ResourceExt;
use uuid::Uuid;

use crate::decision::Refusal;
use crate::inputs::{Inputs, is_living};

/// The identities that cannot be adopted (any more).
pub(crate) struct Adoption<'a> {
    inputs: &'a Inputs<'a>,
    /// The uids of all objects that are there; collected when somebody first asks.
    living: Option<HashMap<Uuid, Kind>>,
    /// What accepted objects have adopted.
    adopted: HashSet<Uuid>,
}

impl<'a> Adoption<'a> {
    pub(crate) fn new(inputs: &'a Inputs<'a>) -> Self {
        Self {
            inputs,
            living: None,
            adopted: HashSet::new(),
        }
    }

    /// The identity of the object's data: its own uid, unless the annotation names another one.
    pub(crate) fn data_uid(&mut self, object: &impl ResourceExt, own: Uuid) -> Result<Uuid, Refusal> {
        let annotations = object.meta().annotations.as_ref();
        let Some(wanted) = annotations.and_then(|annotations| annotations.get(ADOPT_DATA)) else {
            return Ok(own);
        };
        let uid = Uuid::parse_str(wanted.trim()).map_err(|_| malformed())?;
        if uid == own {
            return Ok(own);
        }
        let inputs = self.inputs;
        let living = self.living.get_or_insert_with(|| living(inputs));
        if let Some(kind) = living.get(&uid) {
            return Err(in_use(format!(
                "the data of {uid} belongs to a {kind} that is still there"
            )));
        }
        if self.adopted.contains(&uid) {
            return Err(in_use(format!("an older object has adopted the data of {uid}")));
        }
        Ok(uid)
    }

    /// The object with this data is accepted: nobody else gets it.
    pub(crate) fn settle(&mut self, data: Uuid) {
        self.adopted.insert(data);
    }
}

fn living(inputs: &Inputs<'_>) -> HashMap<Uuid, Kind> {
    let namespaces = inputs
        .namespaces
        .iter()
        .filter_map(|object| identity(Kind::Namespace, *object));
    let topics = inputs
        .topics
        .iter()
        .filter_map(|object| identity(Kind::Topic, *object));
    let subscriptions = inputs
        .event_subscriptions
        .iter()
        .filter_map(|object| identity(Kind::EventSubscription, *object));
    let hubs = inputs
        .hubs
        .iter()
        .filter_map(|object| identity(Kind::Hub, *object));
    let children = topics.chain(subscriptions).chain(hubs);
    namespaces.chain(children).collect()
}

fn identity(kind: Kind, object: &impl ResourceExt) -> Option<(Uuid, Kind)> {
    let uid = object.meta().uid.as_deref().filter(|_| is_living(object))?;
    Some((Uuid::parse_str(uid).ok()?, kind))
}

/// The annotation, as a path.
const PATH: &str = "metadata.annotations.weft.dev/adopt-data";

fn malformed() -> Refusal {
    Refusal::new(
        Reason::Invalid,
        PATH,
        "the value is the uid of an object that is gone",
        "write the UUID that `weft data list` shows, or remove the annotation",
    )
}

fn in_use(rule: String) -> Refusal {
    let fix = "delete that object first, or remove the annotation";
    Refusal::new(Reason::DataInUse, PATH, rule, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_names_the_annotation() {
        assert_eq!(PATH, format!("metadata.annotations.{ADOPT_DATA}"));
    }
}
