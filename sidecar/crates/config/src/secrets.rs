//! What travels apart from the document, because it must not be read by everyone.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Keys and certificate of a Namespace. `Debug` shows names, never a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secrets {
    /// One entry per authorization rule of the head. A rule without an entry admits nobody; an entry without a rule
    /// is ignored.
    pub rules: Vec<AccessKeys>,
    /// Serving certificate, then its issuers, PEM.
    pub certificate_pem: String,
    /// Private key of the serving certificate, PEM (PKCS #8).
    pub private_key_pem: String,
}

/// The two live keys of a rule: either is accepted, so that they can be replaced one after the other.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessKeys {
    /// Name of the authorization rule.
    pub name: String,
    /// Opaque text; by custom base64 of 32 random bytes.
    pub primary_key: String,
    /// The other one.
    pub secondary_key: String,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("rules", &self.rules)
            .field(
                "certificate_pem",
                &format_args!("{} bytes", self.certificate_pem.len()),
            )
            .field("private_key_pem", &format_args!("***"))
            .finish()
    }
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeys")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_secret() {
        let keys = AccessKeys {
            name: "app".into(),
            primary_key: "hush".into(),
            secondary_key: "hush".into(),
        };
        let secrets = Secrets {
            rules: vec![keys],
            certificate_pem: "public".into(),
            private_key_pem: "hush".into(),
        };
        let shown = format!("{secrets:?}");
        assert!(shown.contains("app") && !shown.contains("hush"), "{shown}");
    }
}
