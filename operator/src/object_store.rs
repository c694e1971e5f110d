//! Object stores, in which a Namespace keeps the copy of its positions, and dead letters: their credentials, as a user
//! offers them.

use std::collections::{BTreeMap, BTreeSet};

use config::{Checkpoint, Settings};
use k8s_openapi::api::core::v1::Secret;

use crate::labels;

/// Options of a store that anybody would write, and what their text may take together: they travel in one Secret with
/// keys and certificates.
const OPTIONS_MAX: usize = 64;
const BYTES_MAX: usize = 64 * 1024;

/// Where clouds tell pods who they are, without TLS: the metadata services of machines, and EKS' agent for Pod Identity.
const METADATA: u16 = 80;
/// Where GKE does so: some network plugins see the address that the metadata service's stands for.
const METADATA_OF_GKE: u16 = 988;

/// Why the user's Secret cannot be used. Each says what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none that its owner offers.
    #[error(
        "there is no Secret {name} with the label {}: \"true\" in this Kubernetes namespace; create it, or label it",
        labels::USABLE
    )]
    Missing {
        /// Its name.
        name: String,
    },
    /// It says nothing.
    #[error("the Secret {name} is empty; give it the options of the store, for example aws_access_key_id")]
    Empty {
        /// Its name.
        name: String,
    },
    /// A value is no text.
    #[error("{key} of the Secret {name} is not text; write it as UTF-8")]
    NotText {
        /// The Secret's name.
        name: String,
        /// Which value.
        key: String,
    },
    /// Two keys are one.
    #[error("the Secret {name} has {key} twice, in different spelling; remove one of them")]
    Twice {
        /// The Secret's name.
        name: String,
        /// In lower case.
        key: String,
    },
    /// Whoever writes the Secret must not choose it.
    #[error(
        "{key} of the Secret {name} names a file of the pod, or who is asked for credentials in its place; remove it: \
         what a cloud tells the pod is used anyway"
    )]
    OfThePod {
        /// The Secret's name.
        name: String,
        /// In lower case.
        key: String,
    },
    /// It is something else.
    #[error(
        "the Secret {name} has more than {OPTIONS_MAX} options or {BYTES_MAX} bytes; leave in it what the store needs"
    )]
    TooLarge {
        /// Its name.
        name: String,
    },
}

/// The options of the Secret that `objectStore.credentialsSecretRef` names. Their names are in lower case:
/// whoever writes them like environment variables means the same.
///
/// # Errors
/// When it is missing, not offered, or holds something else.
pub fn options(name: &str, secret: Option<&Secret>) -> Result<BTreeMap<String, String>, Error> {
    let is_offered = |secret: &&Secret| {
        let labels = secret.metadata.labels.as_ref();
        labels
            .and_then(|labels| labels.get(labels::USABLE))
            .is_some_and(|value| value == crds::label::TRUE)
    };
    let name = name.to_owned();
    let Some(secret) = secret.filter(is_offered) else {
        return Err(Error::Missing { name });
    };
    let data = secret.data.as_ref().filter(|data| !data.is_empty());
    let Some(data) = data else {
        return Err(Error::Empty { name });
    };
    let bytes: usize = data.iter().map(|(key, value)| key.len() + value.0.len()).sum();
    if data.len() > OPTIONS_MAX || bytes > BYTES_MAX {
        return Err(Error::TooLarge { name });
    }
    let mut options = BTreeMap::new();
    for (key, value) in data {
        let Ok(text) = std::str::from_utf8(&value.0) else {
            let key = key.clone();
            return Err(Error::NotText { name, key });
        };
        // `kubectl create secret --from-file` keeps the line break at a file's end.
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        let key = key.to_ascii_lowercase();
        if is_of_the_pod(&key) {
            return Err(Error::OfThePod { name, key });
        }
        if options.insert(key.clone(), text).is_some() {
            return Err(Error::Twice { name, key });
        }
    }
    Ok(options)
}

/// Whether an option would have the pod read a file of its own, such as its token for the API server, or show it to somebody
/// of the Secret's choice. A Secret may be written by somebody who may not read what the pod may.
fn is_of_the_pod(key: &str) -> bool {
    const ENDS: [&str; 8] = [
        "_file",
        "_uri",
        "_path",
        "metadata_endpoint",
        "msi_endpoint",
        "identity_endpoint",
        "authority_host",
        "use_azure_cli",
    ];
    const FILES: [&str; 4] = [
        "application_credentials",
        "google_application_credentials",
        "google_service_account",
        "service_account",
    ];
    ENDS.iter().any(|end| key.ends_with(end))
        || FILES.contains(&key)
        || key.contains("fabric_")
        || key.contains("sts_")
        || key.ends_with("_sts")
}

