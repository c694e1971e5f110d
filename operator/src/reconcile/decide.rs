//! What one Namespace's objects have to be. Pure.

use std::collections::BTreeMap;

use config::{Checkpoint, Digest};
use crds::annotation as asked;
use crds::shared::Reason;
use crds::v1alpha1::{Namespace, SecretReference, UpgradePolicy};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use k8s_openapi::jiff::Timestamp;
use plan::manifest::Violation;
use plan::{Configuration, Finding};

use super::letters::Stores;
use super::snapshot::Surroundings;
use crate::annotations;
use crate::apply::Assume;
use crate::certificates::{self, OfferError};
use crate::connection;
use crate::keys;
use crate::object::{Owner, Prepared};
use crate::object_store;
use crate::release::{self, Release, Template, UpgradeAvailable};
use crate::resources::{self, Exposure, Parts, PodVolume, Shape};
use crate::volumes::{self, Choice, Claim};

/// What holds for every Namespace.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What new and upgraded pods run.
    pub release: Release,
    /// DNS domain of the cluster.
    pub cluster_domain: String,
}

/// What a decision is made from.
pub(super) struct Inputs<'a> {
    pub(super) settings: &'a Settings,
    pub(super) namespace: &'a Namespace,
    pub(super) around: &'a Surroundings,
    /// Every claim in the Kubernetes namespace.
    pub(super) claims: &'a [&'a PersistentVolumeClaim],
    /// Whether a Namespace with that uid exists.
    pub(super) is_living: &'a (dyn Fn(&str) -> bool + Sync),
    /// Where its subscriptions send their dead letters.
    pub(super) letters: &'a Stores,
    pub(super) now: Timestamp,
}

/// What a Namespace's objects have to be.
pub(super) struct Decided {
    /// `metadata.uid` of the Namespace.
    pub(super) uid: String,
    /// State that must not be written over: each is written only if nobody wrote it since it was read, in this order.
    pub(super) state: Vec<Prepared>,
    /// What a pod needs, in any order.
    pub(super) parts: Vec<Prepared>,
    /// The StatefulSet, after everything else.
    pub(super) stateful_set: Prepared,
    /// The uid under which the data is.
    pub(super) data_uid: Option<String>,
    /// Name of the claim that is used.
    pub(super) claim: Option<String>,
    /// Whether that claim was there before.
    pub(super) has_volume: bool,
    /// What the volume can hold, in bytes, as long as that is less than what its claim asks for.
    pub(super) capacity_bytes: Option<u64>,
    /// The same for the user.
    pub(super) resizing: Option<String>,
    /// A template that was read from the StatefulSet must not be written over a newer one.
    pub(super) assume_of_set: Assume,
    /// The revision of the Secret that the pod has to use.
    pub(super) secrets_revision: u64,
    /// The access key that programs are given, if they are given one.
    pub(super) key: Option<String>,
    /// When something has to be renewed.
    pub(super) next_renewal: Option<Timestamp>,
    /// What waits for approval.
    pub(super) upgrade: Option<UpgradeAvailable>,
    /// What the user should know.
    pub(super) notices: Vec<String>,
    /// Values of the annotations that are acted upon with this.
    pub(super) rotated: Rotated,
}

/// What is rotated by this decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rotated {
    pub(super) keys: bool,
    pub(super) certificate: bool,
    pub(super) authority: bool,
}

/// Why nothing could be decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The Namespace is not accepted.
    Finding(Finding),
    /// Nothing changes before somebody acts.
    Blocked(String),
    /// It is worth another try: there was no randomness, for example.
    Failed(String),
}

