//! What a JWT says about itself, read by whoever has it. Nothing here is verified: that is the Namespace's part.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The claims that decide whether a token is accepted.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    #[serde(rename = "iss", default)]
    pub(crate) issuer: String,
    #[serde(rename = "sub", default)]
    pub(crate) subject: String,
    #[serde(rename = "aud", default)]
    audience: Audience,
    #[serde(rename = "exp")]
    expires: Option<f64>,
    #[serde(rename = "nbf")]
    not_before: Option<f64>,
}

/// One audience may stand for itself or in a list (RFC 7519, 4.1.3).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

#[derive(Deserialize)]
struct Header {
    kid: Option<String>,
}

impl Claims {
    /// None if the text is no JWT.
    pub(crate) fn read(token: &str) -> Option<Self> {
        part(token, 1)
    }

    pub(crate) fn audiences(&self) -> &[String] {
        match &self.audience {
            Audience::One(audience) => std::slice::from_ref(audience),
            Audience::Several(audiences) => audiences,
        }
    }

    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.expires.and_then(moment)
    }

    pub(crate) fn not_before(&self) -> Option<Timestamp> {
        self.not_before.and_then(moment)
    }
}

/// Which key signed the token, as it says itself.
pub(crate) fn key_id(token: &str) -> Option<String> {
    part(token, 0).and_then(|header: Header| header.kid)
}

fn part<T: DeserializeOwned>(token: &str, index: usize) -> Option<T> {
    let parts: Vec<_> = token.split('.').collect();
    if parts.len() != 3 {
        return None;
    }
    let json = URL_SAFE_NO_PAD.decode(parts[index]).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Some issuers write fractions of seconds.
fn moment(seconds: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "a cast of floats saturates")]
    Timestamp::from_second(seconds as i64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2lnbmF0dXJl", encode(header), encode(claims))
    }

    #[test]
    fn a_token_says_who_made_it_for_whom_and_how_long_it_holds() {
        let token = token(
            r#"{"alg":"ES256","kid":"k1"}"#,
            r#"{"iss":"https://i","sub":"s","aud":"weft","exp":1800000000.5,"nbf":1700000000}"#,
        );
        let claims = Claims::read(&token).unwrap();
        assert_eq!(
            (claims.issuer.as_str(), claims.subject.as_str()),
            ("https://i", "s")
        );
        assert_eq!(claims.audiences(), ["weft"]);
        assert_eq!(claims.expires().unwrap().as_second(), 1_800_000_000);
        assert_eq!(claims.not_before().unwrap().as_second(), 1_700_000_000);
        assert_eq!(key_id(&token).as_deref(), Some("k1"));
    }

    #[test]
    fn audiences_may_be_several_and_everything_may_be_missing() {
        let claims = Claims::read(&token("{}", r#"{"aud":["a","b"]}"#)).unwrap();
        assert_eq!(claims.audiences(), ["a", "b"]);
        let claims = Claims::read(&token("{}", "{}")).unwrap();
        assert!(claims.audiences().is_empty() && claims.expires().is_none());
        assert_eq!(key_id(&token("{}", "{}")), None);
    }

    #[test]
    fn what_is_no_jwt_is_none() {
        for text in [
            "",
            "a.b",
            "a.b.c",
            "not a token",
            &format!("{}.x", token("{}", "{}")),
        ] {
            assert!(Claims::read(text).is_none(), "{text}");
        }
    }
}
