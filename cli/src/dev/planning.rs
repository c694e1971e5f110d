//! Objects in, documents and refusals out: what the operator does in a cluster.

use std::collections::{HashMap, HashSet};

use config::{Document, Settings};
use crds::v1alpha1::NamespaceSpec;
use plan::manifest::{self, Object as Typed};
use plan::{Configuration, Decision, Inputs, Plan};
use serde_json::{Value, json};
use uuid::Uuid;

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
    /// The identity of the resource.
    pub(crate) object: Uuid,
    /// The identity of its data.
    pub(crate) uid: Uuid,
    /// What its certificate vouches for beside the usual names.
    pub(crate) dns_names: Vec<String>,
    /// Its changes wait.
    pub(crate) paused: bool,
    /// Fields with a meaning only in a cluster.
    pub(crate) cluster_only: Vec<&'static str>,
    configuration: Configuration,
}

impl PlannedNamespace {
    /// Whether the document says the same, whatever its revision.
    pub(crate) fn is_as(&self, document: &Document) -> bool {
        self.configuration
            .document(document.head.revision)
            .is_ok_and(|planned| planned == *document)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.configuration.settings
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
    let objects: HashMap<_, _> = checked
        .objects
        .iter()
        .map(|object| (identity(object), object))
        .collect();
    for decision in decisions {
        let accepted = decision.accepted();
        let Decision {
            object: id,
            reason,
            violations,
            ..
        } = decision;
        let Some(object) = objects.get(&(id.kind.as_str(), id.namespace.as_str(), id.name.as_str())) else {
            continue;
        };
        if accepted {
            state.accept(object);
        }
        refusals.extend(violations.into_iter().map(|violation| Refusal {
            mistake: mistake(object, violation),
            reason: reason.to_string(),
        }));
    }
    refusals.sort_by(|a, b| a.mistake.place.order().cmp(&b.mistake.place.order()));
    let namespaces = configurations.into_iter();
    Planned {
        namespaces: namespaces
            .filter_map(|configuration| planned(configuration, &typed))
            .collect(),
        refusals,
    }
}

fn identity(object: &Object) -> (&str, &str, &str) {
    (object.kind(), object.namespace(), object.name())
}

fn planned(mut configuration: Configuration, objects: &[Typed]) -> Option<PlannedNamespace> {
    let spec = objects.iter().find_map(|object| match object {
        Typed::Namespace(object) if object.metadata.uid.as_deref() == Some(&configuration.object_uid) => {
            Some(&object.spec)
        }
        _ => None,
    })?;
    let tls = spec.tls.as_ref();
    // Who is known may do everything here, where no API server is asked: so that is the developer and nobody else.
    configuration.settings.issuers.clear();
    Some(PlannedNamespace {
        name: configuration.namespace.name.clone(),
        object: Uuid::parse_str(&configuration.object_uid).ok()?,
        uid: Uuid::parse_str(&configuration.namespace.uid).ok()?,
        dns_names: tls.and_then(|tls| tls.dns_names.clone()).unwrap_or_default(),
        paused: spec.paused == Some(true),
        cluster_only: cluster_only(spec)
            .into_iter()
            .chain(names_credentials(&configuration, objects).then_some(LETTER_CREDENTIALS))
            .collect(),
        configuration,
    })
}

const LETTER_CREDENTIALS: &str =
    "deadLetter.objectStore.credentialsSecretRef of EventSubscriptions (the environment says it here)";

/// Whether a subscription names a Secret with the credentials for its dead letters.
fn names_credentials(configuration: &Configuration, objects: &[Typed]) -> bool {
    let subscriptions = configuration.topics.iter().flat_map(|topic| &topic.subscriptions);
    let stored: HashSet<&str> = subscriptions
        .filter(|subscription| subscription.dead_letter_store.is_some())
        .map(|subscription| subscription.resource_name.as_str())
        .collect();
    objects.iter().any(|object| match object {
        Typed::EventSubscription(object) => {
            let metadata = &object.metadata;
            let place = metadata.namespace.as_deref().unwrap_or_default();
            let is_stored = metadata.name.as_deref().is_some_and(|name| stored.contains(name));
            let store = object.spec.dead_letter.as_ref();
            let store = store.and_then(|dead_letter| dead_letter.object_store.as_ref());
            place == configuration.kubernetes_namespace
                && is_stored
                && store.is_some_and(|store| store.credentials_secret_ref.is_some())
        }
        _ => false,
    })
}

/// The fields that are set and have a meaning only in a cluster.
fn cluster_only(spec: &NamespaceSpec) -> Vec<&'static str> {
    let volume = spec
        .storage
        .as_ref()
        .and_then(|storage| storage.persistent_volume.as_ref());
    let store = spec
        .checkpoint
        .as_ref()
        .and_then(|checkpoint| checkpoint.object_store.as_ref());
    let fields = [
        (
            "storage.persistentVolume.storageClassName",
            volume.is_some_and(|volume| volume.storage_class_name.is_some()),
        ),
        (
            "tls.secretRef",
            spec.tls.as_ref().is_some_and(|tls| tls.secret_ref.is_some()),
        ),
        ("identity", spec.identity.is_some()),
        (
            "checkpoint.objectStore.credentialsSecretRef (the environment says it here)",
            store.is_some_and(|store| store.credentials_secret_ref.is_some()),
        ),
        ("service", spec.service.is_some()),
        ("upgradePolicy", spec.upgrade_policy.is_some()),
        ("podTemplate", spec.pod_template.is_some()),
    ];
    fields
        .into_iter()
        .filter(|(_, set)| *set)
        .map(|(field, _)| field)
        .collect()
}

