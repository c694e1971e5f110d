//! The certificate that our HTTPS door shows.

use std::time::SystemTime;

use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;

use crate::certificates::Error;
use crate::secret::Secret;
use crate::server_names::ServerNames;
use crate::x509::{self, Validity};

/// A serving certificate (valid for a year) and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    certificate_pem: String,
    key_pem: Secret,
    validity: Validity,
}

impl Serving {
    /// Refuses a key that is not the certificate's.
    pub(crate) fn new(certificate: &CertificateDer<'_>, key: &KeyPair) -> Result<Self, Error> {
        if x509::public_key(certificate).map_err(Error::Malformed)? != key.public_key_raw() {
            return Err(Error::Malformed(
                "the private key does not belong to the certificate".to_owned(),
            ));
        }
        let validity = x509::validity(certificate).map_err(Error::Malformed)?;
        let key_pem = Secret::new(key.serialize_pem());
        Ok(Self {
            certificate_pem: x509::to_pem(certificate),
            key_pem,
            validity,
        })
    }

    /// The certificate, PEM. It is signed by the authority directly; there is no intermediate.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its private key, PKCS #8 in PEM.
    pub fn key_pem(&self) -> &Secret {
        &self.key_pem
    }

    /// The first moment at which it is refused.
    pub fn not_after(&self) -> SystemTime {
        self.validity.not_after
    }

    pub(crate) fn renewal(&self) -> SystemTime {
        self.validity.renewal()
    }

    pub(crate) fn certificate(&self) -> Result<CertificateDer<'static>, Error> {
        let mut certificates = x509::certificates(&self.certificate_pem).map_err(Error::Malformed)?;
        Ok(certificates.swap_remove(0))
    }

    pub(crate) fn covers(&self, names: &ServerNames) -> Result<bool, Error> {
        let covered = x509::server_names(&self.certificate()?).map_err(Error::Malformed)?;
        Ok(names.are_covered_by(&covered))
    }
}
