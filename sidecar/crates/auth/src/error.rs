//! Why somebody is turned away.

use model::Timestamp;

use crate::keys::Right;
use crate::reviews::{Asked, Object, Verb};

/// Why a credential is refused. The text is what the caller reads: it says what broke and how to fix it, and never
/// holds a key, a token or a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(
        "no credential: send `Authorization: Bearer TOKEN`, `Authorization: SharedAccessKey KEY`, `aeg-sas-key: KEY` \
         or `aeg-sas-token: TOKEN`"
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
    #[error(
        "access keys and what they sign are switched off here by `disableLocalAuth: true` of the Namespace: \
         send `Authorization: Bearer TOKEN`, or over AMQP a `jwt`, with a token of your ServiceAccount or your issuer"
    )]
    LocalAuthDisabled,

    #[error(
        "no bearer token is accepted here, because no issuer is trusted: add one to `identity.issuers` of the Namespace, \
         or use an access key"
    )]
    NoIssuer,
    #[error("the bearer token cannot be used: {0}")]
    BearerMalformed(&'static str),
    #[error(
        "the bearer token was issued by `{0}`, which is not trusted here: use a token of the cluster, or add the issuer \
         to `identity.issuers` of the Namespace exactly as it is written in `iss`"
    )]
    UnknownIssuer(String),
    #[error(
        "the bearer token is meant for {}, not for {}: ask its issuer for one with that audience",
        quoted(found),
        quoted(expected)
    )]
    WrongAudience {
        found: Vec<String>,
        expected: Vec<String>,
    },
    #[error("the bearer token expired at {0}: get a new one")]
    BearerExpired(Timestamp),
    #[error("the bearer token is valid from {0} on: check the clock of who issued it")]
    BearerNotYetValid(Timestamp),
    #[error(
        "the signature of the bearer token matches no key that its issuer publishes: get a new one; if its issuer has \
         just changed its keys, try again in some seconds"
    )]
    BearerBadSignature,
    #[error(
        "the bearer token is signed with `{0}`, which is not accepted: use RS256, RS384, RS512, PS256, PS384, PS512, \
         ES256, ES384 or EdDSA"
    )]
    AlgorithmRefused(String),
    #[error("{}", lacks(username, *verb, asked))]
    LacksVerb {
        username: String,
        verb: Verb,
        asked: Asked,
    },
    /// With why, which is for the log: it may speak of what is inside the cluster.
    #[error("it cannot be found out now what the bearer token may do: try again in some seconds")]
    Unavailable(String),

    #[error("the header `Authorization` is malformed: {0}; valid format: SharedKey ACCOUNT:SIGNATURE")]
    MalformedSharedKey(&'static str),
    #[error("the account `{found}` is not served here: use the name of the Namespace, `{expected}`")]
    WrongAccount { found: String, expected: String },
    #[error(
        "the signature of the request matches no key of this Namespace: sign with HMAC-SHA256 under the base64-decoded \
         key; the text that was expected to be signed: {0:?}"
    )]
    BadRequestSignature(String),
    #[error("the request was signed at {0}, which is more than 15 minutes from now: check your clock")]
    RequestTooOld(Timestamp),
    #[error("the storage SAS is malformed: {0}")]
    MalformedStorageSas(&'static str),
    #[error("this storage SAS cannot be used here: {0}")]
    UnsupportedStorageSas(&'static str),
    #[error(
        "the signature of the storage SAS matches no key of this Namespace: sign with HMAC-SHA256 under the \
         base64-decoded key; the text that was expected to be signed: {0:?}"
    )]
    BadStorageSasSignature(String),
    #[error("the storage SAS is valid from {0} on")]
    StorageSasNotYetValid(Timestamp),
    #[error("the storage SAS does not allow this: it needs {0}")]
    StorageSasLacks(&'static str),
}

/// What a refused caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nobody we know: show another credential (401).
    Unauthenticated,
    /// Known, but not allowed to do this: get the right (403).
    Forbidden,
    /// It cannot be decided now: try again (503).
    Unavailable,
}

impl Error {
    /// What the caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::OutOfScope(_)
            | Self::LacksRight { .. }
            | Self::LacksVerb { .. }
            | Self::StorageSasLacks(_) => ErrorKind::Forbidden,
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::Missing
            | Self::Malformed(_)
            | Self::MalformedSignature(_)
            | Self::Expired(_)
            | Self::BadSignature
            | Self::BadSignatureOfRule(_)
            | Self::WrongKey
            | Self::LocalAuthDisabled
            | Self::NoIssuer
            | Self::BearerMalformed(_)
            | Self::UnknownIssuer(_)
            | Self::WrongAudience { .. }
            | Self::BearerExpired(_)
            | Self::BearerNotYetValid(_)
            | Self::BearerBadSignature
            | Self::AlgorithmRefused(_)
            | Self::MalformedSharedKey(_)
            | Self::WrongAccount { .. }
            | Self::BadRequestSignature(_)
            | Self::RequestTooOld(_)
            | Self::MalformedStorageSas(_)
            | Self::UnsupportedStorageSas(_)
            | Self::BadStorageSasSignature(_)
            | Self::StorageSasNotYetValid(_) => ErrorKind::Unauthenticated,
        }
    }

    /// Whether the caller is known but may not do this (403), rather than unknown (401).
    pub const fn is_forbidden(&self) -> bool {
        matches!(self.kind(), ErrorKind::Forbidden)
    }
}

