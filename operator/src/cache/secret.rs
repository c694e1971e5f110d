//! Secrets that we made: a few for each Namespace, and one for each Topic, EventSubscription and Hub.

use std::collections::BTreeMap;

use config::Digest;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::{Deserialize, Serialize};

use super::child::Child;
use super::store::Versioned;
use super::version_of;
use crate::object::Prepared;

/// A cached Secret of ours.
#[derive(Debug)]
pub enum OurSecret {
    /// One of a Namespace.
    Whole(Box<Child<Secret>>),
    /// One of a Topic, EventSubscription or Hub. There may be thousands.
    Entity(EntitySecret),
}

/// A Secret of one entity: whose it is, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntitySecret {
    /// Its own uid.
    pub uid: Box<str>,
    /// The uid of the Topic, EventSubscription or Hub.
    pub owner_uid: Box<str>,
    /// Digest of everything in it that we determine.
    pub content: Digest,
    version: u64,
}

impl EntitySecret {
    /// A reference to its owner, as far as it is known.
    pub fn owner(&self) -> OwnerReference {
        OwnerReference {
            api_version: crds::API_VERSION.to_owned(),
            uid: self.owner_uid.to_string(),
            ..OwnerReference::default()
        }
    }
}

impl OurSecret {
    /// Keeps what is needed of a Secret.
    pub fn keep(secret: Secret) -> Self {
        let owner = secret
            .metadata
            .owner_references
            .iter()
            .flatten()
            .find(|owner| is_entity(owner));
        match owner {
            Some(owner) => Self::Entity(EntitySecret {
                uid: secret.metadata.uid.as_deref().unwrap_or_default().into(),
                owner_uid: owner.uid.as_str().into(),
                content: content(&secret),
                version: version_of(&secret.metadata),
            }),
            None => Self::Whole(Box::new(Child::keep(secret))),
        }
    }

    /// The Secret, unless it is one of an entity.
    pub fn whole(&self) -> Option<&Secret> {
        match self {
            Self::Whole(child) => Some(&child.object),
            Self::Entity(_) => None,
        }
    }
}

impl Versioned for OurSecret {
    fn uid(&self) -> &str {
        match self {
            Self::Whole(child) => child.uid(),
            Self::Entity(secret) => &secret.uid,
        }
    }

    fn version(&self) -> u64 {
        match self {
            Self::Whole(child) => child.version(),
            Self::Entity(secret) => secret.version,
        }
    }
}

/// The digest that a live Secret has in the cache if it is as `wanted` says.
pub fn wanted_content(wanted: &Prepared) -> Option<Digest> {
    Secret::deserialize(&wanted.value).ok().as_ref().map(content)
}

fn is_entity(owner: &OwnerReference) -> bool {
    let kind = crds::Kind::from_name(&owner.kind);
    owner.api_version == crds::API_VERSION && kind.is_some_and(|kind| kind != crds::Kind::Namespace)
}

/// Covers what we determine; what others add to the metadata does not count.
fn content(secret: &Secret) -> Digest {
    #[derive(Serialize)]
    struct Content<'a> {
        data: &'a Option<BTreeMap<String, k8s_openapi::ByteString>>,
        kind: &'a Option<String>,
        owner: Option<&'a OwnerReference>,
        labels: BTreeMap<&'a str, &'a str>,
        annotations: BTreeMap<&'a str, &'a str>,
    }
    let content = Content {
        data: &secret.data,
        kind: &secret.type_,
        owner: secret
            .metadata
            .owner_references
            .iter()
            .flatten()
            .find(|owner| is_entity(owner)),
        labels: ours(
            secret.metadata.labels.as_ref(),
            &["app.kubernetes.io/", crds::annotation::PREFIX],
        ),
        annotations: ours(secret.metadata.annotations.as_ref(), &[crds::annotation::PREFIX]),
    };
    Digest::of(&serde_json::to_vec(&content).unwrap_or_default())
}

fn ours<'a>(all: Option<&'a BTreeMap<String, String>>, prefixes: &[&str]) -> BTreeMap<&'a str, &'a str> {
    let all = all.into_iter().flatten();
    all.filter(|(key, _)| prefixes.iter().any(|prefix| key.starts_with(prefix)))
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}
