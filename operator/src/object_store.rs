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

/// Where clouds tell pods who they are, without TLS.
const METADATA_PORT: u16 = 80;

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
        if options.insert(key.clone(), text).is_some() {
            return Err(Error::Twice { name, key });
        }
    }
    Ok(options)
}

/// The ports at which a pod with these settings talks to somebody beside DNS and the API server: issuers, the store for
/// checkpoints (if there is one) whose options are `options`, and those for dead letters with theirs.
pub fn ports_outside(
    settings: &Settings,
    options: &BTreeMap<String, String>,
    letters: &[&BTreeMap<String, String>],
) -> BTreeSet<u16> {
    let issuers = settings.issuers.iter().map(|issuer| issuer.url.as_str());
    let mut ports: BTreeSet<u16> = issuers.filter_map(port).collect();
    let has_store = matches!(settings.checkpoint, Checkpoint::ObjectStore { .. });
    for options in has_store.then_some(options).iter().chain(letters) {
        ports.insert(HTTPS);
        ports.extend(options.values().filter_map(|value| port(value)));
        if options.is_empty() {
            ports.insert(METADATA_PORT);
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
    fn a_pod_may_reach_the_stores_of_dead_letters_and_who_tells_it_who_it_is() {
        let settings: Settings = serde_json::from_value(serde_json::json!({
            "storageCapacityBytes": 1, "deletionPolicy": "Retain", "deletionGraceSeconds": 0, "authorizationRules": [],
        }))
        .unwrap();
        let none = BTreeMap::new();
        let minio = BTreeMap::from([(
            "aws_endpoint".to_owned(),
            "http://minio.store.svc:9000".to_owned(),
        )]);
        let ports =
            |letters: &[&BTreeMap<String, String>]| Vec::from_iter(ports_outside(&settings, &none, letters));
        assert_eq!(ports(&[]), [0u16; 0]);
        assert_eq!(ports(&[&minio]), [443, 9000]);
        assert_eq!(ports(&[&minio, &none]), [80, 443, 9000]);
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
