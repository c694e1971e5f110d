//! Asking an issuer.

use std::error::Error;
use std::time::Duration;

use auth::JwkSet;
use reqwest::redirect::Policy;
use reqwest::{Certificate, StatusCode};

use crate::issuer_keys::{Metadata, place, read_keys};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte that is sent to the last that is read.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most that is read of an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Asks one issuer, whose certificate is checked against what its configuration says.
#[derive(Debug)]
pub(super) struct Client(reqwest::Client);

impl Client {
    /// # Errors
    /// In words: the certificates that the issuer is to be proven by cannot be read.
    pub(super) fn new(issuer: &config::Issuer) -> Result<Self, String> {
        let builder = reqwest::Client::builder()
            .https_only(true)
            // Where the keys are is what the issuer says, not what whoever answers for it says.
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .user_agent("weft");
        let builder = match &issuer.certificate_authority_pem {
            Some(pem) => builder.tls_certs_only(certificates(pem)?),
            // A container image may have no roots of its own.
            None => builder.tls_certs_merge(public_roots()),
        };
        builder.build().map(Self).map_err(|error| why(&error))
    }

    /// The keys of the issuer with this URL.
    pub(super) async fn keys(&self, url: &str) -> Result<JwkSet, String> {
        let address = format!("{}/.well-known/openid-configuration", url.trim_end_matches('/'));
        let metadata = self.get(&address).await?;
        let metadata: Metadata = serde_json::from_slice(&metadata)
            .map_err(|error| format!("{address} is no description of an issuer: {}", place(&error)))?;
        // OpenID Connect Discovery 1.0, section 4.3.
        if metadata.issuer != url {
            return Err(format!(
                "{address} is about the issuer {:?}, not {url:?}: they have to be equal character by character",
                auth::shown(&metadata.issuer)
            ));
        }
        let keys = self.get(&metadata.jwks_uri).await?;
        read_keys(&keys).map_err(|reason| format!("{}: {reason}", auth::shown(&metadata.jwks_uri)))
    }

    async fn get(&self, address: &str) -> Result<Vec<u8>, String> {
        let shown = auth::shown(address);
        let failed = |error: reqwest::Error| format!("{shown}: {}", why(&error.without_url()));
        let mut response = self.0.get(address).send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(match response.status().is_redirection() {
                true => format!("{shown} redirects elsewhere, which is not followed"),
                false => format!("{shown} answers {}", response.status()),
            });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(format!("{shown} answers more than {ANSWER_BYTES_MAX} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn certificates(pem: &str) -> Result<Vec<Certificate>, String> {
    let certificates = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| why(&error))?;
    match certificates.is_empty() {
        true => Err("the certificate authority of the issuer holds no certificate".into()),
        false => Ok(certificates),
    }
}

fn public_roots() -> impl Iterator<Item = Certificate> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    roots.filter_map(|root| Certificate::from_der(root).ok())
}

/// The error with everything beneath it: what matters is at the bottom.
fn why(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
