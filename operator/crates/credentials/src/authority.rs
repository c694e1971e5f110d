//! A certificate authority of our own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::CertificateDer;

use crate::certificates::Error;
use crate::secret::Secret;
use crate::server_names::ServerNames;
use crate::serving::Serving;
use crate::x509::{self, Validity};

const DAY: Duration = Duration::from_hours(24);
/// Long enough that most clusters never see a rotation, and every one could.
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Below the 398 days that the strictest platforms accept.
pub(crate) const SERVING_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// A program's clock may be a little behind ours; a certificate from its future would be refused.
const CLOCK_SKEW: Duration = DAY;

/// A self-signed ECDSA P-256 certificate and its key.
pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key: KeyPair,
    pub(crate) validity: Validity,
}

impl Authority {
    /// A fresh authority. `owner` and the second of its creation are in its name, because some programs find an
    /// issuer by name alone, and two authorities are trusted at the same time during a rotation.
    pub(crate) fn create(owner: &str, now: SystemTime) -> Result<Self, Error> {
        let key = KeyPair::generate().map_err(Error::Create)?;
        let mut params = params(now, AUTHORITY_LIFE);
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("Weft CA {owner} {since_epoch}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(Error::Create)?;
        Self::new(certificate.into(), key)
    }

    /// An authority that was created earlier. Refuses a key that is not the certificate's.
    pub(crate) fn new(certificate: CertificateDer<'static>, key: KeyPair) -> Result<Self, Error> {
        if x509::public_key(&certificate).map_err(Error::Malformed)? != key.public_key_raw() {
            return Err(Error::Malformed(
                "a CA's private key does not belong to its certificate".to_owned(),
            ));
        }
        let validity = x509::validity(&certificate).map_err(Error::Malformed)?;
        Ok(Self {
            certificate_pem: x509::to_pem(&certificate),
            certificate,
            key,
            validity,
        })
    }

    /// A serving certificate with a key of its own.
    pub(crate) fn issue(&self, names: &ServerNames, now: SystemTime) -> Result<Serving, Error> {
        let issuer = Issuer::from_ca_cert_der(&self.certificate, &self.key).map_err(Error::Create)?;
        let key = KeyPair::generate().map_err(Error::Create)?;
        let mut params = params(now, SERVING_LIFE);
        params.distinguished_name.push(DnType::CommonName, "Weft");
        params.subject_alt_names = names.to_alternative_names();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Python 3.13 checks strictly: a certificate that does not name its issuer's key is refused.
        params.use_authority_key_identifier_extension = true;
        params.is_ca = IsCa::ExplicitNoCa;
        let certificate = params.signed_by(&key, &issuer).map_err(Error::Create)?;
        Serving::new(certificate.der(), &key)
    }

    pub(crate) fn has_signed(&self, certificate: &CertificateDer<'_>) -> Result<bool, Error> {
        x509::is_signed_by(certificate, &self.certificate).map_err(Error::Malformed)
    }

    pub(crate) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub(crate) fn key_pem(&self) -> Secret {
        Secret::new(self.key.serialize_pem())
    }
}

fn params(now: SystemTime, life: Duration) -> CertificateParams {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = epoch + now.saturating_sub(CLOCK_SKEW);
    params.not_after = epoch + now + life;
    params
}