/// A stranger's text, short and plain enough for a message: at most 200 characters, none of which is a control character.
pub fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 200;
    let plain = |character: char| if character.is_control() { '?' } else { character };
    text.chars().take(CHARACTERS_MAX).map(plain).collect()
}

fn quoted(names: &[String]) -> String {
    if names.is_empty() {
        return "nobody".to_owned();
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" or ")
}

fn lacks(username: &str, verb: Verb, Asked { objects, unknown }: &Asked) -> String {
    let username = shown(username);
    let one_of: Vec<_> = objects.iter().map(Object::to_string).collect();
    let may_not = format!("`{username}` may not `{verb}` on {}", one_of.join(" or "));
    match unknown {
        Some(unknown) => {
            format!("there is no {unknown} here, and {may_not}: check the name, or whether it is Ready")
        }
        None => format!(
            "{may_not}: bind a role that has the verb, such as {}",
            role(verb, objects)
        ),
    }
}

/// The role of ours that has the verb for the kind of thing that was asked for.
fn role(verb: Verb, objects: &[Object]) -> &'static str {
    let narrowest = objects.first();
    let is_checkpoints = narrowest.is_some_and(|object| object.subresource.is_some());
    match (narrowest.map(|object| object.resource), verb) {
        _ if is_checkpoints => "storage-blob-data-contributor",
        (Some("topics" | "eventsubscriptions"), Verb::Send) => "eventgrid-data-sender",
        (Some("topics" | "eventsubscriptions"), Verb::Receive) => "eventgrid-data-receiver",
        (Some("topics" | "eventsubscriptions"), Verb::Manage) => "eventgrid-data-contributor",
        (Some("eventnamespaces"), _) => {
            "one of your own: no role of the chart has a verb on the whole Namespace"
        }
        (_, Verb::Send) => "azure-event-hubs-data-sender",
        (_, Verb::Receive) => "azure-event-hubs-data-receiver",
        (_, Verb::Manage) => "azure-event-hubs-data-owner",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_verb_names_who_what_where_and_a_role_that_helps() {
        let object = |resource, subresource, name: &str| Object {
            resource,
            subresource,
            name: name.to_owned(),
        };
        let lacks = |verb, objects| Error::LacksVerb {
            username: "system:serviceaccount:shop:web".to_owned(),
            verb,
            asked: Asked {
                objects,
                unknown: None,
            },
        };
        let hub = lacks(
            Verb::Send,
            vec![
                object("hubs", None, "telemetry"),
                object("eventnamespaces", None, "shop"),
            ],
        );
        assert_eq!(
            hub.to_string(),
            "`system:serviceaccount:shop:web` may not `send` on hubs.weft.dev/telemetry or \
             eventnamespaces.weft.dev/shop: bind a role that has the verb, such as azure-event-hubs-data-sender"
        );
        let checkpoints = lacks(
            Verb::Receive,
            vec![object("eventnamespaces", Some("checkpoints"), "shop")],
        );
        let text = checkpoints.to_string();
        assert!(
            text.contains("eventnamespaces.weft.dev/shop/checkpoints: "),
            "{text}"
        );
        assert!(text.ends_with("storage-blob-data-contributor"), "{text}");
        assert_eq!(hub.kind(), ErrorKind::Forbidden);
    }

    #[test]
    fn a_name_that_nothing_has_is_told_rather_than_a_role() {
        let error = Error::LacksVerb {
            username: "ann".to_owned(),
            verb: Verb::Send,
            asked: Asked {
                objects: vec![Object::named("eventnamespaces", "shop")],
                unknown: Some("hub `telemetri`".to_owned()),
            },
        };
        assert_eq!(
            error.to_string(),
            "there is no hub `telemetri` here, and `ann` may not `send` on eventnamespaces.weft.dev/shop: check the name, \
             or whether it is Ready"
        );
    }

    #[test]
    fn a_stranger_s_text_is_shown_short_and_plain() {
        assert_eq!(shown("https://idp\r\nX-Evil: 1"), "https://idp??X-Evil: 1");
        assert_eq!(shown(&"x".repeat(10_000)).len(), 200);
    }
}
