//! The Secret of a Namespace's pod: access keys, serving certificate, credentials of its object stores.
//!
//! Keys are made once, kept while their rule is there, forgotten with it, and replaced at the user's word. The revision
//! grows with every change of the content, and with nothing else.

use std::collections::BTreeMap;

use config::{AccessKeys, AuthorizationRule, Secrets, StoreCredentials, objects};
use credentials::NoRandomness;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use crate::annotations;
use crate::certificates::Serving;
use crate::labels::Component;
use crate::object::{Owner, Prepared};

/// What the Secret says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Keys and certificate.
    pub secrets: Secrets,
    /// Their revision.
    pub revision: u64,
}

impl Stored {
    /// Reads the Secret; `None` if it is not what we write.
    pub fn read(secret: &Secret) -> Option<Self> {
        let data = secret.data.as_ref()?;
        Some(Self {
            secrets: serde_json::from_slice(&data.get(objects::SECRETS_KEY)?.0).ok()?,
            revision: read_revision(secret)?,
        })
    }
}

/// What a Namespace's Secret is to hold.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The rules that need keys.
    pub rules: &'a [AuthorizationRule],
    /// The user's word for new keys.
    pub rotate: Option<&'a str>,
    /// What the door shows.
    pub serving: &'a Serving,
    /// The credentials of the object store, if there is one.
    pub object_store: &'a BTreeMap<String, String>,
    /// The same of the stores for dead letters, by the name of the user's Secret.
    pub dead_letter_stores: &'a BTreeMap<String, StoreCredentials>,
    /// The user's word for a new certificate that is fulfilled with `serving`.
    pub certificate_rotated: Option<&'a str>,
    /// The highest revision that a pod has reported, 0 if none. The revision only grows, also after somebody deleted
    /// the Secret or restored an old one, or the pod would not take it.
    pub seen_revision: u64,
}

/// What a Namespace's Secret holds from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Keys and certificate.
    pub secrets: Secrets,
    /// Their revision.
    pub revision: u64,
    /// Whether they differ from what is there.
    pub changed: bool,
    rotated: Option<String>,
    certificate_rotated: Option<String>,
}

/// The Secret was tampered with. Keys that programs may be using are not thrown away without being told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not hold what we write.
    #[error(
        "the Secret {name} cannot be read; restore it from a backup, or delete it: new keys are made then, and programs \
         need the new settings"
    )]
    Damaged {
        /// Which Secret.
        name: String,
    },
    /// A key could not be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// Decides what the Secret `NAME-secrets`, now `existing`, holds from now on.
///
/// # Errors
/// When what is there cannot be read, or a key cannot be made.
pub fn decide(existing: Option<&Secret>, wanted: &Wanted<'_>) -> Result<Decision, Error> {
    let stored = existing.map(read).transpose()?;
    let done = |annotation| existing.and_then(|secret| annotations::get(&secret.metadata, annotation));
    let rotate =
        stored.is_some() && wanted.rotate.is_some() && done(annotations::KEYS_ROTATED) != wanted.rotate;
    let keys = stored.as_ref().map_or(&[][..], |stored| &stored.secrets.rules);
    let secrets = Secrets {
        rules: wanted
            .rules
            .iter()
            .map(|rule| keys_of(rule, keys, rotate))
            .collect::<Result<_, _>>()?,
        certificate_pem: wanted.serving.certificate_pem.clone(),
        private_key_pem: wanted.serving.private_key_pem.expose().to_owned(),
        object_store: wanted.object_store.clone(),
        dead_letter_stores: wanted.dead_letter_stores.clone(),
    };
    let before = stored.as_ref().map_or(0, |stored| stored.revision);
    let is_same = stored.is_some_and(|stored| stored.secrets == secrets);
    // A Secret from a backup may be older than what the pod has.
    let changed = !is_same || before < wanted.seen_revision;
    let newest = before.max(wanted.seen_revision);
    Ok(Decision {
        secrets,
        revision: if changed { newest.saturating_add(1) } else { before },
        changed,
        rotated: owned(wanted.rotate.or_else(|| done(annotations::KEYS_ROTATED))),
        certificate_rotated: owned(
            wanted
                .certificate_rotated
                .or_else(|| done(annotations::CERTIFICATE_ROTATED)),
        ),
    })
}

impl Decision {
    /// The Secret.
    pub fn secret(&self, owner: &Owner) -> Prepared {
        let mut metadata = owner.child(objects::secrets(&owner.name), Component::Configuration);
        let done = [
            (annotations::KEYS_ROTATED, &self.rotated),
            (annotations::CERTIFICATE_ROTATED, &self.certificate_rotated),
        ];
        let done = done
            .into_iter()
            .filter_map(|(key, word)| Some((key.to_owned(), word.clone()?)));
        metadata.annotations = Some(done.collect());
        let json = serde_json::to_vec(&self.secrets).expect("strings become JSON");
        let data = BTreeMap::from([
            (objects::SECRETS_KEY.to_owned(), ByteString(json)),
            (
                objects::SECRETS_REVISION_KEY.to_owned(),
                ByteString(self.revision.to_string().into_bytes()),
            ),
        ]);
        Prepared::new(&Secret {
            metadata,
            data: Some(data),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        })
    }

    /// The key of the root rule that connection settings hand out: the primary one as soon as the pod has reported
    /// this revision; before that, the one that they hand out now (`current`) if it goes on being valid, because a
    /// program that reads a new key must find it accepted. The same for the Namespace and all its entities.
    pub fn key_for_programs(&self, reported: Option<u64>, current: Option<&str>) -> credentials::Secret {
        let Some(root) = self.secrets.rules.first() else {
            return credentials::Secret::new("");
        };
        let (primary, secondary) = (root.primary_key.as_str(), root.secondary_key.as_str());
        let is_known = reported.is_some_and(|reported| reported >= self.revision);
        credentials::Secret::new(match current {
            _ if is_known => primary,
            Some(current) if [primary, secondary].contains(&current) => current,
            // What was primary when the pod last looked, whether there was a rotation or not.
            None if reported.is_some() => secondary,
            _ => primary,
        })
    }
}

fn read(secret: &Secret) -> Result<Stored, Error> {
    Stored::read(secret).ok_or_else(|| Error::Damaged {
        name: secret.metadata.name.clone().unwrap_or_default(),
    })
}

fn read_revision(secret: &Secret) -> Option<u64> {
    let text = secret.data.as_ref()?.get(objects::SECRETS_REVISION_KEY)?;
    std::str::from_utf8(&text.0).ok()?.trim().parse().ok()
}

fn keys_of(
    rule: &AuthorizationRule,
    stored: &[AccessKeys],
    rotate: bool,
) -> Result<AccessKeys, NoRandomness> {
    let keys = match stored.iter().find(|keys| keys.name == rule.name) {
        Some(keys) if !rotate => return Ok(keys.clone()),
        Some(keys) => credentials::AccessKeys {
            primary: credentials::Secret::new(&keys.primary_key),
            secondary: credentials::Secret::new(&keys.secondary_key),
        }
        .rotated()?,
        None => credentials::AccessKeys::generate()?,
    };
    Ok(AccessKeys {
        name: rule.name.clone(),
        primary_key: keys.primary.expose().to_owned(),
        secondary_key: keys.secondary.expose().to_owned(),
    })
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests;
