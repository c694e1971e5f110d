//! TLS, for those who trust certain authorities.

use std::{net::TcpStream, sync::Arc};

use anyhow::Context;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

/// What all connections have in common.
#[derive(Debug, Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts these certificates (PEM). Every handshake is a full one.
    pub(crate) fn trusting(authorities: &[u8]) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            roots
                .add(certificate.context("parse an authority")?)
                .context("trust an authority")?;
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .context("choose TLS versions")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn over(&self, stream: TcpStream) -> anyhow::Result<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from("localhost").context("name the server")?;
        let connection = ClientConnection::new(Arc::clone(&self.0), name).context("begin TLS")?;
        Ok(StreamOwned::new(connection, stream))
    }
}
