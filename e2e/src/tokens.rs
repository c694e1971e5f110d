//! Tokens as an issuer would sign them, good ones and bad ones.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{Jwk, ThumbprintHash},
};
use serde_json::{Value, json};

use crate::Weft;

/// Whoever signs tokens.
#[derive(Clone)]
pub struct Signer {
    key: EncodingKey,
    public: Jwk,
    key_id: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Whom local mode trusts: the key in the data folder.
    pub fn of(weft: &Weft) -> anyhow::Result<Self> {
        let file = weft.data_folder().join("issuer.pem");
        let pem = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        Self::new(&rcgen::KeyPair::from_pem(&pem).context("read the issuer's key")?)
    }

    /// Somebody else.
    pub fn stranger() -> anyhow::Result<Self> {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256);
        Self::new(&pair.context("make a key")?)
    }

    fn new(pair: &rcgen::KeyPair) -> anyhow::Result<Self> {
        let key = EncodingKey::from_ec_der(&pair.serialize_der());
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256).context("make the public key")?;
        let key_id = public
            .thumbprint(ThumbprintHash::SHA256)
            .context("name the key")?;
        public.common.key_id = Some(key_id.clone());
        Ok(Self { key, public, key_id })
    }

    /// What an issuer publishes of it.
    pub fn public_key(&self) -> Value {
        serde_json::to_value(&self.public).expect("a key becomes JSON")
    }

    /// The same key under another's name.
    #[must_use]
    pub fn called_like(&self, other: &Self) -> Self {
        Self {
            key: self.key.clone(),
            public: self.public.clone(),
            key_id: other.key_id.clone(),
        }
    }

    /// A token that says so.
    pub fn sign(&self, claims: &Value) -> anyhow::Result<String> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, claims, &self.key).context("sign a token")
    }

    /// A token that says that it need not be signed.
    pub fn unsigned(&self, claims: &Value) -> String {
        let header = json!({"alg": "none", "typ": "JWT", "kid": self.key_id});
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&header), part(claims))
    }
}

/// What the developer's token says, which every Namespace of local mode takes.
pub fn developer() -> Value {
    let now = now();
    json!({
        "iss": "https://weft.dev/local", "aud": ["weft"], "sub": "system:serviceaccount:local:developer",
        "iat": now, "nbf": now, "exp": now + 3600,
    })
}

/// The same with other claims in the place of its own.
pub fn developer_but(claims: Value) -> Value {
    let mut all = developer();
    if let (Value::Object(all), Value::Object(claims)) = (&mut all, claims) {
        all.extend(claims);
    }
    all
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