/// The settings that a Namespace had by its last spec.
pub(crate) fn settings(name: &str, known: &Known) -> Option<Settings> {
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
            Typed::Hub(object) => inputs.hubs.push(object),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::objects_of;

    const NAMESPACE: &str = "apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {name: shop}\nspec: {deletionPolicy: Retain}\n";
    const TOPIC: &str = "---\napiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {name: orders, uid: x, creationTimestamp: y}\nspec:\n  namespaceRef: {name: shop}\n";

    fn plan_of(text: &str, state: &mut State) -> Planned {
        let checked = Checked {
            objects: objects_of(text),
        };
        state.take(&checked.objects, "2026-01-01T00:00:00Z");
        plan(&checked, state)
    }

    #[test]
    fn objects_get_the_uids_of_the_state() {
        let mut state = State::default();
        let planned = plan_of(&format!("{NAMESPACE}{TOPIC}"), &mut state);
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
    fn a_hub_is_in_the_document_with_a_uid_of_its_own() {
        let hub = "---\napiVersion: weft.dev/v1alpha1\nkind: Hub\nmetadata: {name: telemetry}\nspec: {namespaceRef: {name: shop}, eventHub: {}}\n";
        let mut state = State::default();
        let planned = plan_of(&format!("{NAMESPACE}{TOPIC}{hub}"), &mut state);
        assert!(planned.refusals.is_empty(), "{:?}", planned.refusals);
        let document = planned.namespaces[0].document(7).unwrap();
        let uid = state.known(&objects_of(hub)[0]).unwrap().uid.to_string();
        assert_eq!(document.hubs[0].uid, uid);
        assert_ne!(document.topics[0].uid, uid);
    }

    #[test]
    fn a_reference_that_leads_nowhere_is_a_refusal_at_its_line() {
        let planned = plan_of(TOPIC, &mut State::default());
        assert_eq!(planned.refusals.len(), 1);
        let refusal = &planned.refusals[0];
        assert_eq!(
            (refusal.reason.as_str(), refusal.mistake.place.text().as_str()),
            ("ParentNotFound", "test.yaml:6:3")
        );
    }

    #[test]
    fn what_only_a_cluster_gives_a_meaning_is_noticed() {
        let text = NAMESPACE.replace(
            "{deletionPolicy: Retain}",
            "{upgradePolicy: Manual, service: {type: NodePort}, tls: {dnsNames: [a.test], plaintext: false}, paused: true}",
        );
        let planned = plan_of(&text, &mut State::default());
        let shop = &planned.namespaces[0];
        assert_eq!(shop.cluster_only, ["service", "upgradePolicy"]);
        assert_eq!(
            (shop.dns_names.as_slice(), shop.paused),
            (&["a.test".to_owned()][..], true)
        );
    }

    #[test]
    fn nobody_elses_tokens_are_accepted_where_no_rights_are_asked_for() {
        let issuer = "{issuers: [{url: 'https://login.example.com', audiences: [weft], prefix: 'corp:'}]}";
        let text = NAMESPACE.replace("{deletionPolicy: Retain}", &format!("{{identity: {issuer}}}"));
        let planned = plan_of(&text, &mut State::default());
        assert!(planned.refusals.is_empty(), "{:?}", planned.refusals);
        let shop = &planned.namespaces[0];
        assert_eq!(shop.settings().issuers, []);
        assert_eq!(shop.cluster_only, ["identity"]);
    }

    #[test]
    fn a_namespace_that_is_gone_keeps_the_settings_of_its_last_spec() {
        let mut state = State::default();
        plan_of(NAMESPACE, &mut state);
        let (name, known) = state.take(&[], "later").remove(0);
        let settings = settings(&name, &known).unwrap();
        assert_eq!(settings.deletion_policy, config::DeletionPolicy::Retain);
    }
}
