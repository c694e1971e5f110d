//! What we need to know about certificates that we find.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::server_names::ServerName;

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
}

impl Validity {
    /// Time to replace it: two thirds of its life are over.
    pub(crate) fn renewal(self) -> SystemTime {
        self.not_before + self.life() / 3 * 2
    }

    fn life(self) -> Duration {
        self.not_after.duration_since(self.not_before).unwrap_or_default()
    }
}

/// Every certificate of a PEM text, in its order.
pub(crate) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|cause| format!("not PEM: {cause}"))?;
    if certificates.is_empty() {
        Err("holds no certificate".to_owned())
    } else {
        Ok(certificates)
    }
}

pub(crate) fn validity(der: &CertificateDer<'_>) -> Result<Validity, String> {
    let validity = parse(der)?.validity().clone();
    let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    Ok(Validity {
        not_before: at(validity.not_before.timestamp()),
        not_after: at(validity.not_after.timestamp()),
    })
}

pub(crate) fn server_names(der: &CertificateDer<'_>) -> Result<BTreeSet<ServerName>, String> {
    let certificate = parse(der)?;
    let extension = certificate
        .subject_alternative_name()
        .map_err(|cause| cause.to_string())?;
    let names = extension
        .iter()
        .flat_map(|extension| &extension.value.general_names);
    Ok(names.filter_map(server_name).collect())
}

/// The key that a certificate is about, as it stands in the certificate.
pub(crate) fn public_key(der: &CertificateDer<'_>) -> Result<Vec<u8>, String> {
    Ok(parse(der)?.public_key().subject_public_key.data.to_vec())
}

/// Whether `issuer`'s key signed `certificate`.
pub(crate) fn is_signed_by(
    certificate: &CertificateDer<'_>,
    issuer: &CertificateDer<'_>,
) -> Result<bool, String> {
    let issuer = parse(issuer)?;
    Ok(parse(certificate)?
        .verify_signature(Some(issuer.public_key()))
        .is_ok())
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, String> {
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => Ok(certificate),
        Err(cause) => Err(format!("not a certificate: {cause}")),
    }
}

fn server_name(name: &GeneralName<'_>) -> Option<ServerName> {
    match name {
        GeneralName::DNSName(name) => Some(ServerName::Dns(name.to_ascii_lowercase())),
        GeneralName::IPAddress(bytes) => ip_address(bytes).map(ServerName::Ip),
        _ => None,
    }
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    let v6 = <[u8; 16]>::try_from(bytes).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
    v4.or(v6).ok()
}

/// The certificate as PEM, in lines of 64 characters as every reader expects them.
pub fn to_pem(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
