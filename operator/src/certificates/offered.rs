//! A certificate that the user offers in a Secret of type `kubernetes.io/tls`.

use std::time::SystemTime;

use credentials::CertificateError;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::{Decision, Serving};
use crate::labels;
use crate::names;
use crate::object::Owner;

const CERTIFICATE_KEY: &str = "tls.crt";
const PRIVATE_KEY_KEY: &str = "tls.key";
const AUTHORITIES_KEY: &str = "ca.crt";

/// Why the user's Secret cannot be served. Each says what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// There is none, or none that we may see.
    #[error(
        "there is no Secret {name} with the label {}: \"true\" in this Kubernetes namespace; create it with the type \
         kubernetes.io/tls, or label it",
        labels::USABLE
    )]
    Missing {
        /// Its name.
        name: String,
    },
    /// Its owner did not offer it.
    #[error(
        "the Secret {name} lacks the label {}: \"true\", by which its owner offers it to Weft; label it",
        labels::USABLE
    )]
    NotUsable {
        /// Its name.
        name: String,
    },
    /// A part of it is missing.
    #[error(
        "the Secret {name} has no {key}; a Secret of type kubernetes.io/tls has {CERTIFICATE_KEY} and {PRIVATE_KEY_KEY}"
    )]
    Incomplete {
        /// Its name.
        name: String,
        /// What it lacks.
        key: &'static str,
    },
    /// A part of it is not what it should be.
    #[error("{key} of the Secret {name} cannot be read: {problem}; it must be PEM")]
    Malformed {
        /// Its name.
        name: String,
        /// Which part.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The parts do not belong together.
    #[error(
        "{PRIVATE_KEY_KEY} of the Secret {name} cannot be used with {CERTIFICATE_KEY}: {problem}; the serving \
         certificate must come first, and the key must be its own"
    )]
    KeyMismatch {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

/// Takes the certificate of the Secret that `tls.secretRef` names.
///
/// # Errors
/// When it is missing, not offered, or not a certificate with its key.
pub fn from_secret(
    owner: &Owner,
    name: &str,
    secret: Option<&Secret>,
    now: Timestamp,
) -> Result<Decision, OfferError> {
    let offer = Offer {
        name,
        secret: offered(name, secret)?,
    };
    let certificate_pem = offer.required(CERTIFICATE_KEY)?;
    let private_key_pem = offer.required(PRIVATE_KEY_KEY)?;
    offer.check_pair(certificate_pem, private_key_pem)?;
    let facts = credentials::examine(certificate_pem)
        .map_err(|cause| offer.malformed(CERTIFICATE_KEY, text(&cause)))?;
    let trust_pem = offer.authorities()?;
    Ok(Decision {
        ca: None,
        serving: Serving {
            certificate_pem: certificate_pem.to_owned(),
            private_key_pem: credentials::Secret::new(private_key_pem),
        },
        trust_pem: trust_pem.map(str::to_owned),
        certificate_rotated: None,
        next_renewal: expiry(facts.not_after(), now),
        notice: offer.notice(owner, &facts, now),
    })
}

struct Offer<'a> {
    name: &'a str,
    secret: &'a Secret,
}

fn offered<'a>(name: &str, secret: Option<&'a Secret>) -> Result<&'a Secret, OfferError> {
    let name = name.to_owned();
    let Some(secret) = secret else {
        return Err(OfferError::Missing { name });
    };
    let labels = secret.metadata.labels.as_ref();
    match labels.and_then(|labels| labels.get(labels::USABLE)) {
        Some(value) if value == crds::label::TRUE => Ok(secret),
        _ => Err(OfferError::NotUsable { name }),
    }
}

impl<'a> Offer<'a> {
    fn get(&self, key: &'static str) -> Result<Option<&'a str>, OfferError> {
        let bytes = self.secret.data.as_ref().and_then(|data| data.get(key));
        let text = bytes.map(|bytes| std::str::from_utf8(&bytes.0)).transpose();
        let text = text.map_err(|cause| self.malformed(key, cause.to_string()))?;
        Ok(text.filter(|text| !text.trim().is_empty()))
    }

    fn required(&self, key: &'static str) -> Result<&'a str, OfferError> {
        self.get(key)?.ok_or_else(|| OfferError::Incomplete {
            name: self.name.to_owned(),
            key,
        })
    }

    fn authorities(&self) -> Result<Option<&'a str>, OfferError> {
        let Some(pem) = self.get(AUTHORITIES_KEY)? else {
            return Ok(None);
        };
        match credentials::examine(pem) {
            Ok(_) => Ok(Some(pem)),
            Err(cause) => Err(self.malformed(AUTHORITIES_KEY, text(&cause))),
        }
    }

    /// Exactly what the sidecar will do with them.
    fn check_pair(&self, chain: &str, key: &str) -> Result<(), OfferError> {
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|cause| self.malformed(CERTIFICATE_KEY, cause.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|cause| self.malformed(PRIVATE_KEY_KEY, cause.to_string()))?;
        if chain.is_empty() {
            return Err(self.malformed(CERTIFICATE_KEY, "holds no certificate".to_owned()));
        }
        match CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()) {
            Ok(_) => Ok(()),
            Err(cause) => Err(OfferError::KeyMismatch {
                name: self.name.to_owned(),
                problem: cause.to_string(),
            }),
        }
    }

    fn malformed(&self, key: &'static str, problem: String) -> OfferError {
        OfferError::Malformed {
            name: self.name.to_owned(),
            key,
            problem,
        }
    }

    /// What does not keep us from serving the certificate, but programs from accepting it.
    fn notice(&self, owner: &Owner, facts: &credentials::Examination, now: Timestamp) -> Option<String> {
        let name = self.name;
        if facts.not_after() <= SystemTime::from(now) {
            return Some(format!(
                "the certificate of the Secret {name} has expired; renew it"
            ));
        }
        let advice = "programs in the cluster are given that name; add it to the certificate";
        let hosts = [owner.name.clone(), names::blob(&owner.name)];
        let hosts = hosts.map(|host| names::host(&host, &owner.kubernetes_namespace));
        let missing = hosts.into_iter().find(|host| !facts.covers(host))?;
        Some(format!(
            "the certificate of the Secret {name} does not cover {missing}; {advice}"
        ))
    }
}

/// The moment at which there is something to say about it, if that is yet to come.
fn expiry(not_after: SystemTime, now: Timestamp) -> Option<Timestamp> {
    let at = Timestamp::try_from(not_after).ok()?;
    (at > now).then_some(at)
}

fn text(cause: &CertificateError) -> String {
    cause.to_string()
}
