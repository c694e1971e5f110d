//! What travels apart from the document, because it must not be read by everyone.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Credentials of the object store of [`Checkpoint::ObjectStore`](crate::Checkpoint::ObjectStore), by the names
    /// that the store's client gives to its options (`aws_access_key_id`, `azure_storage_account_key`). Empty if the
    /// copy lies elsewhere, or the pod's own surroundings say it all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub object_store: BTreeMap<String, String>,
    /// The same for the stores of dead letters ([`DeadLetterStore`](crate::DeadLetterStore)), once for all subscriptions
    /// that share them: by the name of the Secret that they come from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dead_letter_stores: BTreeMap<String, StoreCredentials>,
}

/// What stores of dead letters are opened with. `Debug` shows names, never a value.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreCredentials {
    /// As [`Secrets::object_store`].
    pub options: BTreeMap<String, String>,
    /// The subscriptions whose stores they are for, by their uids in the document. One that is in no such list has none.
    pub subscriptions: BTreeSet<String>,
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
            .field("object_store", &self.object_store.keys())
            .field("dead_letter_stores", &self.dead_letter_stores)
            .finish()
    }
}

impl fmt::Debug for StoreCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreCredentials")
            .field("options", &self.options.keys())
            .field("subscriptions", &self.subscriptions)
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

    fn letters(token: &str) -> StoreCredentials {
        StoreCredentials {
            options: BTreeMap::from([("google_bearer_token".into(), token.into())]),
            subscriptions: BTreeSet::from(["billing".into()]),
        }
    }

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
            object_store: BTreeMap::from([("aws_secret_access_key".into(), "hush".into())]),
            dead_letter_stores: BTreeMap::from([("letters".into(), letters("hush"))]),
        };
        let shown = format!("{secrets:?}");
        assert!(
            ["app", "aws_secret", "letters", "google_bearer", "billing"]
                .iter()
                .all(|name| shown.contains(name)),
            "{shown}"
        );
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn secrets_without_object_stores_are_what_they_were_before_there_were_any() {
        let secrets = Secrets {
            rules: vec![],
            certificate_pem: "c".into(),
            private_key_pem: "p".into(),
            object_store: BTreeMap::new(),
            dead_letter_stores: BTreeMap::new(),
        };
        let json = r#"{"rules":[],"certificatePem":"c","privateKeyPem":"p"}"#;
        assert_eq!(serde_json::to_string(&secrets).unwrap(), json);
        assert_eq!(serde_json::from_str::<Secrets>(json).unwrap(), secrets);
        let with_letters = Secrets {
            dead_letter_stores: BTreeMap::from([("store".into(), letters("t"))]),
            ..secrets
        };
        let json = r#"{"rules":[],"certificatePem":"c","privateKeyPem":"p","deadLetterStores":{"store":{"options":{"google_bearer_token":"t"},"subscriptions":["billing"]}}}"#;
        assert_eq!(serde_json::to_string(&with_letters).unwrap(), json);
        assert_eq!(serde_json::from_str::<Secrets>(json).unwrap(), with_letters);
    }
}