/// Decides. `configuration` is what plan says of the Namespace.
pub(super) fn decide(inputs: &Inputs<'_>, configuration: &Configuration) -> Result<Decided, Trouble> {
    let (namespace, around) = (inputs.namespace, inputs.around);
    let owner = &around.owner;
    let choice = choose(inputs)?;
    let certificates = certificates(inputs)?;
    let object_store = object_store(inputs, configuration)?;
    let wanted = keys::Wanted {
        rules: &configuration.settings.authorization_rules,
        rotate: annotations::get(&namespace.metadata, asked::ROTATE_KEYS),
        serving: &certificates.serving,
        object_store: &object_store,
        dead_letter_stores: inputs.letters.told(),
        certificate_rotated: certificates.certificate_rotated.as_deref(),
        seen_revision: around.report.as_ref().map_or(0, |report| report.secrets_revision),
    };
    let before = around.secrets.as_ref().and_then(|secret| secret.whole());
    let keys = keys::decide(before, &wanted).map_err(|error| match error {
        keys::Error::Damaged { .. } => Trouble::Blocked(error.to_string()),
        keys::Error::Randomness(_) => failed(error),
    })?;
    let takes_keys = !configuration.settings.disable_local_auth;
    let key = takes_keys.then(|| key_for_programs(around, &keys));
    let claim = choice
        .as_ref()
        .map(|choice| claim(owner, choice, namespace, configuration));
    let volume = match &choice {
        Some(choice) => PodVolume::claim(choice),
        None => PodVolume::Ephemeral {
            size_bytes: configuration.settings.storage_capacity_bytes,
        },
    };
    let shape = Shape::of(&namespace.spec, volume);
    let template = template(inputs, shape.digest());
    let mut parts = resources::build(&Parts {
        owner,
        shape: &shape,
        exposure: &Exposure::of(&namespace.spec),
        outside: &object_store::ports_outside(
            &configuration.settings,
            &object_store,
            &inputs.letters.opened(),
        ),
        template: &template,
        claim: claim.as_ref(),
    });
    let stateful_set = parts.pop().ok_or_else(|| failed("there is no StatefulSet"))?;
    parts.push(connection::namespace(
        owner,
        key.as_ref().map(credentials::Secret::new).as_ref(),
    ));
    parts.push(connection::trust(owner, certificates.trust_pem.as_deref()));
    let rotated = Rotated {
        keys: is_asked(before, annotations::KEYS_ROTATED, wanted.rotate),
        certificate: is_asked(
            before,
            annotations::CERTIFICATE_ROTATED,
            wanted.certificate_rotated,
        ),
        authority: certificates.ca.is_some() && is_authority_asked(inputs),
    };
    let shortage = choice.as_ref().and_then(|choice| volumes::shortage(choice.live?));
    let notices = claim
        .iter()
        .flat_map(|claim| claim.notices.iter().map(ToString::to_string))
        .chain(inputs.letters.notices.iter().cloned());
    Ok(Decided {
        uid: owner.uid.clone(),
        secrets_revision: keys.revision,
        state: certificates.ca.into_iter().chain([keys.secret(owner)]).collect(),
        parts,
        stateful_set,
        data_uid: choice.as_ref().map(|choice| choice.data_uid.clone()),
        has_volume: choice.as_ref().is_some_and(|choice| choice.live.is_some()),
        capacity_bytes: shortage.as_ref().and_then(|shortage| shortage.capacity_bytes),
        resizing: shortage.map(|shortage| shortage.to_string()),
        assume_of_set: match template.template {
            Template::Live(_) => Assume::SameVersion,
            Template::New { .. } => Assume::SameObject,
        },
        claim: choice.map(|choice| choice.name),
        key,
        next_renewal: certificates.next_renewal,
        upgrade: template.upgrade_available,
        notices: notices.chain(certificates.notice).collect(),
        rotated,
    })
}

fn choose<'a>(inputs: &Inputs<'a>) -> Result<Option<Choice<'a>>, Trouble> {
    let metadata = &inputs.namespace.metadata;
    if PodVolume::is_ephemeral(&inputs.namespace.spec) {
        return Ok(None);
    }
    let adopt = annotations::get(metadata, asked::ADOPT_DATA);
    let chosen = volumes::choose(&inputs.around.owner, adopt, inputs.claims, inputs.is_living);
    chosen.map(Some).map_err(|error| {
        let (reason, path, fix) = match error {
            volumes::Error::NothingToAdopt { .. } => (Reason::Invalid, ADOPTED, "name data that is there"),
            volumes::Error::InUse { .. } => (Reason::DataInUse, ADOPTED, "delete its Namespace first"),
            volumes::Error::NameTaken { .. } => (
                Reason::NameTaken,
                "metadata.name",
                "or choose another name for the Namespace",
            ),
        };
        finding(&inputs.around.owner, reason, path, error.to_string(), fix)
    })
}

const ADOPTED: &str = "metadata.annotations[weft.dev/adopt-data]";

fn certificates(inputs: &Inputs<'_>) -> Result<certificates::Decision, Trouble> {
    let (namespace, around, owner) = (inputs.namespace, inputs.around, &inputs.around.owner);
    let tls = namespace.spec.tls.as_ref();
    if let Some(reference) = tls.and_then(|tls| tls.secret_ref.as_ref()) {
        let offered = around.offered.as_ref().map(|secret| &secret.object);
        return certificates::from_secret(owner, &reference.name, offered, inputs.now).map_err(|error| {
            let reason = match error {
                OfferError::Missing { .. } => Reason::SecretNotFound,
                _ => Reason::SecretNotUsable,
            };
            let fix = "offer a Secret of type kubernetes.io/tls with the label weft.dev/usable: \"true\"";
            finding(owner, reason, "spec.tls.secretRef", error.to_string(), fix)
        });
    }
    let names = tls.and_then(|tls| tls.dns_names.as_deref()).unwrap_or_default();
    let names =
        certificates::server_names(owner, &inputs.settings.cluster_domain, names).map_err(|error| {
            finding(
                owner,
                Reason::Invalid,
                "spec.tls.dnsNames",
                error.to_string(),
                "write another name",
            )
        })?;
    let wanted = certificates::Wanted {
        owner,
        names: &names,
        rotate_certificate: annotations::get(&namespace.metadata, asked::ROTATE_CERTIFICATE),
        rotate_ca: annotations::get(&namespace.metadata, asked::ROTATE_CA),
    };
    let whole = |secret: &'_ Option<std::sync::Arc<crate::cache::OurSecret>>| -> Option<Secret> {
        secret.as_ref().and_then(|secret| secret.whole().cloned())
    };
    let (ca, secrets) = (whole(&around.authorities), whole(&around.secrets));
    certificates::decide(&wanted, ca.as_ref(), secrets.as_ref(), inputs.now).map_err(|error| match error {
        certificates::Error::Damaged { .. } => Trouble::Blocked(error.to_string()),
        certificates::Error::Create(_) => failed(error),
    })
}

