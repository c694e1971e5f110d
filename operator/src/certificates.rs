//! The certificate that a Namespace's HTTPS door shows, and the authorities behind it.
//!
//! The authorities with their private keys lie in the Secret `NAME-ca`, which only the operator reads; the serving
//! certificate lies with the access keys ([`keys`](crate::keys)). Authorities are written first: a serving certificate
//! whose authority was lost would be worthless.

mod offered;

use std::collections::BTreeMap;
use std::time::SystemTime;

use credentials::{BadServerName, CertificateError, Certificates, ServerNames};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;

use crate::annotations;
use crate::keys::Stored;
use crate::labels::Component;
use crate::names;
use crate::object::{Owner, Prepared};

pub use offered::{OfferError, from_secret};

/// Key in the Secret with the authorities.
const AUTHORITIES_KEY: &str = "authorities.pem";

/// What the door shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// The certificate, then its issuers, PEM.
    pub certificate_pem: String,
    /// Its private key, PEM.
    pub private_key_pem: credentials::Secret,
}

/// What certificates a Namespace needs.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whose they are.
    pub owner: &'a Owner,
    /// What the serving certificate vouches for.
    pub names: &'a ServerNames,
    /// The user's word for a new serving certificate.
    pub rotate_certificate: Option<&'a str>,
    /// The user's word for a new authority.
    pub rotate_ca: Option<&'a str>,
}

/// The certificates that a Namespace has from now on.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The Secret with the authorities, to be written before the one with the keys; `None` with the user's certificate.
    pub ca: Option<Prepared>,
    /// What the door shows.
    pub serving: Serving,
    /// What programs must trust beside the public roots, PEM.
    pub trust_pem: Option<String>,
    /// The user's last word for a new serving certificate that is fulfilled with `serving`.
    pub certificate_rotated: Option<String>,
    /// When there is something to do again.
    pub next_renewal: Option<Timestamp>,
    /// What the user should know.
    pub notice: Option<String>,
}

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Our own Secret was tampered with. Its private keys are not thrown away without being told to.
    #[error(
        "the Secret {name} cannot be used: {problem}; restore it from a backup, or delete it: a new authority is made \
         then, and programs need the new bundle"
    )]
    Damaged {
        /// Which Secret.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A certificate could not be made.
    #[error(transparent)]
    Create(CertificateError),
}

/// The names under which programs reach the Namespace, and its door for checkpoints: within the Kubernetes namespace,
/// within the cluster, on a developer's machine through a forwarded port, and those of the user.
///
/// # Errors
/// When one of them is neither a DNS name nor an IP address.
pub fn server_names(
    owner: &Owner,
    cluster_domain: &str,
    dns_names: &[String],
) -> Result<ServerNames, BadServerName> {
    let namespace = &owner.kubernetes_namespace;
    let mut all: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    for host in [owner.name.clone(), names::blob(&owner.name)] {
        all.push(format!("{host}.{namespace}"));
        all.push(format!("{host}.{namespace}.svc"));
        all.push(format!("{host}.{namespace}.svc.{cluster_domain}"));
        all.push(host);
    }
    all.extend_from_slice(dns_names);
    ServerNames::new(all)
}

/// Makes what is missing and renews what is due. `ca` and `secrets` are the Secrets `NAME-ca` and `NAME-secrets` as
/// they are.
///
/// # Errors
/// When the stored authorities cannot be read, or a key cannot be made.
pub fn decide(
    wanted: &Wanted<'_>,
    ca: Option<&Secret>,
    secrets: Option<&Secret>,
    now: Timestamp,
) -> Result<Decision, Error> {
    let time = SystemTime::from(now);
    let stored = secrets.and_then(Stored::read);
    let mut certificates = match ca {
        Some(ca) => load(wanted, ca, stored.as_ref(), time)?,
        None => Certificates::create(&wanted.owner.name, wanted.names, time).map_err(Error::Create)?,
    };
    let asked = |secret: Option<&Secret>, word: Option<&str>, done: &str| {
        secret.is_some_and(|secret| word.is_some() && annotations::get(&secret.metadata, done) != word)
    };
    // What does not exist yet is as new as anybody can wish.
    if asked(ca, wanted.rotate_ca, annotations::CA_ROTATED) {
        certificates.add_authority(time).map_err(Error::Create)?;
    }
    certificates.renew(wanted.names, time).map_err(Error::Create)?;
    if asked(
        secrets,
        wanted.rotate_certificate,
        annotations::CERTIFICATE_ROTATED,
    ) {
        certificates
            .reissue_serving(wanted.names, time)
            .map_err(Error::Create)?;
    }
    let done = |secret: Option<&Secret>, word: Option<&str>, done: &str| {
        let before = secret.and_then(|secret| annotations::get(&secret.metadata, done));
        word.or(before).map(str::to_owned)
    };
    let ca_rotated = done(ca, wanted.rotate_ca, annotations::CA_ROTATED);
    Ok(Decision {
        ca: Some(authorities(wanted.owner, &certificates, ca_rotated)),
        serving: Serving {
            certificate_pem: certificates.serving().certificate_pem().to_owned(),
            private_key_pem: certificates.serving().key_pem().clone(),
        },
        trust_pem: Some(certificates.trust_pem()),
        certificate_rotated: done(
            secrets,
            wanted.rotate_certificate,
            annotations::CERTIFICATE_ROTATED,
        ),
        next_renewal: Timestamp::try_from(certificates.next_renewal()).ok(),
        notice: None,
    })
}

fn load(
    wanted: &Wanted<'_>,
    ca: &Secret,
    stored: Option<&Stored>,
    now: SystemTime,
) -> Result<Certificates, Error> {
    let name = names::ca(&wanted.owner.name);
    let damaged = |problem: String| Error::Damaged {
        name: name.clone(),
        problem,
    };
    let pem = ca
        .data
        .as_ref()
        .and_then(|data| data.get(AUTHORITIES_KEY))
        .ok_or_else(|| damaged(format!("it has no {AUTHORITIES_KEY}")))?;
    let pem = std::str::from_utf8(&pem.0).map_err(|cause| damaged(cause.to_string()))?;
    let load =
        |serving: Option<&str>| Certificates::load(&wanted.owner.name, pem, serving, wanted.names, now);
    let serving = stored.map(|stored| {
        let secrets = &stored.secrets;
        credentials::Secret::new(format!(
            "{}\n{}",
            secrets.certificate_pem, secrets.private_key_pem
        ))
    });
    // What the door shows may be a certificate of the user's, of whatever kind, that the user no longer wants.
    let loaded = match load(serving.as_ref().map(credentials::Secret::expose)) {
        Err(CertificateError::Malformed(_)) => load(None),
        loaded => loaded,
    };
    loaded.map_err(|cause| match cause {
        CertificateError::Malformed(problem) => damaged(problem),
        cause @ CertificateError::Create(_) => Error::Create(cause),
    })
}

fn authorities(owner: &Owner, certificates: &Certificates, rotated: Option<String>) -> Prepared {
    let mut metadata = owner.child(names::ca(&owner.name), Component::Configuration);
    metadata.annotations = Some(
        rotated
            .map(|word| (annotations::CA_ROTATED.to_owned(), word))
            .into_iter()
            .collect(),
    );
    let pem = certificates.authorities_pem();
    let data = BTreeMap::from([(
        AUTHORITIES_KEY.to_owned(),
        ByteString(pem.expose().as_bytes().to_vec()),
    )]);
    Prepared::new(&Secret {
        metadata,
        data: Some(data),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    })
}

#[cfg(test)]
mod tests;
