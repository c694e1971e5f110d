//! Trusted certificates as Java reads them.

use rustls_pki_types::CertificateDer;

use crate::x509;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const BMP_STRING: u8 = 0x1e;
/// `[0] EXPLICIT`
const EXPLICIT: u8 = 0xa0;

/// 1.2.840.113549.1.7.1, `data` of PKCS #7
const DATA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// 1.2.840.113549.1.12.10.1.3, `certBag`
const CERTIFICATE_BAG: [u8; 11] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x03];
/// 1.2.840.113549.1.9.22.1, `x509Certificate`
const X509_CERTIFICATE: [u8; 10] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];
/// 1.2.840.113549.1.9.20, `friendlyName`
const FRIENDLY_NAME: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x14];
/// 2.16.840.1.113894.746875.1.1, Oracle's `trustedKeyUsage`: without it Java takes a certificate for somebody's own.
const TRUSTED_KEY_USAGE: [u8; 12] = [
    0x60, 0x86, 0x48, 0x01, 0x86, 0xf9, 0x66, 0xad, 0xca, 0x7b, 0x01, 0x01,
];
/// 2.5.29.37.0, `anyExtendedKeyUsage`
const ANY_USAGE: [u8; 4] = [0x55, 0x1d, 0x25, 0x00];

/// The certificates of a PEM text as a trust store for Java (RFC 7292, PKCS #12). It is neither encrypted nor signed,
/// so that no password is needed: everything in it is public. Equal texts give equal bytes.
///
/// # Errors
/// When the text holds no certificate, or something else.
pub fn java_trust_store(pem: &str) -> Result<Vec<u8>, String> {
    let certificates = x509::certificates(pem)?;
    let bags: Vec<u8> = certificates.iter().enumerate().flat_map(bag).collect();
    let contents = data(&tlv(SEQUENCE, &bags));
    let authenticated = data(&tlv(SEQUENCE, &contents));
    let version = tlv(INTEGER, &[3]);
    Ok(tlv(SEQUENCE, &[version, authenticated].concat()))
}

/// `ContentInfo` with plain data.
fn data(content: &[u8]) -> Vec<u8> {
    let content = tlv(EXPLICIT, &tlv(OCTET_STRING, content));
    tlv(SEQUENCE, &[tlv(OBJECT_IDENTIFIER, &DATA), content].concat())
}

/// `SafeBag` with one certificate. Java knows it by its name, which must be another one for each.
fn bag((number, certificate): (usize, &CertificateDer<'_>)) -> Vec<u8> {
    let value = tlv(EXPLICIT, &tlv(OCTET_STRING, certificate));
    let value = tlv(
        SEQUENCE,
        &[tlv(OBJECT_IDENTIFIER, &X509_CERTIFICATE), value].concat(),
    );
    let name: Vec<u8> = format!("{number}")
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let attributes = [
        attribute(&TRUSTED_KEY_USAGE, &tlv(OBJECT_IDENTIFIER, &ANY_USAGE)),
        attribute(&FRIENDLY_NAME, &tlv(BMP_STRING, &name)),
    ];
    let parts = [
        tlv(OBJECT_IDENTIFIER, &CERTIFICATE_BAG),
        tlv(EXPLICIT, &value),
        tlv(SET, &attributes.concat()),
    ];
    tlv(SEQUENCE, &parts.concat())
}

fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(
        SEQUENCE,
        &[tlv(OBJECT_IDENTIFIER, kind), tlv(SET, value)].concat(),
    )
}

/// DER: tag, length, content.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short @ ..0x80) => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let digits = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
            out.push(0x80 | u8::try_from(digits.len()).expect("a length has at most eight bytes"));
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{Certificates, ServerNames};

    #[test]
    fn lengths_are_as_short_as_der_demands() {
        assert_eq!(tlv(OCTET_STRING, &[])[..], [0x04, 0x00]);
        assert_eq!(tlv(OCTET_STRING, &[0; 127])[..2], [0x04, 0x7f]);
        assert_eq!(tlv(OCTET_STRING, &[0; 128])[..3], [0x04, 0x81, 0x80]);
        assert_eq!(tlv(OCTET_STRING, &[0; 256])[..4], [0x04, 0x82, 0x01, 0x00]);
    }

    #[test]
    fn identifiers_are_those_of_the_specifications() {
        use x509_parser::der_parser::asn1_rs::Oid;
        for (bytes, id) in [
            (&DATA[..], "1.2.840.113549.1.7.1"),
            (&CERTIFICATE_BAG, "1.2.840.113549.1.12.10.1.3"),
            (&X509_CERTIFICATE, "1.2.840.113549.1.9.22.1"),
            (&FRIENDLY_NAME, "1.2.840.113549.1.9.20"),
            (&TRUSTED_KEY_USAGE, "2.16.840.1.113894.746875.1.1"),
            (&ANY_USAGE, "2.5.29.37.0"),
        ] {
            assert_eq!(Oid::new(bytes.into()).to_id_string(), id);
        }
    }

    #[test]
    fn every_certificate_is_in_the_store_and_its_lengths_add_up() {
        use x509_parser::der_parser::der::parse_der_recursive;
        let names = ServerNames::new(["localhost"]).unwrap();
        let authority = || {
            Certificates::create("shop", &names, UNIX_EPOCH)
                .unwrap()
                .trust_pem()
        };
        let pem = authority() + &authority();
        let store = java_trust_store(&pem).unwrap();
        let (rest, whole) = parse_der_recursive(&store, 16).unwrap();
        assert!(rest.is_empty());
        assert_eq!(whole.as_sequence().unwrap()[0].as_u32(), Ok(3));
        for certificate in x509::certificates(&pem).unwrap() {
            assert!(
                store
                    .windows(certificate.len())
                    .any(|part| part == &certificate[..])
            );
        }
        assert!(java_trust_store("no certificate").is_err());
    }
}