/// The credentials of the object store that the Namespace keeps its copy in, if it says where they are.
fn object_store(
    inputs: &Inputs<'_>,
    configuration: &Configuration,
) -> Result<BTreeMap<String, String>, Trouble> {
    let Checkpoint::ObjectStore { url } = &configuration.settings.checkpoint else {
        return Ok(BTreeMap::new());
    };
    let owner = &inputs.around.owner;
    if url.starts_with("file:") {
        let rule = "a folder is a place for the copy of positions in local mode alone".to_owned();
        let fix = "name a bucket, or leave out checkpoint for ConfigMaps";
        return Err(finding(owner, Reason::Invalid, STORE_URL, rule, fix));
    }
    let Some(reference) = store_credentials(inputs.namespace) else {
        return Ok(BTreeMap::new());
    };
    let offered = inputs.around.store_credentials.as_ref();
    object_store::options(&reference.name, offered.map(|secret| &secret.object)).map_err(|error| {
        let reason = match error {
            object_store::Error::Missing { .. } => Reason::SecretNotFound,
            _ => Reason::SecretNotUsable,
        };
        let fix = "offer a Secret with the store's options and the label weft.dev/usable: \"true\"";
        finding(owner, reason, STORE_CREDENTIALS, error.to_string(), fix)
    })
}

const STORE_URL: &str = "spec.checkpoint.objectStore.url";
/// Where a Namespace names the Secret with the credentials of its object store.
pub(super) const STORE_CREDENTIALS: &str = "spec.checkpoint.objectStore.credentialsSecretRef";

/// The Secret with the credentials of the object store.
pub(super) fn store_credentials(namespace: &Namespace) -> Option<&SecretReference> {
    let store = namespace.spec.checkpoint.as_ref()?.object_store.as_ref()?;
    store.credentials_secret_ref.as_ref()
}

fn claim(owner: &Owner, choice: &Choice<'_>, namespace: &Namespace, configuration: &Configuration) -> Claim {
    let storage = namespace
        .spec
        .storage
        .as_ref()
        .and_then(|storage| storage.persistent_volume.as_ref());
    let wanted = volumes::Wanted {
        size: storage.map_or(DEFAULT_SIZE, |volume| volume.size.as_str()),
        storage_class: storage.and_then(|volume| volume.storage_class_name.as_deref()),
        deletion_policy: configuration.settings.deletion_policy,
        deletion_grace_seconds: configuration.settings.deletion_grace_seconds,
    };
    volumes::claim(owner, choice, &wanted)
}

/// The size of the volume of a Namespace that says nothing; `plan` gives the log the same room.
const DEFAULT_SIZE: &str = "10Gi";

fn template(inputs: &Inputs<'_>, shape: Digest) -> release::Decision {
    let live = inputs.around.stateful_set.as_ref().map(|one| &one.object);
    let wanted = release::Wanted {
        release: &inputs.settings.release,
        approved: annotations::get(&inputs.namespace.metadata, asked::APPROVE_UPGRADE),
        automatic: inputs.namespace.spec.upgrade_policy == Some(UpgradePolicy::Automatic),
        shape,
    };
    release::decide(live, &wanted)
}

/// The key that programs are given: a new one only once the pod takes it, so that whoever reads it can use it at once.
fn key_for_programs(around: &Surroundings, keys: &keys::Decision) -> String {
    let reported = around.report.as_ref().map(|report| report.secrets_revision);
    let given = around.connection.as_ref().and_then(|secret| secret.whole());
    let key = keys.key_for_programs(reported, given.and_then(connection::key_in));
    key.expose().to_owned()
}

/// Whether a word of the user is one that was not acted upon before.
fn is_asked(before: Option<&Secret>, done: &str, word: Option<&str>) -> bool {
    word.is_some() && before.is_some_and(|before| annotations::get(&before.metadata, done) != word)
}

fn is_authority_asked(inputs: &Inputs<'_>) -> bool {
    let asked = annotations::get(&inputs.namespace.metadata, asked::ROTATE_CA);
    let before = inputs
        .around
        .authorities
        .as_ref()
        .and_then(|secret| secret.whole());
    is_asked(before, annotations::CA_ROTATED, asked)
}

fn finding(owner: &Owner, reason: Reason, path: &str, rule: String, fix: &str) -> Trouble {
    Trouble::Finding(Finding {
        uid: owner.uid.clone(),
        reason,
        violation: Violation::new(path, rule, fix),
    })
}

fn failed(error: impl ToString) -> Trouble {
    Trouble::Failed(error.to_string())
}
