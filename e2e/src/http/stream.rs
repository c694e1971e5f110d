//! Bytes to and from a server, in clear or over TLS.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

use anyhow::Context;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    pub(super) fn plain(socket: TcpStream) -> Self {
        Self::Plain(socket)
    }

    pub(super) fn tls(mut socket: TcpStream, server_name: &str, authorities: &str) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
            roots
                .add(certificate.context("parse an authority")?)
                .context("trust an authority")?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("choose TLS versions")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(server_name.to_owned()).context("parse the server's name")?;
        let mut connection = ClientConnection::new(Arc::new(config), name).context("begin TLS")?;
        // Here, so that a certificate that does not fit fails the opening and not the first request.
        while connection.is_handshaking() {
            connection
                .complete_io(&mut socket)
                .with_context(|| format!("agree on TLS with {server_name}"))?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, socket))))
    }

    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
