//! A Namespace's spec, with its defaults.

use config::{AuthorizationRule, Checkpoint, DeletionPolicy, Issuer, Right, Settings};
use crds::shared;
use crds::v1alpha1::{self, NamespaceSpec, Storage};

use crate::decision::Refusal;
use crate::duration::IsoDuration;
use crate::manifest::Violation;
use crate::size::{DEFAULT_SIZE, StorageSize};

/// How long the data of a deleted entity is kept where the Namespace does not say.
const DELETION_GRACE: IsoDuration = IsoDuration::from_days(1);
/// The rule that every Namespace has.
const ROOT_RULE: &str = "RootManageSharedAccessKey";

/// The settings of a Namespace that [`manifest::check`](crate::manifest::check) has passed.
pub(crate) fn settings(spec: &NamespaceSpec) -> Result<Settings, Refusal> {
    Ok(Settings {
        storage_capacity_bytes: capacity(spec.storage.as_ref())?.as_bytes(),
        deletion_policy: match spec.deletion_policy {
            Some(v1alpha1::DeletionPolicy::Retain) => DeletionPolicy::Retain,
            Some(v1alpha1::DeletionPolicy::Delete) | None => DeletionPolicy::Delete,
        },
        deletion_grace_seconds: grace(spec.deletion_grace_period.as_deref())?.as_seconds(),
        authorization_rules: authorization_rules(spec.authorization_rules.as_deref().unwrap_or_default()),
        disable_local_auth: spec.disable_local_auth.unwrap_or_default(),
        issuers: issuers(spec.identity.as_ref()),
        checkpoint: checkpoint(spec.checkpoint.as_ref())?,
    })
}

fn capacity(storage: Option<&Storage>) -> Result<StorageSize, Refusal> {
    let (path, text) = match storage {
        None => ("spec.storage", DEFAULT_SIZE),
        Some(Storage {
            persistent_volume: Some(volume),
            ephemeral: None,
        }) => ("spec.storage.persistentVolume.size", volume.size.as_str()),
        Some(Storage {
            persistent_volume: None,
            ephemeral: Some(disk),
        }) => ("spec.storage.ephemeral.sizeLimit", disk.size_limit.as_str()),
        Some(_) => return Err(broken("spec.storage", &crds::rules::ONE_STORAGE)),
    };
    StorageSize::parse(text).ok_or_else(|| broken(path, &crds::rules::STORAGE_SIZE))
}

fn grace(text: Option<&str>) -> Result<IsoDuration, Refusal> {
    let Some(text) = text else {
        return Ok(DELETION_GRACE);
    };
    IsoDuration::parse(text).ok_or_else(|| broken("spec.deletionGracePeriod", &crds::rules::DURATION))
}

fn authorization_rules(rules: &[shared::AuthorizationRule]) -> Vec<AuthorizationRule> {
    let root = AuthorizationRule {
        name: ROOT_RULE.to_owned(),
        rights: vec![Right::Send, Right::Listen, Right::Manage],
    };
    let configured = rules.iter().map(|rule| AuthorizationRule {
        name: rule.name.clone(),
        rights: rule.rights.iter().map(|right| self::right(*right)).collect(),
    });
    std::iter::once(root).chain(configured).collect()
}

fn issuers(identity: Option<&v1alpha1::Identity>) -> Vec<Issuer> {
    let issuers = identity.map(|identity| identity.issuers.as_slice());
    let issuers = issuers.unwrap_or_default().iter().map(|issuer| Issuer {
        url: issuer.url.clone(),
        audiences: issuer.audiences.clone(),
        prefix: issuer.prefix.clone(),
        username_claim: issuer.username_claim.clone(),
        groups_claim: issuer.groups_claim.clone(),
        certificate_authority_pem: issuer.certificate_authority.clone(),
    });
    issuers.collect()
}

fn checkpoint(checkpoint: Option<&v1alpha1::Checkpoint>) -> Result<Checkpoint, Refusal> {
    match checkpoint {
        None
        | Some(v1alpha1::Checkpoint {
            config_map: Some(_),
            object_store: None,
        }) => Ok(Checkpoint::ConfigMap),
        Some(v1alpha1::Checkpoint {
            config_map: None,
            object_store: Some(store),
        }) => Ok(Checkpoint::ObjectStore {
            url: store.url.clone(),
        }),
        Some(_) => Err(broken("spec.checkpoint", &crds::rules::ONE_CHECKPOINT)),
    }
}

fn right(right: shared::Right) -> Right {
    match right {
        shared::Right::Send => Right::Send,
        shared::Right::Listen => Right::Listen,
        shared::Right::Manage => Right::Manage,
    }
}

/// The refusal for a rule that the check before should already have enforced.
pub(crate) fn broken(path: &str, rule: &crds::rules::Rule) -> Refusal {
    Refusal::invalid(vec![Violation::new(path, rule.rule, rule.fix)])
}