/// What the URL of a store begins with: it says which kind of store it is.
pub fn scheme(url: &str) -> &str {
    url.split_once("://").map_or("", |(scheme, _)| scheme)
}

/// The ports at which a pod with these settings talks to somebody beside DNS and the API server: issuers, the store for
/// checkpoints (if there is one) whose options are `options`, and those for dead letters: their schemes with theirs.
pub fn ports_outside(
    settings: &Settings,
    options: &BTreeMap<String, String>,
    letters: &[(&str, &BTreeMap<String, String>)],
) -> BTreeSet<u16> {
    let issuers = settings.issuers.iter().map(|issuer| issuer.url.as_str());
    let mut ports: BTreeSet<u16> = issuers.filter_map(port).collect();
    let copy = match &settings.checkpoint {
        Checkpoint::ObjectStore { url } => Some((scheme(url), options)),
        Checkpoint::ConfigMap => None,
    };
    for (scheme, options) in copy.into_iter().chain(letters.iter().copied()) {
        ports.insert(HTTPS);
        ports.extend(options.values().filter_map(|value| port(value)));
        let credentials = config::credentials_of(scheme);
        if !options.keys().any(|name| credentials.contains(&name.as_str())) {
            ports.insert(METADATA);
            ports.extend((scheme == "gs").then_some(METADATA_OF_GKE));
        }
    }
    ports
}

const HTTPS: u16 = 443;
const HTTP: u16 = 80;

