//! Why somebody is turned away.

use model::Timestamp;

use crate::keys::Right;

/// Why a credential is refused. The text is what the caller reads: it says what broke and how to fix it, and never
/// holds a key or a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(
        "no credential: send `Authorization: SharedAccessKey KEY`, `aeg-sas-key: KEY` or `aeg-sas-token: TOKEN`"
    )]
    Missing,
    #[error(
        "the SAS token is malformed: {0}; valid format: \
         r=UrlEncodedResource&e=UrlEncodedUtcExpiration&s=UrlEncodedSignature"
    )]
    Malformed(&'static str),
    #[error(
        "the SAS token is malformed: {0}; valid format: \
         SharedAccessSignature sr=UrlEncodedResource&sig=UrlEncodedSignature&se=UnixSeconds&skn=RuleName"
    )]
    MalformedSignature(&'static str),
    #[error("the SAS token expired at {0}: create a new one")]
    Expired(Timestamp),
    #[error(
        "the signature of the SAS token matches no key of this Namespace: sign `r=…&e=…` with HMAC-SHA256 \
         under the base64-decoded key"
    )]
    BadSignature,
    #[error(
        "the signature of the SAS token matches no key of the rule `{0}`: sign `sr` and `se`, a line feed between \
         them, with HMAC-SHA256 under the key as it is written"
    )]
    BadSignatureOfRule(String),
    #[error(
        "the access key is not one of this Namespace's: use the current primary or secondary key of a rule"
    )]
    WrongKey,
    #[error("the SAS token is valid for `{0}` only: create one whose `r` is a URL above what you ask for")]
    OutOfScope(String),
    #[error("the authorization rule `{rule}` lacks the right {right}: use the key of a rule that has it")]
    LacksRight { rule: String, right: Right },
}

impl Error {
    /// Whether the caller is known but may not do this (403), rather than unknown (401).
    pub const fn is_forbidden(&self) -> bool {
        match self {
            Self::OutOfScope(_) | Self::LacksRight { .. } => true,
            Self::Missing
            | Self::Malformed(_)
            | Self::MalformedSignature(_)
            | Self::Expired(_)
            | Self::BadSignature
            | Self::BadSignatureOfRule(_)
            | Self::WrongKey => false,
        }
    }
}
