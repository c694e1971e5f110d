//! The claim of a Namespace's volume: which one it is, what it looks like, and when one that nobody uses is deleted.
//!
//! Claims carry no owner reference: data outlives its Namespace by the grace period, or for good. A claim is known by
//! the uid under which its data was first written ([`labels::DATA_UID`]), and says which Namespace uses it
//! ([`labels::NAMESPACE_UID`]).

mod lifecycle;

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::annotations;
use crate::in_effect::quantity;
use crate::labels::{self, Component};
use crate::names;
use crate::object::{Owner, Prepared};

pub use lifecycle::{Lifecycle, lifecycle};

/// The claim that a Namespace uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice<'a> {
    /// Its name.
    pub name: String,
    /// The uid under which its data was first written.
    pub data_uid: String,
    /// The claim as it is; `None` if it is yet to be made.
    pub live: Option<&'a PersistentVolumeClaim>,
}

impl Choice<'_> {
    /// The uid under which the data was written, if it was not that of `owner`.
    pub fn adopted(&self, owner: &Owner) -> Option<&str> {
        (self.data_uid != owner.uid).then_some(self.data_uid.as_str())
    }
}

/// Why a Namespace has no volume.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no data under the uid that is to be adopted. An empty volume in its place would look like lost data.
    #[error(
        "there is no volume with the data of a Namespace whose uid was {data_uid}; look for the label {} on \
         PersistentVolumeClaims, or remove the annotation {}",
        labels::DATA_UID,
        annotations::ADOPT_DATA
    )]
    NothingToAdopt {
        /// The value of the annotation.
        data_uid: String,
    },
    /// The data is in use.
    #[error(
        "the data of the Namespace whose uid was {data_uid} is used by the Namespace with the uid {user}; delete that \
         one first, or remove the annotation {}",
        annotations::ADOPT_DATA
    )]
    InUse {
        /// The value of the annotation.
        data_uid: String,
        /// `metadata.uid` of the Namespace that uses it.
        user: String,
    },
    /// A claim that is not ours has the name.
    #[error("there is a PersistentVolumeClaim {name} that is not Weft's; rename or remove it")]
    NameTaken {
        /// Its name.
        name: String,
    },
}

/// Finds the claim of `owner` among the `claims` of its Kubernetes namespace. In this order: the one whose data the
/// user asks for (`adopt`); one that it adopted before, because an annotation that is gone again must not make the
/// data disappear; its own. `is_living` knows which Namespaces there are, by uid.
///
/// # Errors
/// When there is nothing to adopt, when somebody else uses it, or when the name belongs to a stranger's claim.
pub fn choose<'a>(
    owner: &Owner,
    adopt: Option<&str>,
    claims: &[&'a PersistentVolumeClaim],
    is_living: impl Fn(&str) -> bool,
) -> Result<Choice<'a>, Error> {
    let ours = || claims.iter().copied().filter(|claim| is_ours(claim));
    let chosen = |claim: &'a PersistentVolumeClaim, data_uid: &str| Choice {
        name: claim.metadata.name.clone().unwrap_or_default(),
        data_uid: data_uid.to_owned(),
        live: Some(claim),
    };
    if let Some(data_uid) = adopt.filter(|uid| *uid != owner.uid) {
        let claim = ours()
            .find(|claim| label(claim, labels::DATA_UID) == Some(data_uid))
            .ok_or_else(|| Error::NothingToAdopt {
                data_uid: data_uid.to_owned(),
            })?;
        return match label(claim, labels::NAMESPACE_UID) {
            Some(user) if user != owner.uid && is_living(user) => Err(Error::InUse {
                data_uid: data_uid.to_owned(),
                user: user.to_owned(),
            }),
            _ => Ok(chosen(claim, data_uid)),
        };
    }
    let adopted = ours()
        .filter(|claim| label(claim, labels::NAMESPACE_UID) == Some(&owner.uid))
        .find_map(|claim| {
            let data_uid = label(claim, labels::DATA_UID).filter(|uid| *uid != owner.uid)?;
            Some(chosen(claim, data_uid))
        });
    adopted.map_or_else(|| own(owner, claims), Ok)
}

fn own<'a>(owner: &Owner, claims: &[&'a PersistentVolumeClaim]) -> Result<Choice<'a>, Error> {
    let name = names::claim(&owner.name, &owner.uid);
    let live = claims
        .iter()
        .copied()
        .find(|claim| claim.metadata.name.as_ref() == Some(&name));
    match live {
        Some(claim) if !is_ours(claim) || label(claim, labels::DATA_UID) != Some(&owner.uid) => {
            Err(Error::NameTaken { name })
        }
        live => Ok(Choice {
            name,
            data_uid: owner.uid.clone(),
            live,
        }),
    }
}

/// What a Namespace says about its volume, with defaults applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// A quantity, such as `10Gi`.
    pub size: &'a str,
    /// `None`: the cluster's default.
    pub storage_class: Option<&'a str>,
    /// What happens to the data when the Namespace is gone.
    pub deletion_policy: config::DeletionPolicy,
    /// How long it is kept then, in seconds.
    pub deletion_grace_seconds: u64,
}

/// A claim to be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The object.
    pub prepared: Prepared,
    /// What the claim cannot be as the user wants it.
    pub notices: Vec<Notice>,
}