/// The port of a URL; `None` if it is none.
fn port(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://")?;
    let default = match scheme {
        "https" => HTTPS,
        "http" => HTTP,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    // What stands in brackets is an IPv6 address, whose colons are its own.
    let after_host = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    match after_host.rsplit_once(':') {
        Some((_, port)) => port.parse().ok(),
        None => Some(default),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn secret(pairs: &[(&str, &[u8])]) -> Secret {
        let data = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), ByteString(value.to_vec())));
        Secret {
            metadata: ObjectMeta {
                labels: Some(BTreeMap::from([(
                    labels::USABLE.to_owned(),
                    crds::label::TRUE.to_owned(),
                )])),
                ..ObjectMeta::default()
            },
            data: Some(data.collect()),
            ..Secret::default()
        }
    }

    fn options_of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn options_are_known_by_their_names_in_either_case() {
        let secret = secret(&[("AWS_ACCESS_KEY_ID", b"id\n"), ("aws_region", b"eu-west-3")]);
        let expected = [("aws_access_key_id", "id"), ("aws_region", "eu-west-3")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(options("store", Some(&secret)), Ok(expected.into()));
    }

    #[test]
    fn a_secret_that_nobody_offers_or_that_holds_something_else_is_refused() {
        let name = || "store".to_owned();
        assert_eq!(options("store", None), Err(Error::Missing { name: name() }));
        let unlabelled = Secret {
            metadata: ObjectMeta::default(),
            ..secret(&[("a", b"b")])
        };
        assert_eq!(
            options("store", Some(&unlabelled)),
            Err(Error::Missing { name: name() })
        );
        assert_eq!(
            options("store", Some(&secret(&[]))),
            Err(Error::Empty { name: name() })
        );
        let key = "a".to_owned();
        assert_eq!(
            options("store", Some(&secret(&[("a", &[0xff])]))),
            Err(Error::NotText {
                name: name(),
                key: key.clone()
            })
        );
        assert_eq!(
            options("store", Some(&secret(&[("a", b""), ("A", b"")]))),
            Err(Error::Twice { name: name(), key })
        );
        let large = vec![b'x'; BYTES_MAX];
        assert_eq!(
            options("store", Some(&secret(&[("a", &large)]))),
            Err(Error::TooLarge { name: name() })
        );
    }

    #[test]
    fn a_secret_chooses_no_file_of_the_pod_and_nobody_to_ask_for_credentials() {
        for key in [
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "aws_container_credentials_full_uri",
            "aws_web_identity_token_file",
            "aws_endpoint_url_sts",
            "metadata_endpoint",
            "azure_federated_token_file",
            "azure_authority_host",
            "azure_msi_endpoint",
            "azure_fabric_token_service_url",
            "google_application_credentials",
            "google_service_account",
            "service_account_path",
        ] {
            let refused = options("store", Some(&secret(&[(key, b"x")])));
            let (name, key) = ("store".to_owned(), key.to_ascii_lowercase());
            assert_eq!(refused, Err(Error::OfThePod { name, key }));
        }
        let keys = [
            "aws_access_key_id",
            "aws_endpoint",
            "aws_role_arn",
            "azure_storage_account_key",
            "azure_client_secret",
            "azure_storage_sas_token",
            "google_service_account_key",
            "allow_http",
            "ca.crt",
        ];
        let pairs = keys.map(|key| (key, &b"x"[..]));
        assert!(options("store", Some(&secret(&pairs))).is_ok());
    }

    #[test]
    fn a_pod_may_reach_the_stores_of_dead_letters_and_who_tells_it_who_it_is() {
        let settings: Settings = serde_json::from_value(serde_json::json!({
            "storageCapacityBytes": 1, "deletionPolicy": "Retain", "deletionGraceSeconds": 0, "authorizationRules": [],
        }))
        .unwrap();
        let none = BTreeMap::new();
        let minio = options_of(&[
            ("aws_endpoint", "http://minio.store.svc:9000"),
            ("aws_access_key_id", "id"),
        ]);
        let ports = |letters: &[(&str, &BTreeMap<String, String>)]| {
            Vec::from_iter(ports_outside(&settings, &none, letters))
        };
        assert_eq!(ports(&[]), [0u16; 0]);
        assert_eq!(ports(&[("s3", &minio)]), [443, 9000]);
        assert_eq!(ports(&[("s3", &minio), ("s3", &none)]), [80, 443, 9000]);
    }

    #[test]
    fn the_way_to_the_clouds_own_identity_is_open_unless_the_store_has_a_credential() {
        let settings = |url: &str| -> Settings {
            serde_json::from_value(serde_json::json!({
                "storageCapacityBytes": 1, "deletionPolicy": "Retain", "deletionGraceSeconds": 0,
                "authorizationRules": [], "checkpoint": {"objectStore": {"url": url}},
            }))
            .unwrap()
        };
        for (url, options, expected) in [
            // None of these proves anything: the cloud does.
            (
                "az://c",
                &[("azure_storage_account_name", "shop")][..],
                &[80, 443][..],
            ),
            (
                "azure://c",
                &[("azure_storage_account_name", "shop"), ("azure_client_id", "c")],
                &[80, 443],
            ),
            (
                "s3://b",
                &[("aws_region", "eu-west-3"), ("aws_role_arn", "r")],
                &[80, 443],
            ),
            (
                "s3://b",
                &[("aws_region", "eu-west-3"), ("token", "of a session")],
                &[80, 443],
            ),
            ("gs://b", &[("timeout", "5s")], &[80, 443, 988]),
            // These do.
            (
                "az://c",
                &[
                    ("azure_storage_account_name", "shop"),
                    ("azure_storage_account_key", "k"),
                ],
                &[443],
            ),
            (
                "az://c",
                &[("account_name", "shop"), ("sas_token", "sig=s")],
                &[443],
            ),
            (
                "s3://b",
                &[("aws_region", "eu-west-3"), ("aws_access_key_id", "id")],
                &[443],
            ),
            ("gs://b", &[("google_service_account_key", "{}")], &[443]),
        ] {
            let found = ports_outside(&settings(url), &options_of(options), &[]);
            assert_eq!(Vec::from_iter(found), expected, "{url} {options:?}");
        }
    }

    #[test]
    fn the_port_of_a_url_is_the_one_that_is_dialled() {
        for (url, expected) in [
            ("https://login.example.com/tenant", Some(443)),
            ("https://login.example.com:8443", Some(8443)),
            ("http://minio.store.svc:9000/", Some(9000)),
            ("http://minio", Some(80)),
            ("https://[fd00::1]:9000", Some(9000)),
            ("https://[fd00::1]", Some(443)),
            ("eu-west-3", None),
            ("https://a:b", None),
        ] {
            assert_eq!(port(url), expected, "{url}");
        }
    }
}
