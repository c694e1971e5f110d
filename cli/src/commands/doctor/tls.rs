//! A TLS connection for looking at: who answers is found out afterwards, and nothing secret is ever sent through it.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::ports::{self, Open};

pub(super) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// The connection and the certificates that were shown, the server's own first.
pub(super) struct Session {
    pub(super) stream: Stream,
    pub(super) chain: Vec<CertificateDer<'static>>,
}

/// # Errors
/// What went wrong, in words.
pub(super) fn open(open: &Open) -> Result<Session, String> {
    let told = |cause: &dyn std::fmt::Display| cause.to_string();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|cause| told(&cause))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), server_name(&open.door.host)?)
        .map_err(|cause| told(&cause))?;
    let mut socket = open.connect().map_err(|cause| ports::told(&cause))?;
    while connection.is_handshaking() {
        connection
            .complete_io(&mut socket)
            .map_err(|cause| ports::told(&cause))?;
    }
    let chain = connection.peer_certificates().unwrap_or_default();
    Ok(Session {
        chain: chain
            .iter()
            .map(|certificate| certificate.clone().into_owned())
            .collect(),
        stream: StreamOwned::new(connection, socket),
    })
}

pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned()).map_err(|cause| format!("`{host}`: {cause}"))
}

/// Takes any certificate, but insists that its key is there.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
