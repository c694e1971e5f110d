//! The places where SDKs look for authorities that they trust.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, RootCertStore};

use super::target::Target;
use super::tls;
use crate::environment;

/// Certificates that somebody trusts.
#[derive(Debug)]
pub(super) struct Store {
    /// The variable that names it, or what it is.
    pub(super) name: &'static str,
    /// Who looks there.
    pub(super) readers: &'static str,
    pub(super) file: Option<PathBuf>,
    pem: Result<String, String>,
}

/// In the order of interest: what the settings name, then what the environment names, then the system's.
pub(super) fn all(target: &Target) -> Vec<Store> {
    let mut stores = Vec::new();
    if let Some(file) = target.roots.clone().filter(|_| !target.is_environment) {
        let (name, readers) = match target.is_local {
            true => ("the Namespace's bundle", "programs in `weft exec`"),
            false => ("--ca-file", "this command"),
        };
        stores.push(Store::file(name, readers, file));
    }
    for (name, readers) in [
        ("SSL_CERT_FILE", "Go, Rust, Python's asyncio, curl"),
        ("REQUESTS_CA_BUNDLE", "Python's requests"),
        ("NODE_EXTRA_CA_CERTS", "Node.js, beside its own"),
    ] {
        let file = environment::inherited(name)
            .filter(|file| !file.is_empty())
            .map(PathBuf::from);
        stores.extend(file.map(|file| Store::file(name, readers, file)));
    }
    stores.push(Store {
        name: "the system's roots",
        readers: "programs without such settings",
        file: None,
        pem: credentials::system_roots().ok_or_else(|| "there are none".to_owned()),
    });
    stores
}

impl Store {
    fn file(name: &'static str, readers: &'static str, file: PathBuf) -> Self {
        let pem =
            fs::read_to_string(&file).map_err(|cause| format!("{} cannot be read: {cause}", file.display()));
        Self {
            name,
            readers,
            file: Some(file),
            pem,
        }
    }

    /// Whether a client that trusts it believes that the chain is the host's.
    ///
    /// # Errors
    /// Why not, in words.
    pub(super) fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        host: &str,
        seconds_since_epoch: u64,
    ) -> Result<(), String> {
        let pem = self.pem.as_ref().map_err(Clone::clone)?;
        let (certificate, intermediates) = chain.split_first().ok_or("the server shows no certificate")?;
        let mut roots = RootCertStore::empty();
        roots
            .add_parsable_certificates(CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok));
        if roots.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|cause| cause.to_string())?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds_since_epoch));
        let name = tls::server_name(host)?;
        let verified = verifier.verify_server_cert(certificate, intermediates, &name, &[], now);
        verified.map(drop).map_err(|cause| reason(&cause, host))
    }
}

fn reason(cause: &rustls::Error, host: &str) -> String {
    let rustls::Error::InvalidCertificate(cause) = cause else {
        return cause.to_string();
    };
    match cause {
        CertificateError::UnknownIssuer => "the Namespace's authority is not in it".to_owned(),
        CertificateError::BadSignature => {
            "it has an authority of the same name, but not this one: perhaps one from before".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has ended, or the clock of this machine is ahead".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet, or the clock of this machine is behind".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate is not for {host}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use credentials::{Certificates, ServerNames};

    use super::*;

    const DAY: u64 = 24 * 3600;

    fn names() -> ServerNames {
        ServerNames::new(["localhost", "127.0.0.1"]).unwrap()
    }

    fn day(day: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(day * DAY)
    }

    fn certificates() -> Certificates {
        Certificates::create("shop", &names(), day(20_000)).unwrap()
    }

    fn store(pem: &str) -> Store {
        Store {
            name: "x",
            readers: "y",
            file: None,
            pem: Ok(pem.to_owned()),
        }
    }

    fn chain(shown: &Certificates) -> Vec<CertificateDer<'static>> {
        let pem = shown.serving().certificate_pem();
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes());
        chain.map(Result::unwrap).collect()
    }

    #[test]
    fn a_chain_is_believed_by_who_has_its_authority_while_it_is_valid_for_its_names() {
        let (ours, others) = (certificates(), certificates());
        let verify = |trusted: &Certificates, host, day| {
            store(&trusted.trust_pem()).verify(&chain(&ours), host, day * DAY)
        };
        verify(&ours, "localhost", 20_001).unwrap();
        verify(&ours, "127.0.0.1", 20_001).unwrap();
        let why = |trusted: &Certificates, host, day| verify(trusted, host, day).unwrap_err();
        assert!(why(&ours, "shop.apps.svc", 20_001).contains("not for shop.apps.svc"));
        assert!(why(&ours, "localhost", 30_000).contains("has ended"));
        assert!(why(&ours, "localhost", 19_000).contains("not valid yet"));
        assert!(why(&others, "localhost", 20_001).contains("perhaps one from before"));
        let bank = Certificates::create("bank", &names(), day(20_000)).unwrap();
        assert!(why(&bank, "localhost", 20_001).contains("authority is not in it"));
        assert!(
            store("")
                .verify(&chain(&ours), "localhost", 20_001 * DAY)
                .is_err()
        );
    }
}
