//! Access keys, SAS tokens and bearer tokens: turns a credential that a client shows into a [`Permit`] that the broker
//! asks for.
//!
//! Keys and what they sign are checked against the authorization rules of the Namespace ([`Keys`]). A bearer token is
//! verified against the keys of the issuers that are trusted ([`Issuers`]); what its [`Subject`] may do is asked from a
//! [`Reviewer`], which this crate only declares. There is no clock: callers say what time it is.

mod authorizer;
mod bearer;
mod bounded;
mod error;
mod grant;
mod key_ring;
mod keys;
mod names;
mod permit;
mod resource;
mod reviews;
mod sas;
pub mod storage;
mod subject;
mod url;

pub use authorizer::Authorizer;
pub use bearer::{Issuer, Issuers, Mapping, TOKEN_BYTES_MAX, Verified};
pub use error::{Error, ErrorKind, shown};
pub use grant::Grant;
pub use jsonwebtoken::jwk::{Jwk, JwkSet};
pub use keys::{Keys, Right, Rights, Rule, Secret};
pub use names::Names;
pub use permit::{Listen, Manage, Permit, Send};
pub use resource::Resource;
pub use reviews::{Asked, EveryRight, Nobody, Object, Question, ReviewError, Reviewer, Verb};
pub use subject::Subject;

/// What a client shows.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// `Authorization: SharedAccessKey …`, or `aeg-sas-key` as header or query parameter: the key itself.
    AccessKey(&'a str),
    /// `Authorization: SharedAccessSignature …` or `aeg-sas-token`, exactly as received: `r=…&e=…&s=…` as Event Grid's
    /// clients make it, or `sr=…&sig=…&se=…&skn=…` as those of Event Hubs do.
    SharedAccessSignature(&'a str),
    /// `Authorization: Bearer …`: a JWT.
    Bearer(&'a str),
    /// `Authorization: SharedKey ACCOUNT:SIGNATURE` of Azure Storage.
    SharedKey(&'a storage::SharedKey),
    /// The query parameters `sv=…&sig=…` of Azure Storage.
    StorageSas(&'a storage::Sas),
    /// Nothing.
    None,
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AccessKey(_) => "AccessKey(***)",
            Self::SharedAccessSignature(_) => "SharedAccessSignature(***)",
            Self::Bearer(_) => "Bearer(***)",
            Self::SharedKey(_) => "SharedKey(***)",
            Self::StorageSas(_) => "StorageSas(***)",
            Self::None => "None",
        })
    }
}
