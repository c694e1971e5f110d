//! Where the operating system keeps the public roots.

use std::fs;

use crate::x509;

/// One file each: Debian, Ubuntu, Alpine, Arch · Fedora, RHEL · openSUSE · older RHEL · macOS, BSD · Homebrew.
const CANDIDATES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/opt/homebrew/etc/ca-certificates/cert.pem",
];

/// The public roots that this machine trusts, as PEM; `None` where there are none to be found (a container without
/// `ca-certificates`). A program that is told to use a bundle trusts nothing else, so they belong into ours.
pub fn system_roots() -> Option<String> {
    CANDIDATES
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .find(|text| x509::certificates(text).is_ok())
}
