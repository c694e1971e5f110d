//! Who signs bearer tokens, and who says what their subjects may do.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use auth::{Issuer as Trusted, Issuers, JwkSet, Mapping, Question, ReviewError, Reviewer, Subject};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use serde_json::{Value, json};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

pub(crate) const URL: &str = "https://kubernetes.default.svc.cluster.local";
pub(crate) const AUDIENCE: &str = "weft";

/// The ServiceAccounts that show tokens.
pub(crate) const WEB: &str = "system:serviceaccount:shop:web";

/// An issuer with one key, which it may change.
pub(crate) struct Issuer {
    key: Mutex<Key>,
}

struct Key {
    pair: KeyPair,
    id: String,
}

impl Key {
    fn new(id: &str) -> Self {
        Self {
            pair: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
            id: id.to_owned(),
        }
    }
}

impl Issuer {
    pub(crate) fn new() -> Self {
        Self {
            key: Mutex::new(Key::new("first")),
        }
    }

    /// As the doors are to trust it now.
    pub(crate) fn published(&self) -> Issuers {
        let key = self.key.lock().unwrap();
        // An uncompressed point: 4, x, y.
        let point = key.pair.der_bytes();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let keys = json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key.id,
            "x": number(&point[1..33]), "y": number(&point[33..65]),
        }]});
        let keys: JwkSet = serde_json::from_value(keys).unwrap();
        Issuers::from(vec![Trusted {
            url: URL.to_owned(),
            audiences: vec![AUDIENCE.to_owned()],
            keys,
            mapping: Mapping::ServiceAccounts,
        }])
    }

    /// As the doors are to trust it while they do not know its keys.
    pub(crate) fn awaited() -> Issuers {
        Issuers {
            awaited: vec![URL.to_owned()],
            ..Issuers::default()
        }
    }

    /// From now on it signs with another key.
    pub(crate) fn rotate(&self) {
        *self.key.lock().unwrap() = Key::new("second");
    }

    /// A token of an hour for that ServiceAccount.
    pub(crate) fn token(&self, username: &str) -> String {
        self.sign(&claims(username))
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let key = self.key.lock().unwrap();
        let header = Header {
            kid: Some(key.id.clone()),
            ..Header::new(Algorithm::ES256)
        };
        let signer = EncodingKey::from_ec_der(&key.pair.serialize_der());
        jsonwebtoken::encode(&header, claims, &signer).unwrap()
    }
}

/// Of a token of an hour for that ServiceAccount, from now on.
pub(crate) fn claims(username: &str) -> Value {
    let now = now();
    json!({
        "iss": URL, "sub": username, "aud": [AUDIENCE], "iat": now, "nbf": now, "exp": now + 3_600,
    })
}

pub(crate) fn now() -> i64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// The same claims with `alg: none` and no signature.
pub(crate) fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.",
        part(&json!({"alg": "none", "typ": "JWT"})),
        part(claims)
    )
}

/// Every refused token that there is, with a word of what its bearer is told and its metric's reason.
pub(crate) fn bad_tokens(issuer: &Issuer) -> Vec<(&'static str, String, &'static str, &'static str)> {
    let with = |name: &str, value: Value| {
        let mut claims = claims(WEB);
        claims[name] = value;
        issuer.sign(&claims)
    };
    let good = issuer.token(WEB);
    let stranger = Issuer::new();
    let secret = EncodingKey::from_secret(b"secret").unwrap();
    let symmetric = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(WEB), &secret).unwrap();
    vec![
        (
            "another audience",
            with("aud", json!(["https://kubernetes.default.svc"])),
            "`weft`",
            "audience",
        ),
        (
            "a foreign issuer",
            with("iss", json!("https://idp.example")),
            "`https://idp.example`",
            "unknown_issuer",
        ),
        ("alg none", unsigned(&claims(WEB)), "none", "algorithm"),
        ("a shared secret", symmetric, "HS256", "algorithm"),
        ("expired", with("exp", json!(now() - 100)), "expired", "expired"),
        (
            "not yet valid",
            with("nbf", json!(now() + 100)),
            "valid from",
            "not_yet_valid",
        ),
        ("another's key", stranger.token(WEB), "signature", "signature"),
        ("a changed payload", swapped(&good), "signature", "signature"),
        ("no JWT", "nonsense".to_owned(), "cannot be used", "malformed"),
    ]
}

/// The signature of one token under the claims of another.
fn swapped(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let other = URL_SAFE_NO_PAD.encode(claims("system:serviceaccount:shop:root").to_string());
    format!("{}.{other}.{}", parts[0], parts[2])
}

/// What subjects may do: nothing, until it is given. Says nothing while it is away.
#[derive(Default)]
pub(crate) struct Roles(Mutex<State>, Arc<RwLock<()>>);

#[derive(Default)]
struct State {
    given: HashSet<(String, String, String)>,
    is_away: bool,
    reviews: usize,
}

impl Roles {
    /// `verb` as in RBAC, `object` as in `hubs.weft.dev/telemetry-hub`.
    pub(crate) fn give(&self, username: &str, verb: &str, object: &str) {
        let given = (username.to_owned(), verb.to_owned(), object.to_owned());
        self.0.lock().unwrap().given.insert(given);
    }

    pub(crate) fn withdraw_all(&self) {
        self.0.lock().unwrap().given.clear();
    }

    pub(crate) fn set_away(&self, is_away: bool) {
        self.0.lock().unwrap().is_away = is_away;
    }

    /// No answers until the guard is dropped.
    pub(crate) async fn hold(&self) -> OwnedRwLockWriteGuard<()> {
        self.1.clone().write_owned().await
    }

    /// How often it was asked.
    pub(crate) fn reviews(&self) -> usize {
        self.0.lock().unwrap().reviews
    }
}

impl Reviewer for Roles {
    fn review<'a>(
        &'a self,
        subject: &'a Subject,
        question: &'a Question,
    ) -> BoxFuture<'a, Result<bool, ReviewError>> {
        Box::pin(async move {
            let _answers = self.1.read().await;
            let mut state = self.0.lock().unwrap();
            state.reviews += 1;
            if state.is_away {
                return Err(ReviewError("the API server does not answer".to_owned()));
            }
            let asked = (
                subject.username.clone(),
                question.verb.to_string(),
                question.object.to_string(),
            );
            Ok(state.given.contains(&asked))
        })
    }
}

/// What a test of a Namespace needs of both.
pub(crate) struct Identity {
    pub(crate) issuer: Issuer,
    pub(crate) roles: Arc<Roles>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        Self {
            issuer: Issuer::new(),
            roles: Arc::default(),
        }
    }
}
