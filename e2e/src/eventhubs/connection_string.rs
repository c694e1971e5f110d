//! `Endpoint=sb://HOST:PORT;SharedAccessKeyName=…;SharedAccessKey=…`

use std::fmt;

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Weft;

/// A connection string that can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionString(Vec<(String, String)>);

impl ConnectionString {
    /// The one that a program is given.
    pub fn of(weft: &Weft) -> anyhow::Result<Self> {
        let mut settings = weft.settings()?;
        let text = settings
            .remove("EVENT_HUB_CONNECTION_STR")
            .context("find EVENT_HUB_CONNECTION_STR among the settings")?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let parts = text.split(';').filter(|part| !part.is_empty());
        let pairs = parts.map(|part| {
            let (key, value) = part.split_once('=').context("a part without `=`")?;
            Ok((key.to_owned(), value.to_owned()))
        });
        pairs.collect::<anyhow::Result<_>>().map(Self)
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.as_str())
    }

    /// The host of the endpoint.
    pub fn host(&self) -> &str {
        let endpoint = self.get("Endpoint").unwrap_or_default();
        let authority = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
        authority.split([':', '/']).next().unwrap_or_default()
    }

    /// As it would be for the real service: with TLS, and no port.
    #[must_use]
    pub fn secure(&self) -> Self {
        let endpoint = format!("sb://{}/", self.host());
        self.without("UseDevelopmentEmulator").with("Endpoint", &endpoint)
    }

    /// With another key, or with the same key for another rule.
    #[must_use]
    pub fn with_key(&self, rule: &str, key: &str) -> Self {
        self.with("SharedAccessKeyName", rule)
            .with("SharedAccessKey", key)
    }

    /// With a token in the place of the key: for this path of the namespace (`/` for all of it), until `expiry` in
    /// seconds since 1970.
    #[must_use]
    pub fn with_token(&self, path: &str, expiry: u64) -> Self {
        let rule = self.get("SharedAccessKeyName").unwrap_or_default();
        let key = self.get("SharedAccessKey").unwrap_or_default();
        let resource = percent_encode(&format!("sb://{}{path}", self.host()));
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(format!("{resource}\n{expiry}").as_bytes());
        let signature = percent_encode(&BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        let token = format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={rule}");
        self.without("SharedAccessKeyName")
            .without("SharedAccessKey")
            .with("SharedAccessSignature", &token)
    }

    fn with(&self, key: &str, value: &str) -> Self {
        let mut changed = self.clone();
        match changed
            .0
            .iter_mut()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
        {
            Some((_, old)) => value.clone_into(old),
            None => changed.0.push((key.to_owned(), value.to_owned())),
        }
        changed
    }

    fn without(&self, key: &str) -> Self {
        let rest = self.0.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(key));
        Self(rest.cloned().collect())
    }
}

impl fmt::Display for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (key, value)) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { ";" };
            write!(f, "{separator}{key}={value}")?;
        }
        Ok(())
    }
}

fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str = "Endpoint=sb://localhost:5999;SharedAccessKeyName=Root;SharedAccessKey=k==;UseDevelopmentEmulator=true";

    #[test]
    fn a_local_string_becomes_one_with_tls() {
        let local = ConnectionString::parse(LOCAL).unwrap();
        assert_eq!(local.to_string(), LOCAL);
        assert_eq!(
            local.secure().to_string(),
            "Endpoint=sb://localhost/;SharedAccessKeyName=Root;SharedAccessKey=k=="
        );
    }

    #[test]
    fn a_token_takes_the_place_of_the_key() {
        let with_token = ConnectionString::parse(LOCAL).unwrap().with_token("/hub", 1);
        assert_eq!(with_token.get("SharedAccessKey"), None);
        let token = with_token.get("SharedAccessSignature").unwrap();
        assert!(
            token.starts_with("SharedAccessSignature sr=sb%3A%2F%2Flocalhost%2Fhub&sig="),
            "{token}"
        );
        assert!(token.ends_with("&se=1&skn=Root"), "{token}");
    }
}
