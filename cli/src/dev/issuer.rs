//! Who signs the tokens of local mode: a key of the data folder's own.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use runtime::Clock;
use serde_json::json;

use super::atomic_file;
use crate::failure::Failure;
use crate::jwt::{self, Claims};

/// What the tokens name as their issuer. Nothing is ever asked there: the data planes of this process have the key.
pub(crate) const URL: &str = "https://weft.dev/local";
/// For whom the tokens are meant, as in a cluster.
pub(crate) const AUDIENCE: &str = config::objects::TOKEN_AUDIENCE;
/// The developer, in the words of Kubernetes.
const SUBJECT: &str = "system:serviceaccount:local:developer";
/// A token of a `weft dev` that was stopped ends within a day.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// While it runs, a token is replaced when this much of its life is over, so that what a program read holds for long.
const RENEWED_AFTER: Duration = Duration::from_secs(4 * 60 * 60);

/// Signs tokens for the developer. `Debug` is not derived: it holds the private key.
pub(crate) struct LocalIssuer {
    key: EncodingKey,
    public: Jwk,
    key_id: String,
}

impl LocalIssuer {
    /// Reads the key from `file`, or makes one and keeps it there.
    ///
    /// # Errors
    /// The file cannot be read, written, or used. One that is there is never overwritten.
    pub(crate) fn open(file: &Path) -> Result<Self, Failure> {
        let failed = |cause: &dyn std::fmt::Display| {
            Failure::machine(format!("use the key of the issuer in {}", file.display()), cause)
        };
        let pair = match fs::read_to_string(file) {
            Ok(pem) => rcgen::KeyPair::from_pem(&pem).map_err(|cause| {
                failed(&cause).with_next("restore the file, or move it away: the next start makes a new one")
            })?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256);
                let pair = pair.map_err(|cause| failed(&cause))?;
                atomic_file::write_private(file, &pair.serialize_pem()).map_err(|cause| failed(&cause))?;
                pair
            }
            Err(cause) => return Err(failed(&cause)),
        };
        Self::new(&pair).map_err(|cause| failed(&cause))
    }

    fn new(pair: &rcgen::KeyPair) -> jsonwebtoken::errors::Result<Self> {
        let key = EncodingKey::from_ec_der(&pair.serialize_der());
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        let key_id = public.thumbprint(ThumbprintHash::SHA256)?;
        public.common.key_id = Some(key_id.clone());
        Ok(Self { key, public, key_id })
    }

    /// By which the tokens are verified.
    pub(crate) fn keys(&self) -> JwkSet {
        JwkSet {
            keys: vec![self.public.clone()],
        }
    }

    /// Writes a fresh token into `file` unless the one there has most of its life before it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn renew(&self, file: &Path, clock: &Clock) -> Result<(), Failure> {
        let now = clock.now().as_micros().div_euclid(1_000_000);
        if fs::read_to_string(file).is_ok_and(|token| self.is_fresh(&token, now)) {
            return Ok(());
        }
        let failed = |cause: &dyn std::fmt::Display| {
            Failure::machine(format!("write the token {}", file.display()), cause)
        };
        let token = self.token(now).map_err(|cause| failed(&cause))?;
        // Without a line break at the end: most SDKs send the file as it is.
        atomic_file::write_private(file, &token).map_err(|cause| failed(&cause))
    }

    fn token(&self, now: i64) -> jsonwebtoken::errors::Result<String> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.key_id.clone());
        let claims = json!({
            "iss": URL, "aud": [AUDIENCE], "sub": SUBJECT,
            "iat": now, "nbf": now, "exp": now.saturating_add(seconds(LIFETIME)),
            "kubernetes.io": {"namespace": "local", "serviceaccount": {"name": "developer"}},
        });
        encode(&header, &claims, &self.key)
    }

    fn is_fresh(&self, token: &str, now: i64) -> bool {
        let is_ours = jwt::key_id(token).is_some_and(|key_id| key_id == self.key_id);
        let expires = Claims::read(token).and_then(|claims| claims.expires());
        is_ours
            && expires.is_some_and(|expires| {
                let left = expires.as_second().saturating_sub(now);
                left > seconds(LIFETIME - RENEWED_AFTER) && left <= seconds(LIFETIME)
            })
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        clock: Clock,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                clock: Clock::system(),
            }
        }

        fn issuer(&self) -> LocalIssuer {
            LocalIssuer::open(&self.file("issuer.pem")).unwrap()
        }

        fn file(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn renewed(&self, issuer: &LocalIssuer, clock: &Clock) -> String {
            issuer.renew(&self.file("shop.token"), clock).unwrap();
            fs::read_to_string(self.file("shop.token")).unwrap()
        }
    }

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_token_is_verified_by_the_published_key_and_names_the_developer() {
        let fixture = Fixture::new();
        let issuer = fixture.issuer();
        let token = fixture.renewed(&issuer, &fixture.clock);
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&["weft"]);
        validation.set_issuer(&["https://weft.dev/local"]);
        let key_id = jwt::key_id(&token).unwrap();
        let keys = issuer.keys();
        let key = DecodingKey::from_jwk(keys.find(&key_id).unwrap()).unwrap();
        let claims = decode::<Value>(&token, &key, &validation).unwrap().claims;
        assert_eq!(claims["sub"], "system:serviceaccount:local:developer");
        assert!(!token.ends_with('\n'));
    }

    #[test]
    fn the_key_and_the_tokens_are_private_and_outlive_a_restart() {
        let fixture = Fixture::new();
        let (first, token) = {
            let issuer = fixture.issuer();
            (issuer.keys(), fixture.renewed(&issuer, &fixture.clock))
        };
        let again = fixture.issuer();
        assert_eq!(again.keys(), first);
        assert_eq!(fixture.renewed(&again, &fixture.clock), token);
        assert_eq!(
            ["issuer.pem", "shop.token"].map(|name| mode(&fixture.file(name))),
            [0o600; 2]
        );
    }

    #[test]
    fn a_token_is_renewed_every_few_hours_and_ends_within_a_day() {
        let fixture = Fixture::new();
        let issuer = fixture.issuer();
        let clock = Clock::manual(fixture.clock.now());
        let token = fixture.renewed(&issuer, &clock);
        let claims = Claims::read(&token).unwrap();
        let now = clock.now().as_micros() / 1_000_000;
        assert_eq!(claims.expires().unwrap().as_second() - now, 24 * 3600);
        clock.advance(Duration::from_secs(3 * 3600));
        assert_eq!(fixture.renewed(&issuer, &clock), token);
        clock.advance(Duration::from_secs(2 * 3600));
        assert_ne!(fixture.renewed(&issuer, &clock), token);
    }

    #[test]
    fn what_another_key_signed_is_replaced_and_a_damaged_key_is_kept() {
        let fixture = Fixture::new();
        let token = fixture.renewed(&fixture.issuer(), &fixture.clock);
        fs::remove_file(fixture.file("issuer.pem")).unwrap();
        assert_ne!(fixture.renewed(&fixture.issuer(), &fixture.clock), token);
        fs::write(fixture.file("issuer.pem"), "damaged").unwrap();
        let failure = LocalIssuer::open(&fixture.file("issuer.pem")).err().unwrap();
        assert!(failure.to_string().contains("issuer.pem"), "{failure}");
        assert_eq!(fs::read_to_string(fixture.file("issuer.pem")).unwrap(), "damaged");
    }
}
