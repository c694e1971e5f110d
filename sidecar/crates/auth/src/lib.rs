//! Access keys and SAS tokens: turns a credential that a client shows into a [`Permit`] that the broker asks for.

mod authorizer;
mod error;
mod grant;
mod key_ring;
mod keys;
mod permit;
mod resource;
mod sas;

pub use authorizer::Authorizer;
pub use error::Error;
pub use grant::Grant;
pub use keys::{Keys, Right, Rights, Rule, Secret};
pub use permit::{Listen, Manage, Permit, Send};
pub use resource::Resource;

/// What a client shows.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// `Authorization: SharedAccessKey …`, or `aeg-sas-key` as header or query parameter: the key itself.
    AccessKey(&'a str),
    /// `Authorization: SharedAccessSignature …` or `aeg-sas-token`, exactly as received: `r=…&e=…&s=…` as Event Grid's
    /// clients make it, or `sr=…&sig=…&se=…&skn=…` as those of Event Hubs do.
    SharedAccessSignature(&'a str),
    /// Nothing.
    None,
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AccessKey(_) => "AccessKey(***)",
            Self::SharedAccessSignature(_) => "SharedAccessSignature(***)",
            Self::None => "None",
        })
    }
}