/// A wish that a claim cannot fulfil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Volumes do not shrink.
    LargerThanWanted {
        /// What the claim has.
        has: String,
        /// What the user wants.
        wanted: String,
    },
    /// A claim keeps its storage class.
    OtherStorageClass {
        /// What the claim has.
        has: String,
        /// What the user wants.
        wanted: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LargerThanWanted { has, wanted } => {
                write!(f, "the volume has {has} and cannot shrink to {wanted}")
            }
            Self::OtherStorageClass { has, wanted } => {
                write!(
                    f,
                    "the volume has the storage class `{has}` and cannot change to `{wanted}`"
                )
            }
        }
    }
}

/// The claim as it is to be applied: it grows and never shrinks, and keeps its storage class.
pub fn claim(owner: &Owner, choice: &Choice<'_>, wanted: &Wanted<'_>) -> Claim {
    let live = choice.live.and_then(|claim| claim.spec.as_ref());
    let mut notices = Vec::new();
    let size = size(live, wanted.size, &mut notices);
    let class = storage_class(live, choice.adopted(owner), wanted.storage_class, &mut notices);
    let mut metadata = owner.survivor(choice.name.clone(), Component::Data);
    metadata
        .labels
        .get_or_insert_default()
        .insert(labels::DATA_UID.to_owned(), choice.data_uid.clone());
    let policy = match wanted.deletion_policy {
        config::DeletionPolicy::Retain => lifecycle::RETAIN,
        config::DeletionPolicy::Delete => lifecycle::DELETE,
    };
    metadata.annotations = Some(BTreeMap::from([
        (annotations::DELETION_POLICY.to_owned(), policy.to_owned()),
        (
            annotations::DELETION_GRACE.to_owned(),
            wanted.deletion_grace_seconds.to_string(),
        ),
    ]));
    let spec = PersistentVolumeClaimSpec {
        access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
        storage_class_name: class,
        resources: Some(VolumeResourceRequirements {
            requests: Some(BTreeMap::from([("storage".to_owned(), Quantity(size))])),
            ..VolumeResourceRequirements::default()
        }),
        ..PersistentVolumeClaimSpec::default()
    };
    Claim {
        prepared: Prepared::new(&PersistentVolumeClaim {
            metadata,
            spec: Some(spec),
            status: None,
        }),
        notices,
    }
}

fn size(live: Option<&PersistentVolumeClaimSpec>, wanted: &str, notices: &mut Vec<Notice>) -> String {
    let requests = live
        .and_then(|spec| spec.resources.as_ref())
        .and_then(|resources| resources.requests.as_ref());
    match requests.and_then(|requests| requests.get("storage")) {
        Some(Quantity(has)) if quantity::parse(has) > quantity::parse(wanted) => {
            notices.push(Notice::LargerThanWanted {
                has: has.clone(),
                wanted: wanted.to_owned(),
            });
            has.clone()
        }
        _ => wanted.to_owned(),
    }
}

/// A class that the cluster chose stays out of what we apply; one that we applied under another Namespace stays in,
/// because a claim cannot lose it.
fn storage_class(
    live: Option<&PersistentVolumeClaimSpec>,
    adopted: Option<&str>,
    wanted: Option<&str>,
    notices: &mut Vec<Notice>,
) -> Option<String> {
    let has = live.and_then(|spec| spec.storage_class_name.as_deref());
    match (has, wanted) {
        (Some(has), Some(wanted)) if has != wanted => {
            notices.push(Notice::OtherStorageClass {
                has: has.to_owned(),
                wanted: wanted.to_owned(),
            });
            Some(has.to_owned())
        }
        (Some(has), None) => adopted.map(|_| has.to_owned()),
        // A claim without a class stays without: it was made before the cluster had a default one.
        (None, Some(_)) if live.is_some() => None,
        _ => wanted.map(str::to_owned),
    }
}

/// A volume that is smaller than its claim asks for: it is being resized, or cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What the volume has.
    pub has: String,
    /// The same in bytes, if it can be read.
    pub capacity_bytes: Option<u64>,
    /// What the claim asks for.
    pub wanted: String,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { has, wanted, .. } = self;
        write!(
            f,
            "the volume has {has} and is not {wanted} yet; `kubectl describe` of its claim says more"
        )
    }
}

/// What a bound claim lacks; `None` for one that is as large as it asks to be.
pub fn shortage(claim: &PersistentVolumeClaim) -> Option<Shortage> {
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    let Quantity(wanted) = requests.get("storage")?;
    let Quantity(has) = claim.status.as_ref()?.capacity.as_ref()?.get("storage")?;
    let parsed = quantity::parse(has)?;
    (parsed < quantity::parse(wanted)?).then(|| Shortage {
        has: has.clone(),
        capacity_bytes: u64::try_from(parsed / quantity::ONE).ok(),
        wanted: wanted.clone(),
    })
}

/// Whether the Namespace with this uid and this word for adoption uses a claim, or is about to, or did once: what belongs
/// to a Namespace that is there is never deleted.
pub fn is_used_by(claim: &PersistentVolumeClaim, uid: &str, adopt: Option<&str>) -> bool {
    let data_uid = label(claim, labels::DATA_UID);
    label(claim, labels::NAMESPACE_UID) == Some(uid)
        || data_uid == Some(uid)
        || (adopt.is_some() && data_uid == adopt)
}

fn is_ours(claim: &PersistentVolumeClaim) -> bool {
    label(claim, labels::MANAGED_BY) == Some(labels::MANAGED_BY_OPERATOR)
}

fn label<'a>(claim: &'a PersistentVolumeClaim, key: &str) -> Option<&'a str> {
    claim.metadata.labels.as_ref()?.get(key).map(String::as_str)
}

#[cfg(test)]
mod tests;
