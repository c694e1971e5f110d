//! Objects in, documents and refusals out: what the operator does in a cluster.

use config::Document;
use plan::manifest::{self, Object as Typed};
use plan::{Configuration, Decision, Inputs, Plan};
use serde_json::{Value, json};

use super::check::{Checked, mistake};
use super::state::{Known, State};
use super::teller::Refusal;
use crate::failure::Failure;
use crate::manifest::Object;

/// What follows from a set of manifests.
#[derive(Debug)]
pub(crate) struct Planned {
    /// One for each accepted Namespace.
    pub(crate) namespaces: Vec<PlannedNamespace>,
    pub(crate) refusals: Vec<Refusal>,
}

/// A Namespace's configuration, before it has a revision.
#[derive(Debug)]
pub(crate) struct PlannedNamespace {
    pub(crate) name: String,
    pub(crate) uid: String,
    configuration: Configuration,
}

impl PlannedNamespace {
    /// Whether the document says the same, whatever its revision.
    pub(crate) fn is_as(&self, document: &Document) -> bool {
        self.configuration
            .document(document.head.revision)
            .is_ok_and(|planned| planned == *document)
    }

    pub(crate) fn document(&self, revision: u64) -> Result<Document, Failure> {
        let document = self.configuration.document(revision);
        document.map_err(|cause| Failure::machine(format!("configure the Namespace {}", self.name), cause))
    }
}

/// Decides on every object. `state` knows each of them, and learns which are accepted.
pub(crate) fn plan(checked: &Checked, state: &mut State) -> Planned {
    let typed: Vec<Typed> = checked
        .objects
        .iter()
        .filter_map(|object| typed(object, state.known(object)?))
        .collect();
    let Plan {
        decisions,
        configurations,
    } = plan::plan(&inputs(&typed));
    let mut refusals = Vec::new();
    for decision in decisions {
        let Some(object) = checked.objects.iter().find(|object| is_about(&decision, object)) else {
            continue;
        };
        match decision.accepted() {
            true => state.accept(object),
            false => refusals.extend(refusals_of(decision, object)),
        }
    }
    refusals.sort_by(|a, b| a.mistake.place.order().cmp(&b.mistake.place.order()));
    Planned {
        namespaces: configurations.into_iter().map(PlannedNamespace::from).collect(),
        refusals,
    }
}

impl From<Configuration> for PlannedNamespace {
    fn from(configuration: Configuration) -> Self {
        let identity = &configuration.namespace;
        Self {
            name: identity.name.clone(),
            uid: identity.uid.clone(),
            configuration,
        }
    }
}

/// The settings that a Namespace had by its last spec.
pub(crate) fn settings(name: &str, known: &Known) -> Option<config::Settings> {
    let value = json!({
        "apiVersion": crds::API_VERSION, "kind": crds::Kind::Namespace.as_str(),
        "metadata": {"name": name, "uid": known.uid}, "spec": known.spec,
    });
    let typed = [manifest::read(&value).ok()?];
    plan::plan(&inputs(&typed))
        .configurations
        .pop()
        .map(|configuration| configuration.settings)
}

fn inputs(objects: &[Typed]) -> Inputs<'_> {
    let mut inputs = Inputs::default();
    for object in objects {
        match object {
            Typed::Namespace(object) => inputs.namespaces.push(object),
            Typed::Topic(object) => inputs.topics.push(object),
            Typed::EventSubscription(object) => inputs.event_subscriptions.push(object),
        }
    }
    inputs
}

/// The object with the metadata that the API server would have given it. What a manifest from elsewhere says about
/// itself (`kubectl get -o yaml`) does not hold here.
fn typed(object: &Object, known: &Known) -> Option<Typed> {
    let metadata = json!({
        "name": object.name(), "namespace": object.namespace(), "uid": known.uid, "creationTimestamp": known.created,
    });
    let mut value = object.value.clone();
    let fields = value.as_object_mut()?;
    fields.remove("status");
    let annotations = fields
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("annotations"))
        .map(Value::take);
    fields.insert("metadata".to_owned(), metadata);
    if let Some(annotations) = annotations {
        fields["metadata"]["annotations"] = annotations;
    }
    manifest::read(&value).ok()
}

fn is_about(decision: &Decision, object: &Object) -> bool {
    let id = &decision.object;
    object.kind() == id.kind.as_str() && object.name() == id.name && object.namespace() == id.namespace
}

fn refusals_of(decision: Decision, object: &Object) -> impl Iterator<Item = Refusal> {
    let reason = decision.reason.to_string();
    let violations = decision.violations.into_iter();
    violations.map(move |violation| Refusal {
        mistake: mistake(object, violation),
        reason: reason.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::objects_of;

    const NAMESPACE: &str = "apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {name: shop}\nspec: {deletionPolicy: Retain}\n";
    const TOPIC: &str = "---\napiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {name: orders, uid: x, creationTimestamp: y}\nspec:\n  namespaceRef: {name: shop}\n";

    fn planned(text: &str, state: &mut State) -> Planned {
        let checked = Checked {
            objects: objects_of(text),
        };
        state.take(&checked.objects, "2026-01-01T00:00:00Z");
        plan(&checked, state)
    }

    #[test]
    fn objects_get_the_uids_of_the_state() {
        let mut state = State::default();
        let planned = planned(&format!("{NAMESPACE}{TOPIC}"), &mut state);
        assert!(planned.refusals.is_empty(), "{:?}", planned.refusals);
        let document = planned.namespaces[0].document(7).unwrap();
        let uid = state.known(&objects_of(TOPIC)[0]).unwrap().uid.to_string();
        assert_eq!(
            (document.topics[0].uid.as_str(), document.head.revision),
            (uid.as_str(), 7)
        );
        assert!(planned.namespaces[0].is_as(&document));
    }

    #[test]
    fn a_reference_that_leads_nowhere_is_a_refusal_at_its_line() {
        let planned = planned(TOPIC, &mut State::default());
        assert_eq!(planned.refusals.len(), 1);
        let refusal = &planned.refusals[0];
        assert_eq!(
            (refusal.reason.as_str(), refusal.mistake.place.text().as_str()),
            ("ParentNotFound", "test.yaml:6:3")
        );
    }

    #[test]
    fn a_namespace_that_is_gone_keeps_the_settings_of_its_last_spec() {
        let mut state = State::default();
        planned(NAMESPACE, &mut state);
        let (name, known) = state.take(&[], "later").remove(0);
        let settings = settings(&name, &known).unwrap();
        assert_eq!(settings.deletion_policy, config::DeletionPolicy::Retain);
    }
}
