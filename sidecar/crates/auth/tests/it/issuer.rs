//! An issuer with keys of its own, a Reviewer that does as it is told, and waiting.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use auth::{
    Authorizer, Issuer, Issuers, Jwk, JwkSet, Keys, Mapping, Names, Question, ReviewError, Reviewer, Subject,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

pub(crate) const NOW: &str = "2026-11-29T12:00:00Z";
/// [`NOW`] in seconds.
pub(crate) const SECONDS: i64 = 1_795_953_600;
pub(crate) const CLUSTER: &str = "https://kubernetes.default.svc";
pub(crate) const OUTSIDE: &str = "https://idp.example/tenant";

/// A key pair with the name that it is published under.
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    pub(crate) algorithm: Algorithm,
    pub(crate) private: EncodingKey,
}

impl Pair {
    pub(crate) fn ec(name: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self {
            name,
            algorithm: Algorithm::ES256,
            private: EncodingKey::from_ec_der(pair.serialized_der()),
        }
    }

    pub(crate) fn ed(name: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        // PKCS #8 without the public key, which is what the signer wants: 16 bytes, and the private key.
        let start = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        let der = [start, &pair.serialized_der()[16..48]].concat();
        Self {
            name,
            algorithm: Algorithm::EdDSA,
            private: EncodingKey::from_ed_der(&der),
        }
    }

    /// Always the same key: making one takes long.
    pub(crate) fn rsa(name: &'static str) -> Self {
        static DER: OnceLock<Vec<u8>> = OnceLock::new();
        let pkcs8 = DER.get_or_init(|| {
            let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
            pair.serialize_der()
        });
        // PKCS #8 says in 26 bytes that an RSA key of 2048 bits follows, which is what the signer wants.
        Self {
            name,
            algorithm: Algorithm::RS256,
            private: EncodingKey::from_rsa_der(&pkcs8[26..]),
        }
    }

    pub(crate) fn published(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.private, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.name.to_owned());
        jwk
    }

    /// A token of that payload, with a header as usual.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let algorithm = format!("{:?}", self.algorithm);
        self.sign_with(&json!({"typ": "JWT", "alg": algorithm, "kid": self.name}), claims)
    }

    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.private, self.algorithm);
        format!("{signed}.{}", signature.unwrap())
    }
}

/// `HEADER.PAYLOAD`
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// What the cluster says of the ServiceAccount `web` in the namespace `shop`, valid from a minute ago for an hour.
pub(crate) fn claims() -> Value {
    json!({
        "iss": CLUSTER,
        "sub": "system:serviceaccount:shop:web",
        "aud": ["weft"],
        "iat": SECONDS - 60,
        "nbf": SECONDS - 60,
        "exp": SECONDS + 3_540,
        "jti": "0c1a",
        "kubernetes.io": {
            "namespace": "shop",
            "node": {"name": "node-1", "uid": "b2"},
            "pod": {"name": "web-5d", "uid": "c3"},
            "serviceaccount": {"name": "web", "uid": "d4"},
        },
    })
}

/// [`claims`] with one of them changed, or without it if the value is null.
pub(crate) fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    claims
}

pub(crate) fn cluster(pairs: &[&Pair]) -> Issuer {
    Issuer {
        url: CLUSTER.into(),
        audiences: vec!["weft".into()],
        keys: JwkSet {
            keys: pairs.iter().map(|pair| pair.published()).collect(),
        },
        mapping: Mapping::ServiceAccounts,
    }
}

/// Trusts the cluster with these keys and asks `reviewer`.
pub(crate) fn authorizer(pairs: &[&Pair], reviewer: Arc<dyn Reviewer>) -> Authorizer {
    let authorizer = Authorizer::new(&Keys::default()).with_reviewer(reviewer);
    authorizer.trust(Issuers::from(vec![cluster(pairs)]));
    authorizer.name(Names {
        namespace: "shop".into(),
        topics: HashMap::from([("orders".into(), "orders-topic".into())]),
        hubs: HashMap::from([("telemetry".into(), "telemetry-hub".into())]),
        ..Names::default()
    });
    authorizer
}

/// Allows what it has been told to, and remembers what it was asked.
#[derive(Default)]
pub(crate) struct Roles {
    allowed: Mutex<Vec<String>>,
    is_away: Mutex<bool>,
    /// What it has no answer to.
    silent: Mutex<Vec<String>>,
    /// How long an answer takes.
    delay: Mutex<Duration>,
    asked: Mutex<Vec<String>>,
    pub(crate) asking: AtomicUsize,
    pub(crate) most_asking: AtomicUsize,
}

impl Roles {
    /// Allows these, as `VERB OBJECT`, and nothing else.
    pub(crate) fn with(allowed: &[&str]) -> Arc<Self> {
        let roles = Self::default();
        roles.set(allowed);
        Arc::new(roles)
    }

    pub(crate) fn set(&self, allowed: &[&str]) {
        *self.allowed.lock().unwrap() = allowed.iter().map(|&one| one.to_owned()).collect();
    }

    pub(crate) fn go_away(&self) {
        *self.is_away.lock().unwrap() = true;
    }

    pub(crate) fn come_back(&self) {
        *self.is_away.lock().unwrap() = false;
    }

    /// From now on it has no answer to this, as `VERB OBJECT`.
    pub(crate) fn be_silent_about(&self, question: &str) {
        self.silent.lock().unwrap().push(question.to_owned());
    }

    pub(crate) fn take(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    /// What it was asked since this was called last.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Reviewer for Roles {
    fn review<'a>(
        &'a self,
        subject: &'a Subject,
        question: &'a Question,
    ) -> BoxFuture<'a, Result<bool, ReviewError>> {
        async move {
            assert_eq!(subject.username, "system:serviceaccount:shop:web");
            let question = format!("{} {}", question.verb, question.object);
            let asking = self.asking.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_asking.fetch_max(asking, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let delay = *self.delay.lock().unwrap();
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            self.asking.fetch_sub(1, Ordering::SeqCst);
            self.asked.lock().unwrap().push(question.clone());
            if *self.is_away.lock().unwrap() || self.silent.lock().unwrap().contains(&question) {
                return Err(ReviewError("the API server is away".into()));
            }
            Ok(self.allowed.lock().unwrap().contains(&question))
        }
        .boxed()
    }
}

/// Time stands still but for who sleeps.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future)
}
