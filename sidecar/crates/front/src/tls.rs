//! The serving certificate, which can be replaced while connections are open.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The certificate chain and private key that the TLS doors show. Cheap to clone; clones share their state.
///
/// [`Certificate::replace`] takes effect at the next handshake; open connections go on with what they agreed on.
#[derive(Clone, Debug)]
pub struct Certificate {
    current: Arc<Current>,
}

/// Which protocols a door names in the handshake. With none, whatever the client names is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alpn {
    Http1,
    None,
}

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The chain is not PEM.
    #[error("certificate chain is not valid PEM: {0}; give the serving certificate first, then its issuers")]
    Chain(#[source] rustls::pki_types::pem::Error),
    /// The chain has no certificate.
    #[error("certificate chain is empty; give at least the serving certificate as a `CERTIFICATE` block")]
    Empty,
    /// The key is not PEM, or of no known kind.
    #[error("private key is not valid PEM: {0}; give one PKCS#8, PKCS#1 or SEC1 block")]
    Key(#[source] rustls::pki_types::pem::Error),
    /// The key cannot sign, or does not belong to the certificate.
    #[error("certificate and private key cannot be used together: {0}")]
    Mismatch(#[source] rustls::Error),
}

impl Certificate {
    /// Reads a PEM chain (serving certificate first) and its PEM private key.
    ///
    /// # Errors
    /// When either does not parse, or when the key is not that of the first certificate.
    pub fn from_pem(chain: &[u8], private_key: &[u8]) -> Result<Self, Error> {
        let key = certified_key(chain, private_key)?;
        Ok(Self {
            current: Arc::new(Current(ArcSwap::from_pointee(key))),
        })
    }

    /// Shows another certificate from now on.
    ///
    /// # Errors
    /// As [`Certificate::from_pem`]; the old certificate stays.
    pub fn replace(&self, chain: &[u8], private_key: &[u8]) -> Result<(), Error> {
        let key = certified_key(chain, private_key)?;
        self.current.0.store(Arc::new(key));
        Ok(())
    }

    /// TLS 1.2 and 1.3; no client certificates.
    pub(crate) fn server_config(&self, alpn: Alpn) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(self.current.clone());
        config.alpn_protocols = match alpn {
            Alpn::Http1 => vec![b"http/1.1".to_vec()],
            Alpn::None => Vec::new(),
        };
        // A fragment is at most what one record may hold; bigger buffers would only sit in idle connections.
        config.send_tls13_tickets = 1;
        Arc::new(config)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn certified_key(chain: &[u8], private_key: &[u8]) -> Result<CertifiedKey, Error> {
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::Chain)?;
    if chain.is_empty() {
        return Err(Error::Empty);
    }
    let key = PrivateKeyDer::from_pem_slice(private_key).map_err(Error::Key)?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(Error::Mismatch)
}
