//! SAS tokens of the Service Bus family, to which Event Hubs belongs:
//! `SharedAccessSignature sr=RESOURCE&sig=SIGNATURE&se=EXPIRY&skn=RULE`, in any order.
//!
//! The signature is the HMAC-SHA256 of `RESOURCE\nEXPIRY` as they were received. The key is the text itself, not what
//! its base64 stands for.

use model::Timestamp;

use super::scope::Scope;
use super::{BAD_ENCODING, decode_signature};
use crate::Error;
use crate::key_ring::SIGNATURE_LENGTH;
use crate::url::{Plus, decode as url_decode};

/// What comes before the parameters where a token travels outside of HTTP.
const SCHEME: &str = "SharedAccessSignature";

/// Clocks of clients run behind ours by at most this much.
const SKEW_SECONDS: i64 = 60;

/// A token that is well formed; nothing else is known of it.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    resource: &'a str,
    expiry: &'a str,
    pub(crate) signature: [u8; SIGNATURE_LENGTH],
    pub(crate) rule: String,
    pub(crate) scope: Scope,
    pub(crate) expires: Timestamp,
}

impl<'a> Token<'a> {
    /// Whether `text` is meant to be one, rather than a token of Event Grid.
    pub(crate) fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME) || parameters(text).any(|(name, _)| name == "sr")
    }

    pub(crate) fn parse(text: &'a str) -> Result<Self, Error> {
        let text = text.strip_prefix(SCHEME).unwrap_or(text).trim_start();
        let find = |wanted: &'static str| {
            let mut found = parameters(text).filter(|(name, _)| *name == wanted);
            match (found.next(), found.next()) {
                (Some((_, value)), None) => Ok(value),
                (Some(_), Some(_)) => Err(Error::MalformedSignature("a part is there twice")),
                (None, _) => Err(Error::MalformedSignature("`sr`, `sig`, `se` or `skn` is missing")),
            }
        };
        let (resource, expiry) = (find("sr")?, find("se")?);
        let decode = |value| url_decode(value, Plus::Space).ok_or(Error::MalformedSignature(BAD_ENCODING));
        Ok(Self {
            resource,
            expiry,
            signature: decode_signature(find("sig")?)
                .map_err(|_| Error::MalformedSignature("`sig` is no base64 of an HMAC-SHA256"))?,
            rule: decode(find("skn")?)?,
            scope: Scope::parse(&decode(resource)?)
                .map_err(|_| Error::MalformedSignature("`sr` is no URL such as sb://HOST/HUB"))?,
            expires: expires(&decode(expiry)?).ok_or(Error::MalformedSignature(
                "`se` is no number of seconds since 1970",
            ))?,
        })
    }

    /// What the signature is made of.
    pub(crate) fn signed(&self) -> String {
        format!("{}\n{}", self.resource, self.expiry)
    }

    pub(crate) fn must_be_alive(&self, now: Timestamp) -> Result<(), Error> {
        if now < self.expires {
            Ok(())
        } else {
            Err(Error::Expired(self.expires))
        }
    }
}

fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('&').filter_map(|part| part.split_once('='))
}

fn expires(text: &str) -> Option<Timestamp> {
    let seconds: i64 = text.parse().ok()?;
    let micros = seconds.checked_add(SKEW_SECONDS)?.checked_mul(1_000_000)?;
    Some(Timestamp::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIG: &str = "sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D";

    fn parse(text: &str) -> Result<String, Error> {
        Token::parse(text).map(|token| token.signed())
    }

    #[test]
    fn the_signed_text_is_as_it_was_received() {
        let lower = format!("SharedAccessSignature sr=sb%3a%2f%2fns%2fhub&{SIG}&se=1795318571&skn=send");
        assert_eq!(parse(&lower).unwrap(), "sb%3a%2f%2fns%2fhub\n1795318571");
        let turned = format!("skn=send&se=1795318571&{SIG}&sr=sb%3A%2F%2Fns%2Fhub");
        assert_eq!(parse(&turned).unwrap(), "sb%3A%2F%2Fns%2Fhub\n1795318571");
    }

    #[test]
    fn a_token_with_a_part_missing_twice_or_broken_is_malformed() {
        for text in [
            format!("SharedAccessSignature {SIG}&se=1&skn=send"),
            format!("SharedAccessSignature sr=sb%3A%2F%2Fns&sr=sb%3A%2F%2Fns&{SIG}&se=1&skn=send"),
            format!("SharedAccessSignature sr=sb%3A%2F%2Fns&{SIG}&se=soon&skn=send"),
            format!("SharedAccessSignature sr=sb%3A%2F%2Fns&{SIG}&se=9223372036854775807&skn=send"),
            format!("SharedAccessSignature sr=hub&{SIG}&se=%zz&skn=send"),
            "SharedAccessSignature sr=sb%3A%2F%2Fns&sig=short&se=1&skn=send".to_owned(),
            "SharedAccessSignature".to_owned(),
        ] {
            assert!(
                matches!(parse(&text), Err(Error::MalformedSignature(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn the_two_families_are_told_apart() {
        assert!(Token::is_meant("SharedAccessSignature anything"));
        assert!(Token::is_meant("sr=x&sig=y"));
        assert!(!Token::is_meant("r=https%3A%2F%2Fns%2Ftopics%2Fsr%3D&e=x&s=y"));
    }
}
