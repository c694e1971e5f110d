//! Whose tokens are good.

use jsonwebtoken::jwk::JwkSet;

/// All issuers that are trusted. With none, no bearer token is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issuers {
    /// Those whose keys are known. If two have the same URL, the first counts.
    pub known: Vec<Issuer>,
    /// The URLs of those whose keys are not known yet. Whether a token of theirs is good cannot be said, so whoever shows
    /// one is told to try again, and not to look for another.
    pub awaited: Vec<String>,
    /// The cluster's own issuer is one of those. Its URL comes with its keys: until then a token may be of it that says to
    /// be a ServiceAccount's.
    pub awaits_cluster: bool,
}

impl From<Vec<Issuer>> for Issuers {
    /// These, and nobody is waited for.
    fn from(known: Vec<Issuer>) -> Self {
        Self {
            known,
            ..Self::default()
        }
    }
}

/// Somebody whose signature is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What its tokens have as `iss`, to the letter.
    pub url: String,
    /// A token must be meant for (`aud`) one of these.
    pub audiences: Vec<String>,
    /// The keys that it publishes. Those of other kinds than signatures that are accepted are passed over.
    pub keys: JwkSet,
    /// Who its subjects are here.
    pub mapping: Mapping,
}

/// How the claims of a token become a [`Subject`](crate::Subject).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// A Kubernetes cluster's: `sub` is `system:serviceaccount:NAMESPACE:NAME`.
    ServiceAccounts,
    /// Anybody else's. Names and groups get the prefix, and none may begin with `system:`, so that no issuer can
    /// speak for the cluster.
    Claims {
        /// Not empty, and not the beginning of `system:`.
        prefix: String,
        /// The claim that has the user's name, such as `sub`: a text.
        username: String,
        /// The claim that has the groups, such as `groups`: texts or one text. A token without it has none.
        groups: Option<String>,
    },
}
