//! An OpenID Connect issuer outside of the cluster: a discovery document and keys, over HTTPS.

use std::{
    io::{BufRead, BufReader, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use anyhow::Context;
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::{Value, json};

use crate::tokens::{self, Signer};

/// How long a client may take for a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// It runs until the process ends.
#[derive(Debug)]
pub struct OpenIdConnect {
    address: SocketAddr,
    certificate: String,
    published: Arc<Mutex<Vec<Value>>>,
}

impl OpenIdConnect {
    /// Begins to serve at an address of this machine, without keys.
    ///
    /// # Errors
    /// When it is not this machine's address.
    pub fn serve(address: IpAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((address, 0)).context("listen")?;
        let address = listener.local_addr().context("find the port")?;
        let pair = KeyPair::generate().context("make a key")?;
        let params =
            CertificateParams::new(vec![address.ip().to_string()]).context("name the certificate")?;
        let certificate = params.self_signed(&pair).context("sign the certificate")?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("choose TLS versions")?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .context("use the certificate")?;
        let issuer = Self {
            address,
            certificate: certificate.pem(),
            published: Arc::default(),
        };
        let (config, published, url) = (Arc::new(config), Arc::clone(&issuer.published), issuer.url());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Whoever goes away early was no client of ours.
                let _ = answer(client, &config, &published, &url);
            }
        });
        Ok(issuer)
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Who vouches for it, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Publishes these keys and no others.
    pub fn publish(&self, signers: &[&Signer]) {
        let keys = signers.iter().map(|signer| signer.public_key()).collect();
        if let Ok(mut published) = self.published.lock() {
            *published = keys;
        }
    }

    /// What a token of this issuer says for a user in these groups.
    pub fn claims(&self, user: &str, groups: &[&str]) -> Value {
        let now = tokens::now();
        json!({
            "iss": self.url(), "aud": "weft", "sub": user, "groups": groups,
            "iat": now, "nbf": now, "exp": now + 3600,
        })
    }
}

fn answer(
    client: TcpStream,
    config: &Arc<ServerConfig>,
    published: &Mutex<Vec<Value>>,
    url: &str,
) -> anyhow::Result<()> {
    client.set_read_timeout(Some(PATIENCE)).context("be patient")?;
    let connection = ServerConnection::new(Arc::clone(config)).context("begin TLS")?;
    let mut stream = BufReader::new(StreamOwned::new(connection, client));
    let mut request = String::new();
    stream.read_line(&mut request).context("read the request")?;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).context("read a header")?;
        if header.trim().is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match path {
        "/.well-known/openid-configuration" => (
            "200 OK",
            json!({"issuer": url, "jwks_uri": format!("{url}/keys")}),
        ),
        "/keys" => {
            let keys = published.lock().map(|keys| keys.clone()).unwrap_or_default();
            ("200 OK", json!({ "keys": keys }))
        }
        _ => ("404 Not Found", Value::Null),
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let stream = stream.get_mut();
    stream.write_all((head + &body).as_bytes()).context("answer")?;
    stream.conn.send_close_notify();
    stream.flush().context("answer")
}
