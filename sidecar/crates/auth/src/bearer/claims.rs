//! What a token says (RFC 7519, section 4.1).

use model::Timestamp;
use serde_json::{Map, Value};

use super::LEEWAY;
use crate::Error;
use crate::error::shown;

/// How the `sub` of a ServiceAccount's token begins.
pub(super) const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// The payload of a token.
pub(super) struct Claims(pub(super) Map<String, Value>);

impl Claims {
    /// `iss`
    pub(super) fn issuer(&self) -> Result<&str, Error> {
        self.text("iss")
            .ok_or(Error::BearerMalformed("it does not say who issued it (`iss`)"))
    }

    /// The text in the claim of that name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// The texts in the claim of that name: a list of them, or one. Nothing if anything else is there.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<&str>> {
        match self.0.get(name)? {
            Value::String(text) => Some(vec![text]),
            Value::Array(values) => values.iter().map(Value::as_str).collect(),
            _ => None,
        }
    }

    /// Whether `email` is somebody's who showed to the issuer that it is (OpenID Connect Core 1.0, section 5.1). Not every
    /// issuer says; who does says so as `true`.
    pub(super) fn confirm_email(&self) -> bool {
        let verified = self.0.get("email_verified");
        verified.is_none_or(|verified| *verified == Value::Bool(true))
    }

    /// Whether they say to be a ServiceAccount's, as those of a cluster do.
    pub(super) fn are_of_service_account(&self) -> bool {
        let subject = self.text("sub");
        subject.is_some_and(|subject| subject.starts_with(SERVICE_ACCOUNT))
    }

    /// The text at a path of objects.
    pub(super) fn text_at(&self, path: &[&str]) -> Option<&str> {
        let (first, rest) = path.split_first()?;
        let value = rest
            .iter()
            .try_fold(self.0.get(*first)?, |value, name| value.get(name))?;
        value.as_str()
    }

    /// `aud` has one of `expected`.
    pub(super) fn must_be_for(&self, expected: &[String]) -> Result<(), Error> {
        const SHOWN_MAX: usize = 5;
        let found = self.texts("aud").unwrap_or_default();
        if found
            .iter()
            .any(|audience| expected.iter().any(|ours| ours == audience))
        {
            return Ok(());
        }
        Err(Error::WrongAudience {
            found: found.into_iter().take(SHOWN_MAX).map(shown).collect(),
            expected: expected.to_vec(),
        })
    }

    /// `nbf` and `iat` are past, `exp`, which is returned, is not; all with a minute for clocks that differ.
    pub(super) fn must_be_valid(&self, now: Timestamp) -> Result<Timestamp, Error> {
        let expires = self
            .moment("exp")?
            .ok_or(Error::BearerMalformed("it does not say when it expires (`exp`)"))?;
        if now >= expires + LEEWAY {
            return Err(Error::BearerExpired(expires));
        }
        for name in ["nbf", "iat"] {
            if let Some(begins) = self.moment(name)?
                && now + LEEWAY < begins
            {
                return Err(Error::BearerNotYetValid(begins));
            }
        }
        Ok(expires)
    }

    /// A NumericDate: seconds since 1970, perhaps with a fraction.
    fn moment(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        const MICROS: f64 = 1e6;
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let seconds = value.as_f64().ok_or(Error::BearerMalformed(
            "`exp`, `nbf` or `iat` is no number of seconds",
        ))?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates: the end of time is that too"
        )]
        Ok(Some(Timestamp::from_micros((seconds * MICROS) as i64)))
    }
}
